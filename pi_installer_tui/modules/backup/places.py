"""Places as settings: a table by name, of five kinds. Passwords and keys are names of secrets."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.backup.values import Bucket, Device, Inside, Path, Rate, SecretName, User
from pi_installer_tui.modules.values import HostName, Port, State, Text, Url, Words, whatever
from pi_installer_tui.tasks.frozen import Frozen

_KIND: Any = Field(
    title=N_("Kind"),
    description=N_(
        "folder (on a disk here), sftp (any SSH server), rest (restic's REST server), s3 (Amazon, and all that "
        "speaks it), gcs (Google Cloud Storage)."
    ),
)
_PASSWORD: Any = Field(
    default=None,
    title=N_("Password"),
    description=N_(
        "The name of a secret: what everything in the repository is encrypted with. Without it nothing can be read "
        "again. One is made where none is given."
    ),
    json_schema_extra={"widget": "secret", "made": True, "usual": N_("one is made")},
)
_UPLOAD: Any = Field(
    default=None,
    title=N_("Upload at most"),
    description=N_("No limit when left out."),
    json_schema_extra={"unit": "KiB/s", "usual": N_("no limit")},
)
_DOWNLOAD: Any = Field(
    default=None,
    title=N_("Download at most"),
    description=N_("No limit when left out."),
    json_schema_extra={"unit": "KiB/s", "usual": N_("no limit")},
)
_STATE: Any = Field(
    default=None,
    title=N_("State"),
    description=N_("absent: the place is forgotten here, and its secrets. What lies there stays."),
)
_CA: Any = Field(
    default=None,
    title=N_("Certificates"),
    description=N_("A PEM file with the certificates to trust, instead of the system's."),
    json_schema_extra={"usual": N_("the system's")},
)


class _Place(Frozen):
    """What all places have."""

    @model_validator(mode="after")
    def _alone(self) -> _Place:
        if getattr(self, "state", None) == "absent" and self.model_dump(exclude_none=True).keys() - {"state", "kind"}:
            raise ValueError(_("an absent place has no other settings"))
        return self


class FolderPlace(_Place):
    """A folder on a disk of this machine."""

    kind: Literal["folder"] = _KIND
    path: Path | None = Field(
        default=None,
        title=N_("Folder"),
        description=N_("Where the repository lies: /mnt/backup/restic."),
        json_schema_extra={"usual": N_("needed")},
    )
    device: Device | None = Field(
        default=None,
        title=N_("Disk"),
        description=N_(
            "UUID=... or LABEL=... of the disk that has to be mounted there. Where it isn't, nothing is written, so "
            "that the card never fills."
        ),
        json_schema_extra={"usual": N_("none named"), "choices": "devices"},
    )
    mount: Path | None = Field(
        default=None,
        title=N_("Mounted at"),
        description=N_("Where the disk is mounted: /mnt/backup."),
        json_schema_extra={"usual": N_("none named")},
    )
    password: SecretName | None = _PASSWORD
    state: State | None = _STATE


class SftpPlace(_Place):
    """A folder on a server that takes SFTP."""

    kind: Literal["sftp"] = _KIND
    host: HostName | None = Field(
        default=None,
        title=N_("Server"),
        description=N_("Its name or address."),
        json_schema_extra={"usual": N_("needed")},
    )
    port: Port | None = Field(
        default=None, title=N_("Port"), description=N_("22 when left out."), json_schema_extra={"usual": "22"}
    )
    user: User | None = Field(
        default=None, title=N_("User"), description=N_("Who logs in there."), json_schema_extra={"usual": N_("root")}
    )
    path: Inside | None = Field(
        default=None,
        title=N_("Folder"),
        description=N_("On the server, from its user's home or absolute."),
        json_schema_extra={"usual": N_("needed")},
    )
    key: SecretName | None = Field(
        default=None,
        title=N_("Key"),
        description=N_(
            "An SSH private key that the server lets in: in a form its file's path, in a setup file a secret's name."
        ),
        json_schema_extra={"usual": N_("root's own"), "widget": "secret", "file": True},
    )
    host_key: Annotated[Text, Field(pattern=r"^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$", max_length=2000)] | None = Field(
        default=None,
        title=N_("Server's key"),
        description=N_("`ssh-ed25519 AAAA...`: the server has to have it. The set-up shows it, to be compared."),
        json_schema_extra={"usual": N_("shown by the trial")},
    )
    password: SecretName | None = _PASSWORD
    upload: Rate | None = _UPLOAD
    download: Rate | None = _DOWNLOAD
    state: State | None = _STATE


class RestPlace(_Place):
    """restic's own REST server."""

    kind: Literal["rest"] = _KIND
    url: Url | None = Field(
        default=None, title=N_("URL"), description=N_("https://nas.lan:8000"), json_schema_extra={"usual": N_("needed")}
    )
    path: Inside | None = Field(default=None, title=N_("Path"), description=N_("On the server; may be left out."))
    user: User | None = Field(default=None, title=N_("User"), description=N_("Where the server asks for one."))
    secret: SecretName | None = Field(
        default=None,
        title=N_("User's password"),
        description=N_("The name of a secret: what the server asks for."),
        json_schema_extra={"widget": "secret"},
    )
    ca: Path | None = _CA
    password: SecretName | None = _PASSWORD
    upload: Rate | None = _UPLOAD
    download: Rate | None = _DOWNLOAD
    state: State | None = _STATE


class S3Place(_Place):
    """A bucket of Amazon S3, or of what speaks it."""

    kind: Literal["s3"] = _KIND
    url: Url | None = Field(
        default=None,
        title=N_("Server"),
        description=N_(
            "https://s3.amazonaws.com when left out; Google's interoperability: https://storage.googleapis.com."
        ),
        json_schema_extra={"usual": N_("Amazon's")},
    )
    bucket: Bucket | None = Field(
        default=None, title=N_("Bucket"), description=N_("Its name."), json_schema_extra={"usual": N_("needed")}
    )
    path: Inside | None = Field(default=None, title=N_("Path"), description=N_("Within the bucket; may be left out."))
    region: Words | None = Field(
        default=None,
        title=N_("Region"),
        description=N_("eu-central-1; us-east-1 is usual."),
        json_schema_extra={"usual": "us-east-1"},
    )
    access_key: Words | None = Field(
        default=None,
        title=N_("Access key"),
        description=N_("Its id, which is no secret."),
        json_schema_extra={"usual": N_("needed")},
    )
    secret: SecretName | None = Field(
        default=None,
        title=N_("Secret key"),
        description=N_("The name of a secret: the secret access key."),
        json_schema_extra={"usual": N_("needed"), "widget": "secret"},
    )
    ca: Path | None = _CA
    password: SecretName | None = _PASSWORD
    upload: Rate | None = _UPLOAD
    download: Rate | None = _DOWNLOAD
    state: State | None = _STATE


class GcsPlace(_Place):
    """A bucket of Google Cloud Storage, by a service account."""

    kind: Literal["gcs"] = _KIND
    bucket: Bucket | None = Field(
        default=None, title=N_("Bucket"), description=N_("Its name."), json_schema_extra={"usual": N_("needed")}
    )
    path: Inside | None = Field(default=None, title=N_("Path"), description=N_("Within the bucket; may be left out."))
    project: Words | None = Field(
        default=None, title=N_("Project"), description=N_("Its id; only needed where the bucket is to be made.")
    )
    secret: SecretName | None = Field(
        default=None,
        title=N_("Service account"),
        description=N_(
            "The account's JSON file: in a form its path, in a setup file the name of a secret that has its content."
        ),
        json_schema_extra={"usual": N_("needed"), "widget": "secret", "file": True},
    )
    password: SecretName | None = _PASSWORD
    upload: Rate | None = _UPLOAD
    download: Rate | None = _DOWNLOAD
    state: State | None = _STATE


PlaceSettings: TypeAlias = FolderPlace | SftpPlace | RestPlace | S3Place | GcsPlace
AnyPlace = Annotated[PlaceSettings, Field(discriminator="kind"), whatever("kind", "folder")]

"""Where a repository lies, and what restic is told to reach it. A place holds the names of files with secrets and never
a secret; the values go from there into restic's environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["folder", "sftp", "rest", "s3", "gcs"]


@dataclass(frozen=True, slots=True)
class Place:
    """A repository's place.

    name:     what its owner calls it
    password: the file that holds the repository's password
    path:     folder: absolute; sftp: on the server, absolute or from the home folder; rest, s3, gcs: within the
              server or bucket, may be ""
    device:   folder: `UUID=...` or `LABEL=...` (lsblk(8)) that has to be mounted at `mount`; "": any
    mount:    folder: where the device is mounted
    host, port, user: of sftp; user of rest too
    key:      sftp: the file with the private key; known_hosts: the file that holds the server's key (sshd(8))
    url:      rest and s3: the server, `https://nas.lan:8000`
    bucket, region, access_key: of s3 and gcs
    project:  gcs
    secret:   the file that holds the password (rest), the secret key (s3) or the service account's JSON (gcs)
    ca:       a PEM file of further certificates to trust; "": the system's
    upload, download: KiB a second at most; None: no limit
    """

    name: str
    kind: Kind
    password: str
    path: str = ""
    device: str = ""
    mount: str = ""
    host: str = ""
    port: int | None = None
    user: str = ""
    key: str = ""
    known_hosts: str = ""
    url: str = ""
    bucket: str = ""
    region: str = ""
    access_key: str = ""
    project: str = ""
    secret: str = ""
    ca: str = ""
    upload: int | None = None
    download: int | None = None

    @property
    def repository(self) -> str:
        """restic's own word for it (--repo), without a REST server's password."""
        path = self.path.strip("/")
        match self.kind:
            case "folder":
                return self.path
            case "sftp":
                user = f"{self.user}@" if self.user else ""
                host = f"[{self.host}]" if ":" in self.host else self.host
                port = f":{self.port}" if self.port else ""
                # sftp://user@host:port//absolute or /relative (restic's documentation, `Preparing a new repository`)
                return f"sftp://{user}{host}{port}/{self.path}"
            case "rest":
                return f"rest:{self.url.rstrip('/')}/{path}{'/' if path else ''}"
            case "s3":
                return f"s3:{self.url.rstrip('/')}/{self.bucket}{'/' if path else ''}{path}"
            case "gcs":
                return f"gs:{self.bucket}:/{path}"

    @property
    def where(self) -> str:
        """The same for people and for telling two apart, with the disk where one is named: what is mounted at a folder
        can change."""
        return f"{self.repository} ({self.device})" if self.device else self.repository

"""From a place as it is wanted to a place as restic is told: names of secrets become the files that hold them."""

from __future__ import annotations

from pi_installer_tui.modules.backup.places import FolderPlace, GcsPlace, PlaceSettings, RestPlace, S3Place, SftpPlace
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.paths import ETC

#: where the values lie, each in a file that is called as the secret is: root's, 0600
SECRETS = f"{ETC}/secrets"
KNOWN_HOSTS = f"{ETC}/backup-known-hosts"
#: where Amazon's S3 is asked
AMAZON = "https://s3.amazonaws.com"


def secret_path(name: str) -> str:
    """The file that holds a secret."""
    return f"{SECRETS}/{name}"


def password_name(place: str) -> str:
    """The secret that is a repository's password where its settings name none."""
    return f"backup.{place}"


def secret_names(name: str, settings: PlaceSettings) -> tuple[str, ...]:
    """All secrets of a place, its repository's password first."""
    found = [settings.password or password_name(name)]
    found += [given for key in ("key", "secret") if (given := getattr(settings, key, None)) is not None]
    return tuple(found)


def known_hosts(name: str, settings: PlaceSettings) -> tuple[str, str] | None:
    """The file with the key that an SFTP server has to have, and its text; None where the settings have none."""
    text = known_hosts_line(settings) if isinstance(settings, SftpPlace) else ""
    return (f"{KNOWN_HOSTS}/{name}", text) if text else None


def known_hosts_line(settings: SftpPlace) -> str:
    """The server's key as a line of known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), "" where none is known."""
    if settings.host_key is None or settings.host is None:
        return ""
    host = settings.host if settings.port in (None, 22) else f"[{settings.host}]:{settings.port}"
    return f"{host} {settings.host_key}\n"


def place_of(name: str, settings: PlaceSettings) -> Place:
    """The place of a repository. What is still lacking is empty; `plan.validate` says what that is."""
    password = secret_path(settings.password or password_name(name))
    match settings:
        case FolderPlace():
            return Place(
                *(name, "folder", password),
                path=settings.path or "",
                device=settings.device or "",
                mount=settings.mount or "",
            )
        case SftpPlace():
            hosts = known_hosts(name, settings)
            return Place(
                *(name, "sftp", password),
                host=settings.host or "",
                port=settings.port,
                user=settings.user or "",
                path=settings.path or "",
                key=secret_path(settings.key) if settings.key else "",
                known_hosts=hosts[0] if hosts is not None else "",
                upload=settings.upload,
                download=settings.download,
            )
        case RestPlace():
            return Place(
                *(name, "rest", password),
                url=settings.url or "",
                path=settings.path or "",
                user=settings.user or "",
                secret=secret_path(settings.secret) if settings.secret else "",
                ca=settings.ca or "",
                upload=settings.upload,
                download=settings.download,
            )
        case S3Place():
            return Place(
                *(name, "s3", password),
                url=settings.url or AMAZON,
                bucket=settings.bucket or "",
                path=settings.path or "",
                region=settings.region or "",
                access_key=settings.access_key or "",
                secret=secret_path(settings.secret) if settings.secret else "",
                ca=settings.ca or "",
                upload=settings.upload,
                download=settings.download,
            )
        case GcsPlace():
            return Place(
                *(name, "gcs", password),
                bucket=settings.bucket or "",
                path=settings.path or "",
                project=settings.project or "",
                secret=secret_path(settings.secret) if settings.secret else "",
                upload=settings.upload,
                download=settings.download,
            )

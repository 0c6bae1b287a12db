"""The recovery kit of a place: all that gives everything back on a bare Debian without this program, as one page that
is a shell script at the same time, and as QR codes that fit an 80x24 console. What was typed back from it proves that
somebody has it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from pi_installer_tui.databases import Dump
from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.places import FolderPlace, GcsPlace, PlaceSettings, RestPlace, S3Place, SftpPlace
from pi_installer_tui.modules.backup.placing import known_hosts_line, place_of
from pi_installer_tui.modules.backup.trial.given import values
from pi_installer_tui.system.host import Host

#: bytes in a QR code of version 5 with error correction L (ISO/IEC 18004, table 7): 37 modules, of which two make a row
#: of a console, so that it fits beside a title and a footer in 24 rows
MOST = 106
#: columns of a page
_WIDTH = 78
#: lines of a private key or a certificate that a page has room for
_LINES = 25
#: Crockford's base 32: no letter that is taken for a digit
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FOLDER = "~/recovery"


class NoPassword(OSError):
    """The place has no password on this machine yet, so there is nothing to recover by."""

    def __init__(self) -> None:
        super().__init__(2, _("the place has no password on this machine yet"))


@dataclass(frozen=True, slots=True)
class Kit:
    """All of it is secret but the code, which a file may keep: it says which place and password somebody has.

    text: the page
    qr:   parts, each of which fits an 80x24 console, that give place, password and credentials one after the other
    code: what the page has at its end, by which it is read back
    """

    text: str = field(repr=False)
    qr: tuple[str, ...] = field(repr=False)
    code: str = field(repr=False)
    password: str = field(repr=False)

    def proves(self, typed: str) -> bool:
        """Whether somebody typed the password or the code from the kit: capitals, blanks and dashes don't matter."""
        return proves(typed, self.code, self.password)


def code(name: str, repository: str, password: str) -> str:
    """A check code of eight letters and digits, `7K2M-Q9XW`: a salted hash (scrypt) of a place and its password."""
    salt = hashlib.sha256(f"{name}\0{repository}".encode()).digest()
    digest = int.from_bytes(hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=5))
    letters = "".join(_LETTERS[digest >> 5 * at & 31] for at in reversed(range(8)))
    return f"{letters[:4]}-{letters[4:]}"


def proves(typed: str, code: str, password: str) -> bool:
    """Whether what was typed is the password, or the code, of a kit."""
    if hmac.compare_digest(typed.encode(), password.encode()):
        return True
    plain = _plain(typed)
    if not plain:
        return False
    like_code = plain.upper().translate(str.maketrans("OIL", "011"))
    same_code = hmac.compare_digest(like_code.encode(), _plain(code).upper().encode())
    return same_code or hmac.compare_digest(plain.encode(), _plain(password).encode())


def _plain(text: str) -> str:
    return re.sub(r"[\s-]+", "", text).casefold()


async def kit(host: Host, name: str, settings: PlaceSettings) -> Kit:
    """The kit of a place as it was applied, with the secrets that lie on the machine. Raises NoPassword."""
    have = await values(host, settings, {})
    if "password" not in have:
        raise NoPassword
    ca = getattr(settings, "ca", None)
    try:
        trusted = await host.text(ca) if ca else None
    except OSError:
        trusted = None
    machine = (await host.text("/etc/hostname") or "").strip()
    return compose(name, settings, have, machine=machine, ca=trusted or "")


def compose(name: str, settings: PlaceSettings, have: Mapping[str, str], *, machine: str = "", ca: str = "") -> Kit:
    """The kit of a place with these secrets, by field. ca: the content of the file of certificates."""
    password = have["password"]
    repository = place_of(name, settings).repository
    check = code(name, repository, password)
    variables = {"RESTIC_REPOSITORY": repository, "RESTIC_PASSWORD": password} | _variables(settings, have, repository)
    exports = [f"export {key}={shlex.quote(value)}" for key, value in variables.items()]
    lines = [
        *_comment(_("RECOVERY KIT of {place}, machine {machine}").format(place=name, machine=machine or "?")),
        "#",
        *_comment(
            _(
                "With this page everything can be had back on any Debian, without the program that made it. Whoever "
                "has it can read the backups: keep it apart from the machine. It can be typed line by line, or run: "
                "bash kit.txt"
            )
        ),
        "",
        *_comment(_("1. As root on a Debian 12 or later (sudo -i)")),
        *_prepare(settings, have, ca),
        "",
        *_comment(_("2. Where it lies, the password, and what else is asked for")),
        *exports,
        "",
        *_comment(_("3. What is there: the first column is the ID of a snapshot")),
        "restic snapshots",
        "",
        *_comment(_("4. Files: all of a snapshot; behind --include what only some have, such as /home/pi")),
        "read -r -p 'ID: ' ID",
        f'restic restore "$ID" --target {_FOLDER}/files',
        "",
        *_comment(_("5. A database: its snapshot has one path, /databases..., to be put in here without the #")),
        *_databases(),
        "",
        *_comment(_("Check code, by which the program knows that this page was read: {code}").format(code=check)),
    ]
    return Kit("\n".join(lines) + "\n", parts("\n".join([*exports, f"# {check}"])), check, password)


def _comment(text: str) -> Iterator[str]:
    line = "#"
    for word in text.split():
        if len(line) + 1 + len(word) > _WIDTH and line != "#":
            yield line
            line = "#"
        line = f"{line} {word}"
    yield line


def _variables(settings: PlaceSettings, have: Mapping[str, str], repository: str) -> dict[str, str]:
    match settings:
        case RestPlace(user=str(user)):
            scheme, _slashes, rest = repository.removeprefix("rest:").partition("://")
            login = f"{quote(user, safe='')}:{quote(have.get('secret', ''), safe='')}"
            return {"RESTIC_REPOSITORY": f"rest:{scheme}://{login}@{rest}"}
        case S3Place():
            keys = {
                "AWS_ACCESS_KEY_ID": settings.access_key or "",
                "AWS_SECRET_ACCESS_KEY": have.get("secret", ""),
            }
            return keys | ({"AWS_DEFAULT_REGION": settings.region} if settings.region else {})
        case GcsPlace():
            project = _account(have).get("project_id") or settings.project or ""
            named = {"GOOGLE_PROJECT_ID": str(project)} if project else {}
            return {"GOOGLE_APPLICATION_CREDENTIALS": "/root/recovery/account.json"} | named
    return {}


def _account(have: Mapping[str, str]) -> Mapping[str, object]:
    try:
        found = json.loads(have.get("secret", ""))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _prepare(settings: PlaceSettings, have: Mapping[str, str], ca: str) -> Iterator[str]:
    """What has to be there before restic can be asked."""
    packages = "restic openssh-client" if isinstance(settings, SftpPlace) else "restic ca-certificates"
    yield f"apt-get update && apt-get install --yes {packages}"
    yield f"umask 077; mkdir -p {_FOLDER}"
    match settings:
        case FolderPlace(device=str(device), mount=str(mount)):
            yield f"mkdir -p {shlex.quote(mount)}"
            yield f"mountpoint -q {shlex.quote(mount)} || mount {shlex.quote(device)} {shlex.quote(mount)}"
        case FolderPlace():
            yield from _comment(_("mount the disk first, so that {path} is there").format(path=settings.path))
        case SftpPlace():
            yield from _ssh(settings, have)
        case GcsPlace():
            yield from _comment(
                _(
                    "save the key of a service account as {file}: a new one can be made at "
                    "https://console.cloud.google.com (IAM, Service accounts, Keys) for {email}"
                ).format(file="/root/recovery/account.json", email=_account(have).get("client_email", "?"))
            )
    if getattr(settings, "ca", None):
        text = _("put the server's certificate there")
        yield from _file("ca.pem", ca, text)
        yield f'restic() {{ command restic --cacert {_FOLDER}/ca.pem "$@"; }}'


def _ssh(settings: SftpPlace, have: Mapping[str, str]) -> Iterator[str]:
    config = [f"Host {settings.host}"]
    if settings.port:
        config.append(f"  Port {settings.port}")
    if settings.user:
        config.append(f"  User {settings.user}")
    if settings.key:
        yield from _file("key", have.get("key", ""), _("put a private key there that the server lets in"))
        config += [f"  IdentityFile {_FOLDER}/key", "  IdentitiesOnly yes"]
    if settings.host_key:
        yield from _file("known_hosts", known_hosts_line(settings), "")
        config.append(f"  UserKnownHostsFile {_FOLDER}/known_hosts")
    yield "mkdir -p ~/.ssh"
    yield from ["cat >> ~/.ssh/config <<'END'", *config, "END"]


def _file(name: str, content: str, instead: str) -> Iterator[str]:
    lines = content.strip("\n").splitlines()
    if lines and len(lines) <= _LINES and "END" not in lines:
        yield from [f"cat > {_FOLDER}/{name} <<'END'", *lines, "END"]
    else:
        yield from _comment(f"{_FOLDER}/{name}: {instead}")


def _databases() -> Iterator[str]:
    yield from _comment(_("(first, where there is one, the server's roles or users: (accounts).sql)"))
    postgres = "runuser -u postgres --"
    yield f"# {postgres} createdb NAME"
    yield _loaded(Dump("postgresql", "NAME"), f"{postgres} psql NAME")
    yield "# mariadb -e 'CREATE DATABASE NAME'"
    yield _loaded(Dump("mariadb", "NAME"), "mariadb NAME")
    yield _loaded(Dump("sqlite", "/srv/NAME.db"), "sqlite3 NAME.db")


def _loaded(dump: Dump, load: str) -> str:
    return f'# restic dump "$ID" "{dump.file}" | {load}'


def parts(text: str) -> tuple[str, ...]:
    """A text in pieces of MOST bytes; where it is more than one, each has a line with its number before it, `1/3`."""
    whole = text.encode()
    if len(whole) <= MOST:
        return (text,)
    room = MOST - len("99/99\n")
    pieces: list[bytes] = [b""]
    for char in text:
        if len(pieces[-1]) + len(char.encode()) > room:
            pieces.append(b"")
        pieces[-1] += char.encode()
    return tuple(f"{at}/{len(pieces)}\n{piece.decode()}" for at, piece in enumerate(pieces, 1))

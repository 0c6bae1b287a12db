"""Keys of places that have more than a line: an SSH private key, a service account's JSON. They are read from files of
this machine, looked at, and told in words what is wrong with them, never with what stands in them; and a pair of SSH
keys is made. Formats: OpenSSH's PROTOCOL.key, RFC 7468, RFC 1421 (Proc-Type), PuTTY's manual, appendix C."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.places import GcsPlace, PlaceSettings, SftpPlace
from pi_installer_tui.modules.backup.trial.given import scratch
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.tasks.plan import Mistake

#: bytes; an RSA key of 16384 bits has 12,700
_LARGEST = 20_000
_MAGIC = b"openssh-key-v1\0"
_OPENSSH = re.compile(r"-----BEGIN OPENSSH PRIVATE KEY-----\s(.+?)-----END OPENSSH PRIVATE KEY-----", re.DOTALL)
_PEM = re.compile(r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----")
_PUBLIC = re.compile(r"\s*(?:ssh-|ecdsa-sha2-|sk-)[a-z0-9@.-]+ AAAA")


@dataclass(frozen=True, slots=True)
class Pair:
    """An SSH key: its private half, and the line for the server's authorized_keys."""

    private: str
    public: str


def fields(place: PlaceSettings) -> tuple[str, ...]:
    """The settings of a place that name such a secret."""
    return ("key",) if isinstance(place, SftpPlace) else ("secret",) if isinstance(place, GcsPlace) else ()


async def complete(
    host: Host, places: Mapping[str, PlaceSettings], secrets: Mapping[str, str]
) -> tuple[dict[str, str], list[Mistake]]:
    """The secrets with the content of files in place of their paths, as a form gives them, and what is wrong."""
    found, wrong = dict(secrets), []
    for name, place in places.items():
        for field in fields(place):
            secret = getattr(place, field)
            value = found.get(secret or "", "")
            if not value:
                continue
            try:
                if "\n" not in value.strip():
                    value = found[secret] = await _read(host, value.strip())
                why = await mistake(host, place, value)
            except ValueError as error:
                why = str(error)
            if why:
                wrong.append(Mistake(f"backup.places.{name}.{field}", why))
    return found, wrong


async def _read(host: Host, path: str) -> str:
    """A file's text. Raises ValueError, in words."""
    if not path.startswith("/"):
        raise ValueError(_("type the whole path of the file that it is in, such as /root/backup-key"))
    try:
        there = await host.stat(path)
        if there is None:
            raise ValueError(_("there is no file {path}").format(path=path))
        if there.kind not in ("file", "symlink"):
            raise ValueError(_("{path} isn't a file").format(path=path))
        if there.size > _LARGEST:
            raise ValueError(_("{path} is too large for a key").format(path=path))
        return (await host.read(path)).decode()
    except UnicodeDecodeError:
        raise ValueError(_("{path} isn't text").format(path=path)) from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ValueError(_("{path} can't be read: {error}").format(path=path, error=why)) from None


async def mistake(host: Host, place: PlaceSettings, value: str) -> str:
    """Why the value can't be a place's key, in words; "" where nothing speaks against it."""
    if isinstance(place, GcsPlace):
        from pi_installer_tui.modules.backup.trial.google import Account

        try:
            Account.read(value)
        except ValueError as error:
            return str(error)
        return ""
    return ssh_mistake(value) or await _refused(host, value)


def ssh_mistake(text: str) -> str:
    """What is wrong with an SSH private key, by its form alone."""
    if _PUBLIC.match(text):
        return _("this is the public half of a key; the private one is called the same without .pub")
    if text.startswith("PuTTY-User-Key-File"):
        return _("this is a key of PuTTY's; puttygen FILE -O private-openssh -o NEW makes one of OpenSSH's out of it")
    locked = _(
        "a passphrase protects this key, and nobody is there at night to type it; take a key of its own for backups, "
        "without one"
    )
    if "BEGIN ENCRYPTED PRIVATE KEY" in text or "Proc-Type: 4,ENCRYPTED" in text:
        return locked
    if (found := _OPENSSH.search(text)) is not None:
        try:
            cipher, kind = _described(base64.b64decode("".join(found[1].split()), validate=True))
        except (binascii.Error, struct.error, ValueError):
            return _("this SSH key is damaged, or not whole")
        if cipher != "none":
            return locked
        if kind.startswith("sk-"):
            return _("this key needs a token that somebody touches, and nobody is there at night")
        return ""
    return "" if _PEM.search(text) else _("this isn't an SSH private key: it would begin with -----BEGIN")


def _described(blob: bytes) -> tuple[str, str]:
    """The cipher and the kind of a key. Raises ValueError, struct.error."""
    if not blob.startswith(_MAGIC):
        raise ValueError(blob[:8])
    at, texts = len(_MAGIC), []
    for name in ("cipher", "kdf", "options", "number", "public"):
        if name == "number":
            at += 4
            continue
        (length,) = struct.unpack_from(">I", blob, at)
        texts.append(blob[at + 4 : at + 4 + length])
        at += 4 + length
    if at > len(blob):
        raise ValueError(at)
    (length,) = struct.unpack_from(">I", texts[3], 0)
    return texts[0].decode("ascii", "replace"), texts[3][4 : 4 + length].decode("ascii", "replace")


async def _refused(host: Host, key: str) -> str:
    """Whether ssh-keygen(1) reads it; where it isn't installed yet nothing is said."""
    if host.kind != "local":
        return ""
    async with scratch(host) as folder:
        path = await folder.put("key", key.rstrip("\n") + "\n")
        try:
            done = await host.run(["ssh-keygen", "-y", "-P", "", "-f", path])
        except CommandNotFound:
            return ""
    return "" if done.ok else _("ssh-keygen can't read this key: it is damaged, or not whole")


async def make(host: Host, comment: str) -> Pair:
    """A new key (Ed25519) without a passphrase, made in memory. Raises OSError, CommandNotFound, CommandFailed."""
    async with scratch(host) as folder:
        path = f"{folder.path}/key"
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path]
        await host.run(argv, check=True)
        private, public = await folder.text("key"), await folder.text("key.pub")
    if not private or not public:
        raise OSError(_("ssh-keygen made no key"))
    return Pair(private, public.strip())

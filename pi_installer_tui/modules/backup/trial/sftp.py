"""A folder on an SSH server is tried: its key by ssh-keyscan(1), which is shown and never taken over by itself; the
rest by sftp(1) in batch mode, a connection for each permission."""

from __future__ import annotations

import base64
import binascii
import hashlib
import posixpath
import re
import secrets
from collections.abc import AsyncIterator, Mapping

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.keys import ssh_mistake
from pi_installer_tui.modules.backup.places import SftpPlace
from pi_installer_tui.modules.backup.placing import known_hosts_line
from pi_installer_tui.modules.backup.trial import repository
from pi_installer_tui.modules.backup.trial.given import Scratch, scratch
from pi_installer_tui.modules.backup.trial.tried import Scrub, Tried
from pi_installer_tui.system.host import CommandNotFound, Completed, Host
from pi_installer_tui.tasks.words import size

#: kinds of keys, the one to prefer first
_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "ssh-rsa")
_NO_LOGIN = re.compile(r"Permission denied \(|Too many authentication failures|no such identity|Load key")
_NO_KEY = re.compile(r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED")
#: what ssh says of a line that it doesn't reach (ssh(1) ends with 255)
_UNREACHABLE = re.compile(
    r"^(?:ssh: |kex_exchange|Connection (?:closed|reset|timed out)|subsystem request failed)", re.M
)


def fingerprint(key: str) -> str:
    """`SHA256:...` of `ssh-ed25519 AAAA...`, as ssh-keygen -l shows it. Raises ValueError."""
    try:
        digest = hashlib.sha256(base64.b64decode(key.split()[1], validate=True)).digest()
    except (IndexError, binascii.Error):
        raise ValueError("not a key") from None
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


async def server_keys(host: Host, name: str, port: int | None) -> tuple[tuple[str, ...], str]:
    """The keys that a server shows: `ssh-ed25519 AAAA...`, the one to prefer first; where it shows none what
    ssh-keyscan says of it. Raises CommandNotFound."""
    done = await host.run(["ssh-keyscan", "-T", "10", *(["-p", str(port)] if port else []), "--", name])
    lines = [line.split() for line in done.stdout.splitlines() if not line.startswith("#")]
    keys = {words[1]: f"{words[1]} {words[2]}" for words in lines if len(words) == 3}
    said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("#")]
    return tuple(keys[kind] for kind in _KINDS if kind in keys), said[-1] if said else ""


async def tries(host: Host, settings: SftpPlace, have: Mapping[str, str], scrub: Scrub) -> AsyncIterator[Tried]:
    """What is tried of it. Without the server's key in the settings it ends where that is to be compared."""
    if settings.host is None or settings.path is None:
        yield Tried("settings", False, _("the server and the folder have to be given"))
        return
    if settings.path.startswith("~"):
        said = _("restic takes no ~: leave ~/ out, paths without a / before them begin at the home folder")
        yield Tried("settings", False, said)
        return
    if settings.key is not None and "key" not in have:
        yield Tried("settings", False, _("the key that the server lets in has to be given"))
        return
    if "key" in have and (why := ssh_mistake(have["key"])):
        yield Tried("settings", False, why)
        return
    try:
        shown, said = await server_keys(host, settings.host, settings.port)
    except CommandNotFound as error:
        yield Tried("reach", False, str(error))
        return
    if not shown:
        where = f"{settings.host}:{settings.port or 22}"
        found = _("no SSH server answers at {where}").format(where=where)
        yield Tried("reach", False, scrub(f"{found}: {said}" if said else found))
        return
    key = _compare(settings, shown)
    yield key
    if not key.ok:
        return
    async with scratch(host) as folder:
        server = await _Server.open(host, settings, have, folder)
        async for tried in _server(server, settings.path, scrub):
            yield tried


def _compare(settings: SftpPlace, shown: tuple[str, ...]) -> Tried:
    prints = ", ".join(f"{key.split()[0]} {fingerprint(key)}" for key in shown)
    if settings.host_key is None:
        said = _(
            "compare with what the server itself says (ssh-keygen -lf on its key's file), then take it over: {keys}"
        )
        return Tried("host-key", None, said.format(keys=prints), shown[0])
    if settings.host_key in shown:
        return Tried("host-key", True, fingerprint(settings.host_key), settings.host_key)
    try:
        wanted = fingerprint(settings.host_key)
    except ValueError:
        wanted = settings.host_key
    said = _(
        "the server shows another key than {wanted}: {keys}. Either it was set up anew, or somebody else answers in "
        "its place"
    )
    return Tried("host-key", False, said.format(wanted=wanted, keys=prints))


class _Server:
    """sftp(1) on the server, logged in by key."""

    def __init__(self, host: Host, argv: list[str], folder: Scratch) -> None:
        self._host = host
        self._argv = argv
        self.folder = folder

    @classmethod
    async def open(cls, host: Host, settings: SftpPlace, have: Mapping[str, str], folder: Scratch) -> _Server:
        known = await folder.put("known_hosts", known_hosts_line(settings))
        options = [
            "BatchMode=yes",
            "LogLevel=ERROR",
            "ConnectTimeout=10",
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={known}",
            "GlobalKnownHostsFile=/dev/null",
        ]
        if "key" in have:
            file = await folder.put("key", have["key"].rstrip("\n") + "\n")
            options += [f"IdentityFile={file}", "IdentitiesOnly=yes"]
        argv = ["sftp", "-b", "-", *(word for option in options for word in ("-o", option))]
        if settings.port:
            argv += ["-P", str(settings.port)]
        name = f"[{settings.host}]" if ":" in (settings.host or "") else settings.host
        return cls(host, [*argv, f"{settings.user}@{name}" if settings.user else f"{name}"], folder)

    async def batch(self, *commands: str) -> Completed:
        """Commands one after the other, until one fails."""
        return await self._host.run(self._argv, input="".join(f"{each}\n" for each in commands).encode())


def _quoted(path: str) -> str:
    """As sftp's batches want it; the settings let no other odd characters in."""
    return f'"{path}"'


def _said(done: Completed) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("Connection closed")]
    return lines[-1] if lines else done.stderr.strip() or _("status {status}").format(status=done.status)


async def _server(server: _Server, path: str, scrub: Scrub) -> AsyncIterator[Tried]:
    done = await server.batch("pwd")
    if not done.ok:
        yield _no_entry(done, scrub)
        return
    yield Tried("reach", True, _("the SSH server answers"))
    yield Tried("login", True, scrub(done.stdout.partition("Remote working directory:")[2] or done.stdout))
    at, names, refused = await _nearest(server, path)
    if at is None:
        yield Tried("place", False, scrub(refused))
        return
    if at == path:
        yield Tried("place", True, path)
    else:
        yield Tried("place", True, _("{path} isn't there yet; the first run makes it").format(path=path))
    yield Tried("list", True, at)
    async for tried in _file(server, at, scrub):
        yield tried
    yield await _space(server, at)
    yield repository.found(names if at == path else set())


def _no_entry(done: Completed, scrub: Scrub) -> Tried:
    said = scrub(_said(done))
    if _NO_KEY.search(done.stderr):
        return Tried("host-key", False, said)
    if _NO_LOGIN.search(done.stderr):
        return Tried("login", False, _("the server doesn't let this user in with this key: {said}").format(said=said))
    if "subsystem request failed" in done.stderr:
        return Tried("login", False, _("the server lets in, but has no SFTP: {said}").format(said=said))
    if "This service allows sftp connections only" in done.stderr or not _UNREACHABLE.search(done.stderr):
        return Tried("login", False, said)
    return Tried("reach", False, said)


async def _nearest(server: _Server, path: str) -> tuple[str | None, set[str], str]:
    """The folder or the nearest above it that is there, what is in it, and else what the server says."""
    at = path or "."
    while True:
        done = await server.batch(f"ls -1a {_quoted(at)}")
        if done.ok:
            names = {
                posixpath.basename(line.strip()) for line in done.stdout.splitlines() if not line.startswith("sftp>")
            }
            return at, names - {".", ".."}, ""
        above = posixpath.dirname(at.rstrip("/")) or "."
        if above == at or not re.search("not found|No such file", done.stderr):
            return None, set(), f"{at}: {_said(done)}"
        at = above


async def _file(server: _Server, at: str, scrub: Scrub) -> AsyncIterator[Tried]:
    name = f".pi-installer-tui-trial-{secrets.token_hex(8)}"
    there, content = _quoted(posixpath.join(at, name)), secrets.token_hex(32)
    local = await server.folder.put("file", content)
    back, gone = f"{server.folder.path}/back", False
    try:
        done = await server.batch(f"put {_quoted(local)} {there}")
        if not done.ok:
            said = _said(done)
            if re.search(r": Failure$", said):  # SSH_FX_FAILURE is all that OpenSSH's server says then
                text = _("{said}. It doesn't say why: most often its disk, or the user's quota, is full")
                said = text.format(said=said.removesuffix("."))
            yield Tried("write", False, scrub(said))
            return
        yield Tried("write", True, _("a file was made in {folder}").format(folder=at))
        done = await server.batch(f"get {there} {_quoted(back)}")
        if not done.ok:
            yield Tried("read", False, scrub(_said(done)))
        elif await server.folder.text("back") != content:
            yield Tried("read", False, _("it isn't what was written"))
        else:
            yield Tried("read", True, _("it is what was written"))
        done = await server.batch(f"rm {there}")
        gone = True
        if done.ok:
            yield Tried("delete", True, _("it is gone again"))
        else:
            said = _("{said}. {name} stays there, and old snapshots could not be removed either")
            yield Tried("delete", False, said.format(said=scrub(_said(done)), name=posixpath.join(at, name)))
    finally:
        if not gone:
            await server.batch(f"-rm {there}")


async def _space(server: _Server, at: str) -> Tried:
    """sftp's `df` prints KiB: size, used, available, for root, and how full (statvfs@openssh.com)."""
    done = await server.batch(f"df {_quoted(at)}")
    rows = [line.split() for line in done.stdout.splitlines() if not line.startswith("sftp>")]
    numbers = next((row for row in rows if len(row) >= 4 and all(word.isdigit() for word in row[:4])), None)
    if not done.ok or numbers is None:
        return Tried("space", None, _("this server doesn't tell"))
    free, total = size(int(numbers[2]) * 1024), size(int(numbers[0]) * 1024)
    return Tried("space", None, _("{free} of {total} are free").format(free=free, total=total))

"""The setup file on the boot partition, `pi-installer-tui.yaml` beside config.txt, where any computer that reads a card
can put it. Here it is found and remembered; the wizard offers it, and `first-boot` (cli/first_boot.py) applies one that
says `unattended: true`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import posixpath
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from pi_installer_tui import setup_file
from pi_installer_tui.i18n import _
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.tasks.journal import sync_folder, write_file
from pi_installer_tui.tasks.plan import Mistake

#: where Raspberry Pi OS mounts the boot partition: since Debian 12, and before
FOLDERS = ("/boot/firmware", "/boot")
NAME = "pi-installer-tui.yaml"
SECRETS = "pi-installer-tui.secrets.yaml"

_RECORD = "boot-file.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class BootFile:
    """The setup file that lies there. digest: of its content, SHA-256."""

    path: str
    text: str
    digest: str

    @property
    def secrets(self) -> str:
        """Where its secrets are looked for."""
        return posixpath.join(posixpath.dirname(self.path), SECRETS)


@dataclass(frozen=True, slots=True)
class Record:
    """What became of the content that was met last. settled: nothing more is to be done about it. job: the one that
    applies it; tries: how often that was begun again after it was cut off; taken: no secrets lie there now."""

    digest: str
    settled: bool = False
    job: str = ""
    tries: int = 0
    taken: bool = False
    version: int = _VERSION


async def find(host: Host) -> BootFile | None:
    """The setup file on the boot partition. Raises SetupError for one that can't be taken, and PermissionError."""
    for folder in FOLDERS:
        path = posixpath.join(folder, NAME)
        text = await _text(host, path)
        if text is not None:
            return BootFile(path, text, sha256(text.encode()).hexdigest())
    return None


async def offered(host: Host, state: Path) -> str | None:
    """The path of a setup file on the boot partition that nobody has dealt with yet, whatever is in it; None: there is
    none, or it can't be taken."""
    try:
        found = await find(host)
        if found is None:
            return None
        met = record(state)
    except (SetupError, OSError):
        return None
    return found.path if met is None or met.digest != found.digest else None


async def secrets(host: Host, found: BootFile) -> str | None:
    """The text of the file of secrets beside a setup file, whose modes FAT doesn't have. Raises SetupError."""
    return await _text(host, found.secrets)


async def take_away(host: Host, path: str) -> str:
    """Overwrites a file where it lies and removes it; "" or why it couldn't be. What the card's own controller keeps of
    it nobody can reach by the file system."""
    try:
        done = await host.run(["shred", "--iterations=1", "--zero", "--remove", "--", path])
    except CommandNotFound as error:
        return str(error)
    return "" if done.ok else done.stderr.strip()


async def _text(host: Host, path: str) -> str | None:
    """Of a file that only root can write: what it says is done by root."""
    found = await host.stat(path)
    if found is None:
        return None
    if found.kind != "file":
        raise SetupError(Mistake(path, _("isn't a file")))
    if found.uid != 0 or found.mode & 0o022:
        raise SetupError(Mistake(path, _("others than root may write it, so it isn't taken")))
    if found.size > setup_file.MAX_SIZE:
        raise SetupError(Mistake(path, _("the file is larger than a setup file may be (1 MB)")))
    try:
        return (await host.read(path)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SetupError(Mistake(path, _("isn't UTF-8"))) from None


# what became of it ----------------------------------------------------------------------------------------------


def record(state: Path) -> Record | None:
    """What was remembered last; None: nothing, or it can't be read. Raises PermissionError."""
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
        found = Record(**json.loads((state / _RECORD).read_bytes()))
        kinds = {field.name: type(getattr(found, field.name)).__name__ for field in dataclasses.fields(Record)}
        if kinds == {field.name: field.type for field in dataclasses.fields(Record)} and found.version == _VERSION:
            return found
    return None


def remember(state: Path, what: Record) -> None:
    """Keeps it durably in place of what was remembered before. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        state.mkdir(mode=0o700)
        sync_folder(state.parent)
    write_file(state / _RECORD, json.dumps(asdict(what)).encode())


async def settle(host: Host, state: Path) -> None:
    """The file that lies there is dealt with (by the wizard): it is neither offered nor applied any more. Raises
    SetupError, OSError."""
    found = await find(host)
    if found is not None:
        remember(state, Record(found.digest, settled=True))

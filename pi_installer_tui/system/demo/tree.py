"""The demo machine's folder: made from the recording, and what the players ask of it and change in it.

    <folder>/root/      the machine's tree
    <folder>/state/     the program's own state directory (jobs), not the machine's
    <folder>/owners     owners of files that aren't root's: the tree itself belongs to whoever opened the demo
    <folder>/lock       held while a player changes what it read

What has a place of its own on a real machine stands there (/etc/hostname, /var/lib/dpkg/status, the links of enabled
units); what a kernel or a daemon only knows in its memory stands in /run/demo.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pi_installer_tui.system.files import Files
from pi_installer_tui.system.host import FileStat

HERE = Path(__file__).parent


def create(folder: str | None = None) -> str:
    """Makes a demo machine in a new folder (below the temporary folder unless named) and returns its path."""
    if folder is None:
        folder = tempfile.mkdtemp(prefix="pi-installer-tui-demo-")
    root = Path(folder, "root")
    root.mkdir(parents=True)
    Path(folder, "state").mkdir(mode=0o700, exist_ok=True)
    made = {""}
    for recording in (gzip.decompress((HERE / "debian.txt.gz").read_bytes()), (HERE / "raspberry.txt").read_bytes()):
        for entry in (b"\n" + recording).split(b"\n%% ")[1:]:
            header, _, content = entry.partition(b"\n")
            _put(root, header.decode(), content, made)
    machine = Machine(folder)
    machine.start_up()
    return folder


def _put(root: Path, header: str, content: bytes, made: set[str]) -> None:
    """One entry of the recording: `PATH MODE [nul | append]`, `PATH -> TARGET` or `PATH dir`."""
    path, arrow, target = header[1:].partition(" -> ")
    if arrow:
        _parents(root, path.rpartition("/")[0], made)
        Path(f"{root}/{path}").symlink_to(target)
        return
    words = header.rsplit(" ", 2)
    if words[-1] == "dir":
        _parents(root, header[1:].removesuffix(" dir"), made)
        return
    extra = words[-1] if words[-1] in ("nul", "append") else ""
    path, _, mode = header[1:].removesuffix(f" {extra}" if extra else "").rpartition(" ")
    _parents(root, path.rpartition("/")[0], made)
    if content and not content.endswith(b"\n"):
        content += b"\n"
    if extra == "nul":
        content = content.rstrip(b"\n") + b"\0"
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_APPEND if extra == "append" else 0)
    with os.fdopen(os.open(f"{root}/{path}", flags), "wb", buffering=0) as file:
        file.write(content)
        os.fchmod(file.fileno(), int(mode, 8))


def _parents(root: Path, path: str, made: set[str]) -> None:
    if path not in made:
        _parents(root, path.rpartition("/")[0], made)
        with contextlib.suppress(FileExistsError):
            (root / path).mkdir(mode=0o755)
        made.add(path)


class DemoFiles(Files):
    """The tree's files. Owners are noted, not given: the demo needs no root."""

    def __init__(self, folder: str, between: Callable[[str], None] | None = None) -> None:
        super().__init__(f"{folder}/root", between)
        self._owners = Path(folder, "owners")
        self._seen = (0, 0, 0)
        self._known: dict[str, tuple[int, int]] = {}

    def stat(self, path: str) -> FileStat | None:
        found = super().stat(path)
        if found is None:
            return None
        uid, gid = self._noted().get(self.resolve(path, follow=False), (0, 0))
        return replace(found, uid=uid, gid=gid)

    def replace(
        self, path: str, data: bytes, *, mode: int, uid: int, gid: int, xattrs: Mapping[str, bytes] | None = None
    ) -> None:
        super().replace(path, data, mode=mode, uid=os.geteuid(), gid=os.getegid(), xattrs=xattrs)
        self._note(path, uid, gid)

    def symlink(self, path: str, target: str) -> None:
        super().symlink(path, target)
        self._note(path, 0, 0)

    def mkdir(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        super().mkdir(path, mode=mode, uid=os.geteuid(), gid=os.getegid())
        self._note(path, uid, gid)

    def remove(self, path: str) -> None:
        super().remove(path)
        self._note(path, 0, 0)

    def rename(self, path: str, to: str) -> None:
        """Moves what is there, with all that is in it; its owners have to be noted anew."""
        os.rename(self.at(path), self.at(to))  # noqa: PTH104

    def chmod(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        super().chmod(path, mode=mode, uid=os.geteuid(), gid=os.getegid())
        self._note(path, uid, gid)

    def own(self, paths: Iterable[str], uid: int, gid: int) -> None:
        """Notes the owner of what was put there in another way."""
        self._keep({**self._noted(), **{self.resolve(path, follow=False): (uid, gid) for path in paths}})

    def _sync(self, descriptor: int) -> None:
        """A demo need not outlive a power cut."""

    def _noted(self) -> dict[str, tuple[int, int]]:
        """All owners that aren't root. The file is replaced as a whole, and read again only then."""
        try:
            found = self._owners.stat()
        except FileNotFoundError:
            return {}
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            noted = json.loads(self._owners.read_bytes())
            self._known = {path: (uid, gid) for path, (uid, gid) in noted.items()}
            self._seen = seen
        return self._known

    def _note(self, path: str, uid: int, gid: int) -> None:
        noted = self._noted()
        path = self.resolve(path, follow=False)
        if noted.get(path, (0, 0)) != (uid, gid):
            self._keep({**noted, path: (uid, gid)})

    def _keep(self, noted: Mapping[str, tuple[int, int]]) -> None:
        new = self._owners.with_suffix(".new")
        new.write_text(json.dumps({path: owner for path, owner in noted.items() if owner != (0, 0)}))
        new.replace(self._owners)


class Machine:
    """What the players know of the demo machine and do to it. Everything is read from the tree each time: a job's
    process and the screens play the same machine."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.files = DemoFiles(folder)

    # files, short ---------------------------------------------------------------------------------------------------

    def text(self, path: str) -> str | None:
        """A text file, None where it isn't there."""
        try:
            return self.files.read(path).decode("utf-8", "replace")
        except FileNotFoundError:
            return None

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Puts a text file there, with its folders. An existing one keeps its mode."""
        path = self.files.realpath(path)
        above = ""
        for part in path.split("/")[1:-1]:
            above += f"/{part}"
            if self.files.stat(above) is None:
                self.files.mkdir(above, mode=0o755, uid=0, gid=0)
        found = self.files.stat(path)
        self.files.replace(path, text.encode(), mode=found.mode if found else mode, uid=0, gid=0)

    def remove(self, path: str) -> bool:
        """Removes a file, whether it was there or not (False)."""
        try:
            self.files.remove(path)
        except FileNotFoundError:
            return False
        return True

    def exists(self, path: str) -> bool:
        return self.files.stat(path) is not None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the machine meanwhile. Never held over an await."""
        with Path(self.folder, "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def memory(self, name: str) -> dict[str, Any]:
        """What a daemon knows, /run/demo/NAME.json."""
        found: dict[str, Any] = json.loads(self.text(f"/run/demo/{name}.json") or "{}")
        return found

    def remember(self, name: str, value: Mapping[str, Any]) -> None:
        """Puts what a daemon knows."""
        self.write(f"/run/demo/{name}.json", json.dumps(value))

    def values(self, path: str) -> dict[str, str]:
        """A file of NAME=value lines (no shell expansion), quotes taken off."""
        lines = (line.strip() for line in (self.text(path) or "").splitlines())
        pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
        return {name: value.strip("\"'") for name, _, value in pairs}

    def start_up(self) -> None:
        """What happens at boot: the kernel takes its hostname, NetworkManager brings up its connections."""
        from pi_installer_tui.system.demo import basics, home, network, units

        basics.save_keymap(self)
        for path in ("/home/pi", "/home/pi/.ssh", "/home/pi/.ssh/authorized_keys"):
            found = self.files.stat(path)
            if found is not None:
                self.files.chmod(path, mode=found.mode & ~0o077, uid=1000, gid=1000)

        began = int(time.time()) - 4 * 3600
        units.began(self, "ssh.service", began)
        os.utime(self.files.at("/etc/ssh/sshd_config"), (began - 60, began - 60))
        self.write("/proc/sys/kernel/hostname", (self.text("/etc/hostname") or "localhost").strip() + "\n")
        network.start_up(self)
        home.make(self, time.time())

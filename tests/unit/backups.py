# ruff: noqa: PTH101, PTH102, PTH109, PTH115, PTH118, PTH123, PTH208, PTH211
# (pathlib takes no bytes)
"""What the tests of backups share: a repository in a folder, jobs that work with it, and a tree with everything in it
that a file system can hold."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import socket
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.events import JobEnded, Reported, StepFailed
from pi_installer_tui.tasks.plan import Asked, Plan
from pi_installer_tui.tasks.steps import BackUp, KeepSnapshots, OpenRepository, Step
from pi_installer_tui.tasks.store import Store
from tests.restic.ready import ready

from .jobs import Run

HERE = LocalHost("/")


@dataclass
class Backups:
    """A place below a folder with an empty repository, and a store of jobs."""

    folder: Path
    place: Place = field(init=False)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        password = self.folder / "password"
        password.write_text("correct horse\n")
        ready(self.folder / "repository", "correct horse")
        self.place = Place("usb", "folder", str(password), path=str(self.folder / "repository"))
        self.store = Store(self.folder / "state")

    @property
    def repository(self) -> Path:
        return Path(self.place.path)

    @property
    def engine(self) -> Restic:
        return Restic(HERE, self.place, cache=str(self.folder / "cache"))

    def plan(self, *steps: Step, action: str = "run", **arguments: Any) -> Plan:
        asked = Asked(module="backup", action=action, arguments={"job": "daily", "place": "usb", **arguments})
        return Plan(modules=("backup",), asked=asked, lane="work", name="backup.usb", steps=steps)

    def job(self, *paths: str | Path, keep: dict[str, Any] | None = None, **fields: Any) -> Plan:
        """A run of the job `daily`."""
        back_up = BackUp(id="backup.run", place=self.place, job="daily", paths=tuple(map(str, paths)), **fields)
        steps: list[Step] = [OpenRepository(id="backup.open", place=self.place), back_up]
        if keep is not None:
            steps.append(KeepSnapshots(id="backup.keep", place=self.place, job="daily", **keep))
        return self.plan(*steps)

    async def run(self, plan: Plan) -> Done:
        run = Run(self.store, plan, HERE)
        ended = await run.run()
        return Done(self, run.id, ended)

    async def step(self, *steps: Step) -> Done:
        """Steps of the lane `change`: what an undo can take back."""
        return await self.run(Plan(modules=("backup",), steps=steps))

    def locks(self) -> list[str]:
        """Those of restic's that count: one that was killed while it wrote a lock leaves a temporary file, which nobody
        reads."""
        return [name for name in os.listdir(self.repository / "locks") if "-tmp-" not in name]


@dataclass
class Done:
    backups: Backups
    job: str
    ended: JobEnded

    @property
    def reported(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in self.backups.store.events(self.job):
            if isinstance(event, Reported):
                found |= event.values
        return found

    @property
    def failed(self) -> StepFailed:
        return next(event for event in self.backups.store.events(self.job) if isinstance(event, StepFailed))

    def well(self) -> Done:
        assert self.ended.outcome == "done", [
            event for event in self.backups.store.events(self.job) if isinstance(event, StepFailed | JobEnded)
        ]
        return self


def make_tree(root: Path, files: int, seed: int = 1) -> None:
    """A tree of so many plain files, and of everything else that may be in one."""
    chance = random.Random(seed)
    root.mkdir(parents=True)
    folders = [os.fsencode(root)]
    for number in range(max(10, files // 40)):
        name = f"folder {number}".encode()
        folders.append(os.path.join(chance.choice(folders[-30:]), name))
        os.mkdir(folders[-1])
    for number in range(files):
        path = os.path.join(chance.choice(folders), f"file-{number}".encode())
        with open(path, "wb") as file:
            file.write(chance.randbytes(chance.choice((0, 10, 700, 5000))))
        os.utime(path, ns=(10**18, 10**18 + chance.randrange(10**17)))
    odd = os.fsencode(root) + b"/odd"
    os.mkdir(odd)
    for name in (b"line\nbreak", b"not \xff\xfe utf-8", b"*?[a]\\", b"-dash", b" spaced ", "ümlaut".encode()):
        os.mkdir(odd + b"/in " + name)
        for path in (odd + b"/" + name, odd + b"/in " + name + b"/" + name):
            with open(path, "wb") as file:
                file.write(name * 3)
    with open(odd + b"/sparse", "wb") as file:
        file.truncate(64 * 1024 * 1024)
        file.seek(40 * 1024 * 1024)
        file.write(b"in the middle")
    for name, mode in ((b"setuid", 0o4755), (b"setgid", 0o2755), (b"none", 0)):
        Path(os.fsdecode(odd + b"/" + name)).write_bytes(name)
        os.chmod(odd + b"/" + name, mode)
    os.chown(odd + b"/setgid", 1234, 5678)
    os.chmod(odd + b"/setgid", 0o2755)
    os.mkdir(odd + b"/sticky", 0o700)
    os.chmod(odd + b"/sticky", 0o1777)
    os.link(odd + b"/setuid", odd + b"/sticky/the same")
    os.symlink(b"/nowhere/at all", odd + b"/dangling")
    os.symlink(b"sparse", odd + b"/link")
    os.chown(odd + b"/link", 42, 43, follow_symlinks=False)
    os.mkfifo(odd + b"/fifo")
    os.setxattr(odd + b"/setgid", "user.note", b"\0\xffbytes")
    os.setxattr(odd + b"/sticky", "user.folder", b"too")
    os.setxattr(odd + b"/none", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    for target in (b"/line\nbreak", b"/sticky"):
        subprocess.run(["setfacl", "-m", "u:1234:rw,g:5678:r", odd + target], check=True) if shutil.which(
            "setfacl"
        ) else os.setxattr(odd + target, "system.posix_acl_access", _ACL)
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(odd)
        listening.bind("socket")
        os.chdir(here)
    for folder in [odd + b"/sticky", odd, *reversed(folders)]:
        os.utime(folder, ns=(10**18, 10**18 + chance.randrange(10**17)))


#: acl(5) as the kernel stores it: user::rw-, user:1234:rw-, group::r--, group:5678:r--, mask::rw-, other::r--
_ACL = bytes.fromhex(
    "02000000" "01000600ffffffff" "02000600d2040000" "04000400ffffffff" "080004002e160000" "10000600ffffffff"
    "20000400ffffffff"
)  # fmt: skip


def change_tree(root: Path, seed: int = 2) -> None:
    """Changes, removes and adds some of all that is in a tree."""
    chance = random.Random(seed)
    plain = sorted(path for path in root.rglob("file-*") if path.is_file() and not path.is_symlink())
    for path in chance.sample(plain, len(plain) // 10):
        match chance.randrange(4):
            case 0:
                path.unlink()
            case 1:
                path.write_bytes(chance.randbytes(3000))
            case 2:
                path.chmod(0o640)
                os.chown(path, 7, 8)
            case 3:
                path.rename(path.with_name(path.name.replace("file", "moved")))
    (root / "odd/dangling").unlink()
    (root / "odd/dangling").mkdir()
    (root / "odd/dangling/now a folder").write_text("x")
    shutil.rmtree(root / "odd/in *?[a]\\")


def state(root: Path, *, sockets: bool = False) -> dict[bytes, tuple[object, ...]]:
    """Everything that a tree is: two are equal when nobody could tell them apart."""
    found: dict[bytes, tuple[object, ...]] = {}
    links: dict[int, list[bytes]] = {}
    top = os.fsencode(root)
    for where, folders, files in os.walk(top):
        for name in (b".", *folders, *files) if where == top else (*folders, *files):
            path = os.path.join(where, name)
            seen = os.lstat(path)
            if stat.S_ISSOCK(seen.st_mode) and not sockets:
                continue
            content: object = seen.st_rdev
            if stat.S_ISLNK(seen.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(seen.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
            xattrs = {each: os.getxattr(path, each, follow_symlinks=False) for each in _xattrs(path)}
            relative = os.path.relpath(path, top)
            if seen.st_nlink > 1 and stat.S_ISREG(seen.st_mode):
                links.setdefault(seen.st_ino, []).append(relative)
            time = 0 if stat.S_ISLNK(seen.st_mode) else seen.st_mtime_ns
            found[relative] = seen.st_mode, seen.st_uid, seen.st_gid, time, content, sorted(xattrs.items())
    found[b"(hard links)"] = (sorted(sorted(each) for each in links.values()),)
    return found


def _xattrs(path: bytes) -> Sequence[str]:
    return os.listxattr(path, follow_symlinks=False)


def difference(one: dict[bytes, tuple[object, ...]], other: dict[bytes, tuple[object, ...]]) -> list[object]:
    """What differs, a few of them."""
    names = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    return [(name, one.get(name), other.get(name)) for name in names[:5]]

"""The repository of the played restic: a folder of the demo's tree as restic lays it out (its document `Design`), but
each blob is a file of its own below data/, compressed and not encrypted, and keys/ holds a digest of the password."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_installer_tui.system.demo.tree import Machine

VERSION = "0.18.0"
#: bytes; restic cuts where the content says so, between 512 KiB and 8 MiB
CHUNK = 2**20
#: seconds after which a lock is stale whoever made it (restic, internal/restic/lock.go)
_STALE = 30 * 60

Node = dict[str, Any]


class Failed(Exception):
    """restic ends with a status and a message; `Fatal: ` is part of it where restic says so."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Damaged(Exception):
    """A blob that isn't there, or isn't what its name says."""

    def __init__(self, blob: str, *, missing: bool) -> None:
        super().__init__(blob)
        self.blob = blob
        self.missing = missing


def moment(nanoseconds: int) -> str:
    """RFC 3339 as Go writes it: nanoseconds without the zeros at their end."""
    seconds, rest = divmod(nanoseconds, 10**9)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def seconds(text: str) -> float:
    """What `moment` wrote, as seconds since 1970."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


def compact(value: object) -> str:
    """JSON as Go prints it. Bytes of names that aren't UTF-8 come as the replacement character."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class Repository:
    """A repository at a path of the machine. It isn't opened yet: `opened` looks at the password."""

    def __init__(self, machine: Machine, path: str) -> None:
        self.machine = machine
        self.path = path
        self._at = Path(machine.files.at(path, follow=True))

    # opening it -------------------------------------------------------------------------------------------------------

    def make(self, password: bytes, identity: str = "") -> str:
        """Makes it and returns its id. Raises Failed."""
        if (self._at / "config").exists():
            raise Failed(
                f"Fatal: create repository at {self.path} failed: Fatal: unable to open repository at {self.path}: "
                "config file already exists\n"
            )
        identity = identity or os.urandom(32).hex()
        for folder in ("data", "index", "keys", "locks", "snapshots"):
            (self._at / folder).mkdir(parents=True, exist_ok=True)
        key = {"created": moment(time.time_ns()), "username": "root", "hostname": self.host}
        key["digest"] = hashlib.sha256(identity.encode() + password).hexdigest()
        self._put("keys", compact(key).encode())
        config = {"version": 2, "id": identity, "chunker_polynomial": f"{int(identity[:14], 16) | 1:x}"}
        self._write(self._at / "config", json.dumps(config, indent=2).encode())
        return identity

    def opened(self, password: bytes) -> None:
        """Raises Failed where it isn't there, or the password is another one."""
        try:
            config = self.config
        except (FileNotFoundError, NotADirectoryError):
            at = f"{self.path}/config"
            raise Failed(
                f"Fatal: repository does not exist: unable to open config file: stat {at}: no such file or directory\n"
                f"Is there a repository at the following location?\n{self.path}",
                10,
            ) from None
        digest = hashlib.sha256(config["id"].encode() + password).hexdigest()
        if not any(json.loads(self._get("keys", name))["digest"] == digest for name in self.names("keys")):
            raise Failed("Fatal: wrong password or no key found", 12)

    @property
    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self._at / "config").read_bytes())
        return found

    @property
    def host(self) -> str:
        return (self.machine.text("/proc/sys/kernel/hostname") or "raspberrypi").strip()

    # files of it ------------------------------------------------------------------------------------------------------

    def names(self, folder: str) -> list[str]:
        """The ids of what is in snapshots/, keys/ or locks/."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(path.name for path in (self._at / folder).iterdir())
        return []

    def _put(self, folder: str, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        self._write(self._at / folder / name, data)
        return name

    def _get(self, folder: str, name: str) -> bytes:
        return (self._at / folder / name).read_bytes()

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_bytes(data)
        new.chmod(0o600)
        new.replace(path)

    # blobs ------------------------------------------------------------------------------------------------------------

    def _blob(self, blob: str) -> Path:
        return self._at / "data" / blob[:2] / blob

    def save(self, data: bytes) -> tuple[str, int]:
        """Keeps bytes and returns their id and how many were written for it: 0 where it had them."""
        blob = hashlib.sha256(data).hexdigest()
        if self._blob(blob).exists():
            return blob, 0
        packed = zlib.compress(data, 1)
        self._write(self._blob(blob), packed)
        return blob, len(packed)

    def load(self, blob: str) -> bytes:
        """Raises Damaged."""
        try:
            data = zlib.decompress(self._blob(blob).read_bytes())
        except FileNotFoundError:
            raise Damaged(blob, missing=True) from None
        except zlib.error:
            raise Damaged(blob, missing=False) from None
        if hashlib.sha256(data).hexdigest() != blob:
            raise Damaged(blob, missing=False)
        return data

    def blobs(self) -> dict[str, int]:
        """All that are there, with the bytes they take."""
        folders = (self._at / "data").iterdir()
        found = (path for folder in folders for path in folder.iterdir() if path.suffix != ".new")
        return {path.name: path.stat().st_size for path in found}

    def drop(self, blob: str) -> None:
        self._blob(blob).unlink()

    # trees ------------------------------------------------------------------------------------------------------------

    def nodes(self, tree: str) -> list[Node]:
        """What is in a folder, sorted by name. Raises Damaged."""
        found: list[Node] = json.loads(self.load(tree))["nodes"]
        return found

    def walk(self, tree: str, above: str = "") -> Iterator[tuple[str, Node]]:
        """Every path of a tree, folders before what is in them. Raises Damaged."""
        for node in self.nodes(tree):
            path = f"{above}/{node['name']}"
            yield path, node
            if node["type"] == "dir":
                yield from self.walk(node["subtree"], path)

    def below(self, tree: str, path: str) -> Node | None:
        """The node at a path of a tree; None: there is none."""
        node: Node | None = {"type": "dir", "subtree": tree, "name": ""}
        for part in path.strip("/").split("/") if path.strip("/") else ():
            inside = self.nodes(node["subtree"]) if node is not None and node["type"] == "dir" else []
            node = next((each for each in inside if each["name"] == part), None)
        return node

    def used(self) -> tuple[set[str], set[str]]:
        """The blobs that snapshots need: of files, and of folders. Raises Damaged."""
        data, trees = set[str](), set[str]()
        todo = [each["tree"] for each in self.snapshots()]
        while todo:
            tree = todo.pop()
            if tree not in trees:
                trees.add(tree)
                for node in self.nodes(tree):
                    data.update(node.get("content") or ())
                    todo += [node["subtree"]] if node["type"] == "dir" else []
        return data, trees

    # snapshots --------------------------------------------------------------------------------------------------------

    def add(self, snapshot: dict[str, Any], name: str = "") -> str:
        """Puts a snapshot there and returns its id: the digest of what it says, unless `name` is given."""
        data = compact(snapshot).encode()
        if not name:
            return self._put("snapshots", data)
        self._write(self._at / "snapshots" / name, data)
        return name

    def snapshots(self) -> list[dict[str, Any]]:
        """All of them with their ids, the oldest first."""
        found = []
        for name in self.names("snapshots"):
            with contextlib.suppress(FileNotFoundError):
                found.append({**json.loads(self._get("snapshots", name)), "id": name, "short_id": name[:8]})
        return sorted(found, key=lambda each: seconds(each["time"]))

    def forget(self, snapshot: str) -> None:
        (self._at / "snapshots" / snapshot).unlink(missing_ok=True)

    # locks ------------------------------------------------------------------------------------------------------------

    def locks(self) -> dict[str, dict[str, Any]]:
        found = {}
        for name in self.names("locks"):
            with contextlib.suppress(FileNotFoundError):
                found[name] = json.loads(self._get("locks", name))
        return found

    def is_stale(self, lock: dict[str, Any]) -> bool:
        """Whether nobody holds it any more: it is old, or of a process of this machine that ended."""
        if time.time() - seconds(lock["time"]) > _STALE:
            return True
        if lock["hostname"] != self.host:
            return False
        try:
            os.kill(lock["pid"], 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return False

    def unlock(self, lock: str) -> None:
        (self._at / "locks" / lock).unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self, *, exclusive: bool = False) -> Iterator[None]:
        """Holds a lock, as restic does while it works. Raises Failed where somebody else's is in the way."""
        with self.machine.locked():
            for name, lock in self.locks().items():
                if exclusive or lock["exclusive"]:
                    raise self._in_the_way(name, lock)
            mine = {
                "time": moment(time.time_ns()),
                "exclusive": exclusive,
                "hostname": self.host,
                "username": "root",
                "pid": os.getpid(),
            }
            name = self._put("locks", compact(mine).encode())
            self._show_process(os.getpid())
        try:
            yield
        finally:
            self.unlock(name)
            if not any(lock["pid"] == os.getpid() for lock in self.locks().values()):
                self._hide_process(os.getpid())

    def _in_the_way(self, name: str, lock: dict[str, Any]) -> Failed:
        at = seconds(lock["time"])
        exclusively = " exclusively" if lock["exclusive"] else ""
        return Failed(
            f"unable to create lock in backend: repository is already locked{exclusively} by PID {lock['pid']} on "
            f"{lock['hostname']} by {lock['username']} (UID 0, GID 0)\n"
            f"lock was created at {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} ({_ago(time.time() - at)} ago)\n"
            f"storage ID {name[:8]}\nthe `unlock` command can be used to remove stale locks",
            11,
        )

    def _show_process(self, pid: int) -> None:
        """In /proc, where somebody may look whether who holds a lock is alive."""
        folder = Path(self.machine.files.at(f"/proc/{pid}"))
        folder.mkdir(exist_ok=True)
        (folder / "comm").write_text("restic\n")
        (folder / "cmdline").write_bytes(b"restic\0")

    def _hide_process(self, pid: int) -> None:
        folder = Path(self.machine.files.at(f"/proc/{pid}"))
        with contextlib.suppress(FileNotFoundError):
            for name in ("comm", "cmdline"):
                (folder / name).unlink()
            folder.rmdir()


def _ago(lasted: float) -> str:
    """A time as Go prints it."""
    minutes, rest = divmod(lasted, 60)
    hours, minutes = divmod(int(minutes), 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest:.9f}s"


# what a tree is made of -----------------------------------------------------------------------------------------------

#: Go's os.FileMode: the bits and letters beside the permissions, as its String prints them
_KINDS = {"directory": ("dir", 1 << 31), "link": ("symlink", 1 << 27), "file": ("file", 0)}
_OTHERS = {stat.S_IFIFO: ("fifo", 1 << 25), stat.S_IFSOCK: ("socket", 1 << 24)}
_LETTERS = "dalTLDpSugct?"


def kind_and_mode(kind: str, mode: int) -> tuple[str, int]:
    """restic's word for a kind of file, and Go's mode. kind: of FileStat; mode: st_mode."""
    name, bits = _KINDS.get(kind) or _OTHERS.get(stat.S_IFMT(mode)) or ("irregular", 1 << 19)
    for ours, go in ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20)):
        bits |= go if mode & ours else 0
    return name, bits | mode & 0o777


def permissions(mode: int) -> str:
    """`drwxr-xr-x`, as Go writes a mode."""
    letters = "".join(letter for at, letter in enumerate(_LETTERS) if mode & 1 << 31 - at) or "-"
    return letters + "".join(letter if mode & 1 << 8 - at else "-" for at, letter in enumerate("rwxrwxrwx"))


def unix_mode(mode: int) -> int:
    """Permission bits of Go's mode."""
    special = (0o4000 if mode & 1 << 23 else 0) | (0o2000 if mode & 1 << 22 else 0) | (0o1000 if mode & 1 << 20 else 0)
    return mode & 0o777 | special

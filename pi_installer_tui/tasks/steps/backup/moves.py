# ruff: noqa: PTH101, PTH104, PTH118, PTH120, PTH123
# (pathlib takes no bytes)
"""What a restoration does to a machine, written down before it is done, a line of JSON for each move: so it can be gone
on with after a crash, and taken back, whatever happened in between. Names are bytes: those of files need not be text.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Literal

from pi_installer_tui.tasks.steps.backup.handles import Below, Entry, below, ours, own

Existing = Literal["keep", "replace", "rename"]

#: a folder of ours for what is copied to another file system; its beginning is that of what is never backed up
_PRIVATE = b".pi-installer-tui-scratch-moving"

#: how often somebody is told how far it is
EVERY = 200


class Stopped(Exception):
    """Somebody wants it to end."""


@dataclass(frozen=True, slots=True)
class Move:
    """What is done with an entry. path: below the destination.

    what:  put (moved into its place with all below it), inside (came along with a folder above), attributes (the folder
           stays, and gets owner, mode, times and attributes of the restored one), skip (what is there is kept)
    was:   "" (nothing was there), replaced (it is kept as number `n`), renamed (it is called `name` now), same
    kind, size, mtime: of what is restored, by which an undo knows it again; mtime in nanoseconds
    old, new: of `attributes`: those that the folder had, and those that it gets
    """

    n: int
    what: Literal["put", "inside", "attributes", "skip", "end"]
    path: str
    was: Literal["", "replaced", "renamed", "same"] = ""
    name: str = ""
    kind: str = ""
    size: int = 0
    mtime: int = 0
    old: dict[str, object] = field(default_factory=dict)
    new: dict[str, object] = field(default_factory=dict)


#: what a line has only where it isn't as usual
_MORE = tuple(each.name for each in fields(Move) if each.name not in ("n", "what", "path"))


@dataclass(slots=True)
class Tally:
    """What was moved, in files; stays: what an undo left as it is, since somebody changed it."""

    new: int = 0
    replaced: int = 0
    renamed: int = 0
    same: int = 0
    kept: int = 0
    stays: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: what was restored, where it goes, what it replaced, and the file that says what is done. said:
    called with how many of how many are done; stop: whether somebody wants it to end."""

    scratch: bytes
    destination: bytes
    replaced: bytes
    moves: bytes
    said: Callable[[int, int], None] = lambda done, total: None
    stop: Callable[[], bool] = lambda: False


def planned(places: Places) -> bool:
    """Whether it was written down what is to be done."""
    return any(move.what == "end" for move in read(places.moves))


def amount(places: Places) -> Tally:
    """What was moved, without doing anything."""
    tally = Tally()
    for move in read(places.moves):
        count(tally, move)
    return tally


def write(path: bytes, moves: Iterable[Move], stop: Callable[[], bool]) -> None:
    """Writes down what is to be done, a line each, durably and all at once. Raises OSError, Stopped."""
    temporary = path + b".new"
    with open(temporary, "w", encoding="ascii") as lines:
        number = 0
        for number, move in enumerate(moves, 1):
            if number % EVERY == 0 and stop():
                raise Stopped
            lines.write(_line(move, number))
        lines.write(_line(Move(0, "end", ""), number + 1))
        lines.flush()
        os.fsync(lines.fileno())
    os.rename(temporary, path)
    _sync(os.path.dirname(path))


def _line(move: Move, number: int) -> str:
    """Without what is as usual: there are many."""
    told: dict[str, object] = {"n": number, "what": move.what, "path": move.path}
    told |= {name: value for name in _MORE if (value := getattr(move, name))}
    return json.dumps(told) + "\n"


def read(path: bytes) -> list[Move]:
    """What was written down; nothing where that wasn't done. Raises OSError."""
    try:
        with open(path, encoding="ascii") as lines:
            return [Move(**json.loads(line)) for line in lines]
    except FileNotFoundError:
        return []


def count(tally: Tally, move: Move) -> None:
    """Adds a move that is done."""
    if move.kind == "dir" or move.what in ("attributes", "end"):
        return
    if move.what == "skip":
        tally.same += move.was == "same"
        tally.kept += move.was != "same"
    else:
        tally.new += not move.was
        tally.replaced += move.was == "replaced"
        tally.renamed += move.was == "renamed"


# entries ------------------------------------------------------------------------------------------------------------


class Held:
    """What is moved, and where to, by folders that are held open. To be closed (`with`)."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._scratch: Below | None = None
        self._destination: Below | None = None
        self._replaced: Below | None = None

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_error: object) -> None:
        for each in (self._scratch, self._destination, self._replaced):
            if each is not None:
                each.close()

    def source(self, move: Move) -> Entry:
        """What was restored. Raises OSError; FileNotFoundError where the folder it was in is in its place already."""
        if self._scratch is None:
            self._scratch = Below(ours(self._places.scratch), links=False)
        return self._scratch.entry(move.path)

    def target(self, path: str) -> Entry:
        """Where it goes. Raises OSError; Astray where a link of somebody's would lead elsewhere."""
        if self._destination is None:
            self._destination = below(self._places.destination)
        return self._destination.entry(path)

    def aside(self, move: Move, *, make: bool = False) -> Entry:
        """Where that is now which was there. make: the folder for it. Raises OSError."""
        if move.was == "renamed":
            return Entry(self.target(move.path).folder, os.fsencode(move.name))
        if self._replaced is None:
            self._replaced = Below(ours(self._places.replaced, make=make), links=False)
        return self._replaced.entry(str(move.n))


def rename(source: Entry, target: Entry) -> None:
    """rename(2), also to another file system. Raises OSError, CalledProcessError."""
    try:
        _rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # something else is mounted there: cp(1) keeps what restic gave back, in a folder that nobody else gets into
        private = Entry(target.folder, _PRIVATE)
        if private.there:
            _delete(private)  # of before a crash
        os.mkdir(private.name, 0o700, dir_fd=private.folder)
        inside = Entry(own(private), b"new")
        try:
            argv = [b"cp", b"--archive", b"--no-target-directory", b"--", _path(source), _path(inside)]
            subprocess.run(argv, check=True, capture_output=True, pass_fds=(source.folder, inside.folder))
            _rename(inside, target)
        finally:
            os.close(inside.folder)
        os.rmdir(private.name, dir_fd=private.folder)
        _delete(source)


def _rename(source: Entry, target: Entry) -> None:
    os.rename(source.name, target.name, src_dir_fd=source.folder, dst_dir_fd=target.folder)


def _path(entry: Entry) -> bytes:
    """For a process that has its folder open too (proc_pid_fd(5))."""
    return b"/proc/self/fd/%d/%b" % entry


def _delete(entry: Entry) -> None:
    if stat.S_ISDIR(entry.stat().st_mode):
        shutil.rmtree(entry.name, dir_fd=entry.folder)
    else:
        os.unlink(entry.name, dir_fd=entry.folder)


def kind_of(found: os.stat_result) -> str:
    """The `kind` of a move."""
    if stat.S_ISDIR(found.st_mode):
        return "dir"
    return "file" if stat.S_ISREG(found.st_mode) else "link" if stat.S_ISLNK(found.st_mode) else "other"


def attributes(path: bytes) -> dict[str, object]:
    """What `set_attributes` gives back. Raises OSError."""
    found = os.lstat(path)
    return {
        "mode": stat.S_IMODE(found.st_mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
        "atime": found.st_atime_ns,
        "mtime": found.st_mtime_ns,
        "xattrs": xattrs(path),
    }


def xattrs(path: bytes | int) -> dict[str, str]:
    """Extended attributes (xattr(7)), access lists and capabilities among them, in base64, of a path or what is
    open."""
    found: dict[str, str] = {}
    follow = isinstance(path, int)
    with contextlib.suppress(OSError):
        for name in os.listxattr(path, follow_symlinks=follow):
            found[name] = base64.b64encode(os.getxattr(path, name, follow_symlinks=follow)).decode("ascii")
    return found


def set_attributes(entry: Entry, attributes: dict[str, object]) -> None:
    """Gives a folder its owner, attributes (access lists are among them), mode and times, in this order. Raises
    OSError."""
    uid, gid, mode = int(str(attributes["uid"])), int(str(attributes["gid"])), int(str(attributes["mode"]))
    wanted = attributes["xattrs"]
    assert isinstance(wanted, dict)
    with entry.opened() as folder:
        os.chown(folder, uid, gid)
        has = xattrs(folder)
        for name, value in wanted.items():
            if has.get(name) != value:
                with contextlib.suppress(OSError):  # of another kind of file system
                    os.setxattr(folder, name, base64.b64decode(value))
        for name in has.keys() - wanted.keys():
            with contextlib.suppress(OSError):
                os.removexattr(folder, name)
        os.chmod(folder, mode)
        os.utime(folder, ns=(int(str(attributes["atime"])), int(str(attributes["mtime"]))))


def join(folder: bytes, name: bytes) -> bytes:
    """os.path.join, of bytes."""
    return os.path.join(folder, name)


def _sync(folder: bytes) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

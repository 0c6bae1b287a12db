# ruff: noqa: PTH101, PTH103, PTH104, PTH106, PTH108, PTH112, PTH115, PTH118, PTH119, PTH120, PTH123
# (pathlib takes no bytes)
"""Puts what was restored into a scratch folder where it belongs, file by file by rename, and takes that back again.

What will be done is written down first (`moves`, a line of JSON for each): so it can be gone on with after a crash, and
taken back, whatever happened in between. Names are bytes here: those of files need not be text.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import filecmp
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from typing import Literal

Existing = Literal["keep", "replace", "rename"]

#: errors of file systems without hard links, or of files that can't have any
_NO_LINK = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES, errno.EINVAL)
#: how often somebody is told how far it is
_EVERY = 200


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
    return any(move.what == "end" for move in _read(places.moves))


def plan(places: Places, existing: Existing, word: str, through: Collection[str] = ()) -> None:
    """Writes down what is to be done, durably. through: folders that are only on the way to what was chosen; they stay
    as they are. word: goes into the names of what is renamed. Raises OSError."""
    temporary = places.moves + b".new"
    with open(temporary, "w", encoding="ascii") as lines:
        number = 0
        for number, move in enumerate(_plan(places, b"", existing, word, frozenset(through)), 1):
            if number % _EVERY == 0 and places.stop():
                raise Stopped
            lines.write(json.dumps({**asdict(move), "n": number}) + "\n")
        lines.write(json.dumps(asdict(Move(number + 1, "end", ""))) + "\n")
        lines.flush()
        os.fsync(lines.fileno())
    os.rename(temporary, places.moves)
    _sync(os.path.dirname(places.moves))


def carry_out(places: Places) -> Tally:
    """Does it, or the rest of it. Raises OSError, Stopped."""
    tally = Tally()
    moves = _read(places.moves)
    for done, move in enumerate(moves):
        if done % _EVERY == 0:
            places.said(done, len(moves))
            if places.stop():
                raise Stopped
        if move.what == "put":
            _put(places, move)
        _count(tally, move)
    for move in sorted(moves, key=lambda move: -move.path.count("/")):
        if move.what == "attributes":
            with contextlib.suppress(FileNotFoundError):
                _set(_at(places.destination, move.path), move.new)
    places.said(len(moves), len(moves))
    return tally


def take_back(places: Places) -> Tally:
    """Gives back what was replaced, removes what is new, and leaves what somebody changed since. Raises OSError,
    Stopped."""
    tally = Tally()
    moves = _read(places.moves)
    for done, move in enumerate(reversed(moves)):
        if done % _EVERY == 0:
            places.said(done, len(moves))
            if places.stop():
                raise Stopped
        if move.what == "inside" or (move.what == "put" and not move.was):
            _remove(places, move, tally)
        elif move.what == "put":
            _give_back(places, move, tally)
    for move in sorted(moves, key=lambda move: -move.path.count("/")):
        if move.what == "attributes":
            with contextlib.suppress(FileNotFoundError):
                _set(_at(places.destination, move.path), move.old)
    if not tally.stays:
        shutil.rmtree(places.replaced, ignore_errors=True)
    places.said(len(moves), len(moves))
    return tally


def amount(places: Places) -> Tally:
    """What was moved, without doing anything."""
    tally = Tally()
    for move in _read(places.moves):
        _count(tally, move)
    return tally


# planning -------------------------------------------------------------------------------------------------------------


def _plan(places: Places, folder: bytes, existing: Existing, word: str, through: frozenset[str]) -> Iterator[Move]:
    """What is to be done with what is in a folder, which is there at the destination too."""
    for entry in sorted(os.scandir(_join(places.scratch, folder)), key=lambda entry: entry.name):
        relative = _join(folder, entry.name)
        path = os.fsdecode(relative)
        target = _join(places.destination, relative)
        try:
            there = os.lstat(target)
        except (FileNotFoundError, NotADirectoryError):
            yield _move("put", path, entry)
            yield from _inside(places, relative, entry)
            continue
        on_the_way = path in through and os.path.isdir(target)  # it may be a link by now
        if entry.is_dir(follow_symlinks=False) and (on_the_way or stat.S_ISDIR(there.st_mode)):
            if existing == "replace" and path not in through:
                new = _attributes(_join(places.scratch, relative))
                yield Move(0, "attributes", path, kind="dir", old=_attributes(target), new=new)
            yield from _plan(places, relative, existing, word, through)
        elif existing == "keep":
            yield _move("skip", path, entry)
        elif not entry.is_dir(follow_symlinks=False) and _same(_join(places.scratch, relative), target, there):
            yield _move("skip", path, entry, was="same")
        elif existing == "rename":
            yield _move("put", path, entry, was="renamed", name=_free(target, word))
            yield from _inside(places, relative, entry)
        else:
            yield _move("put", path, entry, was="replaced")
            yield from _inside(places, relative, entry)


def _inside(places: Places, folder: bytes, entry: os.DirEntry[bytes]) -> Iterator[Move]:
    """What comes along with a folder."""
    if not entry.is_dir(follow_symlinks=False):
        return
    for each in sorted(os.scandir(_join(places.scratch, folder)), key=lambda each: each.name):
        relative = _join(folder, each.name)
        yield _move("inside", os.fsdecode(relative), each)
        yield from _inside(places, relative, each)


def _move(
    what: Literal["put", "inside", "skip"],
    path: str,
    entry: os.DirEntry[bytes],
    *,
    was: Literal["", "replaced", "renamed", "same"] = "",
    name: str = "",
) -> Move:
    found = entry.stat(follow_symlinks=False)
    return Move(0, what, path, was, name, _kind(found), found.st_size, found.st_mtime_ns)


def _free(path: bytes, word: str) -> str:
    """A name for what has to make room: `notes.txt.before-4f1c`."""
    name, number = path + f".before-{word}".encode(), 1
    while os.path.lexists(name):
        number += 1
        name = path + f".before-{word}-{number}".encode()
    return os.fsdecode(os.path.basename(name))


def _same(one: bytes, other: bytes, there: os.stat_result) -> bool:
    """Whether a file is the very same already: content, owner, mode, time, attributes."""
    found = os.lstat(one)
    alike = (stat.S_IFMT, stat.S_IMODE)
    if any(part(found.st_mode) != part(there.st_mode) for part in alike):
        return False
    if (found.st_uid, found.st_gid, found.st_size) != (there.st_uid, there.st_gid, there.st_size):
        return False
    if stat.S_ISLNK(found.st_mode):
        return os.readlink(one) == os.readlink(other)
    if not stat.S_ISREG(found.st_mode):
        return found.st_rdev == there.st_rdev
    if found.st_mtime_ns != there.st_mtime_ns or found.st_nlink != there.st_nlink or _xattrs(one) != _xattrs(other):
        return False
    return filecmp.cmp(one, other, shallow=False)


# doing ----------------------------------------------------------------------------------------------------------------


def _put(places: Places, move: Move) -> None:
    source, target = _at(places.scratch, move.path), _at(places.destination, move.path)
    if not os.path.lexists(source):
        return  # done before a crash
    if move.was:
        aside = _aside(places, move)
        if move.was == "replaced":
            os.makedirs(places.replaced, mode=0o700, exist_ok=True)
        if not os.path.lexists(aside):
            _save(target, aside)
        if move.kind == "dir" and os.path.lexists(target):  # a file, and it is kept
            os.unlink(target)
    _rename(source, target)


def _aside(places: Places, move: Move) -> bytes:
    """Where that is now which was there."""
    if move.was == "renamed":
        return _join(os.path.dirname(_at(places.destination, move.path)), os.fsencode(move.name))
    return _join(places.replaced, str(move.n).encode())


def _save(path: bytes, aside: bytes) -> None:
    """Keeps what is at a path; a file stays there until the other one takes its place at once."""
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        try:
            os.link(path, aside, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (*_NO_LINK, errno.EXDEV):
                raise
        else:
            return
    _rename(path, aside)


def _rename(source: bytes, target: bytes) -> None:
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # something else is mounted there: cp(1) keeps what restic gave back
        beside = target + b".pi-installer-tui-new"
        subprocess.run(
            [b"cp", b"--archive", b"--no-target-directory", b"--remove-destination", b"--", source, beside],
            check=True,
            capture_output=True,
        )
        os.rename(beside, target)
        _delete(source)


def _delete(path: bytes) -> None:
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)


# taking back ----------------------------------------------------------------------------------------------------------


def _remove(places: Places, move: Move, tally: Tally) -> None:
    path = _at(places.destination, move.path)
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(found.st_mode) and move.kind == "dir":
        try:
            os.rmdir(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EBUSY):
                raise
            tally.stays.append(move.path)
    elif _untouched(found, move):
        os.unlink(path)
        tally.new += 1
    else:
        tally.stays.append(move.path)


def _give_back(places: Places, move: Move, tally: Tally) -> None:
    path, aside = _at(places.destination, move.path), _aside(places, move)
    if not os.path.lexists(aside):
        return  # given back before a crash, or never taken
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        _rename(aside, path)
    else:
        if os.path.samestat(found, os.lstat(aside)):  # saved, and then nothing more happened
            os.unlink(aside)
            return
        if move.kind == "dir" and stat.S_ISDIR(found.st_mode):
            try:
                os.rmdir(path)
            except OSError:
                tally.stays.append(move.path)
                return
        elif not _untouched(found, move):
            tally.stays.append(move.path)
            return
        if stat.S_ISDIR(os.lstat(aside).st_mode) and not stat.S_ISDIR(found.st_mode):
            os.unlink(path)
        _rename(aside, path)
    tally.replaced += move.was == "replaced"
    tally.renamed += move.was == "renamed"


def _untouched(found: os.stat_result, move: Move) -> bool:
    """Whether that is still what was restored."""
    if _kind(found) != move.kind or found.st_size != move.size:
        return False
    return move.kind != "file" or found.st_mtime_ns == move.mtime


# what both need -------------------------------------------------------------------------------------------------------


def _read(path: bytes) -> list[Move]:
    try:
        with open(path, encoding="ascii") as lines:
            return [Move(**json.loads(line)) for line in lines]
    except FileNotFoundError:
        return []


def _count(tally: Tally, move: Move) -> None:
    if move.kind == "dir" or move.what in ("attributes", "end"):
        return
    if move.what == "skip":
        tally.same += move.was == "same"
        tally.kept += move.was != "same"
    else:
        tally.new += not move.was
        tally.replaced += move.was == "replaced"
        tally.renamed += move.was == "renamed"


def _kind(found: os.stat_result) -> str:
    if stat.S_ISDIR(found.st_mode):
        return "dir"
    return "file" if stat.S_ISREG(found.st_mode) else "link" if stat.S_ISLNK(found.st_mode) else "other"


def _attributes(path: bytes) -> dict[str, object]:
    found = os.lstat(path)
    return {
        "mode": stat.S_IMODE(found.st_mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
        "atime": found.st_atime_ns,
        "mtime": found.st_mtime_ns,
        "xattrs": _xattrs(path),
    }


def _xattrs(path: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for name in os.listxattr(path, follow_symlinks=False):
            found[name] = base64.b64encode(os.getxattr(path, name, follow_symlinks=False)).decode("ascii")
    return found


def _set(path: bytes, attributes: dict[str, object]) -> None:
    """Gives a folder its owner, attributes (access lists are among them), mode and times, in this order."""
    uid, gid, mode = int(str(attributes["uid"])), int(str(attributes["gid"])), int(str(attributes["mode"]))
    os.chown(path, uid, gid, follow_symlinks=False)
    wanted, has = attributes["xattrs"], _xattrs(path)
    assert isinstance(wanted, dict)
    for name, value in wanted.items():
        if has.get(name) != value:
            with contextlib.suppress(OSError):  # of another kind of file system
                os.setxattr(path, name, base64.b64decode(value), follow_symlinks=False)
    for name in has.keys() - wanted.keys():
        with contextlib.suppress(OSError):
            os.removexattr(path, name, follow_symlinks=False)
    os.chmod(path, mode)
    os.utime(path, ns=(int(str(attributes["atime"])), int(str(attributes["mtime"]))))


def _join(folder: bytes, name: bytes) -> bytes:
    return os.path.join(folder, name)


def _at(folder: bytes, path: str) -> bytes:
    return _join(folder, os.fsencode(path))


def _sync(folder: bytes) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

# ruff: noqa: PTH112, PTH115, PTH119
# (pathlib takes no bytes)
"""Puts what was restored into a scratch folder where it belongs, file by file by rename, as it was written down before
(moves.py)."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import stat
from collections.abc import Collection, Iterator
from typing import Literal

from pi_installer_tui.tasks.steps.backup.handles import Entry
from pi_installer_tui.tasks.steps.backup.moves import (
    EVERY,
    Existing,
    Held,
    Move,
    Places,
    Stopped,
    Tally,
    attributes,
    count,
    join,
    kind_of,
    read,
    rename,
    set_attributes,
    write,
    xattrs,
)

#: errors of file systems without hard links, or of files that can't have any
_NO_LINK = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES, errno.EINVAL)


def plan(places: Places, existing: Existing, word: str, through: Collection[str] = ()) -> None:
    """Writes down what is to be done, durably. through: folders that are only on the way to what was chosen; they stay
    as they are. word: goes into the names of what is renamed. Raises OSError."""
    write(places.moves, _plan(places, b"", existing, word, frozenset(through)), places.stop)


def carry_out(places: Places) -> Tally:
    """Does it, or the rest of it. Raises OSError, Stopped; Astray where somebody has put a link in the way since."""
    tally = Tally()
    moves = read(places.moves)
    with Held(places) as held:
        for done, move in enumerate(moves):
            if done % EVERY == 0:
                places.said(done, len(moves))
                if places.stop():
                    raise Stopped
            if move.what == "put":
                _put(held, move)
            count(tally, move)
        for move in sorted(moves, key=lambda move: -move.path.count("/")):
            if move.what == "attributes":
                with contextlib.suppress(FileNotFoundError):
                    set_attributes(held.target(move.path), move.new)
    places.said(len(moves), len(moves))
    return tally


# planning -------------------------------------------------------------------------------------------------------------


def _plan(places: Places, folder: bytes, existing: Existing, word: str, through: frozenset[str]) -> Iterator[Move]:
    """What is to be done with what is in a folder, which is there at the destination too."""
    for entry in sorted(os.scandir(join(places.scratch, folder)), key=lambda entry: entry.name):
        relative = join(folder, entry.name)
        path = os.fsdecode(relative)
        target = join(places.destination, relative)
        try:
            there = os.lstat(target)
        except (FileNotFoundError, NotADirectoryError):
            yield _move("put", path, entry)
            yield from _inside(places, relative, entry)
            continue
        on_the_way = path in through and os.path.isdir(target)  # it may be a link by now
        if entry.is_dir(follow_symlinks=False) and (on_the_way or stat.S_ISDIR(there.st_mode)):
            if existing == "replace" and path not in through:
                new = attributes(join(places.scratch, relative))
                yield Move(0, "attributes", path, kind="dir", old=attributes(target), new=new)
            yield from _plan(places, relative, existing, word, through)
        elif existing == "keep":
            yield _move("skip", path, entry)
        elif not entry.is_dir(follow_symlinks=False) and _same(join(places.scratch, relative), target, there):
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
    for each in sorted(os.scandir(join(places.scratch, folder)), key=lambda each: each.name):
        relative = join(folder, each.name)
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
    return Move(0, what, path, was, name, kind_of(found), found.st_size, found.st_mtime_ns)


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
    if found.st_mtime_ns != there.st_mtime_ns or found.st_nlink != there.st_nlink or xattrs(one) != xattrs(other):
        return False
    return filecmp.cmp(one, other, shallow=False)


# doing ----------------------------------------------------------------------------------------------------------------


def _put(held: Held, move: Move) -> None:
    try:
        source = held.source(move)
    except FileNotFoundError:
        return  # done before a crash, with all of its folder
    if not source.there:
        return
    target = held.target(move.path)
    if move.was:
        kept = held.aside(move, make=True)
        if not kept.there:
            _save(target, kept)
        if move.kind == "dir" and target.there:  # a file, and it is kept
            os.unlink(target.name, dir_fd=target.folder)
    rename(source, target)


def _save(entry: Entry, kept: Entry) -> None:
    """Keeps what is there; a file stays there until the other one takes its place at once."""
    if not stat.S_ISDIR(entry.stat().st_mode):
        try:
            os.link(entry.name, kept.name, src_dir_fd=entry.folder, dst_dir_fd=kept.folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (*_NO_LINK, errno.EXDEV):
                raise
        else:
            return
    rename(entry, kept)

# ruff: noqa: PTH115
# (pathlib takes no bytes, and no handles)
"""Folders held open while something is done in them: it is done in that very folder, whatever somebody puts in the
place of one on the way meanwhile (openat(2), O_NOFOLLOW). Root is led nowhere by a link that a user has made."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

#: links that are followed one after the other (path_resolution(7))
_DEPTH = 40
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Astray(OSError):
    """A link on the way that isn't followed, or a folder of ours that is somebody else's; its `filename` says where."""


class Entry(NamedTuple):
    """A name in a folder that is held open."""

    folder: int
    name: bytes

    def stat(self) -> os.stat_result:
        """As lstat(2). Raises OSError."""
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)

    @property
    def there(self) -> bool:
        """Whether something of that name is there."""
        with contextlib.suppress(FileNotFoundError):
            self.stat()
            return True
        return False

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """The folder that it is, to be read. Raises Astray where it is a link."""
        try:
            folder = os.open(self.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self.folder)
        except NotADirectoryError:
            raise _astray(self.folder, self.name) from None
        try:
            yield folder
        finally:
            os.close(folder)


class Below:
    """Entries below a folder. root: it, open; taken over. links: those that root made in root's folders are followed,
    and a user's that lead to a folder of the same user's. The folder of the last entry is held until the next."""

    def __init__(self, root: int, *, links: bool) -> None:
        self._root, self._links = root, links
        self._at, self._folder = b"", os.dup(root)

    def entry(self, path: str) -> Entry:
        """Raises OSError: FileNotFoundError, NotADirectoryError, Astray."""
        above, _slash, name = os.fsencode(path).rpartition(b"/")
        if above != self._at:
            folder = walk(self._root, above, links=self._links)
            os.close(self._folder)
            self._at, self._folder = above, folder
        return Entry(self._folder, name)

    def close(self) -> None:
        os.close(self._root)
        os.close(self._folder)


def walk(start: int, path: bytes, *, links: bool, make: bool = False, depth: int = 0) -> int:
    """A folder, open (O_PATH). start: that the path begins at, where it isn't absolute. make: what isn't there. Raises
    OSError."""
    here = os.open(b"/", _LOOK) if path.startswith(b"/") else os.dup(start)
    try:
        for part in path.split(b"/"):
            if part in (b"", b"."):
                continue
            try:
                found = os.open(part, _LOOK, dir_fd=here)
            except FileNotFoundError:
                if not make:
                    raise
                os.mkdir(part, 0o755, dir_fd=here)
                found = os.open(part, _LOOK, dir_fd=here)
            try:
                seen = os.fstat(found)
                if stat.S_ISLNK(seen.st_mode):
                    if not links or depth > _DEPTH:
                        raise _astray(here, part)
                    linked = _follow(here, part, found, seen, depth)
                    os.close(found)
                    found = linked
                elif not stat.S_ISDIR(seen.st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), part)
            except BaseException:
                os.close(found)
                raise
            os.close(here)
            here = found
    except BaseException:
        os.close(here)
        raise
    return here


def _follow(here: int, name: bytes, link: int, seen: os.stat_result, depth: int) -> int:
    """Where a link leads, by the rules of links.py."""
    of_root = seen.st_uid == 0 and os.fstat(here).st_uid == 0
    if seen.st_uid == 0 and not of_root:
        raise _astray(here, name)
    target = walk(here, os.readlink(b"", dir_fd=link), links=True, depth=depth + 1)
    if not of_root and os.fstat(target).st_uid != seen.st_uid:
        os.close(target)
        raise _astray(here, name)
    return target


def below(path: bytes) -> Below:
    """Entries below a folder of the machine's, by its path. Raises OSError."""
    return Below(walk(-1, path, links=True), links=True)


def make_folders(path: bytes) -> None:
    """A folder of the machine's, and those above it. Raises OSError."""
    os.close(walk(-1, path, links=True, make=True))


def remove_folder(path: bytes) -> None:
    """An empty one. Raises OSError."""
    above, _slash, name = path.rpartition(b"/")
    folder = walk(-1, above or b"/", links=True)
    try:
        os.rmdir(name, dir_fd=folder)
    finally:
        os.close(folder)


def ours(path: bytes, *, make: bool = False) -> int:
    """A folder of ours, open. It is no link, and nobody else made it. make: where it isn't there. Raises OSError."""
    above, _slash, name = path.rpartition(b"/")
    folder = walk(-1, above or b"/", links=True)
    try:
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=folder)
        return own(Entry(folder, name))
    finally:
        os.close(folder)


def own(entry: Entry) -> int:
    """The same of an entry that is there."""
    found = os.open(entry.name, _LOOK, dir_fd=entry.folder)
    seen = os.fstat(found)
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
        os.close(found)
        raise _astray(entry.folder, entry.name)
    return found


def _astray(folder: int, name: bytes) -> Astray:
    at = os.path.join(os.readlink(b"/proc/self/fd/%d" % folder), name)  # noqa: PTH118
    return Astray(errno.ELOOP, os.strerror(errno.ELOOP), os.fsdecode(at))

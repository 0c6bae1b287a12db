"""What a restoration would find in its place: looked at before, file by file, and nothing is changed."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pi_installer_tui.restic.engine import REPLACED
from pi_installer_tui.restic.index import Total

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Entry
    from pi_installer_tui.restic.index import Index
    from pi_installer_tui.system.host import FileStat, Host

#: files that are listed, the others are counted
MOST = 2000
#: files that are looked at before others have their turn
_AT_ONCE = 100
#: seconds: what restic keeps of a time is at least as exact
_SAME_TIME = 0.00001

#: a byte that isn't UTF-8, as os.fsdecode has it
_SURROGATE = re.compile("[\udc80-\udcff]")
_KINDS = {"file": "file", "dir": "directory", "symlink": "link"}


@dataclass(frozen=True, slots=True)
class Differing:
    """Something that is there and isn't what the snapshot has. how: `content` size or time differ; `kind` it is no such
    file at all; `unknown` it can't be looked at. here: bytes now, there: bytes in the snapshot; None for what is no
    file. newer: it was changed after what the snapshot has."""

    path: str
    how: Literal["content", "kind", "unknown"]
    here: int | None
    there: int | None
    newer: bool = False


@dataclass(slots=True)
class Preview:
    """absent: what isn't there yet; same: what is there with the same size and time. listed: the first of what
    differs; differ, newer, size: of all of it, size of the files that are there now. over: all was looked at."""

    absent: Total = field(default_factory=Total)
    same: int = 0
    differ: int = 0
    newer: int = 0
    size: int = 0
    listed: list[Differing] = field(default_factory=list)
    over: bool = False

    @property
    def looked(self) -> int:
        """At how many files it looked so far."""
        return self.absent.files + self.same + self.differ


def place_of(path: str, target: str) -> str:
    """Where a path of the snapshot comes to lie. target: the folder that it is restored below, "": in place."""
    return f"{target.rstrip('/')}{path}" if target else path


async def look(host: Host, tree: Index, paths: Iterable[str], target: str, told: Callable[[Preview], None]) -> Preview:
    """Compares what is chosen with what is there. told: called now and then with what is known so far."""
    found = Preview()
    looking = _Looking(host, tree, found, told)
    for path in paths:
        entry = tree.entry(path)
        if entry is not None:
            await looking.at(entry, await looking.live(place_of(path, target)))
    found.over = True
    told(found)
    return found


class _Looking:
    def __init__(self, host: Host, tree: Index, found: Preview, told: Callable[[Preview], None]) -> None:
        self._host = host
        self._tree = tree
        self._found = found
        self._told = told
        self._since = 0
        self._names: dict[str, dict[str, str]] = {}

    async def live(self, path: str) -> str:
        """A path as the machine has it: of names with bytes that aren't UTF-8 the tree doesn't say which they are."""
        if REPLACED not in path:
            return path
        here = "/"
        for part in path.split("/")[1:]:
            here = posixpath.join(here, await self._name(here, part))
        return here

    async def _name(self, folder: str, name: str) -> str:
        if REPLACED not in name:
            return name
        if folder not in self._names:
            try:
                names = await self._host.listdir(folder)
            except OSError:
                names = ()
            self._names = {folder: {_SURROGATE.sub(REPLACED, each): each for each in names}}
        return self._names[folder].get(name, name)

    async def at(self, entry: Entry, path: str) -> None:
        """Looks at one, and at all in it."""
        todo = [(entry, path)]
        while todo:
            one, where = todo.pop()
            there = await self._look(one, where)
            if one.kind == "dir":
                if there is None:
                    self._misses(self._tree.total(one.path))
                elif there.kind == "directory":
                    for inside in self._tree.children(one.path):
                        name = await self._name(where, posixpath.basename(inside.path))
                        todo.append((inside, posixpath.join(where, name)))

    async def _look(self, one: Entry, where: str) -> FileStat | None:
        self._since += 1
        if self._since % _AT_ONCE == 0:
            self._told(self._found)
            await asyncio.sleep(0)
        try:
            there = await self._host.stat(where)
        except NotADirectoryError:
            there = None
        except OSError:
            self._differs(Differing(where, "unknown", None, one.size))
            return None
        if there is None:
            if one.kind != "dir":
                self._misses(Total(1, one.size or 0))
        elif there.kind != _KINDS.get(one.kind, "other"):
            here = there.size if there.kind == "file" else None
            self._differs(Differing(where, "kind", here, one.size, there.mtime_ns / 1e9 > one.mtime + _SAME_TIME))
        elif one.kind != "dir":
            self._compare(one, where, there)
        return there

    def _misses(self, more: Total) -> None:
        absent = self._found.absent
        self._found.absent = Total(absent.files + more.files, absent.size + more.size)

    def _compare(self, one: Entry, where: str, there: FileStat) -> None:
        since = there.mtime_ns / 1e9 - one.mtime
        same = abs(since) <= _SAME_TIME
        if one.kind == "file":
            same = same and there.size == one.size
        elif one.kind != "symlink":
            same = True
        elif one.target:  # restic 0.14 doesn't say where a link leads
            same = there.target == one.target
        if same:
            self._found.same += 1
        else:
            here = there.size if there.kind == "file" else None
            self._differs(Differing(where, "content", here, one.size, since > _SAME_TIME))

    def _differs(self, one: Differing) -> None:
        found = self._found
        found.differ += 1
        found.newer += one.newer
        found.size += one.here or 0
        if len(found.listed) < MOST:
            found.listed.append(one)

"""The tree of a snapshot, once read: what is in a folder, what has a name, how large a folder is, at once and in little
memory, half a million entries too. It lies in a file of its own (SQLite), gone when it is closed."""

from __future__ import annotations

import asyncio
import json
import posixpath
import sqlite3
import tempfile
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from pi_installer_tui.restic.answers import Entry, Trouble
from pi_installer_tui.restic.parsing import permissions

if TYPE_CHECKING:
    from pi_installer_tui.restic.program import Program

#: where the file lies: /tmp is memory on Debian 13
FOLDER = "/var/tmp"
#: lines that are put in at a time, between which others have their turn
_BATCH = 2000
#: most that a search gives
MOST = 5000

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -2048;
CREATE TABLE owners (id INTEGER PRIMARY KEY, uid INT, gid INT, user TEXT, "group" TEXT);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, parent INT, name TEXT, folded TEXT, kind TEXT, size INT, mode INT, owner INT, mtime REAL,
    target TEXT, last INT, files INT, bytes INT
);
"""
_INSERT = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = 'entries.id, parent, name, kind, size, mode, uid, gid, user, "group", mtime, target'
#: folders first, each by name: restic lists them so
_CHILDREN = "SELECT id FROM entries WHERE parent = ? ORDER BY kind != 'dir', id"
#: entries of a folder that are read at a time, and how many of these pieces are kept
_BLOCK, _BLOCKS = 256, 16
_ENTRIES = f"SELECT {_COLUMNS} FROM entries JOIN owners ON owners.id = owner"


class Total(NamedTuple):
    """A file, or all that is below a folder. files: links, devices and the like too; size: bytes."""

    files: int = 0
    size: int = 0


@dataclass(slots=True)
class _Open:
    """A folder whose content comes. started: its row's id."""

    path: str
    started: int
    files: int = 0
    size: int = 0


class Index:
    """A snapshot's entries. `read` makes one; `close` takes its file away."""

    def __init__(self, folder: str = FOLDER) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pi-installer-tui-", dir=folder)
        #: its file
        self.path = Path(self._folder.name) / "tree"
        self._data = sqlite3.connect(self.path, check_same_thread=False)
        self._data.executescript(_SCHEMA)
        self._owners: dict[tuple[int, int, str, str], int] = {}
        self._open = [_Open("", 0)]
        self._minute = ("", 0.0)
        self._done: list[tuple[int, int, int, int]] = []
        #: the folder that was asked for last: a large one takes a while
        self._last: tuple[int, Children] | None = None
        #: how many entries there are
        self.count = 0

    @classmethod
    async def read(
        cls,
        restic: Program,
        snapshot: str,
        *,
        told: Callable[[int], None] = lambda count: None,
        folder: str = FOLDER,
    ) -> Index:
        """Reads a snapshot. told: called with how many entries came by now. Raises Trouble, CommandNotFound."""
        index = cls(folder)
        try:
            await index._fill(restic, snapshot, told)
        except BaseException:
            index.close()
            raise
        return index

    async def _fill(self, restic: Program, snapshot: str, told: Callable[[int], None]) -> None:
        text: list[str] = []
        lines: list[str] = []
        async with aclosing(restic.lines("ls", "--json", "--no-lock", snapshot)) as answers:
            async for line in answers:
                if isinstance(line, int):
                    if line:
                        raise await restic.failure(line, [*text, *lines])
                    break
                lines.append(line)
                if len(lines) == _BATCH:
                    text += await _in_thread(partial(self._add, lines))
                    del text[:-200]
                    lines = []
                    told(self.count)
        await _in_thread(partial(self._add, lines))
        await _in_thread(self._finish)
        told(self.count)

    # what comes -------------------------------------------------------------------------------------------------------

    def _add(self, lines: Iterable[str]) -> list[str]:
        """Puts lines of `ls --json` in. What isn't of an entry comes back."""
        rows: list[tuple[Any, ...]] = []
        others: list[str] = []
        decode = json.JSONDecoder().decode
        for line in lines:
            try:
                found = decode(line)
            except ValueError:
                found = None
            if not isinstance(found, dict) or "node" not in (found.get("struct_type"), found.get("message_type")):
                others.append(line)
                continue
            rows.append(self._row(found))
        self._data.executemany(_INSERT, rows)
        return others

    def _row(self, found: dict[str, Any]) -> tuple[Any, ...]:
        path: str = found["path"]
        above, _slash, name = path.rpartition("/")
        while self._open[-1].path != above and len(self._open) > 1:
            self._leave()
        if self._open[-1].path != above:
            raise Trouble("failed", line=f"{path}: comes before its folder", status="0")
        self.count += 1
        kind = found.get("type", "")
        size = int(found.get("size") or 0) if kind == "file" else None
        parent = self._open[-1].started
        if kind == "dir":
            self._open.append(_Open(path, self.count))
        else:
            here = self._open[-1]
            here.files += 1
            here.size += size or 0
        who = (int(found.get("uid") or 0), int(found.get("gid") or 0), found.get("user", ""), found.get("group", ""))
        owner = self._owners.setdefault(who, len(self._owners) + 1)
        folded = None if name.isascii() else name.casefold()
        mode, mtime = permissions(int(found.get("mode") or 0)), self._seconds(found.get("mtime") or "")
        return (
            self.count, parent, name, folded, kind, size, mode, owner, mtime, found.get("linktarget"), None, None, None,
        )  # fmt: skip

    def _seconds(self, text: str) -> float:
        """Seconds since 1970 of what Go writes (RFC 3339). Files of a folder are often of one minute, which is worked
        out once."""
        if not text:
            return 0.0
        rest = text[16:]
        zone = rest.lstrip(":0123456789.")
        minute = text[:16] + zone
        if minute != self._minute[0]:
            self._minute = (minute, datetime.fromisoformat(f"{text[:16]}:00{zone}").timestamp())
        return self._minute[1] + float(rest[1 : len(rest) - len(zone)][:9])

    def _leave(self) -> None:
        """The last open folder has all that is in it."""
        gone = self._open.pop()
        self._open[-1].files += gone.files
        self._open[-1].size += gone.size
        self._done.append((gone.files, gone.size, self.count, gone.started))

    def _finish(self) -> None:
        while len(self._open) > 1:
            self._leave()
        self._data.executemany("UPDATE entries SET files = ?, bytes = ?, last = ? WHERE id = ?", self._done)
        self._data.executemany(
            "INSERT INTO owners VALUES (?, ?, ?, ?, ?)", ((number, *who) for who, number in self._owners.items())
        )
        self._data.execute("CREATE INDEX parents ON entries (parent)")
        self._data.commit()
        self._done.clear()

    # what is asked ----------------------------------------------------------------------------------------------------

    def children(self, folder: str) -> Sequence[Entry]:
        """What is in a folder, by name, folders first; nothing where there is no such folder."""
        at = self._find(folder)
        if at is None:
            return ()
        above = "" if folder == "/" else folder.rstrip("/")
        if self._last is None or self._last[0] != at:
            ids = array("Q", (id_ for (id_,) in self._data.execute(_CHILDREN, (at,))))
            self._last = (at, Children(self._data, ids, above))
        return self._last[1]

    def search(self, name: str, *, most: int = MOST) -> Sequence[Entry]:
        """Entries that have that text in their name, whatever its letters' case."""
        if not name:
            return ()
        text = name.casefold()
        for letter in "\\%_":
            text = text.replace(letter, f"\\{letter}")
        where = "WHERE coalesce(folded, name) LIKE ? ESCAPE '\\' ORDER BY entries.id LIMIT ?"
        rows = self._data.execute(f"{_ENTRIES} {where}", (f"%{text}%", most)).fetchall()
        return [_entry(row, self._path(row[1], row[2])) for row in rows]

    def entry(self, path: str) -> Entry | None:
        """One entry; the root isn't one."""
        at = self._find(path)
        row = self._data.execute(f"{_ENTRIES} WHERE entries.id = ?", (at,)).fetchone() if at else None
        return _entry(row, posixpath.normpath(path)) if row else None

    def total(self, path: str) -> Total:
        """How much a file is, or all that is below a folder ("/": everything)."""
        at = self._find(path)
        if at == 0:
            return Total(self._open[0].files, self._open[0].size)
        row = self._data.execute("SELECT kind, size, files, bytes FROM entries WHERE id = ?", (at,)).fetchone()
        if row is None:
            return Total()
        return Total(row[2] or 0, row[3] or 0) if row[0] == "dir" else Total(1, row[1] or 0)

    def below(self, path: str) -> Iterator[Entry]:
        """An entry and all that is below it, folders before what is in them. Nothing else may be asked meanwhile."""
        at = self._find(path)
        if at is None:
            return
        last = self._data.execute("SELECT last FROM entries WHERE id = ?", (at,)).fetchone() if at else (self.count,)
        rows = self._data.execute(
            f"{_ENTRIES} WHERE entries.id BETWEEN ? AND ? ORDER BY entries.id", (at or 1, last[0] or at)
        )
        paths: dict[int, str] = {0: "", at: posixpath.normpath(path)} if at else {0: ""}
        for row in rows:
            here = paths[row[0]] if row[0] in paths else f"{paths[row[1]]}/{row[2]}"
            if row[3] == "dir":
                paths[row[0]] = here
            yield _entry(row, here)

    def _find(self, path: str) -> int | None:
        """The row of a path; 0: the root."""
        at = 0
        for name in (part for part in path.split("/") if part):
            row = self._data.execute(
                "SELECT id FROM entries WHERE parent = ? AND name = ? ORDER BY id LIMIT 1", (at, name)
            ).fetchone()
            if row is None:
                return None
            at = row[0]
        return at

    def _path(self, parent: int, name: str) -> str:
        parts = [name]
        while parent:
            parent, part = self._data.execute("SELECT parent, name FROM entries WHERE id = ?", (parent,)).fetchone()
            parts.append(part)
        return "/" + "/".join(reversed(parts))

    def close(self) -> None:
        """Takes the file away."""
        self._data.close()
        self._folder.cleanup()


class Children(Sequence[Entry]):
    """What is in a folder. Of thousands only those are read that are looked at, some at a time."""

    def __init__(self, data: sqlite3.Connection, ids: array[int], above: str) -> None:
        self._data = data
        self._ids = ids
        self._above = above
        self._blocks: OrderedDict[int, list[Entry]] = OrderedDict()
        self._lock = Lock()  # a filter reads in a thread while the screen is drawn

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        block, number = divmod(range(len(self))[index], _BLOCK)
        with self._lock:
            if block not in self._blocks:
                self._blocks[block] = self._read(self._ids[block * _BLOCK : (block + 1) * _BLOCK])
                if len(self._blocks) > _BLOCKS:
                    self._blocks.popitem(last=False)
            return self._blocks[block][number]

    def _read(self, ids: array[int]) -> list[Entry]:
        asked = ", ".join("?" * len(ids))
        rows = self._data.execute(f"{_ENTRIES} WHERE entries.id IN ({asked})", ids.tolist())
        found = {row[0]: _entry(row, f"{self._above}/{row[2]}") for row in rows}
        return [found[id_] for id_ in ids]

    def number(self, path: str) -> int:
        """The number of an entry, by its path. Raises ValueError."""
        parent = (
            self._data.execute("SELECT parent FROM entries WHERE id = ?", (self._ids[0],)).fetchone()
            if self._ids
            else None
        )
        if parent is None or path.rpartition("/")[0] != self._above:
            raise ValueError(path)
        asks = "SELECT id FROM entries WHERE parent = ? AND name = ? ORDER BY id LIMIT 1"
        row = self._data.execute(asks, (parent[0], path.rpartition("/")[2])).fetchone()
        if row is None:
            raise ValueError(path)
        return self._ids.index(row[0])


def _entry(row: tuple[Any, ...], path: str) -> Entry:
    _id, _parent, _name, kind, size, mode, uid, gid, user, group, mtime, target = row
    return Entry(path, kind, size, mode, uid, gid, user, group, mtime, target or "")


async def _in_thread(call: Callable[[], Any]) -> Any:
    """In a thread, and to its end also when this is cancelled: nobody else may use the file meanwhile."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise

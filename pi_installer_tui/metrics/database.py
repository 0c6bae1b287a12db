"""A database of rings: tables that hold a fixed number of rows, of which each new one takes the oldest one's place.

Rows are numbered as they come, and a row's place is its number modulo the ring's size, so that a new one changes one
page. A row's time is seconds of the steady clock (clock.py) in one run of the machine; what the wall clock said at 0 is
kept with the run. So a clock that is set moves the rows of this run, and no row is lost or written over by it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

VERSION = 1
#: small pages, since a row changes one, and a page is written twice (once by a checkpoint)
_PAGE = 1024

_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE runs (id INTEGER PRIMARY KEY, boot TEXT NOT NULL, zero REAL NOT NULL);
CREATE TABLE begins (run INTEGER, ring TEXT, number INTEGER NOT NULL, PRIMARY KEY (run, ring)) WITHOUT ROWID;
CREATE TABLE layouts (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
"""
_RING = (
    "CREATE TABLE {name} (place INTEGER PRIMARY KEY, number INTEGER NOT NULL, run INTEGER NOT NULL, at REAL NOT NULL,"
    " count INTEGER NOT NULL, layout INTEGER NOT NULL, data BLOB NOT NULL)"
)
_COLUMNS = "number, run, at, count, layout, data"

#: layouts that are kept without looking for unused ones
_LAYOUTS = 64


class Row(NamedTuple):
    """number: counts up. run: which run of the machine. at: its last sample, seconds of that run's steady clock.
    samples: how many. layout, data: packed.py."""

    number: int
    run: int
    at: float
    samples: int
    layout: int
    data: bytes


class Run(NamedTuple):
    """A run of the machine, from its start to the next one. zero: what the wall clock said (seconds since the epoch)
    when the steady one was at 0."""

    id: int
    boot: str
    zero: float


class Database:
    """A connection. Its methods raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._layouts: dict[int, tuple[str, ...]] = {}

    @classmethod
    def read(cls, path: str) -> Database:
        """For reading only, beside one that writes. Raises sqlite3.Error, also where there is none."""
        connection = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, isolation_level=None, timeout=2)
        try:
            connection.execute("PRAGMA cache_size = -1024")
            if (found := connection.execute("SELECT value FROM about WHERE key = 'version'").fetchone()) != (VERSION,):
                raise sqlite3.DatabaseError(f"version {found and found[0]}")
        except sqlite3.Error:
            connection.close()
            raise
        return cls(connection)

    @classmethod
    def write(cls, path: str, rings: Mapping[str, int], *, synchronous: str) -> Database:
        """Opens or makes one, with rings of these sizes; rows that don't fit any more go, the oldest first. Raises
        sqlite3.Error."""
        connection = sqlite3.connect(path, isolation_level=None, timeout=5)
        try:
            connection.execute(f"PRAGMA page_size = {_PAGE}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute("PRAGMA cache_size = -256")
            connection.execute("PRAGMA journal_size_limit = 1048576")
            made = cls(connection)
            made._prepare(rings)
        except sqlite3.Error:
            connection.close()
            raise
        return made

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is written inside."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            self._layouts.clear()
            raise

    def _prepare(self, rings: Mapping[str, int]) -> None:
        with self.transaction():
            if self.connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
                for statement in _SCHEMA.strip().split("\n"):
                    self.connection.execute(statement)
                self.connection.execute("INSERT INTO about VALUES ('version', ?)", (VERSION,))
            if self.about("version") != VERSION:
                raise sqlite3.DatabaseError(f"version {self.about('version')}")
            for name, size in rings.items():
                known = self.about(f"size.{name}")
                if known is None:
                    self.connection.execute(_RING.format(name=name))
                elif known != size:
                    self._resize(name, size)
                self.set_about(f"size.{name}", size)

    def _resize(self, name: str, size: int) -> None:
        self.connection.execute(_RING.format(name=f"{name}_new"))
        self.connection.execute(
            f"INSERT INTO {name}_new SELECT number % ?, {_COLUMNS} FROM {name} ORDER BY number DESC LIMIT ?",
            (size, size),
        )
        self.connection.execute(f"DROP TABLE {name}")
        self.connection.execute(f"ALTER TABLE {name}_new RENAME TO {name}")

    # about, runs, layouts --------------------------------------------------------------------------------------------

    def about(self, key: str) -> int | float | str | None:
        found = self.connection.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def set_about(self, key: str, value: float | str) -> None:
        if self.about(key) != value:
            self.connection.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, value))

    def runs(self) -> list[Run]:
        """All whose rows may still be there, the oldest first."""
        return [Run(*row) for row in self.connection.execute("SELECT id, boot, zero FROM runs ORDER BY id")]

    def begin_run(self, boot: str, zero: float, rings: Mapping[str, int]) -> Run:
        """A new run, or the one that goes on. Runs of which no row is left are forgotten."""
        last = self.connection.execute("SELECT id, boot, zero FROM runs ORDER BY id DESC LIMIT 1").fetchone()
        if last and last[1] == boot:
            run = Run(*last)
            self.set_zero(run.id, zero)
            return run._replace(zero=zero)
        numbers = {ring: (self.newest(ring, size) or 0) + 1 for ring, size in rings.items()}
        begins = self.connection.execute("SELECT ring, number FROM begins WHERE run = ?", (last[0] if last else 0,))
        if last and dict(begins) == numbers:  # it ended before its first row: a machine that starts again and again
            run = Run(last[0], boot, zero)
        else:
            run = Run(last[0] + 1 if last else 1, boot, zero)
        self.connection.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", run)
        for ring, number in numbers.items():
            self.connection.execute("INSERT OR REPLACE INTO begins VALUES (?, ?, ?)", (run.id, ring, number))
        firsts = (self.row(ring, size, self.oldest(ring, size)) for ring, size in rings.items())
        gone = min((row.run for row in firsts if row is not None), default=run.id)
        self.connection.execute("DELETE FROM runs WHERE id < ?", (gone,))
        self.connection.execute("DELETE FROM begins WHERE run < ?", (gone,))
        return run

    def set_zero(self, run: int, zero: float) -> None:
        """The clock was set: the rows of this run move with it."""
        self.connection.execute("UPDATE runs SET zero = ? WHERE id = ? AND zero != ?", (zero, run, zero))

    def layout(self, id: int) -> tuple[str, ...]:  # noqa: A002
        """The names of a layout. Raises KeyError."""
        known = self._layouts.get(id)
        if known is None:
            found = self.connection.execute("SELECT names FROM layouts WHERE id = ?", (id,)).fetchone()
            if found is None:
                raise KeyError(id)
            known = self._layouts[id] = tuple(found[0].split("\n"))
        return known

    def layout_of(self, names: tuple[str, ...], rings: Mapping[str, int]) -> int:
        """The number of a layout, which is kept if it is new."""
        for known, its in self._layouts.items():
            if its == names:
                return known
        text = "\n".join(names)
        found = self.connection.execute("SELECT id FROM layouts WHERE names = ?", (text,)).fetchone()
        if found is None:
            (count,) = self.connection.execute("SELECT count(*) FROM layouts").fetchone()
            if count >= _LAYOUTS:
                used = " UNION ".join(f"SELECT layout FROM {ring}" for ring in rings)
                self.connection.execute(f"DELETE FROM layouts WHERE id NOT IN ({used})")
            found = (self.connection.execute("INSERT INTO layouts (names) VALUES (?)", (text,)).lastrowid,)
        if len(self._layouts) >= _LAYOUTS:
            self._layouts.clear()
        self._layouts[found[0]] = names
        return int(found[0])

    # rows ------------------------------------------------------------------------------------------------------------

    def newest(self, ring: str, size: int) -> int | None:
        """The number of the newest row. From the first place on the numbers go up one by one as far as the newest; what
        lies behind it is older. So halving finds it with a dozen rows read."""
        found = self.connection.execute(f"SELECT place, number FROM {ring} ORDER BY place LIMIT 1").fetchone()
        if found is None:
            return None
        place, number = found
        step = 1 << size.bit_length()
        while step := step >> 1:
            next_one = self.connection.execute(
                f"SELECT 1 FROM {ring} WHERE place = ? AND number = ?", (place + step, number + step)
            ).fetchone()
            if next_one is not None:
                place, number = place + step, number + step
        return int(number)

    def oldest(self, ring: str, size: int) -> int:
        """The number of the oldest row; of the next one to come where there is none."""
        newest = self.newest(ring, size)
        if newest is None:
            return 1
        behind, first = (
            self.connection.execute(
                f"SELECT number FROM {ring} WHERE place > ? ORDER BY place LIMIT 1", (place,)
            ).fetchone()
            for place in (newest % size, -1)
        )
        return int((behind or first)[0])

    def row(self, ring: str, size: int, number: int) -> Row | None:
        found = self.connection.execute(
            f"SELECT {_COLUMNS} FROM {ring} WHERE place = ? AND number = ?", (number % size, number)
        ).fetchone()
        return Row(*found) if found else None

    def rows(self, ring: str, size: int, since: int, until: int) -> Iterator[Row]:
        """Those with numbers from `since` up to and with `until`, in their order."""
        while since <= until:
            place = since % size
            stretch = min(until - since, size - 1 - place)
            yield from map(
                Row._make,
                self.connection.execute(
                    f"SELECT {_COLUMNS} FROM {ring} WHERE place BETWEEN ? AND ? AND number BETWEEN ? AND ?"
                    " ORDER BY place",
                    (place, place + stretch, since, since + stretch),
                ),
            )
            since += stretch + 1

    def put(self, ring: str, size: int, row: Row) -> None:
        """Writes a row to its place, over the oldest one once the ring is full."""
        self.connection.execute(
            f"INSERT OR REPLACE INTO {ring} (place, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", (row[0] % size, *row)
        )


def _quoted(path: str) -> str:
    """A path inside an SQLite URI (https://www.sqlite.org/uri.html)."""
    return os.fspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")

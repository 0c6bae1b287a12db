"""What alerts keep on disk, <folder>/alerts.db: their history, what is to be sent, and how long something has been so.

The collector works on when the disk is full, which is when its alerts matter: what can't be written waits in memory and
is written once there is room. Others read the file, and acknowledge, by history.py.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import deque
from pathlib import Path
from typing import Any

NAME = "alerts.db"
#: alerts that are kept, the newest; those that fire still are kept beside
MOST = 1000
#: statements that wait for the disk, at most; older ones are given up
_MOST_WAITING = 20_000
#: seconds that a statement waits for another process; the loop of the collector stands still so long
PATIENCE = 0.5

#: made in one go: one who reads meanwhile sees all of it or a file without anything
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS alerts (
  id INTEGER PRIMARY KEY, rule TEXT NOT NULL, what TEXT NOT NULL, of TEXT NOT NULL, severity TEXT NOT NULL,
  fired REAL NOT NULL, value REAL, detail TEXT NOT NULL, told REAL NOT NULL,
  ended REAL, ending TEXT NOT NULL DEFAULT '',
  acknowledged REAL, acknowledged_by TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS firing ON alerts (ended);
CREATE TABLE IF NOT EXISTS outbox (
  id TEXT PRIMARY KEY, alert INTEGER NOT NULL, channel TEXT NOT NULL, made REAL NOT NULL, waits INTEGER NOT NULL,
  facts TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, said TEXT NOT NULL DEFAULT '', sent REAL, given_up REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streaks (
  rule TEXT NOT NULL, of TEXT NOT NULL, since REAL NOT NULL, seen REAL NOT NULL, PRIMARY KEY (rule, of)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, text TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
COMMIT;
"""


class Ledger:
    """The file, as the collector writes it. trouble: why it can't be written now, "" where it can."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.trouble = ""
        self.set_aside: Path | None = None
        self._waiting: deque[tuple[str, tuple[Any, ...]]] = deque(maxlen=_MOST_WAITING)
        self._file: sqlite3.Connection | None = None
        self._open()

    def _open(self) -> bool:
        if self._file is not None:
            return True
        try:
            try:
                self._file = self._opened()
            except sqlite3.OperationalError:  # no room, no folder, locked: another time
                raise
            except sqlite3.DatabaseError:
                self.set_aside = self.path.with_name(f"{NAME}.damaged")
                self.path.replace(self.set_aside)
                self.path.with_name(f"{NAME}-journal").unlink(missing_ok=True)
                self._file = self._opened()
        except (sqlite3.Error, OSError) as error:
            self.trouble = str(error)
            return False
        self.trouble = ""
        return True

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
        self.path.touch(0o600)
        file = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            file.execute("PRAGMA journal_mode = DELETE")
            file.execute("PRAGMA synchronous = FULL")
            if file.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("damaged")
            file.executescript(_SCHEMA)
        except sqlite3.Error:
            file.close()
            raise
        file.row_factory = sqlite3.Row
        return file

    def do(self, statement: str, *values: Any) -> None:
        """A change, which `flush` writes."""
        self._waiting.append((statement, values))

    def flush(self) -> bool:
        """Writes what waits, all or nothing. False: not now; it goes on waiting."""
        if not self._waiting:
            return True
        if not self._open():
            return False
        assert self._file is not None
        try:
            self._file.execute("BEGIN IMMEDIATE")
            for statement, values in self._waiting:
                self._file.execute(statement, values)
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            self.trouble = str(error)
            with contextlib.suppress(sqlite3.Error):
                self._file.execute("ROLLBACK")
            if not isinstance(error, sqlite3.OperationalError):  # damaged under our hands
                self.close()
            return False
        self._waiting.clear()
        self.trouble = ""
        return True

    def rows(self, question: str, *values: Any) -> list[sqlite3.Row]:
        """What the file says; nothing where it can't be read."""
        if not self._open():
            return []
        assert self._file is not None
        try:
            return self._file.execute(question, values).fetchall()
        except sqlite3.Error as error:
            self.trouble = str(error)
            return []

    def prune(self) -> None:
        """Forgets the oldest alerts, and what was sent of those that are forgotten."""
        self.do(
            "DELETE FROM alerts WHERE ended IS NOT NULL AND id <= (SELECT max(id) FROM alerts) - ?",
            MOST,
        )
        self.do(
            "DELETE FROM outbox WHERE coalesce(sent, given_up) IS NOT NULL AND alert NOT IN (SELECT id FROM alerts)"
        )

    def close(self) -> None:
        """Lets go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

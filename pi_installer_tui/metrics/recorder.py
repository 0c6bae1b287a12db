"""Writes the history: every sample to memory (/run), a minute's average, minimum and maximum to the disk in one short
transaction, hours out of minutes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from pi_installer_tui.i18n import _
from pi_installer_tui.metrics.clock import Clock
from pi_installer_tui.metrics.database import Database, Row, Run
from pi_installer_tui.metrics.packed import Gathering, Span, finite, pack, unpack
from pi_installer_tui.metrics.places import KEPT, RAW

#: minutes that wait in memory for room on the disk
WAITING = 24 * 60
#: metrics in a row at most; more are left out, in the order of their names
MOST = 400
#: databases that were set aside and are left lying
_SET_ASIDE = 2

#: primary result codes of SQLite (https://www.sqlite.org/rescode.html)
_FULL, _CORRUPT, _NOT_A_DATABASE = 13, 11, 26


class _Minute(NamedTuple):
    at: float
    samples: int
    spans: Mapping[str, Span]


class Recorder:
    """The one that writes. `say` gets sentences for the log. Nothing that is wrong with the disk ends it or loses what
    it has in memory: it goes on there, says so once, and writes when it can again.

    minute, hour: their seconds; tests have shorter ones. Both are counted by the steady clock. The ring of minutes
    holds more than an hour, since hours are made of what is in it.
    """

    def __init__(
        self,
        folder: Path,
        runtime: Path,
        *,
        raw: int,
        minutes: int,
        hours: int,
        boot: str,
        clock: Clock,
        say: Callable[[str], None],
        minute: float = 60.0,
        hour: float = 3600.0,
    ) -> None:
        self._folder, self._runtime = folder, runtime
        self._raw_ring, self._rings = {"raw": raw}, {"minutes": minutes, "hours": hours}
        self._boot, self.clock, self._say = boot, clock, say
        self._minute, self._hour = minute, hour
        self._raw: Database | None = None
        self._kept: Database | None = None
        self._raw_run = self._kept_run = Run(0, "", 0.0)
        self._raw_next = 1
        self._waiting: deque[_Minute] = deque(maxlen=WAITING)
        self._gathering = Gathering()
        self._gathered_until = 0.0
        self.trouble = ""
        self._raw_trouble = ""
        self._open_kept()
        self._open_raw()

    # what the collector calls ----------------------------------------------------------------------------------------

    def sample(self, monotonic: float, values: Mapping[str, float]) -> float:
        """Takes one sample in; returns its time in seconds since the epoch."""
        was_set = self.clock.look()
        # a name may come from outside: a mount point can be called anything
        values = dict(sorted(each for each in values.items() if each[0].isprintable() and finite(each[1]))[:MOST])
        if values:
            self._write_raw(monotonic, values, was_set)
            self._gather(monotonic, values)
        return self.clock.zero + monotonic

    def close(self) -> None:
        """Writes what is there, also of a minute that isn't over, and lets go."""
        self._end_minute()
        self._write_minutes()
        for database in (self._kept, self._raw):
            if database is not None:
                with contextlib.suppress(sqlite3.Error):
                    database.close()
        self._kept = self._raw = None

    def last(self) -> dict[str, float]:
        """The newest sample of this run of the machine, also one of an earlier process."""
        if self._raw is not None:
            with contextlib.suppress(sqlite3.Error, KeyError, ValueError):
                row = self._raw.row("raw", self._raw_ring["raw"], self._raw_next - 1)
                if row is not None and row.run == self._raw_run.id:
                    found = unpack(row.data, self._raw.layout(row.layout))
                    return {name: span.average for name, span in found.items()}
        return {}

    # samples, in memory ----------------------------------------------------------------------------------------------

    def _open_raw(self) -> None:
        """Opens /run's database, and takes in again what an earlier process didn't bring to the disk."""
        path = self._runtime / RAW
        size = self._raw_ring["raw"]
        try:
            self._runtime.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._raw = self._opened(path, self._raw_ring, "OFF")
            with self._raw.transaction():
                self._raw_run = self._raw.begin_run(self._boot, self.clock.zero, self._raw_ring)
            newest = self._raw.newest("raw", size) or 0
            self._raw_next = newest + 1
            for row in self._raw.rows("raw", size, max(1, newest - size + 1), newest):
                if row.run == self._raw_run.id and row.at > self._gathered_until:
                    found = unpack(row.data, self._raw.layout(row.layout))
                    self._gather(row.at, {name: span.average for name, span in found.items()})
        except (OSError, sqlite3.Error, KeyError, ValueError) as error:
            self._raw_failed(path, error)

    def _write_raw(self, monotonic: float, values: Mapping[str, float], was_set: bool) -> None:
        if self._raw is None:
            self._open_raw()
        if self._raw is None:
            return
        database = self._raw
        layout = tuple(values)
        spans = {name: Span(value, value, value) for name, value in values.items()}
        try:
            with database.transaction():
                if was_set:
                    database.set_zero(self._raw_run.id, self.clock.zero)
                number = database.layout_of(layout, self._raw_ring)
                row = Row(self._raw_next, self._raw_run.id, monotonic, 1, number, pack(spans, layout))
                database.put("raw", self._raw_ring["raw"], row)
                database.set_about("trouble", self.trouble)
            self._raw_next += 1
            self._raw_trouble = ""
        except (OSError, sqlite3.Error, OverflowError) as error:
            self._raw_failed(self._runtime / RAW, error)

    def _raw_failed(self, path: Path, error: Exception) -> None:
        if self._raw is not None:
            with contextlib.suppress(sqlite3.Error):
                self._raw.close()
            self._raw = None
        if _code(error) in (_CORRUPT, _NOT_A_DATABASE) or isinstance(error, (KeyError, ValueError)):
            _remove(path)
        before, self._raw_trouble = self._raw_trouble, str(error)
        if self._raw_trouble != before:
            self._say(_("{path}: {error}: single samples aren't kept").format(path=path, error=error))

    # minutes and hours, on the disk ----------------------------------------------------------------------------------

    def _gather(self, monotonic: float, values: Mapping[str, float]) -> None:
        if self._gathering.count and int(monotonic // self._minute) != int(self._gathered_until // self._minute):
            self._end_minute()
            self._write_minutes()
        self._gathering.add(values)
        self._gathered_until = monotonic

    def _end_minute(self) -> None:
        if self._gathering.count:
            minute = _Minute(self._gathered_until, self._gathering.count, self._gathering.spans())
            self._waiting.append(minute)
        self._gathering = Gathering()

    def _open_kept(self) -> None:
        path = self._folder / KEPT
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            database = self._opened(path, self._rings, "FULL")
        except (OSError, sqlite3.Error) as error:
            self._kept_failed(error)
            return
        try:
            self._last_written(database)
            with database.transaction():
                self._kept_run = database.begin_run(self._boot, self.clock.zero, self._rings)
            self._kept = database
        except sqlite3.Error as error:
            database.close()
            self._kept_failed(error)

    def _last_written(self, database: Database) -> None:
        """Where the disk's history ends: the clock isn't before that, and samples up to there have been written."""
        size = self._rings["minutes"]
        newest = database.newest("minutes", size)
        row = database.row("minutes", size, newest) if newest is not None else None
        runs = {run.id: run for run in database.runs()}
        of = runs.get(row.run) if row is not None else None
        if row is None or of is None:
            return
        if of.boot == self._boot:
            self._gathered_until = max(self._gathered_until, row.at)
            self._waiting = deque((each for each in self._waiting if each.at > row.at), WAITING)
        else:
            self.clock.not_before(of.zero + row.at + self._minute)

    def _write_minutes(self) -> None:
        """One transaction with all that waits. What can't be written goes on waiting."""
        if self._waiting and self._kept is None:
            self._open_kept()
        if not self._waiting or self._kept is None:
            return
        database, size = self._kept, self._rings["minutes"]
        try:
            with database.transaction():
                database.set_zero(self._kept_run.id, self.clock.zero)
                number = database.newest("minutes", size) or 0
                for minute in self._waiting:
                    number += 1
                    self._put("minutes", number, self._kept_run.id, minute)
                self._fold(number)
        except (OSError, sqlite3.Error, OverflowError) as error:
            self._kept_failed(error)
            return
        self._waiting.clear()
        if self.trouble:
            self.trouble = ""
            self._say(_("the history is written again"))

    def _put(self, ring: str, number: int, run: int, minute: _Minute) -> None:
        assert self._kept is not None
        layout = tuple(sorted(minute.spans))
        of = self._kept.layout_of(layout, self._rings)
        row = Row(number, run, minute.at, minute.samples, of, pack(minute.spans, layout))
        self._kept.put(ring, self._rings[ring], row)

    def _fold(self, newest: int) -> None:
        """Makes an hour of the minutes of each hour that is over."""
        assert self._kept is not None
        size = self._rings["minutes"]
        folded = int(self._kept.about("folded") or 0)
        current = self._hour_of(self._kept_run.id, self._waiting[-1].at)
        first = max(folded + 1, newest - size + 1)
        row = self._kept.row("minutes", size, first)
        if row is not None and self._hour_of(row.run, row.at) == current:
            return
        hours: dict[tuple[int, int], tuple[float, Gathering]] = {}
        for row in self._kept.rows("minutes", size, first, newest):
            hour = self._hour_of(row.run, row.at)
            if hour == current:
                break
            gathering = hours[hour][1] if hour in hours else Gathering()
            hours[hour] = row.at, gathering
            with contextlib.suppress(KeyError, ValueError):
                gathering.add_spans(unpack(row.data, self._kept.layout(row.layout)), row.samples)
            folded = row.number
        number = self._kept.newest("hours", self._rings["hours"]) or 0
        for (run, _hour), (at, gathering) in hours.items():
            if gathering.count:
                number += 1
                self._put("hours", number, run, _Minute(at, gathering.count, gathering.spans()))
        self._kept.set_about("folded", folded)

    def _hour_of(self, run: int, at: float) -> tuple[int, int]:
        return run, int(at // self._hour)

    def _kept_failed(self, error: Exception) -> None:
        """Goes on in memory. But for a full disk the database is closed, to be opened anew with the next minute."""
        trouble = "full" if _code(error) == _FULL else "damaged" if _damaged(error) else "unwritable"
        if self._kept is not None and trouble != "full":
            with contextlib.suppress(sqlite3.Error):
                self._kept.close()
            self._kept = None
        path = self._folder / KEPT
        if trouble == "damaged":
            self._set_aside(path, str(error))
        elif trouble != self.trouble:
            said = _("{path}: {error}: the history goes on in memory and is written when that is possible again")
            self._say(said.format(path=path, error=error))
        self.trouble = trouble

    def _opened(self, path: Path, rings: Mapping[str, int], synchronous: str) -> Database:
        """Opens a database; one that is damaged is set aside, and a new one begun."""
        try:
            return self._checked(path, rings, synchronous)
        except sqlite3.Error as error:
            if not _damaged(error):
                raise
            self._set_aside(path, str(error))
            return self._checked(path, rings, synchronous)

    def _checked(self, path: Path, rings: Mapping[str, int], synchronous: str) -> Database:
        is_new = not path.exists()
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # what lies beside it gets its mode
        database = Database.write(str(path), rings, synchronous=synchronous)
        if not is_new:
            (found,) = database.connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                database.close()
                raise sqlite3.DatabaseError(found)
        return database

    def _set_aside(self, path: Path, why: str) -> None:
        aside = path.with_name(time.strftime(f"{path.name}.damaged-%Y%m%d-%H%M%S", time.gmtime(self._now())))
        for end in ("", "-wal"):
            with contextlib.suppress(OSError):
                Path(f"{path}{end}").rename(f"{aside}{end}")
        _remove(path)
        for older in sorted(path.parent.glob(f"{path.name}.damaged-*[0-9]"))[:-_SET_ASIDE]:
            _remove(older)
        said = _("{path} is damaged ({why}): it is kept as {aside}, and a new history is begun")
        self._say(said.format(path=path, why=why, aside=aside))

    def _now(self) -> float:
        return self.clock.zero + self.clock.monotonic()


def boot_id() -> str:
    """Which run of the machine this is (random(4))."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"since {os.stat('/proc').st_ctime}"  # noqa: PTH116


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _damaged(error: Exception) -> bool:
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    return _code(error) in (_CORRUPT, _NOT_A_DATABASE) or type(error) is sqlite3.DatabaseError


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            Path(f"{path}{end}").unlink()

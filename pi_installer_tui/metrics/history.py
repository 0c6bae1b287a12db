"""What was kept, for those who show it or try rules against it: read beside the collector that writes it, without
holding it up."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pi_installer_tui.metrics.database import Database, Row, Run
from pi_installer_tui.metrics.packed import Span, unpack
from pi_installer_tui.metrics.places import FOLDER, KEPT, RAW, RUNTIME

MINUTE, HOUR = 60.0, 3600.0


class Point(NamedTuple):
    """A metric in a stretch of time. at: its middle, seconds since the epoch. samples: how many it is made of."""

    at: float
    least: float
    average: float
    most: float
    samples: int


class _Ring:
    """One ring of one database, by time."""

    def __init__(self, database: Database, name: str, length: float) -> None:
        self.database, self.name = database, name
        self._half = length / 2
        self.size = int(database.about(f"size.{name}") or 1)
        self.newest = database.newest(name, self.size) or 0
        self.oldest = database.oldest(name, self.size)
        self._runs = {run.id: run for run in database.runs()}

    def at(self, row: Row) -> float:
        """The middle of the time that a row is of."""
        run = self._runs.get(row.run)
        return (run.zero if run else 0.0) + row.at - self._half

    @property
    def since(self) -> float:
        """The oldest row's time; infinite where there is none."""
        row = self.database.row(self.name, self.size, self.oldest)
        return self.at(row) if row else float("inf")

    def rows(self, since: float, until: float, after: int = 0) -> Iterator[Row]:
        """Those of a time, with numbers above `after`, in the order in which they were written. The clock may have gone
        back between two runs of the machine; within one it hasn't, so its rows are found by halving."""
        for run, first, last in self._stretches():
            low, high = max(first, after + 1), last + 1
            beginning = since - run.zero + self._half
            while low < high:
                middle = (low + high) // 2
                row = self.database.row(self.name, self.size, middle)
                if row is not None and row.at >= beginning:
                    high = middle
                else:
                    low = middle + 1
            for row in self.database.rows(self.name, self.size, low, last):
                if self.at(row) > until:
                    break
                yield row

    def _stretches(self) -> Iterator[tuple[Run, int, int]]:
        """For each run the numbers of its first and last row that are still there."""
        begins = self.database.connection.execute(
            "SELECT run, number FROM begins WHERE ring = ? ORDER BY run", (self.name,)
        ).fetchall()
        for place, (run, number) in enumerate(begins):
            last = begins[place + 1][1] - 1 if place + 1 < len(begins) else self.newest
            if run in self._runs and last >= max(number, self.oldest):
                yield self._runs[run], max(number, self.oldest), last


class History:
    """The history, for reading. Methods raise OSError where the files can't be read any more."""

    def __init__(self, kept: Database | None, raw: Database | None) -> None:
        self._kept, self._raw = kept, raw

    @classmethod
    def open(cls, folder: Path = FOLDER, runtime: Path = RUNTIME) -> History:
        """Raises FileNotFoundError where nothing has been kept yet, PermissionError for who may not read it (it is
        root's), OSError for files that can't be read."""
        kept = _opened(folder / KEPT)
        try:
            raw = _opened(runtime / RAW)
        except OSError:
            if kept is None:
                raise
            raw = None
        if kept is None and raw is None:
            raise FileNotFoundError(2, os.strerror(2), str(folder / KEPT))
        return cls(kept, raw)

    def close(self) -> None:
        for database in (self._kept, self._raw):
            if database is not None:
                database.close()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def names(self) -> list[str]:
        """The metrics of which something may have been kept, sorted."""
        try:
            texts = [
                text
                for database in (self._kept, self._raw)
                if database is not None
                for (text,) in database.connection.execute("SELECT names FROM layouts")
            ]
        except sqlite3.Error as error:
            raise OSError(str(error)) from None
        return sorted({name for text in texts for name in text.split("\n")})

    def last(self) -> tuple[float, dict[str, float]] | None:
        """The newest sample and its time (seconds since the epoch), however old it is; of the newest minute its average
        where there is no single sample."""
        try:
            for database, name, length in ((self._raw, "raw", 0.0), (self._kept, "minutes", MINUTE)):
                ring = _Ring(database, name, length) if database is not None else None
                row = ring.database.row(name, ring.size, ring.newest) if ring is not None else None
                if ring is not None and row is not None:
                    spans = unpack(row.data, ring.database.layout(row.layout))
                    return ring.at(row), {metric: span.average for metric, span in spans.items()}
        except (sqlite3.Error, KeyError, ValueError) as error:
            raise OSError(str(error)) from None
        return None

    def trouble(self) -> str:
        """What keeps the collector from writing to the disk: "" nothing, `full`, `unwritable`."""
        try:
            return str(self._raw.about("trouble") or "") if self._raw is not None else ""
        except sqlite3.Error as error:
            raise OSError(str(error)) from None

    def series(self, names: Sequence[str], since: float, until: float, points: int) -> dict[str, list[Point]]:
        """For each metric at most `points` points, oldest first, of the time from `since` to `until` (seconds since the
        epoch). They are of single samples where these are kept and asked for that closely, else of minutes, else of
        hours; where there is nothing there is no point."""
        if points < 1 or until <= since:
            return {name: [] for name in names}
        try:
            return self._series(names, since, until, points)
        except sqlite3.Error as error:
            raise OSError(str(error)) from None

    def _series(self, names: Sequence[str], since: float, until: float, points: int) -> dict[str, list[Point]]:
        step = (until - since) / points
        cells: dict[str, dict[int, _Cell]] = {name: {} for name in names}
        for ring, row in self._rows(since, until, step):
            at = ring.at(row)
            cell = min(points - 1, int((at - since) / step))
            try:
                spans = unpack(row.data, ring.database.layout(row.layout), names)
            except (KeyError, ValueError):
                continue
            for name, span in spans.items():
                cells[name].setdefault(cell, _Cell()).add(at, span, row.samples)
        return {name: [its[cell].point() for cell in sorted(its)] for name, its in cells.items()}

    def _rows(self, since: float, until: float, step: float) -> Iterator[tuple[_Ring, Row]]:
        """The rows of a time, from the ring that suits the step; what that one doesn't hold any more from the next."""
        kept = self._kept
        if self._raw is not None and (step < MINUTE or kept is None):
            ring = _Ring(self._raw, "raw", 0.0)
            yield from ((ring, row) for row in ring.rows(since, until))
            until = min(until, ring.since)
        if kept is None or until <= since:
            return
        minutes, hours = _Ring(kept, "minutes", MINUTE), _Ring(kept, "hours", HOUR)
        if step < HOUR:
            yield from ((minutes, row) for row in minutes.rows(since, until))
            # as long as no minute was written over, an hour tells nothing that they don't
            until = min(until, minutes.since) if minutes.oldest > 1 else since
        else:
            after = int(kept.about("folded") or 0)  # the minutes of the hour that isn't over
            yield from ((minutes, row) for row in minutes.rows(since, until, after))
        if until > since:
            yield from ((hours, row) for row in hours.rows(since, until))


class _Cell:
    """What falls into one point."""

    __slots__ = ("_at", "_least", "_most", "_sum", "_weight")

    def __init__(self) -> None:
        self._least, self._most = float("inf"), float("-inf")
        self._at = self._sum = 0.0
        self._weight = 0

    def add(self, at: float, span: Span, weight: int) -> None:
        self._least, self._most = min(self._least, span.least), max(self._most, span.most)
        self._at += at * weight
        self._sum += span.average * weight
        self._weight += weight

    def point(self) -> Point:
        average = min(self._most, max(self._least, self._sum / self._weight))
        return Point(self._at / self._weight, self._least, average, self._most, self._weight)


def _opened(path: Path) -> Database | None:
    """Raises OSError; None where there is no such file."""
    try:
        path.stat()
    except FileNotFoundError:
        return None
    if not os.access(path, os.R_OK):
        raise PermissionError(13, os.strerror(13), str(path))
    try:
        return Database.read(str(path))
    except sqlite3.Error as error:
        raise OSError(5, str(error), str(path)) from None

"""Where the dashboard's numbers come from: looks at the machine while somebody watches, and the collector's history.

A `View` is what screens draw from, whether it is of now or of the past.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from time import time as now
from typing import TYPE_CHECKING, Protocol

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.metrics.names import parts
from pi_installer_tui.widgets.chart import Point

if TYPE_CHECKING:
    from pi_installer_tui.metrics.history import History
    from pi_installer_tui.metrics.look import Look
    from pi_installer_tui.system.demo import DemoHost
    from pi_installer_tui.system.host import Host

#: seconds that a cell of a live sparkline or chart stands for: it moves on as rarely, which few bytes tell a terminal
CELL = 5
#: what is drawn over time, by family and field
DRAWN = frozenset({
    ("cpu", "used"), ("load", "1"), ("memory", "used"), ("swap", "used"), ("disk", "used"), ("io", "read"),
    ("io", "written"), ("io", "busy"), ("net", "received"), ("net", "sent"), ("temperature", "now"), ("fan", "speed"),
})  # fmt: skip
#: seconds after which the past is read anew while it is shown
AGAIN = 60.0


@dataclass(frozen=True, slots=True)
class Range:
    """What time is shown. seconds: from its start until now. points: that it is divided into; no finer than what is
    kept of a time so long ago."""

    name: str
    title: str
    seconds: int
    points: int

    @property
    def live(self) -> bool:
        """Whether it is drawn from looks of our own."""
        return self.name == "live"


RANGES = (
    Range("live", N_("live"), 5 * 60, 5 * 60 // CELL),
    Range("hour", N_("1 h"), 3600, 60),
    Range("day", N_("24 h"), 24 * 3600, 144),
    Range("week", N_("7 d"), 7 * 24 * 3600, 84),
    Range("month", N_("30 d"), 30 * 24 * 3600, 120),
)


class Source(Protocol):
    """Looks at a machine."""

    def look(self) -> tuple[float, Mapping[str, float]]:
        """The time of the look, in seconds of a clock that never jumps, and the values by the metrics' names. Rates are
        there from the second look on. Raises OSError."""


class Past(Protocol):
    """What was kept of earlier looks (metrics.history.History)."""

    def series(
        self, names: Sequence[str], since: float, until: float, points: int
    ) -> Mapping[str, Sequence[tuple[float, float, float, float, int]]]:
        """For each metric at most so many points, oldest first: when (epoch), minimum, mean, maximum, of how many
        samples."""

    def names(self) -> Iterable[str]:
        """The metrics that were kept."""


class NoPast(Exception):
    """Nothing was kept, or it can't be read; says so in words."""


@dataclass(frozen=True, slots=True)
class View:
    """What is drawn. values: now, or the mean of the range. highest: of the range, empty where it is live. since,
    until: seconds since the epoch."""

    range: Range
    values: Mapping[str, float]
    highest: Mapping[str, float]
    points: Mapping[str, Sequence[Point | None]]
    since: float
    until: float


@dataclass(slots=True)
class _Trace:
    """A metric's last cells: number of the cell, lowest, sum, highest, count."""

    cells: deque[tuple[int, float, float, float, int]] = field(default_factory=lambda: deque(maxlen=RANGES[0].points))

    def add(self, number: int, value: float) -> None:
        if self.cells and self.cells[-1][0] == number:
            _number, low, total, high, count = self.cells[-1]
            self.cells[-1] = (number, min(low, value), total + value, max(high, value), count + 1)
        else:
            self.cells.append((number, value, value, value, 1))

    def points(self, number: int, count: int) -> list[Point | None]:
        """The last `count` cells up to a number."""
        found: list[Point | None] = [None] * count
        for at, low, total, high, looks in self.cells:
            if number - count < at <= number:
                found[count - 1 - (number - at)] = Point(low, total / looks, high)
        return found


@lru_cache(maxsize=512)
def _drawn(name: str) -> bool:
    """Whether a metric is ever drawn over time."""
    family, _of, field = parts(name)
    return (family, field) in DRAWN


class _Traces(Mapping[str, Sequence[Point | None]]):
    """All traces up to a cell. Their points are made when they are drawn: most are never."""

    def __init__(self, traces: Mapping[str, _Trace], number: int, count: int) -> None:
        self._traces = traces
        self._number = number
        self._count = count

    def __getitem__(self, name: str) -> Sequence[Point | None]:
        return self._traces[name].points(self._number, self._count)

    def __contains__(self, name: object) -> bool:
        return name in self._traces

    def __iter__(self) -> Iterator[str]:
        return iter(self._traces)

    def __len__(self) -> int:
        return len(self._traces)


class Live:
    """The looks of this session: the values of the last one, and some minutes of all."""

    def __init__(self, source: Source) -> None:
        self.source = source
        #: looks that were taken in; the second one knows rates
        self.looks = 0
        self._at = 0.0
        self._values: Mapping[str, float] = {}
        self._traces: dict[str, _Trace] = {}

    def add(self, at: float, values: Mapping[str, float]) -> None:
        """Takes a look in."""
        self.looks += 1
        self._at, self._values = at, values
        number = int(at // CELL)
        for name, value in values.items():
            if _drawn(name):
                self._traces.setdefault(name, _Trace()).add(number, value)

    def view(self) -> View:
        """What there is of now."""
        live = RANGES[0]
        points = _Traces(self._traces, int(self._at // CELL), live.points)
        until = now()
        return View(live, self._values, {}, points, until - live.seconds, until)


def recall(past: Past, chosen: Range, until: float | None = None) -> View:
    """A range of the past. Raises OSError."""
    until = now() if until is None else until
    since = until - chosen.seconds
    step = chosen.seconds / chosen.points
    points: dict[str, Sequence[Point | None]] = {}
    values: dict[str, float] = {}
    highest: dict[str, float] = {}
    for name, rows in past.series(list(past.names()), since, until, chosen.points).items():
        if not rows:
            continue
        cells: list[Point | None] = [None] * chosen.points
        for at, low, average, high, _samples in rows:
            cells[max(0, min(chosen.points - 1, int((at - since) / step)))] = Point(low, average, high)
        points[name] = cells
        # a stretch that only began to be kept counts for what it has
        values[name] = sum(row[2] * row[4] for row in rows) / sum(row[4] for row in rows)
        highest[name] = max(row[3] for row in rows)
    return View(chosen, values, highest, points, since, until)


# what a host has of it ------------------------------------------------------------------------------------------------


def source_of(host: Host) -> Source:
    """Looks at a machine, or at the demo's."""
    from pi_installer_tui.system.demo import DemoHost

    return Played(host) if isinstance(host, DemoHost) else Machine(host.address)


def open_history() -> History:
    """The collector's. Raises OSError."""
    from pi_installer_tui.metrics.history import History

    return History.open()


def recalled(host: Host, chosen: Range) -> View:
    """A range of the past of a machine. Raises NoPast."""
    from pi_installer_tui.system.demo import DemoHost

    if isinstance(host, DemoHost):
        from pi_installer_tui.system.demo.numbers import Past as PlayedPast

        return recall(PlayedPast(now() - host.uptime), chosen)
    try:
        with open_history() as history:
            return recall(history, chosen)
    except FileNotFoundError:
        raise NoPast(
            _(
                "Nothing is kept of the past. What was is kept by the collector, a small service: the module "
                "Monitoring sets it up."
            )
        ) from None
    except PermissionError:
        raise NoPast(_("The past is root's to read.")) from None
    except OSError as error:
        raise NoPast(_("The past can't be read: {error}").format(error=error)) from None


def seen_since_boot() -> set[str]:
    """The firmware's warnings that the collector has seen in this run of the machine (metrics/sensors.py has why they
    can't be asked for)."""
    started = now() - time.clock_gettime(time.CLOCK_BOOTTIME)
    try:
        with open_history() as history:
            last = history.last()
    except OSError:
        return set()
    if last is None or last[0] < started:
        return set()
    fields = (parts(name)[2] for name, value in last[1].items() if name.startswith("power.") and value > 0)
    return {field.removesuffix("-since-boot") for field in fields if field.endswith("-since-boot")}


class Machine:
    """A real machine. root: where its /proc and /sys are."""

    def __init__(self, root: str) -> None:
        from pi_installer_tui.metrics.reading import Reader

        self._reader = Reader(Path(root))
        self._before: Look | None = None

    def look(self) -> tuple[float, Mapping[str, float]]:
        if self._before is None:
            self._reader.sensors.remember(seen_since_boot())
        return self._valued(self._reader.read())

    def _valued(self, now: Look) -> tuple[float, Mapping[str, float]]:
        from pi_installer_tui.metrics import rates

        before, self._before = self._before, now
        return now.at, rates.values(before, now)


class Played(Machine):
    """The demo machine: its numbers are played first, then read as a real one's."""

    def __init__(self, host: DemoHost) -> None:
        from pi_installer_tui.metrics.reading import Reader
        from pi_installer_tui.system.demo.numbers import Numbers

        super().__init__(f"{host.address}/root")
        self._host = host
        self._numbers = Numbers(host.address)
        self._reader = Reader(Path(host.address, "root"), self._numbers.statvfs)

    def look(self) -> tuple[float, Mapping[str, float]]:
        at = self._host.uptime
        self._numbers.play(at)
        return self._valued(self._numbers.look(self._reader, at))

"""Values over time: a sparkline of one row, and a chart with axes. Both are drawn in the console's own glyphs, and a
value that is missing is a gap, not a zero."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.app import RenderResult
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from pi_installer_tui.console import Glyphs, glyphs
from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.lines import Cell, strip

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
#: seconds between two marks of a time axis
_STEPS = (10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR,
          3 * _HOUR, 4 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 5 * _DAY, 7 * _DAY, 10 * _DAY)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """A stretch of time in a cell: the lowest, the mean and the highest value in it."""

    low: float
    average: float
    high: float


@dataclass(frozen=True, slots=True)
class Plot:
    """What a chart draws. points: one a cell, oldest first, None where nothing is known. since, until: seconds since
    the epoch, at the left and at the right end. bottom, top: of the value axis. value: puts a value into words. ago:
    the time axis counts backwards from now instead of showing the clock."""

    title: str
    points: tuple[Point | None, ...]
    since: float
    until: float
    bottom: float
    top: float
    value: Callable[[float], str]
    note: str = ""
    ago: bool = False


def sparkline(values: Sequence[float | None], width: int, signs: Glyphs, bottom: float, top: float) -> str:
    """The last `width` values, a cell each, the newest at the right end."""
    levels = signs.levels
    shown = values[-width:] if width > 0 else ()
    drawn = "".join(" " if value is None else levels[_level(value, bottom, top, len(levels) - 1)] for value in shown)
    return drawn.rjust(max(0, width))


def _level(value: float, bottom: float, top: float, highest: int) -> int:
    """From 0 to `highest`; what is more than nothing is seen."""
    if top <= bottom or value <= bottom:
        return 0
    return max(1, min(highest, round((value - bottom) / (top - bottom) * highest)))


def ceiling(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 ...: a scale that rarely changes."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power * 1.000001)


def time_marks(since: float, until: float, most: int) -> tuple[int, list[float]]:
    """At most `most` round times of the local clock between two, and the seconds between them."""
    length = until - since
    step = next((step for step in _STEPS if length / step <= most), _STEPS[-1])
    offset = time.localtime(until).tm_gmtoff
    first = math.ceil((since + offset) / step) * step - offset
    return step, [first + n * step for n in range(int((until - first) // step) + 1)]


def time_axis(since: float, until: float, width: int, ago: bool = False) -> tuple[str, str]:
    """The line below a chart, with a mark at each round time, and the words below that. Marks are a `┬`."""
    line, words = ["─"] * width, [" "] * width
    if ago:
        step = next((step for step in _STEPS if (until - since) / step <= max(1, width // 12)), _STEPS[-1])
        count = int((until - since) // step)
        marks = [(until - n * step, f"-{_ago(n * step)}" if n else _("now")) for n in range(count, -1, -1)]
    else:
        step, times = time_marks(since, until, max(1, width // 12))
        form = "%H:%M:%S" if step < _MINUTE else "%H:%M" if step < _DAY else "%d.%m."
        marks = [(at, time.strftime(form, time.localtime(at))) for at in times]
    free = 0
    for at, text in marks:
        x = min(width - 1, int((at - since) / (until - since) * width))
        start = max(0, min(width - len(text), x - len(text) // 2))
        if start < free or x < 0:
            continue
        line[x] = "┬"
        words[start : start + len(text)] = text
        free = start + len(text) + 1
    return "".join(line), "".join(words)


def _ago(seconds: int) -> str:
    if seconds % _MINUTE:
        return _("{n} s").format(n=seconds)
    return _("{n} min").format(n=seconds // _MINUTE)


def columns(points: Sequence[Point | None], height: int, plot: Plot, signs: Glyphs) -> list[str]:
    """Each point as a column of `height` cells, from below: filled up to the mean, and shaded up to the highest."""
    fine = len(signs.levels) - 1 if len(signs.levels) > 8 else 1
    span = (plot.top - plot.bottom) or 1.0
    drawn = []
    for point in points:
        if point is None:
            drawn.append(" " * height)
            continue
        share = max(0.0, min(1.0, (point.average - plot.bottom) / span))
        parts = round(share * height * fine)
        if share > 0:
            parts = max(1, parts)
        full, rest = divmod(parts, fine)
        column = signs.full * full + (signs.levels[rest] if rest else "")
        highest = max(0.0, min(1.0, (point.high - plot.bottom) / span))
        column += signs.empty * (math.ceil(highest * height - 0.05) - len(column))
        drawn.append(column.ljust(height)[:height])
    return drawn


class Chart(Widget):
    """One plot, as large as there is room. Only rows that changed are drawn again."""

    DEFAULT_CSS = "Chart { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._plot: Plot | None = None
        self._lines: list[list[Cell]] = []

    #: cells at the left: the value axis
    MARGIN = 12

    @property
    def lines(self) -> tuple[tuple[Cell, ...], ...]:
        """What is drawn."""
        return tuple(tuple(line) for line in self._lines)

    def set_plot(self, plot: Plot) -> None:
        """Another plot."""
        self._plot = plot
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width, height = self.size.width, self.size.height
        if self._plot is None or height < 4 or width <= self.MARGIN + 8:
            return
        old, self._lines = self._lines, self._made(self._plot, width, height)
        if len(old) != len(self._lines):
            self.refresh()
            return
        for y, (before, after) in enumerate(zip(old, self._lines, strict=True)):
            if before != after:
                self.refresh(Region(0, y, width, 1))

    def _made(self, plot: Plot, width: int, height: int) -> list[list[Cell]]:
        signs = glyphs(self)
        room, rows = width - self.MARGIN - 1, height - 3
        drawn = columns(fitted(plot.points, room), rows, plot, signs)
        note = plot.note[: max(0, width - cell_len(plot.title) - 4)]
        gap = " " * max(2, width - 1 - cell_len(plot.title) - cell_len(note) - 1)
        lines = [[Cell(" "), Cell(plot.title, "strong"), Cell(gap), Cell(note)]]
        marks = _value_marks(plot, rows)
        for row in range(rows - 1, -1, -1):
            label = marks.get(row, "")
            axis = "┤" if label else signs.vertical
            body = "".join(column[row] for column in drawn)
            lines.append([Cell(f"{label:>{self.MARGIN - 2}} "), Cell(axis, "quiet"), Cell(body, "key")])
        axis, words = time_axis(plot.since, plot.until, room, plot.ago)
        lines.append([Cell(" " * (self.MARGIN - 1)), Cell(f"└{axis}", "quiet")])
        lines.append([Cell(" " * self.MARGIN), Cell(words)])
        return lines

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width)
        return strip(self._lines[y], width, glyphs(self))

    def render(self) -> RenderResult:
        return Content("")


def _value_marks(plot: Plot, rows: int) -> dict[int, str]:
    """The words of the value axis, by row from below: the ends, and what is between where there is room."""
    parts = 4 if rows >= 12 else 2 if rows >= 5 else 1
    marks = {}
    for part in range(parts + 1):
        row = round(part * (rows - 1) / parts)
        marks[row] = plot.value(plot.bottom + (plot.top - plot.bottom) * part / parts)
    return marks


def fitted(points: Sequence[Point | None], width: int) -> list[Point | None]:
    """As many points as there are cells: several in one, or one in several."""
    count = len(points)
    if count == width or not count:
        return list(points) or [None] * width
    found: list[Point | None] = []
    for x in range(width):
        first = x * count // width
        last = max(first + 1, (x + 1) * count // width)
        there = [point for point in points[first:last] if point is not None]
        if not there:
            found.append(None)
            continue
        average = sum(point.average for point in there) / len(there)
        found.append(Point(min(p.low for p in there), average, max(p.high for p in there)))
    return found

"""The dashboard's lines: what a view has, and nothing of what the machine lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len

from pi_installer_tui.i18n import _
from pi_installer_tui.metrics.names import kind, named, parts
from pi_installer_tui.screens.monitoring import power
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.chart import Point, ceiling, fitted, sparkline
from pi_installer_tui.widgets.lines import Cell, bar
from pi_installer_tui.widgets.rows import Row, heading, remark
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.screens.monitoring.sampling import View

#: columns, in cells: what it is, its value, a bar, the sparkline (what is left), and more about it
WIDTHS = (11, 10, 12, 0, 19)
#: a core: its number, a bar, its value, the gap
_CORE = 18
#: shares, in per cent, from which it is worth a look, by family
FULL = {"memory": 85.0, "swap": 50.0, "disk": 85.0}
#: degrees Celsius at which a Raspberry Pi begins to slow down (power.py)
HOT = 80.0
#: the scale of temperatures
COLD, BOILING = 20.0, 100.0


def value(name: str) -> Callable[[float], str]:
    """Puts a metric's values into words."""
    unit = kind(name).unit

    def say(number: float) -> str:
        if unit == "B/s":
            return f"{size(round(number))}/s"
        if unit == "B":
            return size(round(number))
        if unit == "":
            return f"{number:.2f}"
        return f"{number:.0f} {unit}"

    return say


def scale(name: str, points: Sequence[Point | None]) -> tuple[float, float]:
    """The value axis of a metric: shares and temperatures have a fixed one, others reach to what there was."""
    unit = kind(name).unit
    if unit == "%":
        return 0.0, 100.0
    if unit == "°C":
        return COLD, BOILING
    return 0.0, ceiling(max((point.high for point in points if point is not None), default=0.0))


def of(view: View, family: str, field: str) -> Sequence[str]:
    """What there is of a family: `eth0`, `wlan0`; those of a field."""
    return _listed(tuple(view.values)).get((family, field), ())


@lru_cache(maxsize=4)
def _listed(names: tuple[str, ...]) -> Mapping[tuple[str, str], Sequence[str]]:
    """What metrics are of, by family and field, in the order in which they are shown. The names rarely change."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in names:
        family, what, field = parts(name)
        if what:
            found.setdefault((family, field), []).append(what)
    for several in found.values():
        several.sort(key=lambda what: (len(what), what) if what.isdigit() else (0, what))
    return found


def metrics(row: str, view: View) -> tuple[str, ...]:
    """The metrics that belong to a row, the most important first; those that there are."""
    family, _colon, what = row.partition(":")
    fields = {
        "cpu": (("cpu", "used"), ("load", "1")),
        "memory": (("memory", "used"), ("swap", "used")),
        "swap": (("swap", "used"),),
        "disk": (("disk", "used"),),
        "io": (("io", "written"), ("io", "read"), ("io", "busy")),
        "net": (("net", "received"), ("net", "sent")),
        "temperature": (("temperature", "now"),),
        "fan": (("fan", "speed"),),
    }.get(family, ())
    names = (named(name, field, what) for name, field in fields)
    return tuple(name for name in names if name in view.points)


class Overview:
    """Makes the rows of a view. width: of the list, in cells."""

    def __init__(self, view: View, signs: Glyphs, width: int) -> None:
        self.view = view
        self.signs = signs
        self.room = width - 4
        fixed = sum(WIDTHS) + 2 * (len(WIDTHS) - 1)
        self.spark = max(0, self.room - fixed)

    def rows(self) -> list[Row]:
        """All of them."""
        return [*self._processor(), *self._memory(), *self._disks(), *self._network(), *self._heat()]

    # one group each -----------------------------------------------------------------------------------------------

    def _processor(self) -> Iterator[Row]:
        values = self.view.values
        note = []
        if "load.1" in values:
            load = [values[f"load.{n}"] for n in ("1", "5", "15") if f"load.{n}" in values]
            note.append(_("load {n}").format(n=" ".join(f"{one:.2f}" for one in load)))
        megahertz = [values[named("core", "frequency", core)] for core in of(self.view, "core", "frequency")]
        if megahertz:
            low, high = round(min(megahertz)), round(max(megahertz))
            note.append(f"{low} MHz" if low == high else f"{low}-{high} MHz")
        if note or "cpu.used" in values:
            yield heading(_("Processor"), "   ".join(note))
        if "cpu.used" in values:
            yield self._share("cpu", "cpu.used", _("all cores"), self._range("cpu.used"))
        cores = of(self.view, "core", "used")
        in_line = max(1, self.room // _CORE)
        for first in range(0, len(cores), in_line):
            yield remark(*(cell for core in cores[first : first + in_line] for cell in self._core(core)))

    def _core(self, core: str) -> Iterator[Cell]:
        used = self.view.values[named("core", "used", core)]
        yield Cell(f"{core:>2} ")
        yield Cell(bar(used / 100, _CORE - 11, self.signs), "key")
        yield Cell(f" {used:3.0f} %  ")

    def _memory(self) -> Iterator[Row]:
        values = self.view.values
        if "memory.used" not in values:
            return
        yield heading(_("Memory"))
        free = _("{n} available").format(n=size(round(values.get("memory.available", 0))))
        note = free if "memory.available" in values and self.view.range.live else self._range("memory.used")
        yield self._share("memory", "memory.used", _("memory"), note)
        if "swap.used" in values:
            yield self._share("swap", "swap.used", _("swap"), self._range("swap.used"))

    def _disks(self) -> Iterator[Row]:
        spaces, devices = of(self.view, "disk", "used"), of(self.view, "io", "written")
        if spaces or devices:
            yield heading(_("Disks"))
        for mount in spaces:
            free = self.view.values.get(named("disk", "free", mount))
            note = _("{n} free").format(n=size(round(free))) if free is not None and self.view.range.live else ""
            metric = named("disk", "used", mount)
            yield self._share(f"disk:{mount}", metric, mount, note or self._range(metric))
        for device in devices:
            yield self._rates(f"io:{device}", device, "io", "written", _("written"), "read", _("read {n}"))

    def _network(self) -> Iterator[Row]:
        interfaces = of(self.view, "net", "received")
        if interfaces:
            yield heading(_("Network"))
        for interface in interfaces:
            yield self._rates(f"net:{interface}", interface, "net", "received", _("received"), "sent", _("sent {n}"))

    def _heat(self) -> Iterator[Row]:
        values = self.view.values
        sensors, fans = of(self.view, "temperature", "now"), of(self.view, "fan", "speed")
        tells = power.known(values)
        if not sensors and not fans and not tells:
            return
        fine = tells and not power.said(self.view, self.signs)[0]
        yield heading(_("Heat and power"), _("power ok") if fine else "")
        for sensor in sensors:
            metric = named("temperature", "now", sensor)
            degrees = values[metric]
            hot = degrees >= HOT
            text = f"{degrees:.0f} {self.signs.degree}C"
            drawn = self._bar((degrees - COLD) / (BOILING - COLD), hot)
            yield self._row(f"temperature:{sensor}", sensor, self._value(text, hot), drawn, metric, self._range(metric))
        for fan in fans:
            metric = named("fan", "speed", fan)
            turns = values[metric]
            name = fan if len(fans) > 1 else _("fan")
            note = _("stands still") if not turns else self._range(metric)
            yield self._row(f"fan:{fan}", name, self._value(f"{turns:.0f} rpm"), Cell(""), metric, note)

    # pieces -------------------------------------------------------------------------------------------------------

    def _share(self, row: str, metric: str, name: str, note: str) -> Row:
        """A share of something that can be full."""
        used = self.view.values[metric]
        full = used >= FULL.get(parts(metric)[0], 101.0)
        return self._row(row, name, self._value(f"{used:.0f} %", full), self._bar(used / 100, full), metric, note)

    def _value(self, text: str, warns: bool = False) -> Cell:
        """A value at the right end of its column, so that it stays where it is."""
        text = f"{self.signs.warning} {text}" if warns else text
        return Cell(text.rjust(WIDTHS[1]), "warn" if warns else "plain")

    def _bar(self, share: float, warns: bool) -> Cell:
        return Cell(bar(share, WIDTHS[2], self.signs), "warn" if warns else "key")

    def _rates(self, row: str, of: str, family: str, field: str, word: str, other: str, other_word: str) -> Row:
        """Two rates, the first with its sparkline."""
        metric, second = named(family, field, of), named(family, other, of)
        rate = self.view.values[metric]
        note = ""
        if second in self.view.values:
            note = other_word.format(n=value(second)(self.view.values[second]))
        return self._row(row, of, self._value(value(metric)(rate)), Cell(word, "quiet"), metric, note)

    def _row(self, row: str, name: str, shown: Cell, drawn: Cell, metric: str, note: str) -> Row:
        points = self.view.points.get(metric, ())
        bottom, top = scale(metric, points)
        # live, a cell is a cell; of the past the whole range is in the room there is
        shown_points = points if self.view.range.live else fitted(points, self.spark)
        averages = [point.average if point is not None else None for point in shown_points]
        spark = sparkline(averages, self.spark, self.signs, bottom, top)
        title = Cell(printable(_short(name, WIDTHS[0])))
        return Row(row, (title, shown, drawn, Cell(spark, "key"), Cell(note, "quiet")))

    def _range(self, metric: str) -> str:
        """The highest value of a range of the past."""
        if metric not in self.view.highest:
            return ""
        return _("at most {n}").format(n=value(metric)(self.view.highest[metric]).replace("°", self.signs.degree))


def _short(name: str, width: int) -> str:
    """A name's end where it is too long: `.../firmware`."""
    return name if cell_len(name) <= width else ".." + name[-(width - 2) :]


def titles(view: View, row: str) -> Mapping[str, str]:
    """What the charts of a row are called, by metric."""
    found = {}
    for name in metrics(row, view):
        what = parts(name)[1]
        title = _(kind(name).title)
        found[name] = printable(f"{what}: {title}" if what else title)
    return found

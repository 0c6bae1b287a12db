"""One line of the dashboard as charts with axes, live or over a range of the past."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.monitoring.overview import metrics, scale, titles, value
from pi_installer_tui.screens.monitoring.watching import RangedScreen
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.chart import Chart, Plot
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pi_installer_tui.screens.monitoring.sampling import Live, Range, View
    from pi_installer_tui.widgets.chart import Point

#: rows that a chart needs to be of use
_LEAST = 9


class ChartScreen(RangedScreen):
    """The charts of one row. rows: all rows that have charts, in their order; moved: told when another one is shown."""

    place = "chart"
    where = N_("Chart")
    PARTS = ("charts-note",)
    about = N_(
        "How a value went. The column is filled up to the mean of its time, and shaded up to the highest value in it. "
        "A gap is time of which nothing is known: the machine was off, or nobody looked.\n"
        "Left and Right change the range, Up and Down go to the chart of the line above or below."
    )
    CSS = "ChartScreen Chart { display: none; } ChartScreen Chart.-shown { display: block; }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("chart")]

    def __init__(
        self, live: Live, chosen: Range, row: str, rows: Sequence[str], moved: Callable[[str, Range], None]
    ) -> None:
        super().__init__(live, chosen)
        self._row = row
        self._rows = tuple(rows)
        self._moved = moved

    def body(self) -> Iterable[Widget]:
        yield Panel(id="charts-note")
        for number in range(3):
            yield Chart(id=f"chart-{number}")

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        view = self.view
        names = metrics(self._row, view) if view is not None else ()
        names = names[: max(1, (self.size.height - 4) // _LEAST)]
        for number, chart in enumerate(self.query(Chart)):
            chart.set_class(number < len(names), "-shown")
            if view is not None and number < len(names):
                chart.set_plot(self._plot(names[number], view))
        said = "" if names else self._failed or self.no_past
        if not said and not names and view is not None and not self.range.live:
            said = _("Nothing was kept of this time.")
        self.query_one(Panel).set_lines([[Cell(said, "quiet")]] if said else [])

    def _plot(self, name: str, view: View) -> Plot:
        points = tuple(view.points[name])
        bottom, top = scale(name, points)
        said, degree = value(name), glyphs(self).degree

        def in_words(number: float) -> str:
            return said(number).replace("°", degree)

        return Plot(
            titles(view, self._row)[name],
            points,
            view.since,
            view.until,
            bottom,
            top,
            in_words,
            self._note(name, points, view, in_words),
            ago=view.range.live,
        )

    def _note(self, name: str, points: Sequence[Point | None], view: View, in_words: Callable[[float], str]) -> str:
        there = [point for point in points if point is not None]
        if not there:
            return ""
        low, high = min(point.low for point in there), max(point.high for point in there)
        parts = [_("now {n}").format(n=in_words(view.values[name]))] if view.range.live and name in view.values else []
        mean = sum(point.average for point in there) / len(there)
        parts += [
            _("least {n}").format(n=in_words(low)),
            _("mean {n}").format(n=in_words(mean)),
            _("most {n}").format(n=in_words(high)),
        ]
        return "  ".join(parts)

    # keys ---------------------------------------------------------------------------------------------------------

    def action_metric(self, by: int) -> None:
        if self._row in self._rows:
            self._row = self._rows[(self._rows.index(self._row) + by) % len(self._rows)]
            self._moved(self._row, self.range)
            self.draw()

    def action_range(self, by: int) -> None:
        super().action_range(by)
        self._moved(self._row, self.range)

"""The dashboard: what the machine does now, and what it did in the last hour, day, week and month."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.monitoring import power
from pi_installer_tui.screens.monitoring.overview import WIDTHS, Overview
from pi_installer_tui.screens.monitoring.sampling import RANGES, Range, View
from pi_installer_tui.screens.monitoring.watching import RangedScreen
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Rows, remark

#: columns at the right end that the list's scrollbar may take
_BAR = 1


class Dashboard(RangedScreen):
    """All of it on one screen."""

    place = "dashboard"
    where = N_("Dashboard")
    PARTS = ("power", "numbers")
    about = N_(
        "What the machine does: processor, memory, disks, network, temperatures, fans, and what a Raspberry Pi's "
        "firmware says about its power. What the machine doesn't have isn't shown.\n"
        "A line has its value, a bar where it is a share of something, and how it went. Live, each column of that is "
        "five seconds; in a longer range the value is the mean of it. Enter opens a line's chart, Left and Right "
        "change the range.\n"
        "The past comes from the collector, a service that the module Monitoring sets up. Without it there is only "
        "what was seen since the dashboard was opened. Nothing is read while the dashboard isn't on the screen."
    )
    AUTO_FOCUS = "#numbers"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("dashboard")]

    def __init__(self) -> None:
        super().__init__(None, RANGES[0])
        #: the row and the range that a chart above this screen came to
        self._charted: tuple[str, Range] | None = None

    def body(self) -> Iterable[Widget]:
        yield Panel(id="power")
        yield Rows(WIDTHS, id="numbers")

    def on_mount(self) -> None:
        self.query_one(Rows).set_rows([remark(Cell(_("Reading the machine ..."), "quiet"))])

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        if self.live is None or (self.live.looks < 2 and not self._failed):
            return
        view = self.view
        if self._failed:
            self._say(_("The machine can't be read: {error}").format(error=self._failed), "warn")
        elif view is not None and view.values:
            signs, width = glyphs(self), self.size.width
            self.query_one("#power", Panel).set_lines(self._power_lines(view, width))
            self.query_one(Rows).set_rows(Overview(view, signs, width - _BAR).rows())
        elif self.no_past:
            self._say(self.no_past)
        elif view is not None and not self.range.live:
            self._say(_("Nothing was kept of this time."))

    def _say(self, text: str, tone: Tone = "quiet") -> None:
        self.query_one("#power", Panel).set_lines([])
        lines = textwrap.wrap(text, max(20, self.size.width - 6))
        self.query_one(Rows).set_rows([remark(Cell(line, tone)) for line in lines])

    def _power_lines(self, view: View, width: int) -> list[list[Cell]]:
        found, advice = power.said(view, glyphs(self))
        lines = [[cell] for cell in found]
        if advice:
            lines += [[Cell("  " + line)] for line in textwrap.wrap(advice, width - 4)]
        return lines

    # keys ---------------------------------------------------------------------------------------------------------

    def on_rows_opened(self, message: Rows.Opened) -> None:
        from pi_installer_tui.screens.monitoring.chart import ChartScreen

        if message.row is not None and self.live is not None:
            rows = [row.id for row in self.query_one(Rows).rows if row.id]
            self.app.push_screen(ChartScreen(self.live, self.range, message.row.id, rows, self._moved))

    def _moved(self, row: str, chosen: Range) -> None:
        """The chart shows another row, or another range. What is drawn here now would draw all of the chart anew."""
        self._charted = row, chosen

    def on_screen_resume(self) -> None:
        if self._charted is not None:
            row, chosen = self._charted
            self._charted = None
            self.query_one(Rows).select(row)
            self.choose(chosen)

    def action_processes(self) -> None:
        from pi_installer_tui.screens.monitoring.processes import ProcessesScreen

        self.app.push_screen(ProcessesScreen())

"""The report of a job: what was proven, where things are reached now, what to write down and to do next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens import signs as show
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.code import write_to_home
from pi_installer_tui.tasks import words
from pi_installer_tui.tasks.before import Unreadable
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import TextLine, TextPane

if TYPE_CHECKING:
    from pi_installer_tui.report import Report


class ReportScreen(ShellScreen):
    """What the job called `job` came to."""

    place = "report"
    where = N_("Report")
    about = N_(
        "What a job came to: how many of its checks prove it, with what the machine answered to each, where things can "
        "be reached now, what to write down, and what to do next.\n"
        "It can be written to a file in your home directory, which nobody else can read. No secret is in it."
    )
    PARTS = ("said", "report")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("report")]

    def __init__(self, job: str) -> None:
        super().__init__()
        self._job = job
        self._report: Report | None = None

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the machine ..."), "quiet")]], id="said")
        yield TextPane(id="report")

    def on_mount(self) -> None:
        self.query_one("#report", TextPane).text.focus()
        self._make()

    @work(exclusive=True, group="make", exit_on_error=False)
    async def _make(self) -> None:
        from pi_installer_tui import report

        try:
            self._report = await report.make(self.shell.store, self._job, self.shell.host, self.shell.who)
        except (KeyError, OSError, Unreadable) as error:
            if not self.closing:
                said = _("The report can't be made: {error}").format(error=error)
                self.query_one("#said", Panel).set_lines([[Cell(said, "bad")]])
            return
        if not self.closing:
            self._draw(self._report)
            self.refresh_bindings()

    def _draw(self, found: Report) -> None:
        from pi_installer_tui import report

        signs = glyphs(self)
        good = found.job.status == "done" and not found.failed
        mark = signs.ok if good else signs.failed
        said = Cell(f"{mark} {report.head(found)}", "good" if good else "bad")
        self.query_one("#said", Panel).set_lines([[said]])
        lines: list[TextLine] = []
        if found.links:
            lines += [Cell(_("Reached at"), "strong")]
            lines += [Cell(f"  {address}   {what}") for address, what in found.links]
            lines.append(Cell(""))
        if found.secrets:
            lines += [Cell(_("Secrets to be written down"), "strong")]
            lines += [Cell(f"  {name}") for name in found.secrets]
            lines.append(Cell(""))
        lines += [Cell(_("To do next"), "strong"), *(Prose(f"  {each}") for each in report.to_do(found)), Cell("")]
        lines += [Cell(_("Checks"), "strong")]
        for proof in found.proofs:
            sign, tone = show.sign(proof.status or "todo", signs)
            status = words.check_status(proof.status) if proof.status else _("not asked")
            lines.append(Cell(f"  {sign} {status}  {proof.check.describe()}", tone))
            lines += [Cell(f"      {line}", "quiet") for line in proof.evidence.splitlines()]
        if not found.proofs:
            lines.append(Cell("  " + _("none"), "quiet"))
        self.query_one("#report", TextPane).set(_("Report"), lines)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "file" or self._report is not None

    @work(exclusive=True, group="file")
    async def action_file(self) -> None:
        from pi_installer_tui import report

        if self._report is None:
            return
        name = f"pi-installer-tui-{self._job}.txt"
        try:
            path = await asyncio.to_thread(write_to_home, self.shell.who, name, report.text(self._report))
            said = Cell(_("Written to {path}, for you alone.").format(path=f"~/{path.name}"), "good")
        except (OSError, KeyError) as error:
            said = Cell(_("Not written: {error}").format(error=error), "bad")
        if not self.closing:
            self.query_one("#said", Panel).set_lines([[said]])

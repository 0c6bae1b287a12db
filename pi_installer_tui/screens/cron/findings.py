"""All that is wrong with crontabs and scripts, with the line and the place in it, and what couldn't be read at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.cron import words
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Row as Job
    from pi_installer_tui.screens.cron.seen import Scheduled
    from pi_installer_tui.system.cron.findings import Finding

_WIDTHS = (10, 26, 0)
_WORST = ("error", "warning", "note")


class FindingsScreen(ShellScreen):
    """The findings, the worst first."""

    place = "cron_findings"
    where = N_("Scheduled jobs: findings")
    stays = True
    PARTS = ("said", "findings", "detail")
    about = N_(
        "What cron makes of crontabs otherwise than it looks, and what can't work: a broken line (cron then ignores "
        "the whole file), a `%` that isn't escaped, a day that never comes, a command that isn't found in cron's "
        "PATH, a script that others may write and root runs.\n"
        "Below stands the line with the place marked, and what to do. Enter shows the job, `edit` changes its line. "
        "Notes are about what is right and easily misread."
    )
    CSS = """
    FindingsScreen #detail { height: 8; }
    """
    AUTO_FOCUS = "#findings"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("cron_findings")]

    def __init__(self, scheduled: Scheduled) -> None:
        super().__init__()
        self._scheduled = scheduled
        self._errors_only = False
        self._listed: dict[str, Finding] = {}

    def body(self) -> Iterable[Widget]:
        yield Panel([[]], id="said")
        yield Rows(_WIDTHS, id="findings")
        detail = TextPane(id="detail")
        detail.text.can_focus = False
        yield detail

    def on_mount(self) -> None:
        self._draw()

    def _draw(self) -> None:
        signs = glyphs(self)
        everything = sorted(self._scheduled.state.findings, key=lambda each: _WORST.index(each.severity))
        shown = [each for each in everything if not self._errors_only or each.severity == "error"]
        self._listed = {str(number): each for number, each in enumerate(shown)}
        rows: list[Row] = []
        for number, each in self._listed.items():
            sign, word, tone = words.severity(each, signs)
            place = f"{words.short(each.path)}:{each.line}" if each.line else words.short(each.path)
            rows.append(Row(number, (Cell(f"{sign} {word}", tone), Cell(printable(place)), Cell(printable(each.text)))))
        if not rows:
            rows.append(remark(Cell(_("Nothing is wrong with crontabs and scripts."), "good")))
        rows += self._unread()
        self.query_one(Rows).set_rows(rows)
        count = len(shown)
        said = ngettext("{n} finding", "{n} findings", count).format(n=count)
        view = _("shown: errors only") if self._errors_only else _("shown: all")
        self.query_one("#said", Panel).set_lines([[Cell(said), Cell(f"  {view}", "quiet")]])
        self._tell()

    def _unread(self) -> list[Row]:
        """What couldn't be read."""
        state = self._scheduled.state
        untold = [*(f"{path}: {why}" for path, why in state.cron.unread), *state.timers.untold]
        if not untold:
            return []
        return [heading(_("Couldn't be read")), *(remark(Cell(printable(each), "warn")) for each in untold)]

    @property
    def _finding(self) -> Finding | None:
        row = self.query_one(Rows).row if not self.closing else None
        return self._listed.get(row.id) if row is not None else None

    @property
    def _job(self) -> Job | None:
        """The row of the list that a finding is about; a finding of the file as a whole is about its first one."""
        finding = self._finding
        if finding is None:
            return None
        found = [row for row in self._scheduled.rows if row.path == finding.path]
        return next((row for row in found if row.line == finding.line), found[0] if found else None)

    def _tell(self) -> None:
        finding, pane = self._finding, self.query_one("#detail", TextPane)
        if finding is None:
            pane.set("", [])
            return
        lines: list[Cell] = []
        if text := self._line(finding):
            lines.append(Cell(f"  {printable(text)}"))
            if finding.column:
                before = printable(text[: finding.column - 1])
                lines.append(Cell("  " + " " * len(before) + glyphs(self).up, "bad"))
        lines.append(Prose(printable(finding.text)))
        if finding.advice:
            lines.append(Prose(printable(finding.advice), "good"))
        pane.set(printable(f"{finding.path}:{finding.line}" if finding.line else finding.path), lines)

    def _line(self, finding: Finding) -> str:
        """What the line says, from where the place in it can be seen."""
        for crontab in self._scheduled.state.cron.crontabs:
            if crontab.path == finding.path and finding.line:
                try:
                    return crontab.table.text(finding.line)
                except KeyError:
                    return ""
        return ""

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "edit":
            job = self._job
            return job is not None and job.entry is not None and not self.shell.read_only
        return True

    def on_rows_moved(self) -> None:
        self._tell()
        self.refresh_bindings()

    def on_rows_opened(self) -> None:
        from pi_installer_tui.screens.cron.item import JobScreen

        if (job := self._job) is not None:
            self.app.push_screen(JobScreen(job, self._scheduled))

    def action_view(self) -> None:
        self._errors_only = not self._errors_only
        self._draw()

    def action_edit(self) -> None:
        from importlib import import_module

        if (job := self._job) is not None:
            editor = import_module("pi_installer_tui.screens.cron.editor")
            self.app.push_screen(editor.EditorScreen(job, self._scheduled.state))

"""Every job there was: when, who, how it ended, what it changed. Any of them can be opened and taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens import signs as show
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.tasks import words
from pi_installer_tui.tasks.before import Unreadable
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.rows import Row, Rows, remark

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.tasks.store import JobSummary


def job_row(job: JobSummary, signs: Glyphs) -> Row:
    """A job's line: sign and status, when, who, what."""
    sign, tone = show.sign(job.status, signs)
    said = words.what(job)
    if job.undone_by:
        said = _("(undone) {what}").format(what=said)
    return Row(
        job.id,
        (
            Cell(f"{sign} {words.status(job.status)}", tone),
            Cell(show.moment(job.created)),
            Cell(job.who),
            Cell(said, "quiet" if job.undone_by else "plain"),
        ),
    )


def unreadable_row(job: str, signs: Glyphs) -> Row:
    """The line of a job whose files are damaged: its id is all that is known of it."""
    state = f"{signs.failed} {_('damaged')}"
    return Row(job, (Cell(state, "bad"), Cell(_("can't be read")), Cell(""), Cell(job)))


#: the columns of `job_row`
WIDTHS = (13, 16, 10, 0)


def can_undo(job: JobSummary) -> bool:
    """Whether there is anything to take back."""
    return job.changed and not job.undone_by and job.status in {"done", "failed", "cancelled", "interrupted"}


class HistoryScreen(ShellScreen):
    """All jobs, newest first."""

    place = "history"
    where = N_("History")
    about = N_(
        "Every job there was, newest first: how it ended, when, who started it and what it changed.\n"
        "Open one to read its plan, its output, its diffs and its checks. Undo plans the way back and shows it "
        "before anything is changed. The last 50 jobs are kept, and longer what an undo still needs.\n"
        "Jobs whose files are damaged stand at the end. They can't be opened or taken back."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("history")]

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[str, JobSummary] = {}

    def body(self) -> Iterable[Widget]:
        yield Rows(WIDTHS, id="jobs")

    def on_mount(self) -> None:
        self.query_one(Rows).focus()

    def on_screen_resume(self) -> None:
        self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        try:
            jobs = await asyncio.to_thread(self.shell.store.jobs)
            damaged = await asyncio.to_thread(self.shell.store.unreadable)
        except PermissionError:
            self.query_one(Rows).set_rows([remark(Cell(_("Reading the history takes root."), "warn"))])
            return
        self._jobs = {job.id: job for job in jobs}
        signs = glyphs(self)
        rows = [*(job_row(job, signs) for job in jobs), *(unreadable_row(job, signs) for job in damaged)]
        self.query_one(Rows).set_rows(rows or [remark(Cell(_("No job ran yet."), "quiet"))])
        self.say_where(
            _("History") + (ngettext(": {n} job", ": {n} jobs", len(jobs)).format(n=len(jobs)) if jobs else "")
        )
        self.refresh_bindings()

    def _at_cursor(self) -> JobSummary | None:
        row = self.query_one(Rows).row
        return self._jobs.get(row.id) if row else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "undo":
            job = self._at_cursor()
            return job is not None and can_undo(job)
        return True

    def on_rows_moved(self) -> None:
        self.refresh_bindings()

    async def on_rows_opened(self, message: Rows.Opened) -> None:
        if message.row is None:
            return
        if message.row.id in self._jobs:
            from pi_installer_tui.screens.job import JobScreen

            await self.app.push_screen(JobScreen(message.row.id))
            return
        try:
            self.shell.store.about(message.row.id)
        except KeyError:  # it has been removed meanwhile
            self._read()
        except Unreadable as error:
            from pi_installer_tui.screens.message import Problem

            says = _("What it changed is as it is. Its folder can be looked at, and moved away, by hand.")
            await self.app.push_screen(Problem(words.unreadable(error), _("Nothing was changed."), says))

    def action_undo(self) -> None:
        if (job := self._at_cursor()) is not None:
            self.shell.show_undo(job.id)

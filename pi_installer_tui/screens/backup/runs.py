"""The history of runs: every backup, verification, drill and restoration there was, whoever started it, also those that
failed or were cancelled; by job and by result; each leads to its job with all that was printed."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.backup import run_words as words
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.tasks.runs import Run

#: the columns, in cells: result, when, what, job, place, how long
WIDTHS = (12, 16, 13, 10, 8, 0)
RESULTS = {"all": N_("all"), "well": N_("went well"), "ill": N_("didn't go well")}


class RunsScreen(ShellScreen):
    """The runs. job: only its runs at first, and verifications of its places; "" for all."""

    place = "backup_runs"
    where = N_("Backup: runs")
    stays = True
    PARTS = ("said", "runs", "detail")
    about = N_(
        "Every run there was, newest first, whether a timer or a person started it, also those that failed or were "
        "cancelled. Below: when, how long, who, what was new or changed, and what came of it.\n"
        "Enter opens the run's job with everything that was printed, for as long as that is kept (the last 50)."
    )
    CSS = """
    RunsScreen #detail { height: 8; }
    """
    AUTO_FOCUS = "#runs"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_runs")]

    def __init__(self, job: str = "") -> None:
        super().__init__()
        self._job = job
        self._result = "all"
        self._runs: tuple[Run, ...] | None = None

    def body(self) -> Iterable[Widget]:
        names = (_("result"), _("when"), _("what"), _("job"), _("place"), _("took"))
        titles = "  ".join(name.ljust(width) for name, width in zip(names, WIDTHS, strict=True))
        yield Panel([[Cell(_("Reading the history ..."), "quiet")]], id="said")
        yield Panel([[Cell(f"  {titles}", "quiet")]])
        yield Rows(WIDTHS, id="runs")
        detail = TextPane(id="detail")
        detail.text.can_focus = False
        yield detail

    def on_screen_resume(self) -> None:
        if self.shell.is_open:
            self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.tasks import runs

        try:
            self._runs = await runs.read(self.shell.host)
        except PermissionError:
            self._say(Cell(_("Reading the history takes root."), "warn"))
            return
        except Exception as error:
            # a damaged line is left out; this is a fault of ours, and must not take the screens with it
            self._say(Cell(_("This can't be read: {error}").format(error=printable(str(error))), "bad"))
            return
        self._draw()

    def _say(self, *cells: Cell) -> None:
        if not self.closing:
            self.query_one("#said", Panel).set_lines([cells])

    @property
    def _shown(self) -> list[Run]:
        """The runs that are shown."""
        runs = self._runs or ()
        places = {words.place_of(run) for run in runs if words.job_of(run) == self._job} - {""}
        return [run for run in runs if self._fits(run, places)]

    def _fits(self, run: Run, places: Collection[str]) -> bool:
        """places: where the job that is shown goes to; a verification there concerns it too."""
        of = words.job_of(run)
        mine = of == self._job or (not of and run.action == "verify" and words.place_of(run) in places)
        if self._job and not mine:
            return False
        return self._result == "all" or words.went_well(run) == (self._result == "well")

    def _draw(self) -> None:
        if self._runs is None or self.closing:
            return
        signs, shown = glyphs(self), self._shown
        none = _("No run yet.") if not self._runs else _("there is none like that")
        rows = [_row(run, signs) for run in shown]
        self.query_one(Rows).set_rows(rows or [remark(Cell(none, "quiet"))])
        count = ngettext("{n} run", "{n} runs", len(shown)).format(n=len(shown))
        job = printable(self._job) if self._job else _("all jobs")
        self._say(
            Cell(count),
            Cell("  " + _("shown: {job}, {result}").format(job=job, result=_(RESULTS[self._result])), "quiet"),
        )
        self._tell()
        self.refresh_bindings()

    @property
    def _run(self) -> Run | None:
        row = self.query_one(Rows).row
        return next((run for run in self._shown if row is not None and run.job == row.id), None)

    def _tell(self) -> None:
        run = self._run
        pane = self.query_one("#detail", TextPane)
        if run is None:
            pane.set("", [])
        else:
            title = " ".join(part for part in (words.action(run.action), printable(words.job_of(run))) if part)
            pane.set(title, words.details(run, time.time()))

    def on_rows_moved(self) -> None:
        self._tell()

    async def on_rows_opened(self) -> None:
        run = self._run
        if run is None:
            return
        try:
            self.shell.store.about(run.job)
        except Exception:
            # not kept any more, damaged, or not to be read by this person: the run's line is all there is
            from pi_installer_tui.screens.message import Problem

            gone = _("What this run printed isn't kept any more: the last 50 jobs are.")
            await self.app.push_screen(Problem(gone, _("What is known of it stands below the list.")))
            return
        self.shell.show_job(run.job)

    def action_refresh(self) -> None:
        self._read()

    def action_filter_job(self) -> None:
        jobs = ["", *sorted({words.job_of(run) for run in self._runs or ()} - {""})]
        at = jobs.index(self._job) if self._job in jobs else 0
        self._job = jobs[(at + 1) % len(jobs)]
        self._draw()

    def action_filter_result(self) -> None:
        results = list(RESULTS)
        self._result = results[(results.index(self._result) + 1) % len(results)]
        self._draw()


def _row(run: Run, signs: Glyphs) -> Row:
    lasted = words.lasting(run.ended - run.started)
    cells = (
        words.standing(run, signs),
        Cell(moment(run.started)),
        Cell(words.action(run.action)),
        Cell(printable(words.job_of(run)) or "-"),
        Cell(printable(words.place_of(run)) or "-"),
        Cell(lasted, "quiet"),
    )
    return Row(run.job, cells)

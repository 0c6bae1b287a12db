"""The runs of one job, the newest first, with the end of their output where they are recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.cron import words
from pi_installer_tui.screens.larger import Larger
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.chart import sparkline
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.listing import Drawn, Listing
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Row as Job
    from pi_installer_tui.screens.cron.past import Chapter, Ran
    from pi_installer_tui.screens.cron.seen import Scheduled

#: when it began, how it ended, how long it took, how often it was tried
_WIDTHS = (20, 26, 10, 0)
#: durations that are drawn
_DRAWN = 40
VIEWS: Mapping[str, str] = {"all": N_("all"), "failed": N_("those that failed"), "well": N_("those that went well")}


class HistoryScreen(Larger):
    """What became of a job's runs."""

    place = "cron_history"
    where = N_("History")
    PARTS = ("head", "runs", "detail")
    about = N_(
        "The runs of one job, newest first. Of one that is recorded: how each ended, how long it took, how often it "
        "was tried, and the last lines of its output; a run that never ended was cut off, by a power cut say. The "
        "strip at the top shows how long the last runs took, the newest on the right.\n"
        "Of others the journal tells: of timers' units how they ended, of cron's lines only when they began."
    )
    CSS = """
    HistoryScreen #detail { height: 8; }
    HistoryScreen.-larger #detail { height: 1fr; }
    HistoryScreen.-larger #runs { display: none; }
    """
    AUTO_FOCUS = "#runs"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("cron_history")]

    def __init__(self, row: Job, scheduled: Scheduled) -> None:
        super().__init__()
        self._row = row
        self._scheduled = scheduled
        self._chapter: Chapter | None = None
        self._shown: list[Ran] = []
        self._view = "all"
        self._why = ""

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the history ..."), "quiet")], []], id="head")
        yield Listing(_WIDTHS, id="runs")
        yield TextPane(id="detail")

    def on_mount(self) -> None:
        self.say_where(_("History: {name}").format(name=words.name(self._row)))
        self._read()

    # reading ------------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _read(self, *, older: bool = False) -> None:
        from pi_installer_tui.screens.cron import past

        before = self._chapter
        try:
            if self._row.wrapped is not None:
                found = await past.of_record(self.shell.host, self._row)
            else:
                further = before.further if older and before is not None else None
                found = await past.of_journal(self.shell.host, self._row, self._scheduled, further)
        except Exception as error:
            # no journal, or one that may not be read; a fault of ours must not take the screens with it
            self._why = printable(str(error))
            found = past.Chapter()
        if older and before is not None:
            found = past.Chapter((*before.runs, *found.runs), found.further, found.begins, found.notes)
        self._chapter = found
        if not self.closing:
            self._draw()
            self.refresh_bindings()

    # drawing ------------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        assert self._chapter is not None
        listed = self.query_one(Listing)
        self._shown = [run for run in self._chapter.runs if self._fits(run)]
        if self._shown:
            listed.set_source(Drawn(list(enumerate(self._shown)), self._drawn), listed.cursor)
        else:
            none = self._why or (_("there is none like that") if self._chapter.runs else _("No run is known."))
            listed.set_source([remark(Cell(none, "warn" if self._why else "quiet"))])
        self.query_one("#head", Panel).set_lines([self._said(), self._trend()])
        self._tell()

    def _fits(self, run: Ran) -> bool:
        well = run.last.what in ("done", "ended", "running")
        return self._view == "all" or well == (self._view == "well")

    def _drawn(self, numbered: tuple[int, Ran]) -> Row:
        number, run = numbered
        last, signs = run.last, glyphs(self)
        sign, tone = words.mark(last.what, signs)
        at = words.moment(last.at, self._scheduled.zone) if last.at is not None else _("before that")
        took = words.lasting(last.seconds) if last.seconds is not None else "-"
        tried = _("{n} tries").format(n=run.tries) if run.tries > 1 else ""
        ended = words.outcome(last.what, last.status)
        return Row(str(number + 1), (Cell(at), Cell(f"{sign} {ended}", tone), Cell(took), Cell(tried, "quiet")))

    def _said(self) -> list[Cell]:
        assert self._chapter is not None
        count = len(self._shown)
        said = ngettext("{n} run", "{n} runs", count).format(n=count)
        source = _("from its record") if self._row.wrapped is not None else _("from the journal")
        note = _("{source}, shown: {view}").format(source=source, view=_(VIEWS[self._view]))
        return [Cell(said), Cell(f"  {note}", "quiet")]

    def _trend(self) -> list[Cell]:
        """The last durations as a strip, what is usual, and whether the newest is out of line."""
        from pi_installer_tui.screens.cron.past import trend

        assert self._chapter is not None
        known = trend(self._chapter.runs)
        if known is None:
            return []
        lasted = known.recent[-_DRAWN:]
        drawn = sparkline(lasted, len(lasted), glyphs(self), 0.0, max(lasted, default=0.0))
        cells = [Cell(drawn, "key"), Cell("  " + _("usually {span}").format(span=words.lasting(known.typical)))]
        if known.newest != "usual":
            said = _("the last one was much longer") if known.newest == "longer" else _("the last one was much shorter")
            cells.append(Cell(f", {glyphs(self).warning} {said}", "warn"))
        return cells

    def _tell(self) -> None:
        run, pane = self._run, self.query_one("#detail", TextPane)
        lines: list[Cell] = []
        title = ""
        if run is not None:
            title = words.ended(run.last)
            lines += [Cell(printable(line)) for line in run.tail]
            if not run.tail and self._row.wrapped is not None:
                lines.append(Cell(_("It printed nothing."), "quiet"))
        if self._chapter is not None:
            lines += [Prose(note, "quiet") for note in self._notes()]
        pane.set(title, lines)

    def _notes(self) -> list[str]:
        assert self._chapter is not None
        notes = list(self._chapter.notes)
        if self._chapter.further is not None:
            notes.append(_("There are older ones: `m`."))
        elif self._chapter.begins is not None:
            at = words.moment(self._chapter.begins, self._scheduled.zone)
            notes.append(_("The journal begins {at}.").format(at=at))
        return notes

    # keys ---------------------------------------------------------------------------------------------------------

    @property
    def _run(self) -> Ran | None:
        at = self.query_one(Listing).cursor if not self.closing else -1
        return self._shown[at] if 0 <= at < len(self._shown) else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "more":
            return self._chapter is not None and self._chapter.further is not None
        if action == "filter":
            return self._chapter is not None and bool(self._chapter.runs)
        return True

    def on_rows_moved(self) -> None:
        self._tell()

    def on_rows_opened(self) -> None:
        self.query_one("#detail", TextPane).text.focus()

    def action_more(self) -> None:
        self._read(older=True)

    def action_filter(self) -> None:
        views = list(VIEWS)
        self._view = views[(views.index(self._view) + 1) % len(views)]
        self._draw()

"""Which snapshots of a job stay and why, which go and what that frees, while one changes the numbers; and how many
there would be in a year. Nothing goes from here: the numbers are planned, and so is tidying up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.backup import run_words as words
from pi_installer_tui.screens.backup.schedule import runs_from
from pi_installer_tui.screens.backup.told import Told
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.planning import Planning
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.modules.backup.settings import Keep, Schedule
    from pi_installer_tui.planning import Planned
    from pi_installer_tui.restic.engine import Restic
    from pi_installer_tui.restic.keeping import Fate, Policy, Run
    from pi_installer_tui.screens.backup.seen import JobSeen, PlaceSeen
    from pi_installer_tui.tasks.plan import Mistake
    from pi_installer_tui.widgets.form.form import Form

#: the columns, in cells: stays or goes, when, age, which, why
WIDTHS = (8, 16, 6, 8, 0)
#: seconds after the last change after which restic is asked what would be freed
REST = 0.8
#: runs of a year that are played one after the other
_ONE_BY_ONE = 800


class KeepingScreen(ShellScreen):
    """The retention of a job at a place."""

    place = "backup_keeping"
    where = N_("Backup: which snapshots stay")
    PARTS = ("numbers", "said", "snapshots")
    about = N_(
        "The numbers above say which snapshots stay; below is what becomes of those that are there, at once while you "
        "change a number, and why each stays. Snapshots of one run (files and databases) stay or go together, and the "
        "newest run always stays.\n"
        "`plan` makes the numbers those of the job. They hold from its next run on; `tidy up` does with the job's "
        "present numbers now what would be done then. Both are shown before anything goes. What goes can't be had back."
    )
    CSS = """
    KeepingScreen #numbers { height: 9; }
    """
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_keeping")]

    def __init__(self, job: JobSeen, place: PlaceSeen) -> None:
        super().__init__()
        self._job = job
        self._place = place
        self._runs: tuple[Run, ...] | None = None
        self._restic: Restic | None = None
        self._form: Form[Any] | None = None
        self._trouble = ""
        self._planning = Planning(
            self,
            say=self._say,
            over=self._draw,
            refuse=self._refuse,
            stays=_("The numbers are still here; try again when the cause is gone."),
        )

    def body(self) -> Iterable[Widget]:
        yield Container(id="numbers")
        yield Panel([[Cell(_("Asking the repository ..."), "quiet")]], id="said")
        yield Told(WIDTHS, id="snapshots")

    def on_mount(self) -> None:
        where = _("Retention of {job} at {place}").format(job=self._job.name, place=self._place.name)
        self.say_where(printable(where))
        self._open()
        self._read()

    @work(exclusive=True, group="open")
    async def _open(self) -> None:
        from pi_installer_tui.modules.backup.settings import Keep
        from pi_installer_tui.widgets.form import Form

        self._form = Form(Keep, self._job.settings.keep or Keep(), id="form")
        await self.query_one("#numbers", Container).mount(self._form)
        self._form.focus_first()
        self._draw()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.modules.backup.placing import place_of
        from pi_installer_tui.restic.answers import Trouble
        from pi_installer_tui.restic.engine import Restic
        from pi_installer_tui.restic.keeping import runs
        from pi_installer_tui.restic.words import sentence
        from pi_installer_tui.tasks.steps.backup.snapshots import made_by, of_job

        self._restic = restic = Restic(self.shell.host, place_of(self._place.name, self._place.settings))
        try:
            made = await made_by(self.shell.host)
            self._runs = runs(of_job(await restic.snapshots(f"job={self._job.name}"), self._job.name, made))
        except Trouble as error:
            self._trouble = sentence(error)
        except Exception as error:
            # what restic says is a Trouble; this is a fault, and must not take the screens with it
            self._trouble = _("This can't be read: {error}").format(error=printable(str(error)))
        self._draw()

    # drawing ------------------------------------------------------------------------------------------------------

    def _say(self, *cells: Cell) -> None:
        if not self.closing:
            self.query_one("#said", Panel).set_lines([cells])

    @property
    def _keep(self) -> Keep | None:
        """What the form says, on top of what is; None while it is wrong."""
        from pi_installer_tui.modules.backup.settings import Keep
        from pi_installer_tui.widgets.form import Invalid

        if self._form is None:
            return self._job.settings.keep or Keep()
        found = self._form.settings()
        if isinstance(found, Invalid):
            return None
        now = self._job.settings.keep or Keep()
        return now.model_copy(update=found.model_dump(exclude_none=True))

    def _draw(self) -> None:
        from pi_installer_tui.tasks.steps.backup.snapshots import decided

        if self.closing:
            return
        rows = self.query_one(Rows)
        keep = self._keep
        if self._trouble:
            self._say(Cell(_("The snapshots are not known."), "warn"))
            rows.set_rows([remark(Cell(printable(self._trouble), "bad"))])
        elif self._runs is not None and keep is not None:
            wanted = policy(keep)
            found = decided(self._runs, wanted, time.time())
            signs, now = glyphs(self), time.time()
            shown = [_row(each, wanted.empty, now, signs) for each in found]
            rows.set_rows(shown or [remark(Cell(_("There is no snapshot of it yet."), "quiet"))])
            self._say(*_sum(found, None))
            self._look_ahead(found, wanted)
        self.refresh_bindings()

    @work(exclusive=True, group="ahead")
    async def _look_ahead(self, found: Sequence[Fate], wanted: Policy) -> None:
        """What takes longer: how many there would be in a year, and what it frees, which restic is asked for once
        nothing is typed any more."""
        from pi_installer_tui.restic.answers import Trouble

        assert self._runs is not None
        schedule = self._job.settings.schedule
        later = await asyncio.to_thread(in_a_year, self._runs, wanted, schedule, time.time())
        cells = _sum(found, later)
        self._say(*cells)
        goes = [each.id for fate in found if not fate.stays for each in fate.run.snapshots]
        if not goes or self._restic is None:
            return
        self._say(*cells, Cell("; " + _("asking what that frees ..."), "quiet"))
        await asyncio.sleep(REST)
        try:
            freed = (await self._restic.would_free(goes)).freed
        except Trouble:
            freed = None
        said = _("restic doesn't say what that frees") if freed is None else _("{size} would be freed")
        self._say(*cells, Cell("; " + said.format(size=size(freed or 0))))

    def on_fields_changed(self) -> None:
        self._planning.stop()
        self._draw()

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        changed = self._form is not None and self._form.changed
        match action:
            case "plan":
                return changed and self._keep is not None and not self.shell.read_only
            case "keep":
                has = self._job.settings.keep is not None
                return has and not changed and bool(self._runs) and not self.shell.read_only
        return True

    def action_list(self) -> None:
        rows = self.query_one(Rows)
        if rows.has_focus and self._form is not None:
            self._form.focus_first()
        else:
            rows.focus()

    def action_plan(self) -> None:
        if not self._planning.running:
            self._planning.start(self._plan, dict)

    async def _plan(self) -> Planned:
        from pi_installer_tui import planning
        from pi_installer_tui.modules.backup.settings import BackupSettings, JobSettings

        assert self._form is not None
        settings = BackupSettings(jobs={self._job.name: JobSettings(keep=self._form.settings())})
        return await planning.plan(self.shell.host, planning.of({"backup": settings}))

    def _refuse(self, mistakes: Iterable[Mistake]) -> None:
        self._say(Cell(printable("; ".join(str(mistake) for mistake in mistakes)), "bad"))

    def action_keep(self) -> None:
        self.shell.act("backup", "keep", {"job": self._job.name, "place": self._place.name})

    async def action_back(self) -> None:
        if not self._planning.stop():
            await self.app.pop_screen()


def policy(keep: Keep) -> Policy:
    """The numbers as restic has them."""
    from pi_installer_tui.restic.keeping import Policy

    return Policy(
        last=keep.last or 0,
        daily=keep.daily or 0,
        weekly=keep.weekly or 0,
        monthly=keep.monthly or 0,
        yearly=keep.yearly or 0,
        within=keep.within or "",
    )


def in_a_year(found: Sequence[Run], wanted: Policy, schedule: Schedule | None, now: float) -> int | None:
    """How many runs there would be in a year, if the job ran as its schedule says; None where it has none. Of very many
    it is worked out in one go at the end, which may differ by a few."""
    from pi_installer_tui.restic.keeping import Moment, forward, keep

    coming = [Moment(at, time.localtime(at).tm_gmtoff) for at in runs_from(schedule, now)]
    moments = [run.moment for run in found]
    if not coming:
        return None
    if wanted.empty:
        return len(moments) + len(coming)
    if len(coming) <= _ONE_BY_ONE:
        return forward(moments, wanted, coming)
    newest = sorted([*moments, *coming], key=lambda each: each.time, reverse=True)
    return sum(bool(rules) for rules in keep(newest, wanted, now=newest[0].time + 1))


#: why a run stays, by the rule that keeps it
_RULES: Mapping[str, str] = {
    "last": N_("one of the last"),
    "daily": N_("its day's"),
    "weekly": N_("its week's"),
    "monthly": N_("its month's"),
    "yearly": N_("its year's"),
    "within": N_("young enough"),
    "newest": N_("the newest one"),
    "ahead": N_("made while the clock was ahead"),
}


def _sum(found: Sequence[Fate], later: int | None) -> list[Cell]:
    goes = [each for each in found if not each.stays]
    stay = len(found) - len(goes)
    cells = [Cell(ngettext("{n} stays", "{n} stay", stay).format(n=stay), "strong")]
    gone = ngettext("{n} goes", "{n} go", len(goes)).format(n=len(goes))
    cells.append(Cell(f", {gone}", "warn" if goes else "plain"))
    if later is not None:
        cells.append(Cell("; " + _("in a year there would be {n}").format(n=later)))
    return cells


def _row(each: Fate, everything: bool, now: float, signs: Glyphs) -> Row:
    state = Cell(f"{signs.ok} {_('stays')}", "good") if each.stays else Cell(f"{signs.failed} {_('goes')}", "warn")
    at, first = each.run.moment.time, each.run.snapshots[0]
    others = len(each.run.snapshots) - 1
    more = "  " + ngettext("and {n} database", "and {n} databases", others).format(n=others) if others else ""
    reasons = ", ".join(_(_RULES[rule]) for rule in each.rules) or _("none of the numbers keeps it")
    if everything:
        reasons = _("no numbers: all stay")
    cells = (
        state,
        Cell(moment(at)),
        Cell(words.age(now - at)),
        Cell(first.short, "quiet"),
        Cell(reasons + more, "plain" if each.stays else "quiet"),
    )
    return Row(each.run.name, cells)

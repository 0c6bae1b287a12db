"""Backup: since when it is proven that all comes back, the jobs with their last and next runs, and what runs now. From
here to runs, snapshots, places, retention and the settings; what is done goes through the review as anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.backup import run_words as words
from pi_installer_tui.screens.backup.schedule import in_words
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.tasks.words import wait as waited
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose, bar
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.screens.backup.seen import JobSeen, Seen
    from pi_installer_tui.screens.watch import JobView

#: the columns, in cells: job, places, last run, next run, size, proven
WIDTHS = (11, 11, 17, 9, 8, 0)
#: seconds between two looks at the jobs that run
AGAIN = 5.0
_ACTIVE = frozenset({"queued", "running", "waiting"})
_BAR = 16
SNAPSHOTS = "pi_installer_tui.screens.backup.snapshots:SnapshotsScreen"


class BackupScreen(ShellScreen):
    """The module Backup."""

    place = "backup"
    where = N_("Backup")
    stays = True
    PARTS = ("head", "jobs", "now", "detail")
    about = N_(
        "The first line is what counts: since when it is proven that everything here comes back. A restore drill "
        "proves it: files and the newest dumps are really restored, to a scratch place, and compared. It counts once "
        "the place's recovery kit was read back, since without the password nothing comes back.\n"
        "Below are the jobs: how their last run went and how long ago that was, when they run next, how large their "
        "newest snapshot is, and how long ago a drill proved them. Under the list: what runs now, and the job under "
        "the cursor.\n"
        "Enter opens a job's snapshots, from which files and databases are restored. Jobs and places are set in the "
        "settings. `o` copies the running card to another one. Everything that is done is planned and shown first."
    )
    CSS = """
    BackupScreen #head { margin-bottom: 1; }
    BackupScreen #detail { height: 9; }
    BackupScreen.-tall #detail { height: 16; }
    """
    AUTO_FOCUS = "#jobs"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup")]

    def __init__(self, module: str = "backup") -> None:
        super().__init__()
        self._module = module
        self._seen: Seen | None = None
        self._at_work: dict[str, str] = {}
        self._drawn_at = 0.0

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the machine ..."), "quiet")]], id="head")
        names = (_("job"), _("places"), _("last run"), _("next run"), _("size"), _("proven"))
        titles = "  ".join(name.ljust(width) for name, width in zip(names, WIDTHS, strict=True))
        yield Panel([[Cell(f"  {titles}", "quiet")]])
        yield Rows(WIDTHS, id="jobs")
        yield Panel(id="now")
        detail = TextPane(id="detail")
        detail.text.can_focus = False
        yield detail

    def on_mount(self) -> None:
        self.set_interval(AGAIN, self._look_again)
        self.shell.job_changed.subscribe(self, self._on_job_changed)
        self.shell.opened.subscribe(self, lambda _none: self._read())

    def on_screen_resume(self) -> None:
        if self.shell.is_open:
            self._read()

    @property
    def _on_top(self) -> bool:
        return self.app.screen is self

    # reading ------------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.screens.backup.seen import look

        self._look_for_jobs()
        try:
            self._seen = await look(self.shell.host)
        except Exception as error:
            # what can't be read is in what was seen; this is a fault, and must not take the screens with it
            if not self.closing:
                said = _("This can't be read: {error}").format(error=printable(str(error)))
                self.query_one("#head", Panel).set_lines([[Cell(said, "bad")]])
            return
        self._draw()

    def _look_again(self) -> None:
        if self._on_top and self.shell.is_open:
            self._look_for_jobs()

    @work(exclusive=True, group="jobs")
    async def _look_for_jobs(self) -> None:
        """Which jobs of this module run."""
        try:
            self._at_work = await asyncio.to_thread(self._running_jobs)
        except PermissionError:
            return
        for job in self._at_work:
            self.shell.follow_job(job)
        self._draw_work()

    def _running_jobs(self) -> dict[str, str]:
        """The jobs that run or wait, and what each does. Raises PermissionError."""
        store = self.shell.store
        found = {}
        for job in store.jobs():
            if job.status in _ACTIVE and self._module in job.modules:
                with contextlib.suppress(KeyError, OSError, ValueError):  # it was just removed, or is damaged
                    found[job.id] = words.asked(store.plan(job.id).asked) or ", ".join(job.settings_paths)
        return found

    def _on_job_changed(self, job: str) -> None:
        if not self._on_top or job not in self._at_work:
            return
        if self.shell.follow_job(job).over:
            self._read()
        elif time.monotonic() - self._drawn_at >= self.shell.profile.tick:
            self._draw_work()

    # drawing ------------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        seen = self._seen
        if seen is None or self.closing:
            return
        now, signs = time.time(), glyphs(self)
        rows = [_row(job, now, signs) for job in seen.jobs.values()]
        if seen.trouble:
            rows.append(remark(Cell(printable(seen.trouble), "warn")))
        elif not rows:
            rows = [remark(Cell(_("There is no job yet. First a place (`p`, then `n`), then a job (`e`)."), "quiet"))]
        self.query_one(Rows).set_rows(rows)
        self.query_one("#head", Panel).set_lines(headline(seen, now, signs, self.size.width - 4))
        self._draw_detail()
        self.refresh_bindings()

    def _draw_work(self) -> None:
        """What runs now, a line for each job."""
        if self.closing:
            return
        self._drawn_at = time.monotonic()
        signs = glyphs(self)
        lines = [_progress(what, self.shell.follow_job(job).view, signs) for job, what in self._at_work.items()]
        self.query_one("#now", Panel).set_lines(lines)

    def _draw_detail(self) -> None:
        one, pane = self._one, self.query_one("#detail", TextPane)
        pane.set(printable(one.name), _details(one, time.time())) if one is not None else pane.set("", [])

    # keys ---------------------------------------------------------------------------------------------------------

    @property
    def _one(self) -> JobSeen | None:
        row = self.query_one(Rows).row if self._seen is not None and not self.closing else None
        return self._seen.jobs.get(row.id) if self._seen is not None and row is not None else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        one = self._one if self.is_mounted else None
        match action:
            case "run" | "drill":
                return one is not None and bool(one.places) and not self.shell.read_only
            case "keeping":
                return one is not None and bool(one.places)
            case "contents":
                return one is not None
            case "snapshots" | "verify" | "locks":
                return self._seen is not None and bool(self._seen.places)
        return True

    def on_rows_moved(self) -> None:
        self._draw_detail()
        self.refresh_bindings()

    def on_rows_opened(self) -> None:
        self.action_snapshots()

    def action_refresh(self) -> None:
        self._read()

    def _places(self) -> Sequence[str]:
        """The places of the job under the cursor, else all of them."""
        one = self._one
        if one is not None and one.places:
            return one.places
        return tuple(self._seen.places) if self._seen is not None else ()

    def _at(self, title: str, then: Callable[[str], None]) -> None:
        """Goes on with a place: the only one, or the one that is chosen."""
        from pi_installer_tui.widgets.form.choose import ChooseScreen

        places = self._places()
        if len(places) == 1:
            then(places[0])
            return

        def chosen(choice: tuple[bool, Any] | None) -> None:
            if choice is not None:
                then(choice[1])

        self.app.push_screen(ChooseScreen(title, places, None, None, leave=False), chosen)

    def _act(self, verb: str, place: str) -> None:
        if (one := self._one) is not None:
            self.shell.act(self._module, verb, {"job": one.name, "place": place})

    def action_run(self) -> None:
        self._at(_("Back up to which place?"), lambda place: self._act("run", place))

    def action_drill(self) -> None:
        self._at(_("Restore from which place?"), lambda place: self._act("drill", place))

    def action_verify(self) -> None:
        def verify(place: str) -> None:
            self.shell.act(self._module, "verify", {"place": place})

        self._at(_("Look through which place?"), verify)

    def action_snapshots(self) -> None:
        package, _colon, name = SNAPSHOTS.partition(":")
        screen = getattr(import_module(package), name)
        one = self._one
        self.app.push_screen(screen(job=one.name if one is not None else ""))

    def action_runs(self) -> None:
        from pi_installer_tui.screens.backup.runs import RunsScreen

        self.app.push_screen(RunsScreen(self._one.name if self._one is not None else ""))

    def action_contents(self) -> None:
        from pi_installer_tui.screens.backup.contents import ContentsScreen

        if (one := self._one) is not None:
            self.app.push_screen(ContentsScreen(one.name, one.settings))

    def action_keeping(self) -> None:
        from pi_installer_tui.screens.backup.keeping import KeepingScreen

        one, seen = self._one, self._seen
        if one is None or seen is None:
            return

        def show(place: str) -> None:
            if place in seen.places:
                self.app.push_screen(KeepingScreen(one, seen.places[place]))

        self._at(_("Snapshots of which place?"), show)

    def action_locks(self) -> None:
        from pi_installer_tui.screens.backup.locks import LocksScreen

        def show(place: str) -> None:
            if self._seen is not None and place in self._seen.places:
                self.app.push_screen(LocksScreen(self._seen.places[place]))

        self._at(_("Locks of which place?"), show)

    def action_places(self) -> None:
        from pi_installer_tui.screens.backup.places import PlacesScreen

        self.app.push_screen(PlacesScreen())

    def action_clone(self) -> None:
        from pi_installer_tui.screens.backup.clone import CloneScreen

        self.app.push_screen(CloneScreen())

    def action_settings(self) -> None:
        from pi_installer_tui.screens.backup.module import BackupForm

        self.app.push_screen(BackupForm(self._module))


def headline(seen: Seen, now: float, signs: Glyphs, width: int) -> list[list[Cell]]:
    """A line or two: since when it is proven that all comes back, and what is to be said of it."""
    import textwrap

    if seen.proven is None:
        mark, tone = (signs.warning, "warn") if seen.jobs else (signs.todo, "quiet")
        first = Cell(f"{mark} " + _("Not proven restorable"), "warn" if tone == "warn" else "quiet")
    else:
        said = _("Last proven restorable: {ago} ({when})")
        text = said.format(ago=words.ago(seen.proven, now), when=moment(seen.proven))
        first = Cell(f"{signs.warning} {text}", "warn") if seen.why else Cell(f"{signs.ok} {text}", "good")
    why = textwrap.shorten(printable(seen.why), width, placeholder=signs.more) if seen.why else ""
    return [[first], *([[Cell(f"  {why}")]] if why else [])]


def _row(job: JobSeen, now: float, signs: Glyphs) -> Row:
    last = Cell(_("never ran"), "warn")
    if job.last is not None:
        stands = words.standing(job.last, signs)
        last = Cell(f"{stands.text} {words.age(now - job.last.started)}", stands.tone)
    if job.overdue:
        following = Cell(_("overdue"), "bad")
    else:
        following = Cell("-", "quiet") if job.next is None else Cell(words.in_days(job.next, now))
    proven = Cell("-", "warn") if job.proven is None else Cell(words.age(now - job.proven))
    places = printable(", ".join(job.places)) if job.places else "-"
    return Row(
        job.name,
        (Cell(printable(job.name), "strong"), Cell(places), last, following, Cell(words.size(job.size)), proven),
    )


def _progress(what: str, view: JobView, signs: Glyphs) -> list[Cell]:
    """What a job does now."""
    step = view.steps.get(view.current)
    if view.wait is not None:
        return [Cell(f"{signs.waiting} {what}  ", "strong"), Cell(waited(view.wait.what, view.wait.holder), "warn")]
    line = [Cell(f"{signs.running} {what}  ", "strong")]
    if step is not None and step.fraction is not None:
        line.append(Cell(f"{bar(step.fraction, _BAR, signs)} {step.fraction * 100:3.0f} %  "))
    return [*line, Cell(printable(step.detail) if step is not None else "", "quiet")]


def _details(job: JobSeen, now: float) -> list[Cell]:
    """The job under the cursor: what it does, and how its last run went."""
    now_set = job.settings
    kept = [*(now_set.what or ()), *(now_set.paths or ())]
    lines: list[Cell] = [Prose(_("What: {what}").format(what=printable(", ".join(kept)) or "-"))]
    lines.append(Prose(_("When: {when}").format(when=in_words(job.settings.schedule))))
    if job.last is not None:
        lines += words.details(job.last, now)
    return lines

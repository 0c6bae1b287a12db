"""Home: the machine at a glance, the modules with a true state each, running jobs, last changes. It is drawn at once;
every value is filled in when it arrives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui import modules
from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens import signs as show
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.tasks import words
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading, remark
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from textual.timer import Timer

    from pi_installer_tui.screens.watch import Wait
    from pi_installer_tui.system.machine import Machine
    from pi_installer_tui.tasks.probation import Trial
    from pi_installer_tui.tasks.store import JobSummary

#: seconds between two looks at the jobs
JOBS = 5.0
#: live looks between two looks at the addresses: those start a command
ADDRESSES = 5
#: last changes that are shown
LAST = 6

_ACTIVE = frozenset({"queued", "running", "waiting"})


class HomeScreen(ShellScreen):
    """The first screen."""

    place = "home"
    PARTS = ("machine", "waits", "list")
    where = N_("Home")
    about = N_(
        "The machine at a glance, then what can be managed on it, with what was found there, then jobs "
        "that run and the last changes.\n"
        "Open a module to see and change its settings, or a job to see what it does or did. Nothing is changed before "
        "you have seen exactly what will happen and agreed to it.\n"
        "While a change waits for its confirmation, a line above the list says so, whoever made it: confirm it from a "
        "connection that works, or it goes back by itself."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("home")]

    def __init__(self) -> None:
        super().__init__()
        self._states: dict[str, Cell] = {}
        self._jobs: tuple[JobSummary, ...] = ()
        self._machine: Machine | None = None
        self._beat = 0
        self._no_jobs = _("reading ...")
        self._trial: Trial | None = None
        self._stood = ("", False)
        self._countdown: Timer | None = None
        self._unseen: tuple[str, ...] = ()
        self._left: frozenset[str] = frozenset()
        self._stopped_in: dict[str, str] = {}
        self._reboot_at: dict[str, str] = {}

    def body(self) -> Iterable[Widget]:
        yield Panel([[], [], [], []], id="machine")
        yield Panel(id="waits")
        yield Rows((14, 0), id="list")

    def on_mount(self) -> None:
        self.say_doing(str(self.shell.profile))
        rows = self.query_one(Rows)
        rows.set_rows(self._rows())
        rows.focus()
        self.shell.job_changed.subscribe(self, self._on_job_changed)
        self.shell.opened.subscribe(self, lambda _: self._begin())
        if self.shell.is_open:
            self._begin()

    def on_screen_resume(self) -> None:
        if self.shell.is_open:
            self._look()

    @property
    def _on_top(self) -> bool:
        """Whether it is what the person sees. (`is_current` is true of the screen below another one as well, and what
        is drawn there draws all of the one above anew.)"""
        return self.app.screen is self

    def _begin(self) -> None:
        self.set_interval(self.shell.profile.tick, self._read_live_again)
        self.set_interval(JOBS, self._read_jobs_again)
        self._look()

    def _look(self) -> None:
        self._read_machine()
        self._read_jobs()
        self._read_modules()

    # the list -----------------------------------------------------------------------------------------------------

    def _rows(self) -> list[Row]:
        waiting = [job for job in self._jobs if self._waits(job)]
        running = [job for job in self._jobs if job.status in _ACTIVE and job not in waiting]
        broken = [
            job
            for job in self._jobs
            if job.status == "interrupted" and not job.undone_by and job.id not in self._left and job not in waiting
        ]
        demanding = [*waiting, *running, *broken]
        unseen = [job for job in self._jobs if job.id in self._unseen and job not in demanding]
        rows: list[Row] = []
        if waiting:
            rows.append(heading(_("Waiting for you")))
            rows += [*(self._job(job) for job in waiting), remark(Cell(""))]
        if unseen:
            rows.append(heading(_("News: not seen yet")))
            rows += [*(self._job(job) for job in unseen), remark(Cell(""))]
        if broken:
            rows.append(heading(_("Interrupted: continue, undo or leave")))
            rows += [*(self._job(job) for job in broken), remark(Cell(""))]
        if running:
            rows.append(heading(_("Running")))
            rows += [*(self._job(job) for job in running), remark(Cell(""))]
        rows.append(heading(_("Modules")))
        for module in modules.MODULES:
            state = self._states.get(module.name) or Cell(_("reading ..."), "quiet")
            rows.append(Row(f"module:{module.name}", (Cell(_(module.title), "strong"), state)))
        rows.append(remark(Cell("")))
        rows.append(heading(_("Last changes"), _("h: all") if len(self._jobs) > LAST else ""))
        over = [job for job in self._jobs if job not in demanding and job not in unseen]
        rows += [self._job(job) for job in over[:LAST]]
        if not over:
            rows.append(remark(Cell(self._no_jobs, "quiet")))
        return rows

    def _waits(self, job: JobSummary) -> bool:
        """Whether somebody's word is waited for: a change to be confirmed, a reboot."""
        if self._trial is not None and self._trial.job == job.id:
            return True
        return job.status == "waiting" and self._wait(job, "reboot") is not None

    def _wait(self, job: JobSummary, what: str) -> Wait | None:
        wait = self.shell.follow_job(job.id).view.wait
        return wait if wait is not None and wait.what == what else None

    def _job(self, job: JobSummary) -> Row:
        signs = glyphs(self)
        sign, tone = show.sign(job.status, signs)
        if self._waits(job):
            if self._trial is not None and self._trial.job == job.id:
                back = self._trial.standing == "reverting"
                said = (_("being taken back: {what}") if back else _("to be confirmed: {what}")).format(
                    what=words.what(job)
                )
            elif self._reboot_at.get(job.id) == "now":
                said = _("reboots now: {what}").format(what=words.what(job))
            else:
                wait = self._wait(job, "reboot")
                when = self._reboot_at.get(job.id) or (wait.holder if wait else "")
                said = f"{words.wait('reboot', when)}: {words.what(job)}"
            return Row(f"job:{job.id}", (Cell(f"{sign} {words.status(job.status)}", tone), Cell(said)))
        if job.status in _ACTIVE:
            view = self.shell.follow_job(job.id).view
            said = f"{words.what(job)}  {show.steps_of(view.done_steps, job.steps)}"
            if view.wait is not None:
                said += "  " + words.wait(view.wait.what, view.wait.holder)
        else:
            said = f"{show.moment(job.created)}  {words.what(job)}"
            if job.undone_by:
                said += "  " + _("(undone)")
            elif job.id in self._left:
                said += "  " + _("(left)")
            elif job.status == "interrupted" and (step := self._stopped_in.get(job.id)):
                said = _("{what}, in: {step}").format(what=words.what(job), step=step)
            elif job.who:
                said += "  " + job.who
        return Row(f"job:{job.id}", (Cell(f"{sign} {words.status(job.status)}", tone), Cell(said)))

    def _draw(self) -> None:
        if not self.closing:
            self.query_one(Rows).set_rows(self._rows())

    def on_rows_opened(self, message: Rows.Opened) -> None:
        kind, _colon, name = (message.row.id if message.row else "").partition(":")
        if kind == "module":
            self.shell.open_module(name)
        elif kind == "job":
            self.shell.show_job(name)

    def action_refresh(self) -> None:
        if self.shell.is_open:
            self._states.clear()
            self._draw()
            self._look()

    def action_wizard(self) -> None:
        self.shell.open_wizard()

    def action_audit(self) -> None:
        from pi_installer_tui.screens.security.audit import AuditScreen

        self.app.push_screen(AuditScreen())

    def action_logs(self) -> None:
        from pi_installer_tui.screens.monitoring.logs import Logs

        self.app.push_screen(Logs())

    def action_dashboard(self) -> None:
        from pi_installer_tui.screens.monitoring.dashboard import Dashboard

        self.app.push_screen(Dashboard())

    def action_services(self) -> None:
        from pi_installer_tui.screens.monitoring.services import Services

        self.app.push_screen(Services())

    # what arrives -------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="jobs")
    async def _read_jobs(self) -> None:
        try:
            self._jobs = tuple(await asyncio.to_thread(self._look_up))
            self._no_jobs = _("none yet")
        except PermissionError:
            self._no_jobs = _("reading them takes root")
        for job in self._jobs:
            if job.status in _ACTIVE:
                self.shell.follow_job(job.id)
        self._draw_trial()
        self._draw()

    def _look_up(self) -> list[JobSummary]:
        """The jobs and what belongs to them. Raises PermissionError."""
        from pi_installer_tui.tasks import news
        from pi_installer_tui.tasks.probation import open_trial
        from pi_installer_tui.tasks.reboot import Agreement

        store = self.shell.store
        jobs = store.jobs()
        stopped = [job for job in jobs if job.status == "interrupted"]
        with contextlib.suppress(KeyError):  # one was just removed
            self._left = frozenset(job.id for job in stopped if news.left(store, job.id))
        for job in stopped:
            if job.id not in self._stopped_in and job.step:
                self._stopped_in[job.id] = self._title(job)
        waiting = [job.id for job in jobs if job.status == "waiting"]
        self._reboot_at = {job: Agreement(store.folder(job), "ask").when() for job in waiting}
        self._unseen = news.unseen(store)
        trial = open_trial(store)
        # where its job's own process takes a change back, nothing does without that
        running = {job.id for job in jobs if job.status in _ACTIVE}
        abandoned = trial is not None and not trial.outside and trial.job not in running
        self._trial = None if abandoned else trial
        return jobs

    def _title(self, job: JobSummary) -> str:
        """The step in which a job was stopped, in words."""
        try:
            return next((s.describe() for s in self.shell.store.plan(job.id).flat if s.id == job.step), job.step)
        except (KeyError, OSError, ValueError):
            return job.step

    def _draw_trial(self) -> None:
        """The line above the list while a change waits, with its countdown."""
        from pi_installer_tui.screens.trial import banner, stands

        if self.closing:
            return
        trial = self._trial
        if trial is None:
            self.query_one("#waits", Panel).set_lines([])
            if self._countdown is not None:
                self._countdown.stop()
                self._countdown = None
        else:
            if self._countdown is None:
                self._countdown = self.set_interval(1.0, self._count)
            line = banner(trial, glyphs(self), here=not self.shell.read_only)
            self.query_one("#waits", Panel).set_lines([line])
        if stands(trial) != self._stood:
            self._stood = stands(trial)
            self.refresh_bindings()

    def _count(self) -> None:
        if self._on_top and self._trial is not None:
            self._read_trial(self._trial.job)

    @work(exclusive=True, group="trial")
    async def _read_trial(self, job: str) -> None:
        from pi_installer_tui.tasks.probation import look

        try:
            trial = await asyncio.to_thread(look, self.shell.store, job)
        except (KeyError, OSError):
            trial = None
        self._trial = trial if trial is not None and trial.open else None
        self._draw_trial()
        if self._trial is None:
            self._read_jobs()

    def _read_jobs_again(self) -> None:
        if self._on_top:
            self._read_jobs()

    def _on_job_changed(self, job: str) -> None:
        if not self._on_top:
            return
        watch = self.shell.follow_job(job)
        if watch.over:
            self._look()
            return
        if watch.view.on_probation and self._trial is None:
            self._read_trial(job)
        elif watch.view.wait is not None and watch.view.wait.what == "reboot":
            self._read_jobs()
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "confirm":
            return self._trial is not None and self._trial.can_be_confirmed and not self.shell.read_only
        if action == "reach":
            return self._machine is not None and self._machine.addresses is not None
        return True

    def action_confirm(self) -> None:
        if self._trial is not None:
            from pi_installer_tui.screens.trial import confirm

            confirm(self, self._trial)

    def action_reach(self) -> None:
        from pi_installer_tui.screens.code import CodeScreen
        from pi_installer_tui.system.reading import known

        if self._machine is not None and (addresses := known(self._machine.addresses)):
            address = addresses[0].address
            host = f"[{address}]" if ":" in address else address
            seat = self.shell.seat
            port = f":{seat.server_port}" if seat is not None and seat.server_port not in (0, 22) else ""
            title = _("Log in here: {command}").format(command=words.connect(self.shell.who, address, seat))
            self.app.push_screen(CodeScreen(title, f"ssh://{self.shell.who}@{host}{port}", "address"))

    @work(exclusive=True, group="modules")
    async def _read_modules(self) -> None:
        for module in modules.MODULES:
            await self.shell.until_idle()
            try:
                loaded = modules.load(module.name)
                state = await loaded.read_summary(self.shell.host)
                cell = Cell(printable(loaded.summary(state)))
            except Exception as error:
                # a fault in one module must not take the other modules with it
                cell = Cell(_("{sign} can't be read: {error}").format(sign=glyphs(self).unknown, error=error), "warn")
            self._states[module.name] = cell
            self._draw()

    @work(exclusive=True, group="machine")
    async def _read_machine(self) -> None:
        from pi_installer_tui.system.machine import ALL

        await self._glance(ALL)
        await self.shell.read_name()

    def _read_live_again(self) -> None:
        if self._on_top:  # a worker of a screen below is enough to draw the one above anew
            self._read_live()

    @work(exclusive=True, group="live")
    async def _read_live(self) -> None:
        from pi_installer_tui.system.machine import LIVE

        self._beat += 1
        often = [name for name in LIVE if name != "addresses"]
        await self._glance(LIVE if self._beat % ADDRESSES == 0 else often)

    async def _glance(self, names: Sequence[str]) -> None:
        from pi_installer_tui.system.machine import Machine, glance

        machine = self._machine or Machine()
        async for name, reading in glance(self.shell.host, names):
            machine = replace(machine, **{name: reading})
            self._machine = machine
            self._draw_machine()

    def _draw_machine(self) -> None:
        if self._machine is not None and not self.closing:
            from pi_installer_tui.screens.glance import lines

            panel = self.query_one("#machine", Panel)
            panel.set_lines(lines(self._machine, self.size.width - 2, glyphs(self)))

    def on_resize(self) -> None:
        self._draw_machine()

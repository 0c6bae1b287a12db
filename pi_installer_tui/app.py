"""The Textual app: which screen is shown, and what outlives screens (the machine, the jobs that are watched)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen
from textual.scrollbar import ScrollBar
from textual.signal import Signal
from textual.widget import Widget

from pi_installer_tui.console import SSH, Profile, Terminal, detect
from pi_installer_tui.console.driver import CellDriver
from pi_installer_tui.console.scrollbar import plain
from pi_installer_tui.console.theme import THEME
from pi_installer_tui.i18n import _
from pi_installer_tui.modules import action as listed_action
from pi_installer_tui.modules import listed
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.home import HomeScreen
from pi_installer_tui.system.caller import called, caller
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.bars import TitleBar
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.screens.watch import Watch
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.system.seat import Seat
    from pi_installer_tui.tasks.plan import Plan
    from pi_installer_tui.tasks.store import Store


#: seconds without a key after which nobody is typing
_QUIET = 0.3


@dataclass(frozen=True, slots=True)
class Opened:
    """A machine and its jobs."""

    host: Host
    store: Store


class PiInstallerApp(App[None], inherit_bindings=False):
    """The program on the screen.

    opening: opens the machine; called after the first paint. read_only: why nothing can be changed, "" where it can.
    """

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "pi-installer-tui"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]

    def __init__(
        self,
        opening: Callable[[], Awaitable[Opened]],
        *,
        read_only: str = "",
        demo: bool = False,
        profile: Profile = SSH,
    ) -> None:
        self.profile = profile
        super().__init__(driver_class=CellDriver)
        self.read_only = read_only
        self.demo = demo
        self.who = caller()
        self.seat: Seat | None = None
        self.opened: Signal[None] = Signal(self, "opened")
        self.job_changed: Signal[str] = Signal(self, "job_changed")
        self._opening = opening
        self.machine: Opened | None = None
        self._watches: dict[str, Watch] = {}
        #: the secrets that jobs were started with here, for another try: a job that is over has forgotten them
        self._typed: dict[str, dict[str, str]] = {}
        self._last_key = 0.0
        self._imported = asyncio.Event()
        self.machine_name = ""
        self.animation_level = "none"
        self.register_theme(THEME)
        self.theme = THEME.name
        self._dress()

    # what screens ask for (screens.base.Shell); workers of the app, since a screen that is left ends its own ----------

    @property
    def is_open(self) -> bool:
        return self.machine is not None

    @property
    def host(self) -> Host:
        if self.machine is None:
            raise RuntimeError("the machine isn't open yet")
        return self.machine.host

    @property
    def store(self) -> Store:
        if self.machine is None:
            raise RuntimeError("the machine isn't open yet")
        return self.machine.store

    def follow_job(self, job: str) -> Watch:
        from pi_installer_tui.screens.watch import Watch

        if job not in self._watches:
            watch = Watch(self.store, job, self.job_changed.publish, lambda: self._last_key)
            self._watches[job] = watch
            self._follow(watch)
        return self._watches[job]

    @work(group="watch", exit_on_error=False)
    async def _follow(self, watch: Watch) -> None:
        await watch.follow()
        await self.read_name()

    async def until_idle(self) -> None:
        await self._imported.wait()
        await self._quiet()

    @work(group="jobs")
    async def cancel_job(self, job: str) -> None:
        from pi_installer_tui.tasks.jobs import cancel

        try:
            await cancel(self.store, job, self.who, self.host)
        except expected() as error:
            self._problem(_("The job could not be cancelled: {error}"), error, _("It goes on as it was."))

    @work(group="jobs")
    async def confirm_job(self, job: str) -> None:
        from pi_installer_tui.tasks import words
        from pi_installer_tui.tasks.probation import ConfirmError, confirm

        stayed = _("It goes back by itself, unless it is confirmed in time.")
        try:
            await confirm(self.store, job, self.who, self.host)
        except ConfirmError as error:
            said = words.not_confirmed(error.reason, error.ports)
            late = error.reason != "not-yet"
            self._problem(_("Not confirmed: {error}."), said, _("Nothing else was changed.") if late else stayed)
        except expected() as error:
            self._problem(_("The change could not be confirmed: {error}"), error, stayed)
        else:
            self.job_changed.publish(job)

    @work(group="jobs")
    async def agree_reboot(self, job: str, when: str = "now") -> None:
        from pi_installer_tui.tasks.reboot import agree

        try:
            await asyncio.to_thread(agree, self.store, job, when)
        except expected() as error:
            self._problem(_("The agreement could not be written: {error}"), error, _("The job waits as before."))
        else:
            self.job_changed.publish(job)

    @work(group="jobs")
    async def leave_job(self, job: str) -> None:
        from pi_installer_tui.tasks.news import leave

        try:
            await asyncio.to_thread(leave, self.store, job)
        except expected() as error:
            self._problem(_("The job could not be left: {error}"), error, _("It is as it was."))
        else:
            self.job_changed.publish(job)

    @work(group="jobs")
    async def look_again(self, job: str) -> None:
        await asyncio.to_thread(self._settle, job)
        self._watches.pop(job, None)
        self.follow_job(job)
        self.job_changed.publish(job)

    @work(group="show", exclusive=True)
    async def replan(self, job: str, without: str = "") -> None:
        from pi_installer_tui.planning import arguments, combine, plan, plan_action
        from pi_installer_tui.screens.review import ReviewScreen
        from pi_installer_tui.tasks.review import review

        old = await asyncio.to_thread(self.store.plan, job)
        if old.undoes:
            self.show_undo(old.undoes)
            return
        with self._doing(_("planning again ...")):
            secrets = self._typed.get(job, {})
            if old.asked is not None:
                told = arguments(old.asked.module, old.asked.action, old.asked.arguments)
                planned = await plan_action(self.host, old.asked.module, old.asked.action, told, secrets=secrets)
            else:
                planned = await plan(self.host, combine([{"version": 1, **old.settings}]), secrets=secrets)
        if planned.reviewed is None:
            from pi_installer_tui.screens.message import Problem

            said = "\n".join(str(mistake) for mistake in planned.mistakes)
            self.push_screen(Problem(_("It can't be planned again any more:") + "\n" + said, _("Nothing was changed.")))
            return
        reviewed = planned.reviewed
        if without:
            with self._doing(_("planning again ...")):
                reviewed = await review(reviewed.plan.without([without]), self.host)
        await self.push_screen(ReviewScreen(reviewed, secrets))

    @work(group="jobs")
    async def start_job(self, plan: Plan, secrets: Mapping[str, str] | None = None) -> None:
        from pi_installer_tui.tasks.jobs import launch
        from pi_installer_tui.tasks.secrets import give

        host, store = self.host, self.store
        create = partial(store.create, plan, who=self.who, host_kind=host.kind, host_address=host.address)
        try:
            with self._doing(_("starting ...")):
                job = await asyncio.to_thread(create)
                self._typed[job] = dict(secrets or {})
                await asyncio.to_thread(give, store.root, plan, secrets or {})
                await launch(store, job, host)
        except expected() as error:
            self._problem(_("The job could not be started: {error}"), error, _("Nothing was changed."))
            return
        await self._show_job(job)

    @work(group="jobs")
    async def resume_job(self, job: str) -> None:
        from pi_installer_tui.tasks.jobs import resume

        try:
            await resume(self.store, job, self.host)
        except expected() as error:
            self._problem(_("The job could not be continued: {error}"), error, _("It is as it was left."))
            return
        self._watches.pop(job, None)
        await self._show_job(job)

    @work(group="show", exclusive=True)
    async def show_undo(self, job: str) -> None:
        from pi_installer_tui.screens.ask import Ask
        from pi_installer_tui.screens.review import ReviewScreen
        from pi_installer_tui.tasks.review import review
        from pi_installer_tui.tasks.undo import keeps_data, plan_undo

        try:
            with self._doing(_("planning the way back ...")):
                plan = await plan_undo(self.store, job, self.host)
            if kept := keeps_data(plan):
                later = _("No keeps the data and the configuration. Either way the review comes first.")
                if await self.push_screen_wait(Ask(_("Delete the data too that was made since?"), [*kept, later])):
                    plan = await plan_undo(self.store, job, self.host, delete_data=True)
            with self._doing(_("planning the way back ...")):
                reviewed = await review(plan, self.host)
        except expected() as error:
            self._problem(_("The way back can't be planned: {error}"), error, _("Nothing was changed."))
            return
        await self.push_screen(ReviewScreen(reviewed))

    @contextlib.contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        """Says in the title what takes a while."""
        bars = list(self.screen.query(TitleBar))
        for bar in bars:
            bar.doing = what
        try:
            yield
        finally:
            for bar in bars:
                bar.doing = ""

    def _problem(self, what: str, error: Exception | str, stayed: str) -> None:
        from pi_installer_tui.screens.message import Problem

        log = _("`pi-installer-tui jobs` lists all jobs; the program can be closed and opened without harm to any.")
        self.push_screen(Problem(what.format(error=error), stayed, log))

    @work(group="show", exclusive=True)
    async def show_job(self, job: str) -> None:
        await self._show_job(job)

    async def _show_job(self, job: str) -> None:
        from pi_installer_tui.screens.job import JobScreen

        while len(self.screen_stack) > 1 and not (isinstance(self.screen, ShellScreen) and self.screen.stays):
            await self.pop_screen()
        await self.push_screen(JobScreen(job))

    @work(group="show", exclusive=True)
    async def open_module(self, name: str) -> None:
        where = listed(name).screen or "pi_installer_tui.screens.module:ModuleScreen"
        package, _colon, cls = where.partition(":")
        screen: type[Screen[None]] = getattr(import_module(package), cls)
        await self.push_screen(screen(name))

    def open_shell(self) -> None:
        shell = os.environ.get("SHELL", "")
        argv = [shell if os.access(shell, os.X_OK) else "/bin/sh"]
        with self.suspend():
            sys.stdout.write(_("A shell as {user}; `exit` comes back.").format(user=called(os.geteuid())) + "\n")
            sys.stdout.flush()
            subprocess.run(argv, check=False)
        self.action_redraw()

    @work(group="show", exclusive=True)
    async def open_action(self, module: str, action: str) -> None:
        from pi_installer_tui.screens.act import ActScreen

        await self.push_screen(ActScreen(module, action))

    @work(group="show", exclusive=True)
    async def act(
        self, module: str, action: str, told: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> None:
        from pi_installer_tui.planning import SetupError, arguments, plan_action
        from pi_installer_tui.screens.review import ReviewScreen

        title = _(listed_action(module, action).title)
        try:
            with self._doing(_("planning: {what} ...").format(what=title)):
                asked = arguments(module, action, told)
                planned = await plan_action(self.host, module, action, asked, secrets=secrets or ())
            if planned.reviewed is None:
                raise SetupError(*planned.mistakes)
        except SetupError as error:
            said = "; ".join(str(mistake) for mistake in error.mistakes)
            self._problem(_("It can't be done: {error}"), said, _("Nothing was changed."))
        except expected() as error:
            self._problem(_("The plan could not be made: {error}"), error, _("Nothing was changed."))
        else:
            await self.push_screen(ReviewScreen(planned.reviewed, secrets))

    @work(group="show", exclusive=True)
    async def open_wizard(self) -> None:
        from pi_installer_tui.screens.wizard import WizardScreen

        await self.push_screen(WizardScreen())

    # keys ---------------------------------------------------------------------------------------------------------

    async def action_back(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            self.exit()

    def action_leave(self) -> None:
        self.exit()

    def action_redraw(self) -> None:
        if isinstance(self._driver, CellDriver):
            self._driver.repaint(measure=True)

    def action_scroll(self, columns: int, rows: int) -> None:
        if isinstance(self._driver, CellDriver):
            self._driver.scroll(columns, rows)

    def draw_for(self, wish: str) -> None:
        """Draws for another console from now on."""
        term = "linux" if wish == "hdmi" else "xterm-256color" if wish == "ssh" else self.profile.term
        found = detect({"TERM": term}, Terminal(utf8=True), wish)
        self.profile = replace(found, size=self.profile.size, font=self.profile.font if wish == "hdmi" else None)
        self._dress()
        if isinstance(self._driver, CellDriver):
            self._driver.use(self.profile)
        self.refresh_css()
        home = self.screen_stack[0]
        if isinstance(home, ShellScreen):
            home.say_doing(str(self.profile))
        for screen in self.screen_stack:
            for node in screen.walk_children(Widget, with_self=True):
                node.refresh(layout=True)

    def _dress(self) -> None:
        ScrollBar.renderer = plain(self.profile.glyphs)
        self.set_class(self.profile.glyphs.full.isascii(), "-ascii")

    def action_help(self) -> None:
        from pi_installer_tui.screens.help import HelpScreen

        if isinstance(self.screen, ShellScreen) and not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    def action_palette(self) -> None:
        from pi_installer_tui.screens.palette import PaletteScreen

        if isinstance(self.screen, ShellScreen):
            self.push_screen(PaletteScreen(self.screen), self._run_chosen)

    async def _run_chosen(self, chosen: Callable[[], Awaitable[object]] | None) -> None:
        if chosen is not None:
            await chosen()

    def action_history(self) -> None:
        from pi_installer_tui.screens.history import HistoryScreen

        if not isinstance(self.screen, HistoryScreen):
            self.push_screen(HistoryScreen())

    # life ---------------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        return HomeScreen()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self._last_key = time.monotonic()
        await super().on_event(event)

    def on_ready(self) -> None:
        """The first frame is on the screen: now the machine, and then what may be needed."""
        if not gc.isenabled():  # whoever opened us waited for this
            gc.freeze()
            gc.enable()
        self._open()

    @work(group="open")
    async def _open(self) -> None:
        self.machine = await self._opening()
        await self.read_name()
        self.opened.publish(None)
        from pi_installer_tui.screens.ready import FIRST, LATER, import_when_idle

        await self._sit_down()
        if await asyncio.to_thread(self._never_set_up) and len(self.screen_stack) == 1:
            self.open_wizard()
        await import_when_idle(FIRST, self._quiet)
        self._imported.set()
        if not self.read_only:
            await asyncio.to_thread(self._settle_all)
        await import_when_idle(LATER, self._quiet)

    async def _sit_down(self) -> None:
        """Finds out where the person sits."""
        from pi_installer_tui.system.seat import find, with_interface

        if self.seat is None:
            self.seat = await asyncio.to_thread(find)
            with contextlib.suppress(*expected()):
                self.seat = await with_interface(self.seat, self.host)

    def _never_set_up(self) -> bool:
        """Nothing was ever changed on this machine from here, and it can be."""
        if self.read_only or self.demo:
            return False
        with contextlib.suppress(OSError):
            return not self.store.ids()
        return False

    def _settle_all(self) -> None:
        """Writes the end of jobs into their journals whose way back ran while nobody looked."""
        from pi_installer_tui.tasks.store import PROBATION

        with contextlib.suppress(OSError):
            for job in self.store.ids():
                if (self.store.folder(job) / PROBATION / "reverted").exists():
                    self._settle(job)

    def _settle(self, job: str) -> None:
        from pi_installer_tui.tasks.probation import settle

        with contextlib.suppress(*expected()):
            settle(self.store, job)

    async def read_name(self) -> None:
        self.machine_name = ((await self.host.text("/proc/sys/kernel/hostname")) or "").strip()
        for screen in self.screen_stack:
            for bar in screen.query(TitleBar):
                bar.machine = printable(self.machine_name)

    async def _quiet(self) -> None:
        """Returns when nobody is typing."""
        while True:
            rest = self._last_key + _QUIET - time.monotonic()
            if rest <= 0:
                return
            await asyncio.sleep(rest)

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes that every screen's title shows."""
        return ((_("DEMO"),) if self.demo else ()) + ((_("READ-ONLY"),) if self.read_only else ())

    def _handle_exception(self, error: Exception) -> None:
        """Textual would print a traceback with all local variables. We keep the exception for `run`, which hands it to
        whoever started us, and end without a word."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()


def expected() -> tuple[type[Exception], ...]:
    """What machines and their state directories refuse; anything else is a fault of the program."""
    from pi_installer_tui.system.host import HostError
    from pi_installer_tui.tasks.before import Unreadable
    from pi_installer_tui.tasks.jobs import JobError

    return (OSError, HostError, JobError, KeyError, Unreadable)


async def _open_local() -> Opened:
    from pi_installer_tui.system.local import LocalHost
    from pi_installer_tui.system.paths import STATE
    from pi_installer_tui.tasks.store import Store

    return Opened(LocalHost(), Store(STATE))


async def _open_demo(folder: str) -> Opened:
    from pi_installer_tui.system.demo import DemoHost
    from pi_installer_tui.tasks.store import Store

    host = DemoHost(folder) if folder else await asyncio.to_thread(DemoHost.furnished)
    return Opened(host, Store(host.state))


def _close_demo(opened: Opened) -> None:
    """Takes the demo machine away, unless a job still works on it."""
    if not any(job.open for job in opened.store.jobs()):
        shutil.rmtree(opened.host.address, ignore_errors=True)


def run(*, demo: bool, read_only: bool, profile: Profile, demo_folder: str = "") -> int:
    """Opens the screens and returns the exit status. A fault of the program is raised once the terminal is itself
    again; nothing of it is printed here. demo_folder: a demo machine that is there already, and stays."""
    reason = ""
    if read_only:
        reason = _("the program was opened read-only") if demo or os.geteuid() == 0 else _("that takes root")
    app = PiInstallerApp(
        partial(_open_demo, demo_folder) if demo else _open_local,
        read_only=reason,
        demo=demo,
        profile=profile,
    )
    app.run()
    if demo and not demo_folder and app.machine is not None:
        _close_demo(app.machine)
    if app._exception is not None:
        raise app._exception
    return app.return_code or 0

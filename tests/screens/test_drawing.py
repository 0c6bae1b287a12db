"""What is drawn: only signs that the console has, nothing outside of 80x24, and no state by colour alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from pi_installer_tui.app import PiInstallerApp
from pi_installer_tui.console.glyphs import GLYPHS, SETS, GlyphSet
from pi_installer_tui.console.profile import Terminal, detect
from pi_installer_tui.modules.backup.places import FolderPlace
from pi_installer_tui.modules.backup.settings import JobSettings
from pi_installer_tui.screens.backup.clone import CloneScreen
from pi_installer_tui.screens.backup.keeping import KeepingScreen
from pi_installer_tui.screens.backup.kit import KitScreen
from pi_installer_tui.screens.backup.new_place import NewPlaceScreen
from pi_installer_tui.screens.backup.search import Searching
from pi_installer_tui.screens.backup.seen import JobSeen, PlaceSeen
from pi_installer_tui.screens.backup.snapshots import SnapshotsScreen
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.cron.doing import JobKeys
from pi_installer_tui.screens.cron.making import MakingScreen
from pi_installer_tui.screens.cron.module import CronScreen
from pi_installer_tui.screens.finding import Finding
from pi_installer_tui.screens.item import ItemScreen
from pi_installer_tui.screens.larger import Larger
from pi_installer_tui.screens.message import Problem
from pi_installer_tui.screens.monitoring.watching import RangedScreen, WatchingScreen
from pi_installer_tui.screens.report import ReportScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.screens.secret import SecretScreen
from pi_installer_tui.screens.signs import sign
from pi_installer_tui.screens.vpn.doctor import FindingScreen
from pi_installer_tui.screens.vpn.doing import PeerKeys
from pi_installer_tui.screens.vpn.handing import HandoverScreen
from pi_installer_tui.screens.vpn.waiting import WaitingScreen
from pi_installer_tui.system.demo import DemoHost, tunnel
from pi_installer_tui.system.demo import scheduled as demo_scheduled
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.tasks import jobs
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.steps import InstallPackages, Probation, Reboot
from pi_installer_tui.tasks.steps.probation import Place
from pi_installer_tui.widgets.form.several import SeveralScreen
from tests.screens.conftest import Program
from tests.screens.test_form import go
from tests.screens.test_keys import ours
from tests.screens.test_way import CHECK, MOTD, command, to_review

Start = Callable[..., AbstractAsyncContextManager[Program]]

STATES = (
    "queued",
    "running",
    "waiting",
    "done",
    "failed",
    "cancelled",
    "stale",
    "interrupted",
    "nothing",
    "todo",
    "reverted",
)


async def every_screen(program: Program) -> AsyncIterator[str]:
    """Goes through all screens and says which one is shown."""
    await program.until("NetworkManager")
    await program.until("load ")
    yield "home"
    await program.press("a")
    await program.until("Log in here")
    yield "code"
    await program.press("q")
    await program.press("question_mark")
    await program.until("The machine at a glance")
    yield "help"
    await program.press("q", "colon")
    await program.until("history")
    yield "palette"
    await program.press("escape")
    await to_review(program)
    yield "review"
    await program.press("q")
    await program.until("Hostname")
    yield "module"
    await program.press("w")
    await program.until("/etc/hostname")
    yield "what is"
    await program.press("q")
    await go(program.pilot, "timezone")
    await program.press("enter")
    await program.until("type a part of its name")
    yield "choice"
    await program.press("escape")
    await go(program.pilot, "eth0")
    await program.press("enter")
    await program.until(lambda: isinstance(program.app.screen, ItemScreen))
    yield "entry"
    await program.press("escape", "q")
    await program.until("Leave, and forget")
    yield "question"
    await program.press("y")
    job = await program.ran(MOTD, command("cat", "/etc/nothing-here"), checks=[CHECK])
    await program.until("failed")
    program.app.show_job(job)
    await program.until("ended with status 1")
    yield "job"
    await program.press("tab", "slash")
    await program.until("search for")
    yield "search"
    await program.press("escape", "q", "h")
    await program.until("History: 1 job")
    yield "history"
    program.app.push_screen(Problem("It could not be done.", "Nothing was changed."))
    await program.until("Nothing was changed.")
    yield "message"
    await program.press("q", "q")
    async for where in every_audit(program):
        yield where
    async for where in every_dashboard(program):
        yield where
    async for where in every_log(program):
        yield where
    async for where in every_question(program):
        yield where
    async for where in every_action(program):
        yield where
    async for where in every_user(program):
        yield where
    async for where in every_alert(program):
        yield where
    async for where in every_backup(program):
        yield where
    async for where in every_way_back(program):
        yield where
    async for where in every_vpn(program):
        yield where
    async for where in every_scheduled(program):
        yield where
    async for where in every_wait(program):
        yield where


async def every_scheduled(program: Program) -> AsyncIterator[str]:
    """Goes through scheduled jobs, from Home and back."""
    assert isinstance(program.host, DemoHost)
    demo_scheduled.make(program.host.machine)
    program.app.open_module("cron")
    await program.until("faulty")
    yield "scheduled"
    await program.press("enter")
    await program.until("Next runs")
    yield "scheduled: a job"
    await program.press("h")
    await program.until("run")
    yield "scheduled: history"
    await program.press("q", "q", "v")
    await program.until("within 24 hours")
    yield "scheduled: the next day"
    await program.press("q", "f")
    await program.until("findings")
    yield "scheduled: findings"
    await program.press("q")
    screen = program.app.screen
    assert isinstance(screen, CronScreen)
    at = [row.key for row in screen._shown].index("/var/spool/cron/crontabs/pi:14")
    screen._list.set_source(screen._list.rows, at)
    await program.press("u")
    await program.until("not set")
    yield "scheduled: cron and the shell"
    await program.press("q", "e")
    await program.until("from Monday to Friday at 08:00")
    yield "scheduled: the editor"
    await program.press("v")
    await program.until("Explained")
    yield "scheduled: explained"
    await program.press("q", "w")
    await program.until("0 8 * * 1-5   from Monday")
    yield "scheduled: in words"
    await program.press("q", "q", "t")
    await program.until("OnCalendar=")
    yield "scheduled: as a timer"
    await program.press("q", "w")
    await program.until("It needs a name")
    yield "scheduled: recording"
    await program.press("q", "n")
    await program.until("a timer of systemd")
    await program.press("down", "enter")
    await program.until("No time yet")
    yield "scheduled: a timer"
    await program.press("q", "n")
    await program.until("one from a template")
    await program.press("down", "down", "enter")
    await program.until("Look for updates")
    yield "scheduled: templates"
    await program.press("enter")
    await program.until("Runs a job of Backup")
    yield "scheduled: a template"
    await program.press("q", "q", "q")
    await program.until("Last changes")


async def every_vpn(program: Program) -> AsyncIterator[str]:
    """Goes through the VPN, from Home and back."""
    assert isinstance(program.host, DemoHost)
    tunnel.make(program.host.machine)
    program.app.open_module("vpn")
    await program.until("7 peers, 3 connected")
    yield "vpn"
    await program.press("enter")
    await program.until("Public key")
    yield "vpn: a peer"
    await program.press("q", "c")
    await program.until("wrong")
    yield "vpn: doctor"
    await program.press("enter")
    await program.until(lambda: isinstance(program.app.screen, FindingScreen))
    yield "vpn: a finding"
    await program.press("q", "v")
    await program.until("What it rests on")
    yield "vpn: reachable?"
    await program.press("q", "q")
    program.app.push_screen(WaitingScreen("wg0", "doorbell"))
    await program.until("a packet arrives at the port")
    yield "vpn: waiting"
    await program.press("q")
    program.app.push_screen(HandoverScreen("wg0", "cabin"))
    await program.until("kept here")
    yield "vpn: hand over"
    await program.press("t")
    yield "vpn: the configuration as text"
    await program.press("q", "q")
    await program.until("Last changes")


async def every_backup(program: Program) -> AsyncIterator[str]:
    """Goes through backups, from Home and back."""
    program.app.open_module("backup")
    await program.until("every day at 03:00")
    yield "backup"
    await program.press("u")
    await program.until("shown: home, all")
    yield "backup: runs"
    await program.press("q", "c")
    await program.until("/home/*/.cache")
    await program.until(lambda: "measuring" not in program.text)
    yield "backup: contents"
    await program.press("q", "e")
    await program.until("Jobs")
    yield "backup: settings"
    await program.press("n")
    await program.until("up to")
    yield "backup: next runs"
    await program.press("q", "q", "p")
    await program.until("LABEL=backup")
    yield "backup: places"
    await program.press("t")
    await program.until("All of it works")
    yield "backup: trial"
    await program.press("q", "l")
    await program.until("Nobody holds a lock")
    yield "backup: locks"
    await program.press("q")
    program.app.push_screen(NewPlaceScreen("cloud", "s3"))
    await program.until("Secret key")
    yield "backup: new place"
    await program.press("q")
    place = FolderPlace(kind="folder", path="/mnt/backup/restic", password="backup.usb")
    program.app.push_screen(KitScreen("usb", place))
    await program.until("page 1")
    yield "backup: kit"
    await program.press("right", "right")
    yield "backup: kit as a code"
    await program.press("q")
    program.app.push_screen(KeepingScreen(JobSeen("home", JobSettings()), PlaceSeen("usb", place)))
    await program.until("14 stay")
    yield "backup: retention"
    await program.press("q")
    program.app.push_screen(SeveralScreen("Stop meanwhile", ("container:wiki", "unit:mosquitto.service"), ["unit:x"]))
    await program.until("container:wiki")
    yield "several of a list"
    await program.press("escape")
    program.app.push_screen(CloneScreen())
    await program.until("it is in use")
    yield "backup: copy the card"
    await program.press("q", "q", "q")
    await program.until("Last changes")


async def every_way_back(program: Program) -> AsyncIterator[str]:
    """Goes through what was backed up and the way back, from Home and back."""
    snapshots = SnapshotsScreen()
    program.app.push_screen(snapshots)
    await program.until(lambda: snapshots.ready)
    await program.until("home")
    yield "snapshots"
    await program.press("c")
    await program.until("shown: all")
    yield "what changed"
    await program.press("q", "s")
    await program.type("o")
    await program.press("enter")
    await program.until("found.")
    yield "search in all snapshots"
    await program.press("q", "enter")
    await program.until("entries")
    yield "files of a snapshot"
    await program.press("s")
    await program.type(".bashrc")
    await program.press("enter")
    await program.until("is found")
    yield "search in a snapshot"
    await program.press("enter")
    await program.until("/home/pi/")
    await program.press("enter")
    await program.until("alias")
    yield "a file of a snapshot"
    await program.press("q", "space", "r")
    await program.until("met there")
    yield "restore"
    await program.press("q", "q", "q")


async def every_alert(program: Program) -> AsyncIterator[str]:
    """Goes through Monitoring, from Home and back."""
    program.app.open_module("monitoring")
    await program.until("Usual rules")
    yield "monitoring"
    await program.press("n")
    await program.until("There was no alert yet")
    yield "alerts"
    await program.press("q", "c")
    await program.until("There is no channel")
    yield "channels"
    await program.press("q", "t")
    await program.until("There is no history yet")
    yield "rules and the past"
    await program.press("q", "v")
    await program.until("shown: those in use")
    yield "services"
    await program.press("slash")
    await program.type("ssh")
    yield "services, found"
    await program.press("escape", "z")
    yield "services, larger"
    await program.press("z", "q", "q")


async def every_user(program: Program) -> AsyncIterator[str]:
    """Goes through the accounts, from Home and back."""
    program.app.open_module("users")
    await program.until("last SSH login")
    await program.until("is root")
    yield "users"
    await program.press("slash")
    await program.type("pi")
    yield "users, found"
    await program.press("escape", "enter")
    await program.until("What sudo lets it do")
    yield "user"
    await program.press("m")
    await program.until("Which key goes?")
    yield "choice"
    await program.press("escape", "q", "s")
    await program.until("Accounts")
    await go(program.pilot, "pi")
    await program.press("enter")
    await program.until(lambda: isinstance(program.app.screen, ItemScreen))
    await go(program.pilot, "keys")
    await program.press("enter")
    await program.until("paste it here")
    yield "lines"
    await program.press("escape", "escape", "q", "q")
    program.app.push_screen(SecretScreen([("users.ada", "Kx3mP-aB4cD"), ("laptop", "one\ntwo\n")]))
    await program.until("Kx3mP-aB4cD")
    yield "secret"
    await program.press("q")
    await program.until("This was the only time")
    yield "question"
    await program.press("y")


async def every_audit(program: Program) -> AsyncIterator[str]:
    """Goes through the audit, from Home and back."""
    await program.press("s")
    await program.until("Score")
    await program.press("s")
    await program.until("files as of")
    yield "audit"
    await program.press("enter")
    await program.until("Weight")
    yield "check"
    await program.press("q", "e")
    await program.until("listens on")
    await program.until("sshd")
    yield "exposure"
    await program.press("enter")
    await program.until("Listens on")
    yield "socket"
    await program.press("q", "q", "q")


async def every_dashboard(program: Program) -> AsyncIterator[str]:
    """Goes through the dashboard, from Home and back."""
    await program.press("m")
    await program.until("all cores")
    yield "dashboard"
    await program.press("enter")
    await program.until("processor in use")
    yield "chart"
    await program.press("q")
    await program.until("all cores")
    await program.press("p")
    await program.until("by processor time")
    yield "processes"
    await program.press("slash")
    await program.type("pi")
    yield "processes, found"
    await program.press("escape", "q")
    await program.until("all cores")
    await program.press("right")
    await program.until("at most")
    yield "dashboard of an hour"
    await program.press("q")
    await program.until("Last changes")


async def every_log(program: Program) -> AsyncIterator[str]:
    """Goes through a log, from Home and back."""
    await program.press("l")
    await program.until("sshd-session")
    yield "log"
    await program.press("enter")
    await program.until("_HOSTNAME")
    yield "log entry"
    await program.press("q", "x")
    await program.until("taken out")
    await program.until("w write")
    yield "log export"
    await program.press("q", "q")


async def every_question(program: Program) -> AsyncIterator[str]:
    """Goes through the wizard and what comes of it, from Home and back."""
    done = await program.ran(MOTD, checks=[CHECK])
    program.app.push_screen(ReportScreen(done))
    await program.until("To do next")
    yield "report"
    await program.press("q", "w")
    await program.until("The plan so far")
    yield "wizard: machine"
    await program.press("n", "space")
    await program.until("[x]")
    yield "wizard: goals"
    await program.press("o")
    await program.until("No setup was saved yet")
    yield "setups"
    await program.press("q", "n")
    await program.until("Hostname")
    yield "wizard: module"
    if not program.app.read_only:
        await program.press("w")
        await program.until("Save the answers as")
        yield "name"
        await program.press("escape")
    await program.press("q", "q", "q")
    await program.until("Last changes")


async def every_action(program: Program) -> AsyncIterator[str]:
    """Goes through what is done beside settings, from Home and back."""
    await program.ran(InstallPackages(id="bans", packages=("fail2ban",)))
    program.app.open_module("security")
    await program.until("Profile")
    yield "security"
    await program.press("n")
    await program.until("203.0.113.77")
    yield "bans"
    await program.press("q")
    await program.until("Profile")
    await program.press("a")
    await program.until("lift a ban")
    yield "actions"
    await program.press("enter")
    await program.until("Jail")
    yield "action"
    await program.press("q", "q", "q")


async def every_wait(program: Program) -> AsyncIterator[str]:
    """Goes through what waits for somebody's word."""
    new, old = Place(interface="eth0", address="192.168.1.10/24"), Place(interface="eth0", address="192.168.1.23/24")
    program.app.seat = Seat("ssh", "192.168.1.50", 51234, old.host, 22, "eth0")
    trial = Probation(id="trial", setting="system.motd", steps=(MOTD,), reaches=(new,), leaves=(old,))
    trial = trial.model_copy(update={"cuts": ("interface:eth0",)})
    reviewed = await review(Plan(steps=(trial,)), program.host)
    program.app.push_screen(ReviewScreen(reviewed))
    await program.until("your line")
    yield "review of a change on probation"
    await program.press("q")
    job = await program.ran(trial, settle=False)
    await program.until("A change waits")
    await program.until("to be confirmed")
    yield "home with a change that waits"
    program.app.show_job(job)
    await program.until("ssh maria@192.168.1.10")
    yield "job on probation"
    if not program.app.read_only:
        await program.press("y")
        await program.until("Confirm from a connection")
        yield "question"
        await program.press("n")
    await jobs.cancel(program.store, job, "maria", program.host)
    await program.until("was taken back")
    yield "job taken back"
    job = await program.ran(Reboot(id="reboot", setting="system.motd"), settle=False)
    program.app.show_job(job)
    await program.until("your agreement to the reboot")
    await program.until("by itself after it")
    yield "job that waits for a reboot"
    if not program.app.read_only:
        await program.press("t")
        await program.until("HH:MM")
        yield "question"
        await program.press("escape")


def screens() -> set[type[Screen[Any]]]:
    """Every screen in the package; those that others are made from aside."""
    bases = {
        ShellScreen,
        Finding,
        Larger,
        Searching,
        WatchingScreen,
        RangedScreen,
        PeerKeys,
        JobKeys,
        MakingScreen,
        Screen,
        ModalScreen,
    }
    return {cls for cls in ours() if issubclass(cls, Screen) and cls not in bases}


@pytest.mark.parametrize(
    ("name", "size", "read_only"),
    [
        pytest.param("hdmi", (80, 24), "that takes root", marks=pytest.mark.long),
        pytest.param("hdmi", (80, 24), "", marks=pytest.mark.long),
        pytest.param("serial", (80, 24), "", marks=pytest.mark.long),
        pytest.param("ssh", (120, 40), "", marks=pytest.mark.long),
    ],
)
async def test_every_screen_is_drawn_within_its_size_by_signs_that_the_console_has_and_names_its_modes(
    start: Start, name: str, size: tuple[int, int], read_only: str
) -> None:
    term = {"ssh": "xterm-256color", "hdmi": "linux", "serial": "vt220"}[name]
    profile = detect({"TERM": term}, Terminal(utf8=True), name)
    seen: set[type[Screen[Any]]] = set()
    async with start(size, profile=profile, read_only=read_only) as program:
        async for where in every_screen(program):
            seen.add(type(program.app.screen))
            assert_signs(program, profile.glyph_set, where)
            assert_within(program, size, where)
            if not isinstance(program.app.screen, ModalScreen):
                modes = "[DEMO] [READ-ONLY]" if read_only else "[DEMO]"
                assert modes in program.text.splitlines()[0], where
    # without permissions nothing is asked, so a few have nothing to stand for
    missing = screens() - seen
    assert not missing or read_only, f"not drawn: {missing}; add them to every_screen"


def assert_signs(program: Program, glyphs: GlyphSet, where: str) -> None:
    drawn = {char for char in program.text if not (char == "\n" or " " <= char <= "~")}
    if glyphs != "utf8":
        assert drawn <= SETS[glyphs], f"{where}: {''.join(sorted(drawn - SETS[glyphs]))}"
    assert all(char.isprintable() for char in drawn), where


def assert_within(program: Program, size: tuple[int, int], where: str) -> None:
    screen = program.app.screen
    for widget in screen.walk_children(Widget):
        if widget.display and widget.region.area:
            inside = screen.region.contains_region(widget.region)
            assert inside or widget.parent is not screen, f"{where}: {widget} {widget.region}"
    lines = program.text.splitlines()
    assert len(lines) == size[1], where
    assert max(len(line) for line in lines) <= size[0], where
    if program.app.read_only:
        return
    keys = lines[-1]
    if isinstance(screen, ReviewScreen):
        assert "y agree and run" in keys
    if where in {"job on probation", "home with a change that waits"}:
        assert "y confirm" in keys


@pytest.mark.parametrize("glyphs", GLYPHS)
def test_states_that_mean_something_else_have_other_signs(glyphs: GlyphSet) -> None:
    signs = GLYPHS[glyphs]
    assert len({sign(state, signs)[0] for state in ("done", "failed", "running", "waiting", "unknown", "todo")}) == 6
    for state in STATES:
        assert len(sign(state, signs)[0]) == 1


def test_nothing_animates_and_no_cursor_blinks() -> None:
    from pi_installer_tui.widgets.search import SearchField

    async def never() -> None:  # pragma: no cover
        raise AssertionError

    app = PiInstallerApp(never)  # type: ignore[arg-type]
    assert app.animation_level == "none"
    assert SearchField("").cursor_blink is False

"""Scheduled jobs: all of them in one list, with what is known of each; nothing is computed of what isn't shown;
whatever is changed goes the way of a plan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from pi_installer_tui.app import Opened
from pi_installer_tui.console import SSH, Terminal, detect
from pi_installer_tui.modules.cron import state as cron_state
from pi_installer_tui.screens.cron import seen
from pi_installer_tui.screens.cron.findings import FindingsScreen
from pi_installer_tui.screens.cron.history import HistoryScreen
from pi_installer_tui.screens.cron.item import JobScreen
from pi_installer_tui.screens.cron.module import CronScreen
from pi_installer_tui.screens.cron.running import CompareScreen
from pi_installer_tui.screens.cron.strip import DayScreen
from pi_installer_tui.screens.job import JobScreen as Work
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system.cron.read import SPOOL
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo import scheduled as demo_scheduled
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.system.host import Host
from pi_installer_tui.widgets.form.choose import ChooseScreen
from pi_installer_tui.widgets.listing import Listing
from tests.screens import golden, scheduled
from tests.screens.conftest import Program
from tests.screens.scheduled import NOW, key

SERIAL = detect({"TERM": "vt220"}, Terminal(utf8=False), "serial")
Start = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PACE, "0")


def demo(machine: Opened) -> DemoHost:
    assert isinstance(machine.host, DemoHost)
    return machine.host


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch, machine: Opened) -> Callable[[cron_state.State], None]:
    """Lets a state be what is read, at one moment."""

    def be(state: cron_state.State) -> None:
        scheduled.furnish(demo(machine))

        async def read(_host: Host) -> cron_state.State:
            return state

        async def begun(_host: Host) -> seen.Scheduled:
            return seen.Scheduled(state)

        async def ran(_host: Host) -> dict[Any, Any]:
            return {}

        monkeypatch.setattr(cron_state, "read", read)
        monkeypatch.setattr(seen, "begun", begun)
        monkeypatch.setattr(seen, "ran", ran)
        monkeypatch.setattr(seen, "now", lambda: NOW)

    return be


async def opened(program: Program) -> CronScreen:
    """The list, with its findings."""
    await program.until(lambda: program.app.is_open)
    screen = CronScreen()
    await program.app.push_screen(screen)
    await program.until(lambda: screen.scheduled is not None and bool(screen.scheduled.findings))
    await program.pilot.pause()
    return screen


def keys(screen: CronScreen) -> list[str]:
    return [row.key for row in screen._shown]


async def select(program: Program, screen: CronScreen, row: str) -> None:
    screen._list.set_source(screen._list.rows, keys(screen).index(row))
    await program.pilot.pause()
    assert screen.one is not None and screen.one.key == row, keys(screen)


def offered(screen: CronScreen) -> set[str]:
    names = ("edit", "copy", "move", "switch", "delete", "run", "convert", "record", "compare", "history")
    return {name for name in names if screen.check_action(name, ())}


@pytest.mark.parametrize(("size", "profile"), [((80, 24), SSH), ((120, 40), SSH), ((80, 24), SERIAL)])
async def test_each_stands_with_state_next_and_last_run(
    start: Start, machine: Opened, fixed: Any, size: tuple[int, int], profile: Any
) -> None:
    fixed(scheduled.state())
    async with start(size=size, profile=profile) as program:
        screen = await opened(program)
        assert "13 scheduled: 1 off, 2 ignored, 1 faulty" in program.text
        assert keys(screen)[:2] == [key(5), "water.timer"], "the next one first"
        await select(program, screen, key(8))
        assert "% ends the command here" in program.text
        await golden.check(program.app, f"cron-{profile.name}")


async def test_crontabs_are_seen_before_systemd_has_answered(
    start: Start, machine: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo_scheduled.make(demo(machine).machine)
    answers, read = asyncio.Event(), cron_state.read

    async def late(host: Host) -> cron_state.State:
        await answers.wait()
        return await read(host)

    async with start() as program:
        await program.until(lambda: program.app.is_open)
        monkeypatch.setattr(cron_state, "read", late)
        screen = CronScreen()
        await program.app.push_screen(screen)
        await program.until("reading the timers")
        assert "run-parts" in program.text and "water" not in keys(screen)
        assert not offered(screen) - {"compare", "history"}, "what isn't known yet isn't changed"
        answers.set()
        await program.until("by next run")
        assert "water.timer" in keys(screen)
        assert screen.one is not None and screen.one.key == keys(screen)[0]


async def test_words_and_orders_choose_what_is_shown(start: Start, fixed: Any) -> None:
    fixed(scheduled.state())
    async with start() as program:
        screen = await opened(program)
        everything = keys(screen)
        await program.press("slash", *"backup")
        assert set(keys(screen)) == {key(7), key(8), key(9), "pi-installer-tui-backup-home.timer"}
        await program.press("enter")
        assert "only backup" in program.text
        await program.press("slash", "escape")
        assert keys(screen) == everything
        owners: list[str] = []
        for order in ("by user", "by file", "by name", "by next run"):
            await program.press("s")
            assert order in program.text
            assert sorted(keys(screen)) == sorted(everything), "none is lost"
            owners = [row.owner for row in screen._shown] if order == "by user" else owners
        assert owners == sorted(owners) and keys(screen) == everything


async def test_only_keys_that_do_something_are_offered(start: Start, fixed: Any) -> None:
    fixed(scheduled.state(timers=(scheduled.unknown("dim.timer"),)))
    async with start() as program:
        screen = await opened(program)
        everything = {"edit", "copy", "move", "switch", "delete", "run", "convert", "record", "compare", "history"}
        await select(program, screen, key(5))
        assert offered(screen) == everything
        await select(program, screen, "pi-installer-tui-backup-home.timer")
        assert offered(screen) == {"switch", "run", "history"}, "its own module has it"
        await select(program, screen, "water.timer")
        assert offered(screen) == {"switch", "run", "history", "delete", "convert"}
        await select(program, screen, "/etc/cron.daily/dpkg")
        assert offered(screen) == {"switch", "delete", "run", "history"}
        await select(program, screen, "at:3")
        assert offered(screen) == {"delete"}
    async with start(read_only="you aren't root") as program:
        screen = await opened(program)
        await select(program, screen, key(5))
        assert offered(screen) == {"compare", "history"}


async def test_of_a_long_list_only_what_is_seen_is_computed(start: Start, fixed: Any, monkeypatch: Any) -> None:
    fixed(scheduled.state("".join(f"{n % 60} {n % 24} * * * /bin/task-{n}\n" for n in range(1000))))

    async def without(_host: Host, state: cron_state.State) -> cron_state.State:
        return state

    monkeypatch.setattr(seen, "with_findings", without)
    async with start() as program:
        await program.until(lambda: program.app.is_open)
        screen = CronScreen()
        await program.app.push_screen(screen)
        await program.until("by file")
        await program.press("end", "home", "pagedown")
        found = screen.scheduled
        assert found is not None and len(found.rows) > 1000
        assert 0 < len(found._next) < 80, "three pages were seen"
        await program.press("s", "s")
        assert "by next run" in program.text and len(found._next) == len(found.rows)


async def test_a_job_is_shown_with_its_runs_and_what_the_clock_does_to_them(
    start: Start, machine: Opened, fixed: Any
) -> None:
    fixed(scheduled.state())
    async with start(size=(80, 40)) as program:
        screen = await opened(program)
        await select(program, screen, key(10))
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, JobScreen))
        text = program.text
        assert "every day at 02:30" in text and "Sun 2026-11-29 02:30" in text and "Tue 2026-12-08 02:30" in text
        assert "on 28 March 2027 02:30 does not exist: the job runs at 03:00" in text
        assert "LOGNAME=pi" in text and "API_TOKEN=(secret)" in text and "hunter2" not in text
        await golden.check(program.app, "cron-job")
        await program.press("q")
        await select(program, screen, "water.timer")
        await program.press("enter")
        await program.until("Mon 2026-11-30 06:00")
        assert "Waters the tomatoes" in program.text and "failed, status 1, after 23 s" in program.text
        await program.press("q")
        await select(program, screen, "/etc/cron.daily/dpkg")
        await program.press("enter")
        await program.until("Mon 2026-12-07 06:25")
        assert "a script of a folder" in program.text, "it runs when its folder does"


async def test_findings_show_the_line_and_the_place_in_it(start: Start, fixed: Any) -> None:
    fixed(scheduled.state())
    async with start() as program:
        screen = await opened(program)
        await program.press("f")
        await program.until(lambda: isinstance(program.app.screen, FindingsScreen))
        while "date +%F" not in program.text:
            await program.press("down")
        below = program.text.splitlines()
        line = next(n for n, text in enumerate(below) if "tar czf /mnt/backup/notes" in text and "│" not in text)
        assert below[line].index("%") == below[line + 1].index("↑"), "the caret is under the place"
        await golden.check(program.app, "cron-findings")
        await program.press("v")
        assert "shown: errors only" in program.text and "warning" not in program.text
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, JobScreen))
        await program.press("q", "q")
        assert program.app.screen is screen


@pytest.mark.parametrize("profile", [SSH, SERIAL])
async def test_the_next_day_shows_what_meets_what(start: Start, machine: Opened, fixed: Any, profile: Any) -> None:
    fixed(scheduled.state())
    async with start(profile=profile) as program:
        await opened(program)
        await program.press("v")
        await program.until(lambda: isinstance(program.app.screen, DayScreen) and program.app.screen._ready)
        day = program.app.screen
        assert isinstance(day, DayScreen)
        assert set(day._met) == {key(7), key(8), "pi-installer-tui-backup-home.timer"}
        await program.press("v")
        assert program.app.screen.query_one(Listing).row is not None
        await program.press("end")
        assert "starts in the same minute" in program.text
        await golden.check(program.app, f"cron-day-{profile.name}")


async def test_the_history_of_a_recorded_job_has_its_output_and_what_is_unusual(
    start: Start, machine: Opened, fixed: Any
) -> None:
    fixed(scheduled.state())
    async with start() as program:
        screen = await opened(program)
        await select(program, screen, key(7))
        await program.press("h")
        await program.until("from its record")
        assert "10 runs" in program.text and "the last one was much longer" in program.text
        await program.press("f")
        assert "1 run " in program.text and "No space left on device (28)" in program.text
        assert "\x1b" not in program.text and "?[31mrsync error" in program.text, "what it printed moves no cursor"
        await golden.check(program.app, "cron-history")


async def test_the_journal_is_read_page_by_page(start: Start, machine: Opened) -> None:
    demo_scheduled.make(demo(machine).machine)
    async with start() as program:
        screen = await opened(program)
        await select(program, screen, f"{SPOOL}/pi:6")
        await program.press("h")
        await program.until("from the journal")
        history = program.app.screen
        assert isinstance(history, HistoryScreen) and history._chapter is not None
        first = history._chapter
        assert {run.last.what for run in first.runs} == {"ended"}, "cron doesn't tell how"
        await program.press("m")
        await program.until(lambda: history._chapter is not first)
        assert history._chapter is not None and history._chapter.runs[: len(first.runs)] == first.runs
        assert len(history._chapter.runs) > len(first.runs)


async def test_a_line_goes_to_another_crontab_by_a_plan(start: Start, machine: Opened) -> None:
    demo_scheduled.make(demo(machine).machine)
    async with start() as program:
        screen = await opened(program)
        await select(program, screen, f"{SPOOL}/pi:6")
        await program.press("c")
        await program.until(lambda: isinstance(program.app.screen, ChooseScreen))
        await program.press(*"cron.d/cert", "enter")
        await program.until("it runs as")
        await program.press(*"pi", "enter")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        assert "The other crontab sets PATH to something else." in program.text
        await program.press("down", "down", "down", "down")
        await program.until("*/15 * * * * pi /home/pi/weather/upload.sh")


async def test_what_is_switched_off_is_marked_in_its_line(start: Start, machine: Opened) -> None:
    host = demo(machine)
    demo_scheduled.make(host.machine)
    before = await host.read(f"{SPOOL}/pi")
    async with start() as program:
        screen = await opened(program)
        await select(program, screen, f"{SPOOL}/pi:6")
        await program.press("enter")
        await program.until("Next runs")
        await program.press("d")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.press("y")
        await program.until(lambda: isinstance(program.app.screen, Work))
        await program.until("Done")
        line = b"*/15 * * * * /home/pi/weather/upload.sh"
        assert await host.read(f"{SPOOL}/pi") == before.replace(line, b"#off# " + line)
        await program.press("q")
        await program.until(lambda: isinstance(program.app.screen, JobScreen) and "· off" in program.text)
        await program.press("q")
        await program.until(lambda: screen.one is not None and not screen.one.enabled)
        assert screen.one is not None and screen.one.key == f"{SPOOL}/pi:6", "the cursor stays on it"
        assert "· off" in program.text


async def test_a_run_that_failed_leads_to_what_cron_lacks(start: Start, machine: Opened) -> None:
    demo_scheduled.make(demo(machine).machine)
    async with start() as program:
        screen = await opened(program)
        await select(program, screen, f"{SPOOL}/pi:14")
        await program.press("r")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        assert "/bin/sh -c 'weather-report --days 3'" in program.text
        await program.press("y")
        await program.until("weather-report: not found")
        await program.press("q")
        await program.until("its run failed")
        await program.press("u")
        await program.until(lambda: isinstance(program.app.screen, CompareScreen))
        await program.until("/home/pi/.local/bin")
        await program.press("t")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.press("y")
        await program.until("no frost expected")

"""The services board: what failed stands first and says why; a service is changed by the program's way; what would lock
out is refused in words; nothing is asked while it isn't shown."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from pi_installer_tui.app import Opened
from pi_installer_tui.console import SSH, Terminal, detect
from pi_installer_tui.screens.help import HelpScreen
from pi_installer_tui.screens.job import JobScreen
from pi_installer_tui.screens.monitoring.services import Services
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system import containers
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.players import PACE, PLAYERS, Call, Player
from pi_installer_tui.system.demo.units import fail, is_active
from pi_installer_tui.system.host import Completed
from pi_installer_tui.widgets.rows import Rows
from tests.screens import golden
from tests.screens.conftest import Program

SERIAL = detect({"TERM": "vt220"}, Terminal(utf8=False), "serial")
Start = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PACE, "0")


def demo(machine: Opened) -> DemoHost:
    assert isinstance(machine.host, DemoHost)
    return machine.host


async def opened(program: Program, unit: str = "") -> Services:
    """The board, once its first look is drawn and the log of the first service was read."""
    await program.until(lambda: program.app.is_open)
    screen = Services(unit)
    await program.app.push_screen(screen)
    await program.until("at boot")
    await program.until(lambda: bool(screen._logs))
    return screen


def names(screen: Services) -> list[str]:
    return [row.id for row in screen.query_one(Rows).rows if row.id]


async def select(program: Program, screen: Services, name: str) -> None:
    assert screen.query_one(Rows).select(name), names(screen)
    await program.pilot.pause()


@pytest.mark.parametrize(("size", "profile"), [((80, 24), SSH), ((120, 40), SSH), ((80, 24), SERIAL)])
async def test_what_failed_stands_first_and_says_why(
    start: Start, machine: Opened, size: tuple[int, int], profile: Any
) -> None:
    fail(demo(machine).machine, "cron")
    async with start(size=size, profile=profile) as program:
        screen = await opened(program)
        assert names(screen)[0] == "cron.service"
        assert "1 failed, " in program.text
        assert "Why: its program ended with an error, status 1" in program.text
        assert "systemd started it again once by itself." in program.text
        await golden.check(program.app, f"services-{profile.name}")


async def test_views_and_what_is_typed_choose_what_is_shown(start: Start, machine: Opened) -> None:
    fail(demo(machine).machine, "cron")
    async with start() as program:
        screen = await opened(program)
        used = names(screen)
        assert "ssh.service" in used and "rsync.service" not in used and "ssh.socket" not in used
        await program.press("v")
        assert "shown: all" in program.text
        assert set(used) < set(names(screen)) and "rsync.service" in names(screen)
        await program.press("v")
        assert names(screen) == ["cron.service"]
        await program.press("v")
        assert "shown: only those made here" in program.text
        await program.press("v", "slash", *"network")
        assert all("etwork" in f"{name}{screen._found[name].description}" for name in names(screen))
        assert "NetworkManager.service" in names(screen)
        await program.press("enter")
        assert "only network" in program.text
        await program.press("slash", "escape")
        assert names(screen) == used


async def test_it_opens_at_the_service_that_it_was_asked_for(start: Start, machine: Opened) -> None:
    async with start() as program:
        screen = await opened(program, "rsync.service")
        row = screen.query_one(Rows).row
        assert row is not None and row.id == "rsync.service", "although it isn't among those in use"


async def test_only_keys_that_do_something_are_offered(start: Start, machine: Opened) -> None:
    async with start() as program:
        screen = await opened(program)

        def offered() -> set[str]:
            return {
                v for v in ("start", "stop", "restart", "enable", "disable") if screen.check_action(f"{v}_unit", ())
            }

        await select(program, screen, "cron.service")
        assert offered() == {"stop", "restart", "disable"}
        await program.press("v")
        await select(program, screen, "rsync.service")
        assert offered() == {"start", "enable"}
        await select(program, screen, "sudo.service")
        assert offered() == set(), "it is masked"


async def test_a_service_is_stopped_by_a_reviewed_job_and_started_by_its_undo(start: Start, machine: Opened) -> None:
    host = demo(machine)
    async with start() as program:
        screen = await opened(program, "cron.service")
        await program.press("t")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        assert "stop cron.service" in program.text and "runs again" in program.text
        assert is_active(host.machine, "cron"), "nothing has been done yet"
        await program.press("y")
        await program.until(lambda: isinstance(program.app.screen, JobScreen))
        await program.until("Done")
        assert not is_active(host.machine, "cron")
        await program.press("u")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.press("y")
        await program.until(lambda: is_active(host.machine, "cron"))
        assert screen._unit == ""


async def test_what_would_lock_out_is_said_and_not_planned(start: Start, machine: Opened) -> None:
    async with start() as program:
        screen = await opened(program, "ssh.service")
        await program.until("Stopping it: Nobody can log in by SSH any more")
        await program.press("t")
        await program.until("with keyboard and screen")
        assert not isinstance(program.app.screen, ReviewScreen)
        assert is_active(demo(machine).machine, "ssh")
        assert not program.store.jobs()
        assert screen is not None


async def test_what_could_cut_off_is_on_probation(start: Start, machine: Opened) -> None:
    async with start() as program:
        await opened(program, "NetworkManager.service")
        await program.press("t")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.until("on probation")
        assert "holds the network up" in program.text


async def test_nothing_is_asked_while_it_is_not_shown(
    start: Start, machine: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[str]] = []
    run = DemoHost.run

    async def counted(self: DemoHost, argv: Sequence[str], **more: Any) -> Completed:
        asked.append(argv)
        return await run(self, argv, **more)

    async with start(profile=dataclasses.replace(SSH, tick=0.04)) as program:
        await opened(program)
        monkeypatch.setattr(DemoHost, "run", counted)
        shows = ["systemctl", "show", "--all", "--timestamp=unix"]  # what Home reads meanwhile is asked otherwise
        await program.until(lambda: len([a for a in asked if list(a[:4]) == shows]) > 3)
        lists = [a for a in asked if list(a[:3]) == ["systemctl", "list-unit-files", "--all"]]
        assert len([a for a in asked if list(a[:4]) == shows]) - len(lists) in (-1, 0, 1), "two commands a look"
        await program.press("question_mark")
        await program.until(lambda: isinstance(program.app.screen, HelpScreen))
        await asyncio.sleep(0.3)
        asked.clear()
        await asyncio.sleep(0.6)
        assert not [a for a in asked if list(a[:4]) == shows or a in lists or a[0] == "journalctl"]
        await program.press("q")
        await program.until(lambda: bool([a for a in asked if list(a[:4]) == shows]))


async def test_without_systemd_it_says_so(start: Start, machine: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(self: DemoHost) -> bool:
        return False

    monkeypatch.setattr(DemoHost, "systemd", none)
    async with start() as program:
        await program.until(lambda: program.app.is_open)
        await program.app.push_screen(Services())
        await program.until("systemd doesn't run here")


async def test_an_engine_that_hangs_holds_nothing_up(
    start: Start, machine: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container engine whose daemon never answers, as the demo plays it."""

    async def hangs(call: Call) -> int:
        await asyncio.sleep(3600)
        return 0

    monkeypatch.setitem(PLAYERS, "podman", Player(hangs, "/usr/bin/podman"))
    monkeypatch.setattr(containers, "PATIENCE", 0.5)
    async with start() as program:
        screen = await opened(program)
        assert "ssh.service" in names(screen)
        await program.until(lambda: bool(screen._containers))
        screen.query_one(Rows).action_last()
        screen.query_one(Rows).scroll_end(animate=False)
        await program.until("podman hasn't answered for 0.5 s: its daemon hangs")

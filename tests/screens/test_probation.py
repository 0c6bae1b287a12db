"""Changes on probation, reboots and interrupted jobs on the screens. All on a demo machine, with real jobs in processes
of their own; without systemd the worker takes back by itself what nobody confirmed."""

from __future__ import annotations

import asyncio
import math
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest

from pi_installer_tui.console.glyphs import GLYPHS
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.screens.home import HomeScreen
from pi_installer_tui.screens.job import JobScreen
from pi_installer_tui.screens.line import AskLine
from pi_installer_tui.screens.trial import banner
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.tasks import jobs, news
from pi_installer_tui.tasks.probation import Trial, boot_id, look
from pi_installer_tui.tasks.reboot import Agreement
from pi_installer_tui.tasks.steps import Probation, Reboot
from pi_installer_tui.tasks.steps.probation import Place
from pi_installer_tui.widgets.panel import Panel
from tests.screens import golden
from tests.screens.conftest import Program
from tests.screens.test_way import CHECK, MOTD, SIZES, command
from tests.unit.jobs import listing

Start = Callable[..., AbstractAsyncContextManager[Program]]

OLD, NEW = Place(interface="eth0", address="192.168.1.23/24"), Place(interface="eth0", address="192.168.1.10/24")


def trial(seconds: int = 120, **more: Any) -> Probation:
    steps = more.pop("steps", (MOTD,))
    return Probation(id="trial", setting="system.motd", steps=steps, seconds=seconds, **more)


async def waiting(program: Program, step: Probation, *, show: bool = True) -> str:
    """Runs steps on probation until they can be confirmed, and shows the job."""
    job = await program.ran(step, checks=[CHECK], settle=False)
    if show:
        program.app.show_job(job)
    await program.until(lambda: (found := look(program.store, job)) is not None and found.can_be_confirmed)
    return job


async def settled(program: Program, job: str) -> str:
    async for _batch in jobs.follow(program.store, job):
        pass
    return program.store.summary(job).status


async def drawn_home(program: Program) -> None:
    for seen in ("NetworkManager", "up 4 h", "of 30.9 GB", "was under-voltage", " arm64", "load ", "never proven"):
        await program.until(seen)


@SIZES
async def test_a_change_that_waits_says_so_and_is_confirmed_from_its_screen(
    start: Start, size: tuple[int, int]
) -> None:
    async with start(size) as program:
        job = await waiting(program, trial(reaches=(NEW,), leaves=(OLD,)))
        await program.until("A change waits: confirm within")
        await program.until("y confirm")
        await program.until("waiting      wait 120 s")
        await program.until("ssh maria@192.168.1.10")
        await program.until("y confirm  c cancel")
        assert "or it goes back by itself" in program.text
        await golden.check(program.app, "job-probation")
        await program.press("y")
        await program.until("Done.")
        await program.until("Confirmed by maria")
        assert "confirmed" in program.text.split("Steps")[1]
        assert await program.host.read("/etc/motd") == b"Welcome\n"
        assert await settled(program, job) == "done"
        await program.until("u undo")
        await golden.check(program.app, "job-confirmed")
        await program.press("down")
        await program.until("confirmed, from ")


async def test_the_countdown_goes_on(start: Start) -> None:
    async with start() as program:
        await waiting(program, trial(seconds=100))
        shown: list[int] = []
        async with asyncio.timeout(30):
            while len(shown) < 4:
                found = re.search(r"confirm within (\d+) s", program.text)
                if found and int(found[1]) not in shown:
                    shown.append(int(found[1]))
                await asyncio.sleep(0.05)
        assert shown == sorted(shown, reverse=True) and 100 >= shown[0] > shown[-1] >= 70


@pytest.mark.parametrize("left", [3599.5, 99.5])
@pytest.mark.parametrize("asking", [True, False])
def test_a_second_that_passes_changes_the_number_alone_and_the_line_fits(left: float, asking: bool) -> None:
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    first = Trial("trial", (), 3600, now + left, boot_id(), "wait", job="job", asking=asking)
    signs = GLYPHS["ascii"]
    one = banner(first, signs, here=True)
    two = banner(replace(first, until=first.until - 1), signs, here=True)
    assert [a == b for a, b in zip(one, two, strict=True)].count(False) == 1
    assert f"{math.ceil(left)} s" in [cell.text for cell in one]
    assert sum(len(cell.text) for cell in one) < 80


@SIZES
async def test_any_other_session_sees_it_at_home_and_confirms_it(start: Start, size: tuple[int, int]) -> None:
    async with start(size) as program, start(size) as other:
        await drawn_home(other)
        job = await waiting(program, trial(), show=False)
        await other.until("A change waits: confirm within")
        await other.until("to be confirmed: system.motd")
        await other.until("y confirm")
        assert isinstance(other.app.screen, HomeScreen)
        await golden.check(other.app, "home-probation")
        await other.press("y")
        assert await settled(program, job) == "done"
        await other.until(lambda: "A change waits" not in other.text)
        assert "to be confirmed" not in other.text


async def test_enter_at_home_opens_the_change_that_waits(start: Start) -> None:
    async with start() as program:
        job = await waiting(program, trial(), show=False)
        await program.until("to be confirmed: system.motd")
        await program.press("home", "enter")
        await program.until(lambda: isinstance(program.app.screen, JobScreen))
        await program.until("y confirm")
        assert job in program.app._watches


async def test_nobody_confirms_and_it_is_shown_as_taken_back(start: Start) -> None:
    async with start() as program:
        before = listing(program.host)
        job = await waiting(program, trial(seconds=3))
        assert listing(program.host) != before
        await program.until("nobody confirmed the change in time, so it was taken back")
        await program.until(lambda: program.text.count("taken back") >= 3)
        assert listing(program.host) == before
        assert await settled(program, job) == "failed"
        await program.until(lambda: "u undo" not in program.text and "y confirm " not in program.text)
        await golden.check(program.app, "job-taken-back")


async def test_cancelling_takes_it_back_now_and_says_so_before(start: Start) -> None:
    async with start() as program:
        before = listing(program.host)
        job = await waiting(program, trial())
        await program.until("y confirm")
        await program.press("c")
        await program.until("Take the change back now?")
        assert "goes back at once" in program.text
        await program.press("n")
        assert look(program.store, job).can_be_confirmed  # type: ignore[union-attr]
        await program.press("c", "y")
        await program.until("Cancelled: what was on probation was taken back")
        assert listing(program.host) == before
        assert await settled(program, job) == "cancelled"


@pytest.mark.parametrize("where", ["job", "home"])
async def test_from_a_connection_that_ends_with_it_it_asks_first(start: Start, where: str) -> None:
    mine = Seat("ssh", "192.168.1.50", 51234, "192.168.1.23", 22, "eth0")
    async with start(seat=mine) as program:
        job = await waiting(program, trial(reaches=(NEW,), leaves=(OLD,)), show=where == "job")
        await program.until("A change waits")
        await program.until("y confirm")
        if where == "job":
            await program.until("ends with the confirmation")
        await program.press("y")
        await program.until(lambda: isinstance(program.app.screen, Ask))
        assert "Log in at the new address first" in program.text
        assert "ssh maria@192.168.1.10" in program.text
        await golden.check(program.app, f"ask-confirm-{where}")
        await program.press("n")
        assert look(program.store, job).can_be_confirmed  # type: ignore[union-attr]
        await program.press("y", "y")
        assert await settled(program, job) == "done"


async def test_read_only_shows_it_and_confirms_nothing(start: Start) -> None:
    async with start(read_only="that takes root") as program:
        job = await waiting(program, trial())
        await program.until("A change waits")
        await program.press("y")
        assert look(program.store, job).can_be_confirmed  # type: ignore[union-attr]
        assert "y confirm" not in program.text


async def test_a_job_that_waits_for_a_reboot_says_so_and_takes_a_time_and_a_cancel(start: Start) -> None:
    after = command("true").model_copy(update={"id": "after"})
    async with start() as program:
        await drawn_home(program)
        job = await program.ran(MOTD, Reboot(id="reboot", setting="system.motd"), after, settle=False)
        await program.until("waiting for your agreement to the reboot: system.motd")
        await program.press("home", "enter")
        await program.until("a reboot now")
        await program.until("waiting for your agreement to the reboot")
        await golden.check(program.app, "job-reboot")
        await program.press("t")
        await program.until(lambda: isinstance(program.app.screen, AskLine))
        await program.type("25:00")
        await program.press("enter")
        await program.until("That is no time")
        await program.press(*("backspace",) * 5)
        await program.type("3:30")
        await golden.check(program.app, "ask-time")
        await program.press("enter")
        await program.until("waiting for the reboot at 03:30")
        assert Agreement(program.store.folder(job), "ask").when() == "03:30"
        await program.press("q")
        await program.until("waiting for the reboot at 03:30: system.motd")
        await program.press("home", "enter")
        await program.until(lambda: isinstance(program.app.screen, JobScreen))
        await program.until("waiting for the reboot at 03:30")
        await program.press("c")
        await program.until("The machine isn't rebooted")
        await program.press("y")
        await program.until("Cancelled")
        assert await settled(program, job) == "cancelled"
        assert "after" not in program.store.progress(job).done


async def test_an_interrupted_job_is_named_with_its_step_and_can_be_left(start: Start) -> None:
    async with start() as program:
        await drawn_home(program)
        job = await program.ran(MOTD, command("sleep", "60"), settle=False)
        pid = int((program.store.folder(job) / "worker.lock").read_text())
        await program.until(lambda: program.store.progress(job).in_flight == "command")
        os.kill(pid, signal.SIGKILL)
        await program.until("Interrupted: continue, undo or leave")
        await program.until("in: run sleep 60")
        await program.press("home", "enter")
        await program.until("l leave")
        for offered in ("r continue", "u undo"):
            assert offered in program.text
        await program.press("l")
        await program.until(lambda: "l leave" not in program.text)
        await program.until(lambda: news.left(program.store, job))
        await program.press("q")
        await program.until("(left)")
        assert "Interrupted:" not in program.text


async def test_news_stand_at_home_until_they_were_opened(start: Start) -> None:
    async with start() as program:
        job = await program.ran(MOTD)
        (program.store.folder(job) / news.UNSEEN).touch()
        await program.until("News: not seen yet")
        await program.press("home", "enter")
        await program.until("Done.")
        await program.until(lambda: news.unseen(program.store) == ())
        await program.press("q")
        await program.until(lambda: "News" not in program.text)


async def test_looking_without_the_right_to_change_leaves_the_news(start: Start) -> None:
    async with start(read_only="that takes root") as program:
        job = await program.ran(MOTD)
        (program.store.folder(job) / news.UNSEEN).touch()
        program.app.show_job(job)
        await program.until("Done.")
        await program.until("u undo")
        assert news.unseen(program.store) == (job,)


async def test_a_way_back_that_is_at_work_outside_says_so_until_it_is_over(start: Start) -> None:
    async with start() as program:
        job = await waiting(program, trial())
        await program.until("A change waits")
        folder = program.store.folder(job) / "probation"
        pid = int((program.store.folder(job) / "worker.lock").read_text())
        os.kill(pid, signal.SIGSTOP)
        about = (folder / "armed").read_text().replace('"outside": false', '"outside": true')
        (folder / "armed").write_text(about)
        (folder / "armed").rename(folder / "reverting")  # as the script does that the timer starts
        os.kill(pid, signal.SIGKILL)
        await program.until("A change is being taken back now.")
        assert "running" in program.text.splitlines()[2]
        await program.until(lambda: "y confirm" not in program.text and "c cancel" not in program.text)
        await program.press("q")
        await program.until("being taken back: system.motd")
        program.app.show_job(job)
        await program.until("A change is being taken back now.")
        (folder / "reverting").rename(folder / "reverted")
        await program.until("nobody confirmed the change in time, so it was taken back")
        await program.until(lambda: program.text.count("taken back") >= 3)
        assert program.store.written(job).ended is not None


async def test_what_went_back_while_nobody_looked_is_written_down_when_the_program_opens(start: Start) -> None:
    async with start() as program:
        job = await waiting(program, trial(), show=False)
    folder = program.store.folder(job) / "probation"
    pid = int((program.store.folder(job) / "worker.lock").read_text())
    os.kill(pid, signal.SIGSTOP)
    (folder / "armed").rename(folder / "reverted")
    os.kill(pid, signal.SIGKILL)
    assert program.store.written(job).ended is None
    async with start() as program:
        await program.until(lambda: program.store.written(job).ended is not None)
        await program.until("failed")


async def test_below_another_screen_home_draws_nothing(start: Start) -> None:
    async with start() as program:
        await drawn_home(program)
        await waiting(program, trial(), show=False)
        await program.until("A change waits")
        home = program.app.screen
        await program.press("h")
        await program.until("History")
        before = home.query_one("#waits", Panel).lines
        await asyncio.sleep(2.2)
        assert home.query_one("#waits", Panel).lines == before
        await program.press("q")
        await program.until(lambda: home.query_one("#waits", Panel).lines != before)


async def test_a_job_that_was_interrupted_on_probation_goes_on_and_is_confirmed(start: Start) -> None:
    async with start() as program:
        job = await waiting(program, trial())
        os.kill(int((program.store.folder(job) / "worker.lock").read_text()), signal.SIGKILL)
        await program.until("r continue", 30)
        assert "Interrupted: the job's process is gone." in program.text
        await program.press("r")
        journal = program.store.journal(job)
        await program.until(lambda: journal.read_text().count('"what":"confirmation"') == 2)  # it asks anew
        await program.until("y confirm")
        await program.until("A change waits: confirm within")
        await program.press("y")
        await program.until("Confirmed by maria")
        assert await settled(program, job) == "done"


async def test_a_step_that_fails_on_probation_takes_the_others_back_and_says_so(start: Start) -> None:
    fails = command("cat", "/etc/nothing-here").model_copy(update={"undo_argv": ("true",)})
    async with start() as program:
        before = listing(program.host)
        job = await program.ran(trial(steps=(MOTD, fails)))
        program.app.show_job(job)
        await program.until("a step failed, and what was on probation was taken back")
        await program.until("ended with status 1")
        assert "! taken back" in program.text
        assert "x failed" in program.text.split("Steps")[1]
        assert listing(program.host) == before


async def test_a_way_back_that_failed_is_not_said_to_be_at_work(start: Start) -> None:
    fails = command("cat", "/etc/nothing-here").model_copy(update={"again": True})  # runs again on the way back
    async with start() as program:
        job = await program.ran(trial(steps=(MOTD, fails)))
        program.app.show_job(job)
        await program.until("the change could not be taken back whole")
        await asyncio.sleep(1.2)
        await program.pilot.pause()
        assert "failed" in program.text.splitlines()[2]
        assert "being taken back" not in program.text

"""The wizard, on the demo machine: from the first key to the report, left and found again at each question."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui import setups, wizard
from pi_installer_tui.app import Opened
from pi_installer_tui.console import Terminal, detect
from pi_installer_tui.modules import goals
from pi_installer_tui.screens.home import HomeScreen
from pi_installer_tui.screens.job import JobScreen
from pi_installer_tui.screens.report import ReportScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.screens.wizard import WizardScreen
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.tasks.steps import WriteFile
from tests.screens import golden
from tests.screens.conftest import Program

Start = Callable[..., AbstractAsyncContextManager[Program]]

SERIAL = detect({"TERM": "vt220"}, Terminal(utf8=False), "serial")
AT_THE_MACHINE = Seat("console")


async def opened(program: Program) -> WizardScreen:
    """The wizard, once it has read the machine."""
    await program.until("raspberrypi")
    await program.press("w")
    await program.until(lambda: isinstance(program.app.screen, WizardScreen))
    screen = program.app.screen
    assert isinstance(screen, WizardScreen)
    await program.until(lambda: screen._sketch is not None)
    return screen


async def to(program: Program, page: str) -> None:
    """Goes on to a page."""
    screen = program.app.screen
    assert isinstance(screen, WizardScreen)
    while screen._page != page:
        before = screen._page
        await program.press("n")
        await program.until(lambda before=before: screen._page != before)  # type: ignore[misc]
    await program.until(lambda: screen._rest is None or not screen._rest._task or screen._rest._task.done())


async def named(program: Program, name: str) -> None:
    """Gives the machine another name, on the page of System."""
    await program.until("► Hostname")
    await program.press("enter", "ctrl+u", *name, "enter")
    await program.until("was raspberrypi")


@pytest.mark.long
@pytest.mark.parametrize("goal", [g.name for g in goals.GOALS if not g.coming])
async def test_from_the_first_key_to_the_report(start: Start, goal: str) -> None:
    async with start(seat=AT_THE_MACHINE) as program:
        screen = await opened(program)
        await to(program, "goals")
        await program.press(*["down"] * [g.name for g in goals.GOALS].index(goal), "space")
        await to(program, "system")
        await named(program, "attic")
        await to(program, "check")
        await program.until("n shows the whole plan")
        assert not screen._blocked
        await program.press("n")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.until("in all")
        if "without" in program.text:
            await program.press("w")  # at the machine itself nothing has to be confirmed
            await program.until("not on probation")
        await program.press("y")
        await program.until(lambda: isinstance(program.app.screen, JobScreen), 60)
        await program.until(lambda: isinstance(program.app.screen, ReportScreen), 120)
        await program.until("checks proven")
        assert "failed" not in program.text.splitlines()[2]
        (job,) = program.store.jobs()
        assert job.status == "done" and program.store.plan(job.id).settings["goals"] == [goal]


async def test_each_of_its_pages(start: Start) -> None:
    async with start() as program:
        await opened(program)
        await golden.check(program.app, "wizard-machine")
        await to(program, "goals")
        await golden.check(program.app, "wizard-goals")
        await program.press("space")
        await to(program, "system")
        await program.until("► Hostname")
        await golden.check(program.app, "wizard-system")
        await to(program, "security")
        await program.until("► Profile")
        await golden.check(program.app, "wizard-security")
        await to(program, "check")
        await program.until("n shows the whole plan")
        await golden.check(program.app, "wizard-check")


async def test_on_a_serial_line(start: Start) -> None:
    async with start(profile=SERIAL) as program:
        await opened(program)
        await golden.check(program.app, "wizard-machine-serial")
        await to(program, "goals")
        await program.press("space")
        await program.until("[x]")
        await golden.check(program.app, "wizard-goals-serial")
        await to(program, "system")
        await program.until("Hostname")
        await golden.check(program.app, "wizard-system-serial")


async def test_what_is_coming_is_shown_and_cannot_be_chosen(start: Start) -> None:
    async with start() as program:
        screen = await opened(program)
        await to(program, "goals")
        await program.press("down", "down", "space")
        await program.until("can't be chosen yet")
        assert screen._answers is not None and screen._answers.goals == ()


async def test_every_answer_changes_the_plan_below(start: Start) -> None:
    async with start() as program:
        await opened(program)
        assert "The plan so far: nothing to do" in program.text
        await to(program, "system")
        await named(program, "attic")
        await program.until("The plan so far: 4 steps")
        await program.press("u")
        await program.until("The plan so far: nothing to do")


async def test_a_short_form_has_more_behind_a_key(start: Start) -> None:
    async with start() as program:
        await opened(program)
        await to(program, "system")
        await program.until("3 more settings: m.")
        assert "Clock" not in program.text
        await program.press("m")
        await program.until("Variant")
        await program.press("m")
        await program.until("3 more settings: m.")
        assert "Variant" not in program.text


async def test_a_wrong_answer_stands_in_the_way_and_leads_to_its_place(start: Start) -> None:
    async with start() as program:
        screen = await opened(program)
        await to(program, "system")
        await program.press("enter", "ctrl+u", "-", "enter")
        await program.until("1 answer is wrong")
        await to(program, "check")
        await program.until("stands in the way")
        await program.press("n")
        assert screen._page == "check" and isinstance(program.app.screen, WizardScreen)
        await program.press("enter")
        await program.until("► Hostname")
        assert screen._page == "system" and "! " in program.text


@pytest.mark.parametrize("page", ["goals", "system", "users", "security", "check"])
async def test_it_opens_again_where_it_was_left_with_what_was_answered(start: Start, page: str) -> None:
    async with start() as program:
        await opened(program)
        await to(program, "goals")
        await program.press("space")
        await to(program, "system")
        await named(program, "attic")
        if page == "goals":
            await program.press("p")
        await to(program, page)
        await program.until(lambda: _kept(program) is not None and _kept(program).page == page)
    async with start() as program:  # the program was killed: nothing of it is left but its files
        screen = await opened(program)
        await program.until(lambda: screen._page == page)
        assert screen._answers is not None and screen._answers.goals == ("home-server",)
        assert screen._answers.documents["system"]["hostname"] == "attic"
        await program.press("x")
        await program.until("Start over?")
        await program.press("y")
        await program.until(lambda: screen._page == "machine")
        assert screen._answers.empty or "hostname" not in screen._answers.documents.get("system", {})


def _kept(program: Program) -> Any:
    return wizard.kept(program.store.root)


async def test_answers_are_saved_under_a_name_and_opened_again(start: Start) -> None:
    async with start() as program:
        screen = await opened(program)
        await to(program, "system")
        await named(program, "attic")
        await program.press("w")
        await program.until("Save the answers as:")
        await program.press("ctrl+u", *"mine", "enter")
        await program.until("apply mine")
        assert "hostname: attic" in (setups.read(program.store.root, "mine") or "")
        await program.press("x", "y")
        await program.until(lambda: screen._page == "machine")
        await program.press("o")
        await program.until("mine")
        await program.press("enter")
        await program.until(lambda: screen._answers is not None and not screen._answers.empty)
        assert screen._answers is not None and screen._answers.documents["system"] == {"hostname": "attic"}


async def test_a_fresh_machine_opens_on_the_wizard_and_later_on_home(start: Start) -> None:
    async with start(demo=False) as program:
        await program.until(lambda: isinstance(program.app.screen, WizardScreen))
        await program.press("q")
        await program.until(lambda: isinstance(program.app.screen, HomeScreen))
        await program.ran(WriteFile(id="motd", setting="system.motd", path="/etc/motd", content="Welcome\n"))
    async with start(demo=False) as program:
        await program.until("Last changes")
        await program.pilot.pause(1.0)
        assert isinstance(program.app.screen, HomeScreen)


async def test_read_only_it_plans_and_keeps_nothing(start: Start) -> None:
    async with start(read_only="that takes root", demo=False) as program:
        await opened(program)
        await to(program, "system")
        await named(program, "attic")
        await program.until("The plan so far: 4 steps")
        assert not (Path(program.store.root) / wizard.KEPT).exists()


async def test_a_setup_on_the_boot_partition_is_offered_once(start: Start, machine: Opened) -> None:
    text = "version: 1\ngoals: [home-server]\nsystem: {hostname: attic}\n"
    machine.host.machine.write("/boot/firmware/pi-installer-tui.yaml", text)  # type: ignore[attr-defined]
    async with start() as program:
        screen = await opened(program)
        await program.until("A setup file lies on the boot partition")
        await program.press("o")
        await program.until("/boot/firmware/pi-installer-tui.yaml")
        await program.press("enter")
        await program.until(lambda: screen._answers is not None and screen._answers.goals == ("home-server",))
        await program.until("The plan so far: ")
        assert screen._answers is not None and screen._answers.documents["system"] == {"hostname": "attic"}
    async with start() as program:
        await opened(program)
        assert "boot partition" not in program.text

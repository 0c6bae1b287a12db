"""A new place leads on: its kit is read back, a job goes there, it runs, a drill proves it; each step from the list of
places by one key, until nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from pi_installer_tui.app import Opened
from pi_installer_tui.modules.backup.proof import JobStanding, Standing
from pi_installer_tui.screens.backup.kit import KitScreen
from pi_installer_tui.screens.backup.module import BackupForm
from pi_installer_tui.screens.backup.onward import following
from pi_installer_tui.screens.backup.places import PlacesScreen
from pi_installer_tui.screens.item import ItemScreen
from pi_installer_tui.screens.job import JobScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.tasks.runs import Run
from tests.screens.conftest import Program
from tests.screens.test_backup_new_place import fill
from tests.screens.test_backup_overview import folder, to_places

Start = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture(autouse=True)
def pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PACE, "0")


async def runs_and_back(program: Program) -> None:
    """Agrees to the plan, waits until it is done, and goes back to the places."""
    await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
    await program.press("y")
    await program.until(lambda: isinstance(program.app.screen, JobScreen))
    await program.until("Done")
    while not isinstance(program.app.screen, PlacesScreen):
        before = program.app.screen
        await program.press("escape")
        await program.until(lambda before=before: program.app.screen is not before)  # type: ignore[misc]


async def test_a_new_place_leads_on_until_it_is_proven(start: Start, machine: Opened) -> None:
    await folder(machine, "/mnt/second")
    async with start() as program:
        await to_places(program)
        await program.press("n")
        await program.until("What is the new place called?")
        await program.type("second")
        await program.press("enter")
        await program.until("Google Cloud Storage")
        await program.press("enter")
        await program.until("`t` tries it.")
        await fill(program, path="/mnt/second/restic", password="correct horse battery")
        await program.press("t")
        await program.until("All of it works")
        await program.press("p")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.press("y")
        await program.until("Done")
        await program.press("escape")
        await program.until("Next: read its recovery kit back")
        assert isinstance(program.app.screen, PlacesScreen), "the form and the trial are left"
        assert "Tried" in program.text

        await program.press("o")
        await program.until("Show the recovery kit of second?")
        await program.press("y")
        await program.until(lambda: isinstance(program.app.screen, KitScreen))
        await program.until("page 1 of")
        await program.press("r")
        await program.until("From your copy")
        await program.type("correct horse battery")
        await program.press("enter")
        await runs_and_back(program)
        await program.until("Next: a job that goes there")

        await program.press("o")
        await program.until("Which job goes to second?")
        await program.press("end", "enter")
        await program.until(lambda: isinstance(program.app.screen, ItemScreen))
        assert "second" in program.text and "home" in program.text
        await program.press("escape")
        await program.until(lambda: isinstance(program.app.screen, BackupForm))
        await program.press("p")
        await runs_and_back(program)
        await program.until("Next: the first run of nightly")

        await program.press("o")
        await runs_and_back(program)
        await program.until("Next: a restore drill of nightly")
        await program.press("o")
        await runs_and_back(program)
        await program.until(lambda: "Next:" not in program.text)
        assert "o go on" not in program.text


def test_what_comes_next() -> None:
    done = Run("1", "backup", "run", {}, "root", 1.0, 2.0, "done")

    def at(good: Run | None = None, drilled: Run | None = None) -> tuple[JobStanding, ...]:
        return (JobStanding("home", (Standing("home", "usb", good=good, drilled=drilled),), None, 0.0),)

    assert following("usb", False, at(good=done, drilled=done)) == ("kit", "")
    assert following("nas", True, at()) == ("job", "")
    assert following("usb", True, at()) == ("run", "home")
    assert following("usb", True, at(good=done)) == ("drill", "home")
    assert following("usb", True, at(good=done, drilled=done)) == ("", "")

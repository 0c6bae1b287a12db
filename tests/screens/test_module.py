"""The screen of a module, on the demo machine and with the real module System."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from pi_installer_tui.app import Opened, PiInstallerApp
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.screens.home import HomeScreen
from pi_installer_tui.screens.item import ItemScreen
from pi_installer_tui.screens.module import ModuleScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.widgets.form.form import Fields
from tests.screens import golden
from tests.screens.golden import picture as text
from tests.screens.test_form import go, keys, line


@pytest.fixture
def host(tmp_path: Path) -> DemoHost:
    return DemoHost.create(str(tmp_path / "demo"))


@pytest.fixture
async def pilot(host: DemoHost) -> AsyncIterator[Pilot[None]]:
    async with app_on(host).run_test() as pilot:
        await pilot.pause()
        pilot.app.open_module("system")  # type: ignore[attr-defined]
        await until(pilot, "► Hostname")
        yield pilot


def app_on(host: DemoHost) -> PiInstallerApp:
    async def opening() -> Opened:
        return Opened(host, Store(host.state))

    return PiInstallerApp(opening, demo=True)


async def until(pilot: Pilot[None], words: str, gone: bool = False) -> None:
    """Waits until the words are on the screen."""
    for _ in range(500):
        if (words in text(pilot.app)) != gone:
            return
        await pilot.pause(0.02)
    raise AssertionError(text(pilot.app))


async def shown(pilot: Pilot[None], screen: type[Any]) -> Any:
    """Waits until a screen is shown, and gives it."""
    for _ in range(500):
        if isinstance(pilot.app.screen, screen):
            return pilot.app.screen
        await pilot.pause(0.02)
    raise AssertionError(text(pilot.app))


async def test_it_shows_what_is_and_where_it_comes_from(pilot: Pilot[None]) -> None:
    assert "raspberrypi" in line(pilot.app, "Hostname")
    assert "/etc/hostname:1" in line(pilot.app, "Hostname")
    assert "NetworkManager" in text(pilot.app)


async def test_nothing_was_touched_so_nothing_is_planned(pilot: Pilot[None]) -> None:
    await keys(pilot, "p")
    assert "nothing to plan" in text(pilot.app)
    assert isinstance(pilot.app.screen, ModuleScreen)


async def test_a_changed_field_is_all_that_is_planned(pilot: Pilot[None]) -> None:
    await keys(pilot, "enter", "ctrl+u", "attic", "enter", "p")
    review = await shown(pilot, ReviewScreen)
    assert review._plan.settings["system"] == {"hostname": "attic"}
    assert any("/etc/hostname" in step.paths() for step in review._plan.steps)


async def test_what_was_typed_is_still_there_after_the_review(pilot: Pilot[None]) -> None:
    await keys(pilot, "enter", "ctrl+u", "attic", "enter", "p")
    await shown(pilot, ReviewScreen)
    await keys(pilot, "q")
    assert "was raspberrypi" in line(pilot.app, "Hostname")


async def test_a_mistake_in_the_form_keeps_it_from_being_planned(pilot: Pilot[None]) -> None:
    await keys(pilot, "enter", "-", "enter", "down", "p")
    assert "Not planned" in text(pilot.app)
    assert "!" in line(pilot.app, "Hostname")
    assert "►" in line(pilot.app, "Hostname")


async def test_a_mistake_that_only_the_machine_shows_stands_at_its_field(pilot: Pilot[None]) -> None:
    await go(pilot, "timezone")
    await keys(pilot, "enter", "Mars/Olympus", "enter", "p")
    await until(pilot, "Not planned")
    assert "!" in line(pilot.app, "Time zone")
    await keys(pilot, "u")
    assert "!" not in line(pilot.app, "Time zone")


async def test_a_time_zone_is_found_by_typing(pilot: Pilot[None]) -> None:
    await go(pilot, "timezone")
    await keys(pilot, "enter", "buenos", "enter")
    assert pilot.app.screen.query_one(Fields).draft.document() == {"timezone": "America/Argentina/Buenos_Aires"}


async def test_a_static_address_is_set_in_the_editor_of_its_interface(pilot: Pilot[None]) -> None:
    await go(pilot, "eth0")
    await keys(pilot, "enter")
    await shown(pilot, ItemScreen)
    await keys(pilot, "space")
    await go(pilot, "address")
    await keys(pilot, "enter", "192.168.1.77/24", "enter")
    await go(pilot, "gateway")
    await keys(pilot, "enter", "192.168.2.1", "enter")
    assert "! 192.168.2.1 is outside" in line(pilot.app, "Gateway")
    await keys(pilot, "enter", "ctrl+u", "192.168.1.1", "enter", "escape")
    assert "* static 192.168.1.77/24" in line(pilot.app, "eth0")
    await keys(pilot, "p")
    review = await shown(pilot, ReviewScreen)
    assert review._plan.settings["system"]["network"]["eth0"]["address"] == "192.168.1.77/24"


async def test_leaving_with_changes_asks_first(pilot: Pilot[None]) -> None:
    await keys(pilot, "enter", "x", "enter", "q")
    await shown(pilot, Ask)
    await keys(pilot, "n")
    assert isinstance(pilot.app.screen, ModuleScreen)
    await keys(pilot, "q")
    await shown(pilot, Ask)
    await keys(pilot, "y")
    await shown(pilot, HomeScreen)


async def test_leaving_without_changes_does_not_ask(pilot: Pilot[None]) -> None:
    await keys(pilot, "q")
    await shown(pilot, HomeScreen)


async def test_help_and_all_that_was_read_are_a_key_away(pilot: Pilot[None]) -> None:
    await keys(pilot, "question_mark")
    await until(pilot, "What this module finds")
    await keys(pilot, "q", "w")
    await until(pilot, "System: what is")
    assert "/etc/hostname:1" in text(pilot.app)


async def test_reading_never_holds_the_keys_up(host: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    free = asyncio.Event()
    run = DemoHost.run

    async def slow(self: DemoHost, *args: Any, **kwargs: Any) -> Any:
        await free.wait()
        return await run(self, *args, **kwargs)

    monkeypatch.setattr(DemoHost, "run", slow)
    async with app_on(host).run_test() as pilot:
        await pilot.pause()
        pilot.app.open_module("system")  # type: ignore[attr-defined]
        await until(pilot, "Reading the machine")
        await keys(pilot, "q")
        await shown(pilot, HomeScreen)
        pilot.app.open_module("system")  # type: ignore[attr-defined]
        free.set()
        await until(pilot, "► Hostname")


async def test_planning_can_be_stopped(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: DemoHost, *args: Any, **kwargs: Any) -> Any:
        await asyncio.Event().wait()

    await keys(pilot, "enter", "x", "enter")
    monkeypatch.setattr(DemoHost, "run", never)
    await keys(pilot, "p")
    await until(pilot, "Planning:")
    await keys(pilot, "escape")
    await until(pilot, "Planning:", gone=True)
    assert isinstance(pilot.app.screen, ModuleScreen)
    assert "was raspberrypi" in line(pilot.app, "Hostname")


async def test_a_fault_of_the_module_is_said_and_the_program_lives(
    host: DemoHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pi_installer_tui import modules

    module = modules.load("system")

    async def broken(self: object, host: object) -> None:
        raise RuntimeError("a disk on fire")

    monkeypatch.setattr(type(module), "read", broken)
    async with app_on(host).run_test() as pilot:
        await pilot.pause()
        pilot.app.open_module("system")  # type: ignore[attr-defined]
        await until(pilot, "a disk on fire")
        await keys(pilot, "q")
        await shown(pilot, HomeScreen)


async def test_a_larger_window_shows_all_that_was_read_beside_the_form(host: DemoHost) -> None:
    async with app_on(host).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        pilot.app.open_module("system")  # type: ignore[attr-defined]
        await until(pilot, "What is")
        await until(pilot, "192.168.1.23")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_it_looks_as_in_its_picture(host: DemoHost, size: tuple[int, int]) -> None:
    async with app_on(host).run_test(size=size) as pilot:
        await until(pilot, "raspberrypi")
        pilot.app.open_module("system")  # type: ignore[attr-defined]
        await until(pilot, "► Hostname")
        await keys(pilot, "enter", "ctrl+u", "at_tic", "escape")
        await until(pilot, "! may have")
        await golden.check(pilot.app, "module")
        await go(pilot, "eth0")
        await keys(pilot, "enter", "space")
        await until(pilot, "is needed")
        await golden.check(pilot.app, "module-item")

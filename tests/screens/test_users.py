"""Accounts on the screen: a password that is typed reaches its account, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from pi_installer_tui.screens.item import ItemScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system import accounts
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.players import PACE
from tests.screens.golden import picture as text
from tests.screens.test_form import go, keys
from tests.screens.test_module import app_on, shown, until


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv(PACE, "0")
    return DemoHost.create(str(tmp_path / "demo"))


@pytest.fixture
async def pilot(host: DemoHost) -> AsyncIterator[Pilot[None]]:
    async with app_on(host).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        pilot.app.open_module("users")  # type: ignore[attr-defined]
        await until(pilot, "Accounts")
        yield pilot


async def test_a_typed_password_reaches_the_account_and_is_shown_nowhere(pilot: Pilot[None], host: DemoHost) -> None:
    before = accounts.own(await host.text(accounts.SHADOW) or "", "pi")
    await go(pilot, "pi")
    await keys(pilot, "enter")
    await shown(pilot, ItemScreen)
    await go(pilot, "password")
    await keys(pilot, "enter", "hunter2hunter2", "enter")
    assert "hunter2" not in text(pilot.app)
    await keys(pilot, "escape", "p")
    review = await shown(pilot, ReviewScreen)
    assert review._plan.settings["users"]["accounts"]["pi"] == {"password": "users.accounts.pi.password"}
    assert "hunter2" not in text(pilot.app)
    await keys(pilot, "y")
    for _ in range(300):
        await asyncio.sleep(0.1)
        if accounts.own(await host.text(accounts.SHADOW) or "", "pi") != before:
            break
    assert accounts.own(await host.text(accounts.SHADOW) or "", "pi") != before
    await until(pilot, "Done")
    for path in host.state.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path

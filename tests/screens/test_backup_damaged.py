"""A verification that finds damage says what to do next, on its job's screen; the places say that there is damage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from pi_installer_tui.app import Opened
from pi_installer_tui.screens.backup import damaged
from pi_installer_tui.screens.backup.places import PlacesScreen
from pi_installer_tui.screens.job import JobScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system.demo import home
from pi_installer_tui.system.demo.players import PACE
from tests.screens.conftest import Program
from tests.screens.test_backup_overview import to_backup

Start = Callable[..., AbstractAsyncContextManager[Program]]


def flip_a_bit(folder: Path) -> None:
    """In the largest of the files below it."""
    pack = max(folder.rglob("*/*"), key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[-1] ^= 4  # of its checksum
    pack.chmod(0o600)
    pack.write_bytes(content)


async def test_the_job_says_what_to_do_and_the_places_that_there_is_damage(
    start: Start, machine: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PACE, "0")
    async with start() as program:
        await to_backup(program)
        await program.press("enter")
        await program.until("14 runs")
        await program.press("escape", "p")
        await program.until("not yet")
        flip_a_bit(Path(machine.host.address, "root", home.REPOSITORY.lstrip("/"), "data"))
        program.app.act("backup", "verify", {"place": "usb", "share": 100})
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.press("y")
        await program.until(lambda: isinstance(program.app.screen, JobScreen))
        await program.until("What to do next")
        await program.press("escape")
        await program.until(lambda: isinstance(program.app.screen, PlacesScreen))
        await program.until("A verification found damage")


def test_the_damaged_packs_are_named_and_what_is_sound_says_nothing() -> None:
    said = [cell.text for cell in damaged.lines({"share": 10, "errors": 7, "packs": ["ab" * 32] * 6})]
    assert sum(f"restic repair packs {'ab' * 32}" in line for line in said) == 5
    assert any("and so on" in line for line in said)
    assert any("Verify all of the data: " in line for line in said)
    all_read = [cell.text for cell in damaged.lines({"share": 100, "errors": 1})]
    assert not any("Verify all of the data: " in line for line in all_read)
    assert damaged.lines({"share": 100, "errors": 0}) == damaged.lines({"share": 0}) == []

"""A verification that finds damage says what to do next, on its job's screen; the places say that there is damage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from pi_installer_tui.app import Opened
from pi_installer_tui.screens.backup import damaged
from pi_installer_tui.screens.backup.overview import BackupScreen
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


async def test_a_verification_says_what_it_found_and_after_damage_what_to_do(
    start: Start, machine: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PACE, "0")
    async with start() as program:
        await to_backup(program)
        program.app.act("backup", "verify", {"place": "usb"})
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.press("y")
        await program.until("the structure is whole")
        await program.press("escape")
        await program.until(lambda: isinstance(program.app.screen, BackupScreen))
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
        assert "No run mends it by itself" in program.text, "at once, without a key"
        await program.press("escape")
        await program.until(lambda: isinstance(program.app.screen, PlacesScreen))
        await program.until("A verification found damage")


def test_the_damaged_packs_are_named_and_what_is_sound_says_nothing() -> None:
    said = [cell.text for cell in damaged.lines({"share": 10, "errors": 7, "packs": [f"{n}b" * 32 for n in range(6)]})]
    at = said.index("   restic repair packs \\")
    command = " ".join(said[at : at + 6]).replace("\\", "").split()
    assert command == ["restic", "repair", "packs", *(f"{n}b" * 32 for n in range(5))]
    assert max(map(len, said[at : at + 6])) < 76, "whole at 80 columns"
    assert any("and so on" in line for line in said)
    assert any("Verify all of the data: " in line for line in said)
    all_read = [cell.text for cell in damaged.lines({"share": 100, "errors": 1})]
    assert not any("Verify all of the data: " in line for line in all_read)
    assert damaged.lines({"share": 100, "errors": 0}) == damaged.lines({"share": 0}) == []

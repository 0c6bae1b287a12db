"""What came of a place's trial is kept, and shown at the place afterwards: each answer, and when."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from pi_installer_tui.app import Opened
from pi_installer_tui.modules.backup.state import TRIALS
from pi_installer_tui.screens.backup.places import PlacesScreen
from pi_installer_tui.screens.backup.trial import TrialScreen
from pi_installer_tui.system.demo.players import PACE
from tests.screens.conftest import Program
from tests.screens.test_backup_overview import SETTINGS, backed_up, folder, put, to_places

Start = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture(autouse=True)
def pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PACE, "0")


def in_place_of_the_folder(stands: Path) -> None:
    shutil.rmtree(stands)
    stands.write_text("a file")


async def test_it_is_kept_and_shown_at_the_place(start: Start, machine: Opened) -> None:
    await backed_up(machine)
    await folder(machine, "/mnt/backup/restic")
    async with start() as program:
        await to_places(program)
        await program.until("pi@nas.lan:restic")
        assert "w last trial" not in program.text
        await program.press("t")
        await program.until(lambda: isinstance(program.app.screen, TrialScreen))
        await program.until("All of it works")
        await program.press("escape")
        await program.until(lambda: isinstance(program.app.screen, PlacesScreen))
        await program.until("all of it worked.")
        assert re.search(r"Tried \d{4}-\d\d-\d\d \d\d:\d\d: all of it worked", program.text)
        # a later one that fails takes its place
        in_place_of_the_folder(Path(machine.host.address, "root", "mnt/backup/restic"))
        await program.press("t")
        await program.until("It doesn't work like that")
        await program.press("escape")
        await program.until("this didn't work")
        await program.press("w")
        await program.until("As it was answered")
        assert "doesn't" in program.text, "each answer is there again"
        await program.press("r")
        await program.until("It doesn't work like that")
    (name,) = await machine.host.listdir(TRIALS)
    found = await machine.host.stat(f"{TRIALS}/{name}")
    assert name == "usb.json" and found is not None and found.mode & 0o777 == 0o600


async def test_what_was_tried_of_another_repository_isnt_shown(start: Start, machine: Opened) -> None:
    await backed_up(machine)
    line = {"what": "write", "ok": True, "said": "", "value": ""}
    old = {"version": 1, "at": 1_700_000_000, "repository": "/elsewhere", "tried": [line]}
    await folder(machine, TRIALS)
    await put(machine, f"{TRIALS}/usb.json", json.dumps(old))
    await put(machine, f"{TRIALS}/nas.json", "{torn")
    assert SETTINGS["places"]["usb"]["path"] != "/elsewhere"
    async with start() as program:
        await to_places(program)
        await program.until("pi@nas.lan:restic")
        assert "Tried" not in program.text

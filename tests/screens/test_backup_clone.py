"""The card is copied from a screen of its own: what is on each disk, why one can't be taken, the name that is typed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from pi_installer_tui.app import Opened
from pi_installer_tui.screens.backup.clone import CloneScreen
from pi_installer_tui.screens.line import AskLine
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system.demo.players import PACE
from tests.screens import golden
from tests.screens.conftest import Program
from tests.screens.test_backup_overview import to_backup

Start = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture(autouse=True)
def pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PACE, "0")


async def test_a_disk_in_use_is_refused_and_a_free_one_needs_its_name_typed(start: Start, machine: Opened) -> None:
    async with start() as program:
        await to_backup(program)
        await program.press("o")
        await program.until(lambda: isinstance(program.app.screen, CloneScreen))
        await program.until("it is in use")
        assert "c copy" not in program.text and "Enter open" not in program.text
        await program.press("enter", "c")
        assert isinstance(program.app.screen, CloneScreen)
        await golden.check(program.app, "backup-clone-used")

        mounted = (await machine.host.text("/proc/self/mountinfo")) or ""
        free = "".join(line for line in mounted.splitlines(keepends=True) if "/dev/sda1" not in line)
        await machine.host.replace("/proc/self/mountinfo", free.encode(), mode=0o444, uid=0, gid=0)
        await program.press("i")
        await program.until("Copied: vfat")
        await golden.check(program.app, "backup-clone")
        await program.press("c")
        await program.until(lambda: isinstance(program.app.screen, AskLine))
        await program.type("sda")
        await program.press("enter")
        await program.until("that isn't its name")
        await program.press(*["backspace"] * 3)
        await program.type("4C530001230408117105")
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.until("Ultra Fit")

"""The audit's screens on a demo machine: the score, the checks, their receipts, and who reaches what listens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from pi_installer_tui.screens.security.audit import AuditScreen, ExposureScreen, FindingScreen, SocketScreen
from tests.screens.conftest import Program

Start = Callable[..., AbstractAsyncContextManager[Program]]


async def to_audit(program: Program) -> None:
    await program.until("NetworkManager")
    await program.press("s")
    await program.until("Score")


async def test_the_score_and_every_check_are_shown_by_area(start: Start) -> None:
    async with start() as program:
        await to_audit(program)
        assert "of 100" in program.text and "Firewall and what listens" in program.text
        assert "the files weren't looked at yet" in program.text
        await program.press("G")
        await program.until("Kernel and mounts")


async def test_a_check_opens_with_its_receipts(start: Start) -> None:
    async with start() as program:
        await to_audit(program)
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, FindingScreen))
        assert "$ " in program.text and "Risk" in program.text and "Fix" in program.text
        await program.press("q")
        assert isinstance(program.app.screen, AuditScreen)


async def test_the_walk_through_the_files_is_made_when_asked_and_kept(start: Start) -> None:
    async with start() as program:
        await to_audit(program)
        await program.press("s")
        await program.until("files as of")
        await program.press("q", "s")
        await program.until("files as of")
        assert (program.store.root / "audit-files.json").stat().st_mode & 0o777 == 0o600


async def test_every_listening_socket_is_shown_with_who_reaches_it(start: Start) -> None:
    async with start() as program:
        await to_audit(program)
        await program.press("e")
        await program.until(lambda: isinstance(program.app.screen, ExposureScreen))
        await program.until("sshd")
        assert "open" in program.text
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, SocketScreen))
        await program.until("Process: sshd (702)")

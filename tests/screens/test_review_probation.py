"""A plan with a change on probation, before it is agreed to: what touches the person's own line, how long there is to
confirm, and that one can go without at the machine itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from pi_installer_tui import planning
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.probation import look
from pi_installer_tui.tasks.review import review
from pi_installer_tui.widgets.rows import Rows
from tests.screens import golden
from tests.screens.conftest import Program
from tests.screens.test_way import MOTD, SIZES

Start = Callable[..., AbstractAsyncContextManager[Program]]


async def an_address_reviewed(program: Program) -> ReviewScreen:
    """The review of another address for eth0."""
    text = (
        "version: 1\nsystem:\n  network:\n    eth0: {method: static, address: 192.168.1.10/24, gateway: 192.168.1.1}\n"
    )
    planned = await planning.plan(program.host, planning.parse(text))
    assert planned.reviewed is not None, planned.mistakes
    screen = ReviewScreen(planned.reviewed)
    program.app.push_screen(screen)
    await program.until("y agree and run")
    return screen


@SIZES
async def test_the_review_marks_what_touches_the_person_s_own_connection(start: Start, size: tuple[int, int]) -> None:
    mine = Seat("ssh", "192.168.1.50", 51234, "192.168.1.23", 22, "eth0")
    async with start(size, seat=mine) as program:
        await an_address_reviewed(program)
        said = {title: text for title, text, _tone in program.app.screen._warnings()}  # type: ignore[attr-defined]
        assert said["your connection"] == "192.168.1.50:51234 to 192.168.1.23 on eth0"
        assert said["on probation"] == "120 s to confirm, or 4 steps go back by themselves"
        assert "your connection: 192.168.1.50:51234" in program.text
        assert "w without" not in program.text
        await golden.check(program.app, "review-probation")
        rows = program.app.screen.query_one("#steps", Rows).rows
        marked = [row.cells[1].text for row in rows if row.id.startswith("step:") and "your line" in row.cells[2].text]
        assert any("wait 120 s" in title for title in marked)
        assert any("nmcli" in title for title in marked)
        assert not any("write" in title or "edit" in title for title in marked)
        inner = [row.cells[1].text for row in rows if row.id.startswith("step:")][1:]
        assert inner
        assert all(title.startswith("  ") for title in inner)


async def test_at_the_machine_itself_one_can_go_without_and_back(start: Start) -> None:
    async with start(seat=Seat("console")) as program:
        screen = await an_address_reviewed(program)
        assert "no network change can strand you" in str(screen._warnings())
        await program.until("w without")
        with_it = screen._plan
        await program.press("w")
        await program.until("not on probation")
        assert screen._plan.trials == ()
        assert "keep-address" not in {step.kind for step in screen._plan.flat}
        assert screen._plan.expects.keys() == {step.id for step in screen._plan.flat}
        await program.press("w")
        await program.until(lambda: screen._plan == with_it)
        assert "not on probation" not in program.text


@pytest.mark.parametrize("kind", ["ssh", "unknown"])
async def test_from_afar_nobody_is_offered_to_go_without(start: Start, kind: Any) -> None:
    async with start(seat=Seat(kind, server="192.168.1.23")) as program:
        screen = await an_address_reviewed(program)
        assert "w without" not in program.text
        await program.press("w")
        assert screen._plan.trials
        assert "at the machine" not in str(screen._warnings())


async def test_the_time_to_confirm_in_is_chosen_and_the_job_keeps_it(start: Start) -> None:
    async with start() as program:
        screen = await an_address_reviewed(program)
        for seconds in (300, 600, 60, 120, 300):
            await program.press("t")
            await program.until(f"on probation: {seconds} s to confirm")
        await program.press("y")
        await program.until("ssh maria@192.168.1.10")
        job = program.store.jobs()[0].id
        found = look(program.store, job)
        assert found is not None
        assert found.seconds == 300
        assert screen._plan.trials[0].confirm == "wait"
        await program.press("y")
        await program.until("Confirmed by maria")
        assert "192.168.1.23" not in (await program.host.run(["ip", "-j", "addr"])).stdout


async def test_a_plan_without_probation_has_no_such_keys(start: Start) -> None:
    async with start(seat=Seat("console")) as program:
        program.app.push_screen(ReviewScreen(await review(Plan(steps=(MOTD,)), program.host)))
        await program.until("y agree and run")
        assert "t time" not in program.text
        assert "w without" not in program.text

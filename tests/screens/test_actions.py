"""What is done beside settings, on the screens: who is banned, a ban that is lifted, the form of an action, and the
ways to it. On a demo machine on which fail2ban runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from pi_installer_tui import modules
from pi_installer_tui.screens.act import ActionsScreen, ActScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.screens.security.bans import BansScreen
from pi_installer_tui.tasks.steps import InstallPackages
from pi_installer_tui.widgets.form.fields import shape_of
from tests.screens import golden
from tests.screens.conftest import Program

Start = Callable[..., AbstractAsyncContextManager[Program]]
ADDRESS = "203.0.113.77"
FAIL2BAN = InstallPackages(id="bans", packages=("fail2ban",))


async def to_security(program: Program) -> None:
    await program.until("NetworkManager")
    program.app.open_module("security")
    await program.until("Profile")


async def to_bans(program: Program) -> None:
    await program.ran(FAIL2BAN)
    await to_security(program)
    await program.press("n")
    await program.until(ADDRESS)


async def test_every_ban_is_listed_with_its_jail_and_its_times(start: Start) -> None:
    async with start() as program:
        await to_bans(program)
        assert "Who is banned: 3 bans" in program.text
        (line,) = [line for line in program.text.splitlines() if ADDRESS in line]
        assert "sshd" in line and line.count(":") == 2, "since when, and until when"
        await golden.check(program.app, "bans")


async def test_a_ban_is_lifted_after_its_review_and_proven(start: Start) -> None:
    async with start() as program:
        await to_bans(program)
        await program.press("u")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        assert f"fail2ban-client set sshd unbanip {ADDRESS}" in program.text
        await program.press("y")
        await program.until("Done")
        await program.press("q")
        await to_security(program)
        await program.press("n")
        await program.until("2 bans")
        assert ADDRESS not in program.text


async def test_nobody_is_banned_where_there_is_no_fail2ban_and_it_says_so(start: Start) -> None:
    async with start() as program:
        await to_security(program)
        await program.press("n")
        await program.until("fail2ban is not installed")
        await program.press("u")
        assert isinstance(program.app.screen, BansScreen)


async def test_the_form_of_an_action_leads_to_its_plan_and_says_what_is_wrong(start: Start) -> None:
    async with start() as program:
        await program.ran(FAIL2BAN)
        await to_security(program)
        await program.press("a")
        await program.until(lambda: isinstance(program.app.screen, ActionsScreen))
        await program.until("lift a ban")
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, ActScreen))
        await program.until("Address")
        await program.press("p")
        await program.until("mend what is marked")
        await program.press("enter")
        await program.type("203.0.113.77")
        await program.press("enter", "p")
        await program.until(lambda: isinstance(program.app.screen, ReviewScreen))
        await program.press("q")
        assert isinstance(program.app.screen, ActScreen), "what was typed is still there"


async def test_the_palette_knows_every_action(start: Start) -> None:
    async with start() as program:
        await program.until("NetworkManager")
        await program.press("colon")
        await program.type("lift")
        await program.until("Security: lift a ban")
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, ActScreen))


@pytest.mark.parametrize(("module", "action"), [(m.name, a.name) for m in modules.MODULES for a in m.actions])
def test_every_action_has_a_form(module: str, action: str) -> None:
    model = modules.load(module).arguments(action)
    assert len(shape_of(model).fields()) == len(model.model_fields)

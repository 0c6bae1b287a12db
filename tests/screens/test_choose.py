"""The choice on top of a form: few options as a list, many with a field to type in."""

from __future__ import annotations

import pytest
from textual.app import App

from pi_installer_tui.widgets.form.choose import ChooseScreen
from pi_installer_tui.widgets.rows import Rows


@pytest.mark.parametrize("count", [5, 30])
async def test_a_key_moves_by_one_option(count: int) -> None:
    app: App[None] = App()
    async with app.run_test(size=(80, 24)) as pilot:
        options = [f"option {n:02}" for n in range(count)]
        app.push_screen(ChooseScreen("which", options, options[0], options[0], leave=False))
        await pilot.pause()
        for key, at in (("down", 1), ("down", 2), ("up", 1)):
            await pilot.press(key)
            row = app.screen.query_one(Rows).row
            assert row is not None and row.id == str(at)

"""A list of what the machine has: put in and out by Enter, and by typing what isn't there."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from pi_installer_tui.widgets.form import Form
from pi_installer_tui.widgets.form.form import Fields
from pi_installer_tui.widgets.form.several import SeveralScreen
from tests.screens.golden import picture as text


class Job(BaseModel):
    stop: Annotated[tuple[str, ...], Field(max_length=5)] | None = Field(
        None, title="Stop meanwhile", json_schema_extra={"choices": "stoppable", "widget": "several"}
    )


class JobApp(App[None]):
    def __init__(self, *there: str) -> None:
        super().__init__(ansi_color=True)
        self.there = there

    def compose(self) -> ComposeResult:
        yield Form(Job, Job(), lambda name: self.there if name == "stoppable" else (), "job", id="form")

    @property
    def stop(self) -> Any:
        found: Any = self.query_one(Form).settings()
        return found.stop


async def opened(pilot: Pilot[None]) -> None:
    pilot.app.query_one(Fields).rows[0].focus()
    await pilot.press("enter")
    await pilot.pause()


async def test_those_that_are_there_are_put_in_and_out() -> None:
    app = JobApp("container:wiki", "container:shop", "unit:mosquitto.service")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert isinstance(app.screen, SeveralScreen)
        await pilot.press("enter", "down", "down", "enter")
        assert text(app).count("[x]") == 2
        await pilot.press("up", "up", "enter", "escape")
        await pilot.pause()
        assert app.stop == ("unit:mosquitto.service",)


async def test_what_isnt_there_can_be_typed_and_a_part_of_a_name_finds_it() -> None:
    app = JobApp("container:wiki", "unit:mosquitto.service")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press(*"unit:own.service", "enter")
        await pilot.press(*"wik", "enter", "escape")
        await pilot.pause()
        assert app.stop == ("unit:own.service", "container:wiki")


async def test_where_nothing_is_known_it_is_typed_and_left_as_it_is_nothing_is_set() -> None:
    app = JobApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press(*"unit:a.service, unit:b.service", "enter")
        await pilot.pause()
        assert app.stop == ("unit:a.service", "unit:b.service")
    app = JobApp("container:wiki")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert app.stop is None

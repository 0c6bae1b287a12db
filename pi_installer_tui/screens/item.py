"""The editor of one entry of a table: a form on a screen of its own. Leaving it keeps what was typed; what is wrong
stays marked at the entry's line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.form.form import Fields


class ItemScreen(ShellScreen):
    """The entry `name` of the table `title`. `done` is called when it is left."""

    place = "item"
    about = N_(
        "One entry of a table. What you change here is kept when you go back; nothing is done before the plan was "
        "reviewed and agreed to.\n"
        "A field that isn't touched is left as it is on the machine. A star marks what was changed."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("item")]

    def __init__(self, title: str, name: str, fields: Fields, done: Callable[[], None]) -> None:
        super().__init__()
        self._said = f"{title}: {name}"
        self._fields = fields
        self._done = done

    def body(self) -> Iterable[Widget]:
        yield self._fields

    def on_mount(self) -> None:
        self.say_where(self._said)
        self._fields.focus_first()

    def on_fields_item_opened(self, event: Fields.ItemOpened) -> None:
        self.app.push_screen(ItemScreen(event.title, event.name, event.fields, event.done))

    async def action_back(self) -> None:
        self._done()
        await self.app.pop_screen()

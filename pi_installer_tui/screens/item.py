"""The editor of one entry of a table: a form on a screen of its own. Leaving it keeps what was typed; what is wrong
stays marked at the entry's line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.form.form import Fields
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel


class ItemScreen(ShellScreen):
    """The entry that a form asked to be edited."""

    place = "item"
    where = N_("An entry")
    about = N_(
        "One entry of a table. What you change here is kept when you go back; nothing is done before the plan was "
        "reviewed and agreed to.\n"
        "A field that isn't touched is left as it is on the machine. A star marks what was changed."
    )
    CSS = """
    ItemScreen #note { margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("item")]

    def __init__(self, entry: Fields.ItemOpened) -> None:
        super().__init__()
        self._entry = entry

    def body(self) -> Iterable[Widget]:
        note = self._entry.note
        if note.text:
            yield Panel([[Cell("  "), Cell(note.text, note.tone)]], id="note")
        yield self._entry.fields

    def on_mount(self) -> None:
        self.say_where(f"{self._entry.title}: {self._entry.name}")
        if not self._entry.then or not self._entry.fields.open_at(self._entry.then, self._entry.field):
            self._entry.fields.focus_field(self._entry.field)

    def on_fields_item_opened(self, event: Fields.ItemOpened) -> None:
        self.app.push_screen(ItemScreen(event))

    async def action_back(self) -> None:
        self._entry.done()
        await self.app.pop_screen()

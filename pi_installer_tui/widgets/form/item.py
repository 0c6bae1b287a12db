"""The editor of one item of a table: a form on a screen of its own. Leaving it keeps what was typed; what is wrong
stays marked at the item's line."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from pi_installer_tui.i18n import _

if TYPE_CHECKING:
    from pi_installer_tui.widgets.form.form import Fields


class ItemScreen(Screen[None]):
    """One item of the table `title`, called `name`."""

    DEFAULT_CSS = """
    ItemScreen #title { height: 1; text-style: bold; padding: 0 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", _("done"), id="item.done"),
    ]

    def __init__(self, title: str, name: str, fields: Fields) -> None:
        super().__init__()
        self._title = f"{title}: {name}"
        self._fields = fields

    def compose(self) -> ComposeResult:
        yield Static(self._title, id="title", markup=False)
        yield self._fields

    def on_mount(self) -> None:
        self._fields.focus_first()

"""A field of one line to search with: Enter looks, Esc leaves it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Input

from pi_installer_tui.widgets.actions import bindings


class SearchField(Input):
    """Says what was typed at every letter, and when it was left."""

    DEFAULT_CSS = "SearchField { width: 1fr; height: 1; border: none; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("search")]

    class Left(Message):
        """Esc."""

    def __init__(self, placeholder: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(placeholder=placeholder, compact=True, id=id, select_on_focus=False)
        self.cursor_blink = False

    def action_leave(self) -> None:
        self.post_message(self.Left())

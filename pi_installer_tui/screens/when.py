"""Asks for a time of the clock."""

from __future__ import annotations

import re
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel

CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


class AskTime(ModalScreen[str | None], inherit_bindings=False):
    """Ends with HH:MM, or None where the person went back."""

    place: ClassVar[str] = "when"
    CSS = """
    AskTime { align: center middle; }
    AskTime Vertical { width: 64; height: auto; border: solid ansi_cyan; padding: 1 1; background: ansi_default; }
    AskTime Input { margin: 0 1; width: 12; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("when")]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Panel([[Cell(self._question, "strong")], []])
            yield Input(placeholder="HH:MM", compact=True, max_length=5)
            yield Panel(self._keys(""), id="said")

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()

    def _keys(self, wrong: str) -> list[list[Cell]]:
        keys = [Cell("Enter", "key"), Cell(" " + _("agree") + "   "), Cell("Esc", "key"), Cell(" " + _("back"))]
        return [[Cell(wrong, "bad")], keys]

    def on_input_changed(self) -> None:
        self.query_one("#said", Panel).set_lines(self._keys(""))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        found = CLOCK.fullmatch(message.value.strip())
        if found is None:
            self.query_one("#said", Panel).set_lines(self._keys(_("That is no time: as 03:30.")))
        else:
            self.dismiss(f"{int(found[1]):02}:{found[2]}")

    def action_leave(self) -> None:
        self.dismiss(None)

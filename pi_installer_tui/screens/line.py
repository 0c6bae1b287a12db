"""Asks for a line of text: a name, a time of the clock."""

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


class AskLine(ModalScreen[str | None], inherit_bindings=False):
    """Ends with a text of `form`, or None where the person went back. wrong: what is said of any other; value: what
    stands there first, example: what does as long as nothing does; longest: in characters."""

    place: ClassVar[str] = "line"
    CSS = """
    AskLine { align: center middle; }
    AskLine Vertical { width: 64; height: auto; border: solid ansi_cyan; padding: 1 1; background: ansi_default; }
    AskLine Input { margin: 0 1; width: 44; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("line")]

    def __init__(
        self,
        question: str,
        form: re.Pattern[str],
        wrong: str,
        *,
        value: str = "",
        example: str = "",
        longest: int = 40,
        hidden: bool = False,
    ) -> None:
        super().__init__()
        self._question = question
        self._pattern = form
        self._wrong = wrong
        self._value = value
        self._example = example
        self._longest = longest
        self._hidden = hidden

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Panel([[Cell(self._question, "strong")], []])
            yield Input(
                self._value,
                placeholder=self._example,
                compact=True,
                max_length=self._longest,
                password=self._hidden,
            )
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
        typed = message.value if self._hidden else message.value.strip()
        if self._pattern.fullmatch(typed):
            self.dismiss(typed)
        else:
            self.query_one("#said", Panel).set_lines(self._keys(self._wrong))

    def action_leave(self) -> None:
        self.dismiss(None)

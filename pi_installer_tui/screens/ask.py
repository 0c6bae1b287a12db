"""A question with yes and no, and what follows from a yes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel

_WIDTH = 58


class Ask(ModalScreen[bool], inherit_bindings=False):
    """Ends with True for `y`, False for `n`, `q` and Esc."""

    place: ClassVar[str] = "ask"
    CSS = """
    Ask { align: center middle; }
    Ask Panel { width: 64; border: solid ansi_cyan; padding: 1 1; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("ask")]

    def __init__(self, question: str, consequences: Sequence[str] = ()) -> None:
        super().__init__()
        self._question = question
        self._consequences = consequences

    def compose(self) -> ComposeResult:
        lines: list[list[Cell]] = [[Cell(line, "strong")] for line in textwrap.wrap(self._question, _WIDTH)]
        for text in self._consequences:
            lines += [[], *([Cell(line)] for line in textwrap.wrap(text, _WIDTH))]
        lines += [
            [],
            [Cell("y", "key"), Cell(" " + _("yes") + "   "), Cell("n", "key"), Cell(" " + _("no"))],
        ]
        yield Panel(lines)

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


def ask_to_leave(app: App[Any]) -> None:
    """Takes the screen on top away after a yes: what was typed there is forgotten."""

    def leave(sure: bool | None) -> None:
        if sure:
            app.pop_screen()

    question = _("Leave, and forget what you typed here?")
    app.push_screen(Ask(question, [_("Nothing was changed on the machine.")]), leave)

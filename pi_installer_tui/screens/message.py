"""A message over the screen: what went wrong, what stayed as it was, what to do next."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import printable

_WIDTH = 58


class Problem(ModalScreen[None], inherit_bindings=False):
    """what: what happened. stayed: what is as it was. then: what to do next."""

    place: ClassVar[str] = "message"
    CSS = """
    Problem { align: center middle; }
    Problem Panel { width: 64; border: solid ansi_red; padding: 1 1; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("message")]

    def __init__(self, what: str, stayed: str = "", then: str = "") -> None:
        super().__init__()
        self._parts = (what, stayed, then)

    def compose(self) -> ComposeResult:
        lines: list[list[Cell]] = []
        for n, part in enumerate(p for p in self._parts if p):
            lines += [] if n == 0 else [[]]
            for paragraph in part.splitlines():
                wrapped = textwrap.wrap(printable(paragraph), _WIDTH) or [""]
                lines += [[Cell(line, "strong" if n == 0 else "plain")] for line in wrapped]
        yield Panel([*lines[:16], [], [Cell("Enter", "key"), Cell(" " + _("close"))]])

    def action_close(self) -> None:
        self.dismiss(None)

"""A list with a text below it, of which either may be the large one."""

from __future__ import annotations

from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.widgets.rows import Rows
from pi_installer_tui.widgets.text import Text


class Larger(ShellScreen):
    """A screen whose CSS says what `-larger` makes large."""

    def action_larger(self) -> None:
        self.toggle_class("-larger")
        target = Text if self.has_class("-larger") else Rows
        self.query(target).first().focus()

"""Security's screen: the module's form, and the way to who is banned."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from pi_installer_tui.screens.module import ModuleScreen
from pi_installer_tui.widgets.actions import bindings


class SecurityScreen(ModuleScreen, inherit_bindings=False):
    """The module Security."""

    more = ("security",)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("security", "module")]

    def action_bans(self) -> None:
        from pi_installer_tui.screens.security.bans import BansScreen

        self.app.push_screen(BansScreen())

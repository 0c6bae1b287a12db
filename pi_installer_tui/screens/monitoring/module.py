"""Monitoring's screen: the module's form, the ways to what it is about, and rules tried against the past."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from pi_installer_tui.i18n import N_
from pi_installer_tui.screens.module import ModuleScreen
from pi_installer_tui.widgets.actions import bindings

_MODULE = bindings("module")


class MonitoringScreen(ModuleScreen, inherit_bindings=False):
    """The module Monitoring."""

    more = ("monitoring",)
    about = N_(
        "The collector keeps a history of what this machine does, and watches rules; an alert goes out by channels. "
        "Below are its settings. What you don't touch is left as it is; a star marks what you changed.\n"
        "`try` shows when the rules, as they stand in the form now, would have fired in the last week: nothing is "
        "sent or changed. `channels` sends a test and shows what the server answers.\n"
        "Plan shows exactly what would be done, step by step. Nothing is changed before you have seen that and agreed."
    )
    # the line of keys has room for the first ones: planning stays among them
    BINDINGS: ClassVar[list[BindingType]] = [*_MODULE[:1], *bindings("monitoring"), *_MODULE[1:]]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "try":
            return self._form is not None
        return super().check_action(action, parameters)

    def action_dashboard(self) -> None:
        from pi_installer_tui.screens.monitoring.dashboard import Dashboard

        self.app.push_screen(Dashboard())

    def action_services(self) -> None:
        from pi_installer_tui.screens.monitoring.services import Services

        self.app.push_screen(Services())

    def action_logs(self) -> None:
        from pi_installer_tui.screens.monitoring.logs import Logs

        self.app.push_screen(Logs())

    def action_alerts(self) -> None:
        from pi_installer_tui.screens.monitoring.alerts import AlertsScreen

        self.app.push_screen(AlertsScreen())

    def action_channels(self) -> None:
        from pi_installer_tui.screens.monitoring.channels import ChannelsScreen

        self.app.push_screen(ChannelsScreen())

    def action_try(self) -> None:
        from pi_installer_tui.screens.monitoring.past import PastScreen
        from pi_installer_tui.widgets.form import Invalid
        from pi_installer_tui.widgets.lines import Cell

        assert self._form is not None
        settings = self._form.settings()
        if isinstance(settings, Invalid):
            self._form.reject({})
            self._say(Cell(NOT_TRIED, "bad"))
            return
        self.app.push_screen(PastScreen(settings))


NOT_TRIED = N_("Not tried: mend what is marked with ! first.")

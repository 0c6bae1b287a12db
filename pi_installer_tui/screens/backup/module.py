"""The settings of backups: the module's form, and when its jobs would run as they stand there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.binding import BindingType

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.module import ModuleScreen
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell

_MODULE = bindings("module")


class BackupForm(ModuleScreen, inherit_bindings=False):
    """All settings of the module Backup."""

    more = ("backup_form",)
    about = N_(
        "Jobs say what is kept, when, where to, how long, and how it is proven; places say where repositories lie. "
        "What you don't touch is left as it is; a star marks what you changed.\n"
        "A place is set up more easily from the list of places (`p` on the overview): there it is tried first. `next "
        "runs` shows when the jobs would run as they stand in the form now.\n"
        "Plan shows exactly what would be done, step by step. Nothing is changed before you have seen that and agreed."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*_MODULE[:1], *bindings("backup_form"), *_MODULE[1:]]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "next_runs":
            return self._form is not None
        return super().check_action(action, parameters)

    async def _given(self, settings: Any) -> Mapping[str, str]:
        from pi_installer_tui.modules.backup.keys import complete
        from pi_installer_tui.setup_file import SetupError

        secrets, wrong = await complete(self.shell.host, settings.places or {}, await super()._given(settings))
        if wrong:
            raise SetupError(*wrong)
        return secrets

    def action_next_runs(self) -> None:
        from pi_installer_tui.modules.backup.applied import merged
        from pi_installer_tui.screens.backup.schedule import NextRunsScreen
        from pi_installer_tui.widgets.form import Invalid

        assert self._form is not None
        settings = self._form.settings()
        if isinstance(settings, Invalid):
            self._form.reject({})
            self._say(Cell(_("Not shown: mend what is marked with ! first."), "bad"))
            return
        now = self._form.model.model_validate(self._form.draft.present)
        self.app.push_screen(NextRunsScreen(merged(now, settings)))

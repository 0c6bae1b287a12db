"""OpenRepository: the repository is there, and the password is right."""

from __future__ import annotations

from typing import Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.restic.answers import Trouble
from pi_installer_tui.tasks.steps.backup.working import RepositoryStep, repository, unlock_dead
from pi_installer_tui.tasks.steps.base import StepContext


class OpenRepository(RepositoryStep):
    """Opens the repository; makes one where none is."""

    kind: Literal["open-repository"] = "open-repository"

    def title(self) -> str:
        return _("open the repository at {place}").format(place=self.place.name)

    def explain(self) -> str:
        return _("Opens the repository {repository}, and makes it where none is.").format(
            repository=self.place.repository
        )

    async def apply(self, context: StepContext) -> None:
        async with repository(self.place, context) as engine:
            try:
                unlocked = await unlock_dead(engine)  # of runs that were killed
            except Trouble as error:
                if error.reason != "no-repository":
                    raise
                await engine.init()
                context.report({"made": True})
            else:
                context.report({"unlocked": unlocked} if unlocked else {})

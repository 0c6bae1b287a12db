"""OpenRepository: the repository is there, and the password is right."""

from __future__ import annotations

from typing import Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.restic.answers import Trouble
from pi_installer_tui.restic.words import sentence
from pi_installer_tui.tasks.steps.backup.working import RepositoryStep, repository, unlock_dead
from pi_installer_tui.tasks.steps.base import StepContext


class OpenRepository(RepositoryStep):
    """Opens the repository; makes one where none is. later: a place that can't be reached now is left to the first run
    that reaches it, and fails nothing else."""

    kind: Literal["open-repository"] = "open-repository"
    later: bool = False

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
                if error.reason == "unreachable" and self.later:
                    said = Trouble(error.reason, error.tail, **{**error.values, "place": self.place.name})
                    context.output(f"{sentence(said)}\n".encode())
                    context.report({"unreachable": True})
                    return
                if error.reason != "no-repository":
                    raise
                await engine.init()
                context.report({"made": True})
            else:
                context.report({"unlocked": unlocked} if unlocked else {})

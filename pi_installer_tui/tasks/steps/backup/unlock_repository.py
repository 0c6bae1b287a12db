"""UnlockRepository: locks that nobody holds any more are removed."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.restic.locks import holders
from pi_installer_tui.tasks.steps.backup.working import RepositoryStep, repository
from pi_installer_tui.tasks.steps.base import StepContext, StepError

LockId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class UnlockRepository(RepositoryStep):
    """locks: their ids. Each is looked at again before it is removed: one whose process lives on this machine stays."""

    kind: Literal["unlock-repository"] = "unlock-repository"
    locks: tuple[LockId, ...] = ()

    def title(self) -> str:
        return ngettext(
            "remove {count} lock from the repository at {place}",
            "remove {count} locks from the repository at {place}",
            len(self.locks),
        ).format(count=len(self.locks), place=self.place.name)

    def explain(self) -> str:
        return _("Removes locks that were left behind. One whose process is at work on this machine stays.")

    async def apply(self, context: StepContext) -> None:
        async with repository(self.place, context) as engine:
            there = [each for each in await holders(engine, time.time()) if each.lock.id in self.locks]
            for each in there:
                if each.alive:
                    raise StepError("lock-alive", host=each.lock.host, pid=str(each.lock.pid))
            if there:
                await engine.unlock([each.lock.id for each in there])
        context.report({"removed": len(there)})

"""VerifyRepository: whether what a repository holds is whole."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.i18n import _
from pi_installer_tui.tasks.steps.backup.working import Bounded, Rate, RepositoryStep, patiently, repository
from pi_installer_tui.tasks.steps.base import StepContext, StepError

#: damaged packs that are reported by their ids, at the most
PACKS = 25


class VerifyRepository(RepositoryStep):
    """share: percent of the data that is read again; 0: the structure alone."""

    kind: Literal["verify-repository"] = "verify-repository"
    share: Annotated[int, Field(ge=0, le=100)] = 0

    def title(self) -> str:
        return _("verify the repository at {place}").format(place=self.place.name)

    def explain(self) -> str:
        if not self.share:
            return _("Looks whether the repository's structure is whole. The data itself isn't read.")
        if self.share == 100:
            return _("Reads everything that is in the repository, and compares it with its checksums.")
        return _("Looks at the structure, and reads {share} % of the data, picked at random.").format(share=self.share)

    async def apply(self, context: StepContext) -> None:
        context.report({"share": self.share})
        async with repository(self.place, context) as engine:
            found = await patiently(context, engine, lambda: engine.check(self.share, progress=Rate(context, "check")))
        context.report({"errors": len(found.errors)})
        if found.packs:
            context.report({"packs": list(found.packs[:PACKS])})
        lines = Bounded(context)
        for line in found.errors:
            lines.say(line)
        lines.finish()
        if not found.good:
            raise StepError("restic-damaged", found.errors[:25], place=self.place.name)

"""KeepSnapshots: what a job's runs at a place are thinned out to."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.i18n import _
from pi_installer_tui.restic.keeping import Policy, runs
from pi_installer_tui.tasks.steps.backup.snapshots import decided, made_by, of_job
from pi_installer_tui.tasks.steps.backup.working import Bounded, Name, Rate, RepositoryStep, patiently, repository
from pi_installer_tui.tasks.steps.base import StepContext

Count = Annotated[int, Field(ge=0, le=10_000)]


class KeepSnapshots(RepositoryStep):
    """Keeps of the job's runs the last ones, one a day, week, month, year, and those within a duration (`1y6m`); the
    others are forgotten, and with `prune` what only they needed is removed. The newest good run stays in any case, and
    so does what another machine or program keeps there."""

    kind: Literal["keep-snapshots"] = "keep-snapshots"
    job: Name
    last: Count = 0
    daily: Count = 0
    weekly: Count = 0
    monthly: Count = 0
    yearly: Count = 0
    within: Annotated[str, Field(pattern=r"^(\d{1,5}[hdwmy])*$")] = ""
    prune: bool = True

    def title(self) -> str:
        return _("thin out the snapshots of {job} at {place}").format(job=self.job, place=self.place.name)

    def explain(self) -> str:
        kept = {
            _("the last {n}"): self.last,
            _("{n} daily"): self.daily,
            _("{n} weekly"): self.weekly,
            _("{n} monthly"): self.monthly,
            _("{n} yearly"): self.yearly,
        }
        said = [text.format(n=count) for text, count in kept.items() if count]
        if self.within:
            said.append(_("all within {span}").format(span=self.within))
        if not said:
            return _("Keeps every run.")
        return _("Keeps of the runs: {kept}, and the newest good one in any case. The others go for good.").format(
            kept=", ".join(said)
        )

    async def apply(self, context: StepContext) -> None:
        policy = Policy(self.last, self.daily, self.weekly, self.monthly, self.yearly, self.within)
        async with repository(self.place, context) as engine:
            here = await made_by(context.host)
            found = runs(of_job(await engine.snapshots(f"job={self.job}"), self.job, here))
            told = decided(found, policy, time.time())
            kept, gone = [each.run for each in told if each.stays], [each.run for each in told if not each.stays]
            context.report({"removed": len(gone), "kept": len(kept)})
            lines = Bounded(context)
            for run in gone:
                made = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.moment.time))
                lines.say(f"{made} {' '.join(each.short for each in run.snapshots)}")
            lines.finish()
            if not gone:
                return
            ids = [each.id for run in gone for each in run.snapshots]
            await patiently(context, engine, lambda: engine.forget(ids))
            context.reached("snapshots:forgotten")
            if self.prune:
                pruned = await patiently(context, engine, lambda: engine.prune(progress=Rate(context, "prune")))
                context.report({"freed": pruned.freed} if pruned.freed is not None else {})

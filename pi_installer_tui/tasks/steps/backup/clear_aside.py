"""ClearAside: what restorations put aside for their undo goes after its time: dumps in the repository, and folders
beside restored files."""

from __future__ import annotations

import posixpath
import time
from typing import Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.restic.answers import Trouble
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.restic.words import sentence
from pi_installer_tui.system.host import HostError
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.steps.backup.working import REPLACED, RepositoryStep, patiently, repository
from pi_installer_tui.tasks.steps.base import AbsolutePath, StepContext

#: for so long a restoration can be undone
DAYS = 30
_SECONDS = DAYS * 86400
_REMOVE = ("rm", "--recursive", "--force", "--one-file-system", "--")


class Aside(Frozen):
    """A folder with what a restoration replaced. since: seconds since 1970, when the restoration ended."""

    path: AbsolutePath
    since: float


class ClearAside(RepositoryStep):
    """Forgets the dumps that were put aside at the place more than DAYS ago, and removes those of the folders that are
    as old. What can't be removed is named, and fails nothing: the next run tries again."""

    kind: Literal["clear-aside"] = "clear-aside"
    replaced: tuple[Aside, ...] = ()

    def title(self) -> str:
        return _("clear what restorations have put aside at {place}").format(place=self.place.name)

    def explain(self) -> str:
        return _(
            "Removes what restorations replaced more than {days} days ago; they can't be undone any more then."
        ).format(days=DAYS)

    async def apply(self, context: StepContext) -> None:
        before = time.time() - _SECONDS
        cleared = 0
        async with repository(self.place, context) as engine:
            try:
                cleared += await _forget(context, engine, before)
            except Trouble as error:  # a server that only takes lets nothing go
                context.output(f"{sentence(error)}\n".encode("utf-8", "replace"))
        for folder in self.replaced:
            if folder.since < before:
                cleared += await self._remove(context, folder.path)
        context.report({"aside_cleared": cleared})

    async def _remove(self, context: StepContext, path: str) -> bool:
        """Whether it was there and is gone. Only what this program itself has made is removed."""
        try:
            there = await context.host.stat(path)
            if there is None:
                return False
            if not posixpath.basename(path).startswith(REPLACED) or there.kind != "directory" or there.uid != 0:
                context.output(f"{path}: not removed\n".encode("utf-8", "replace"))
                return False
            await context.host.run([*_REMOVE, path], check=True)
        except (HostError, OSError) as error:
            context.output(f"{path}: {error}\n".encode("utf-8", "replace"))
            return False
        context.output(f"{path}\n".encode("utf-8", "replace"))
        return True


async def _forget(context: StepContext, engine: Restic, before: float) -> int:
    """Forgets the dumps that are older, and returns how many. Raises Trouble."""
    old = [each.id for each in await engine.snapshots() if each.tagged("aside") and each.time < before]
    if old:
        await patiently(context, engine, lambda: engine.forget(old))
    return len(old)

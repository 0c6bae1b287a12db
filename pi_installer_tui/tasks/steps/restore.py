"""Restore: takes back one step of an earlier job. Undo is a plan of these, so it is reviewed, run, journalled and can
itself be undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.fingerprints import fingerprint
from pi_installer_tui.tasks.steps.accounts import Account
from pi_installer_tui.tasks.steps.base import (
    AbsolutePath,
    Before,
    Overlay,
    Preview,
    StepBase,
    StepContext,
    StepError,
    StepId,
)
from pi_installer_tui.tasks.steps.commands import RunCommand, Unit
from pi_installer_tui.tasks.steps.diff import unified
from pi_installer_tui.tasks.steps.files import look
from pi_installer_tui.tasks.steps.packages import InstallPackages
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.tasks.way_back import Back, Run, paths_back

if TYPE_CHECKING:
    from pi_installer_tui.tasks.before import Before as Kept

JobId = Annotated[str, Field(pattern=r"^[0-9]{8}-[0-9]{6}-[a-z0-9]{4}$")]

#: steps that change their paths and nothing else
FILE_STEPS = frozenset(
    {
        "crontab",
        "directory",
        "edit-file",
        "encrypted-key",
        "link",
        "new-key",
        "remove-file",
        "secret-file",
        "sudoers-file",
        "wireguard-import",
        "wireguard-tunnel",
        "write-file",
    }
)


class Restore(StepBase):
    """Gives back what `step` of job `job` replaced. The journal of that job and its before/ folder, below the state
    directory `state`, are all it needs.

    files: the paths it gives back. Others that the step kept were changed by somebody else since, and stay.
    data, given_back: what becomes of data that packages made since, see InstallPackages.

    Where that step is itself a Restore, what comes back is the work of the first job: its files as they were then, and
    what isn't a file by doing it again.
    """

    kind: Literal["restore"] = "restore"
    state: AbsolutePath
    job: JobId
    step: StepId
    files: tuple[AbsolutePath, ...] = ()
    data: Literal["look", "keep", "delete"] = "look"
    given_back: tuple[AbsolutePath, ...] = ()

    def original(self) -> StepBase:
        """The step that is taken back. Raises StepError."""
        try:
            steps = Store(Path(self.state)).plan(self.job).flat
            return next(step for step in steps if step.id == self.step)
        except (KeyError, StopIteration):
            raise StepError("job-missing", job=self.job) from None

    def first(self) -> StepBase:
        """The step at the end of the chain, that isn't a Restore. Raises StepError."""
        step = self.original()
        return step.first() if isinstance(step, Restore) else step

    def takes_back(self) -> bool:
        """Whether it takes the first step back; else it brings its work back. Raises StepError."""
        step = self.original()
        return not step.takes_back() if isinstance(step, Restore) else True

    def kept(self, host: Host | None = None) -> Kept:
        """What it gives back."""
        return Store(Path(self.state)).before(self.job, self.step, host, only=self.files)

    def _with_parents(self) -> tuple[str, ...]:
        """Its paths, and the folders that the step made for them: they come and go with them."""
        kept = self.kept()
        return (*self.files, *(kept.get("parents") or ()))

    def describe(self) -> str:
        try:
            phrase = _("take back: {step}") if self.takes_back() else _("do again: {step}")
            text = phrase.format(step=self.first().describe())
        except StepError:
            text = _("take back: {step}").format(step=self.step)
        return text if len(text) <= 70 else text[:69] + "…"

    def paths(self) -> tuple[str, ...]:
        return self.files

    def folders(self) -> tuple[str, ...]:
        try:
            return tuple(dict.fromkeys((*super().folders(), *self.first().folders())))
        except StepError:
            return super().folders()

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        found = {key: value for key, value in (await self.first().fingerprint(host)).items() if key[:1] != "/"}
        for path in self.files:
            found[path] = await fingerprint(host, path)
        return found

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        first = self.first()
        kept = self.kept()
        diffs = []
        for path in self.files:
            old, new = await look(host, overlay, path), kept.seen(path)
            overlay.files[path] = new
            if old != new:
                diffs.append(
                    _("{path}: (secret, changed)").format(path=path) if self.sensitive else unified(path, old, new)
                )
        path = self.files[0] if len(self.files) == 1 else ""
        diff = "\n".join(diffs)
        if first.kind in FILE_STEPS:
            return Preview("diff", diff, path) if diff else Preview("note", _("nothing changes"), path)
        if self.takes_back():
            what = await self._told(first).undo_preview(host, kept)
        else:
            what = await first.preview(host, Overlay(files=dict(overlay.files)))
        if what is not None and what.kind in ("command", "packages"):
            return replace(what, text="\n".join(filter(None, (what.text, diff))))
        if what is not None and what.kind == "note" and not diff:
            return what
        return Preview("diff", diff, path) if diff else Preview("note", _("nothing changes"))

    async def done(self, host: Host) -> bool:
        if self.first().kind not in FILE_STEPS:
            return False
        kept = self.kept()
        if any([await fingerprint(host, path) != kept.fingerprint(path) for path in self.files]):
            return False
        made = kept.get("parents") or () if self.takes_back() else ()
        return not any([await host.stat(folder) is not None for folder in made])

    async def capture(self, context: StepContext) -> None:
        """Giving back goes through what was kept backwards: so of what will be removed the folder is kept first, of
        what will be made what is in it."""
        by_depth = sorted(self._with_parents(), key=lambda path: path.count("/"))
        there = [path for path in by_depth if await context.host.stat(path) is not None]
        for path in by_depth:
            if path not in there:
                await context.before.save_path(path)
        await self.first().capture(context)
        for path in reversed(there):
            await context.before.save_path(path)

    async def apply(self, context: StepContext) -> None:
        await self._told(self.original()).undo(context, self.kept(context.host))

    def _told(self, step: StepBase) -> StepBase:
        """A step that knows what to do with data when it is taken back."""
        return (
            step.model_copy(update={"data": self.data, "given_back": self.given_back})
            if isinstance(step, Restore | InstallPackages | Account)
            else step
        )

    def way_back(self, before: Kept) -> tuple[Back, ...]:
        first = self.first()
        if first.kind in FILE_STEPS:
            return paths_back(before)
        if not self.takes_back():
            return first.way_back(before)
        match first:
            case RunCommand():
                return (*paths_back(before), Run(first.argv, sensitive=first.sensitive))
            case Unit():
                return tuple(Run(argv, offline=True) for argv in first.commands())
        return paths_back(before)

    async def undo(self, context: StepContext, before: Before) -> None:
        first = self.first()
        if not self.takes_back():
            await self._told(first).undo(context, before)
            return
        if first.kind not in FILE_STEPS and not await first.done(context.host):
            await first.apply(context)
        await super().undo(context, before)

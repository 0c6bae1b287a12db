"""BackUp: one run of a job to one place: what has to stand still is stopped, databases are dumped, files are saved, and
what was stopped is started again."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field

from pi_installer_tui.databases import Dump, dump_argv
from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.restic import stream
from pi_installer_tui.restic.answers import Sum, Trouble
from pi_installer_tui.restic.engine import Restic, literal
from pi_installer_tui.restic.program import CACHE
from pi_installer_tui.system.host import HostError
from pi_installer_tui.tasks.steps.backup import stops
from pi_installer_tui.tasks.steps.backup.snapshots import TAG, made_by
from pi_installer_tui.tasks.steps.backup.working import (
    REPLACED,
    SCRATCH,
    Bounded,
    Name,
    Rate,
    RepositoryStep,
    Tag,
    patiently,
    repository,
    there,
)
from pi_installer_tui.tasks.steps.base import AbsolutePath, Argument, StepContext, StepError

#: what stands still during a backup: `unit:NAME`, `container:NAME`, `container:podman:NAME`
Stop = Annotated[str, Field(pattern=r"^(unit|container):[A-Za-z0-9_][A-Za-z0-9@:_.\\-]*$", max_length=300)]


class BackUp(RepositoryStep):
    """A run of the job `job`. dumps: databases, each a snapshot of its own; stops: what is stopped meanwhile, where it
    runs; tags: the owner's, besides ours."""

    kind: Literal["back-up"] = "back-up"
    job: Name
    #: `paths` to whoever makes the step: that name is the steps' own method
    sources: tuple[AbsolutePath, ...] = Field(default=(), validation_alias=AliasChoices("paths", "sources"))
    exclude: tuple[Argument, ...] = ()
    one_file_system: bool = False
    dumps: tuple[Dump, ...] = ()
    stops: tuple[Stop, ...] = ()
    tags: tuple[Tag, ...] = ()

    def title(self) -> str:
        return _("back up {job} to {place}").format(job=self.job, place=self.place.name)

    def explain(self) -> str:
        said = [_("Saves {paths} to {place}.").format(paths=", ".join(self.sources), place=self.place.repository)]
        if not self.sources:
            said.clear()
        if self.dumps:
            text = ngettext("Dumps {count} database: {names}.", "Dumps {count} databases: {names}.", len(self.dumps))
            said.append(text.format(count=len(self.dumps), names=", ".join(each.of for each in self.dumps)))
        if self.stops:
            names = ", ".join(each.partition(":")[2] for each in self.stops)
            said.append(_("Stopped meanwhile, and started again whatever happens: {names}.").format(names=names))
        return " ".join(said)

    async def capture(self, context: StepContext) -> None:
        context.before.put("run", secrets.token_hex(4))
        try:
            context.before.put(stops.STOPPED, list(await stops.running(context.host, self.stops)))
        except HostError as error:
            raise StepError("refused", error=str(error)) from None

    async def apply(self, context: StepContext) -> None:
        began = time.monotonic()
        stopped = context.before.get(stops.STOPPED) or []
        last = [each for each in stopped if self._needed_for_dumps(each)]
        failed: dict[str, str] = {}
        files: Sum | None = None
        try:
            async with repository(self.place, context) as engine:
                await _stop(context, [each for each in stopped if each not in last])
                dumps = [await self._dump(context, engine, dump, failed) for dump in self.dumps]
                await _stop(context, last)
                if self.sources:
                    files = await self._files(context, engine)
                sums = await _named(engine, [each for each in (*dumps, files) if each])
        finally:
            still = await stops.start_again(context.before, context.host)
        context.report(self._told(sums, files is not None, time.monotonic() - began))
        if still:
            raise StepError("not-started-again", tuple(still.values()), names=", ".join(still))
        if failed:
            raise StepError("dump-failed", tuple(failed.values()), databases=", ".join(failed))

    def _needed_for_dumps(self, stop: str) -> bool:
        """Whether something is needed for a dump, so that it is stopped only afterwards."""
        kind, _colon, name = stop.partition(":")
        if kind == "container":
            return any(dump.container == name for dump in self.dumps)
        return any(not dump.container and name.startswith(_SERVERS.get(dump.engine, "/")) for dump in self.dumps)

    async def _dump(self, context: StepContext, engine: Restic, dump: Dump, failed: dict[str, str]) -> Sum | None:
        """A dump's snapshot; None: it failed, and the others go on."""
        context.progress(None, "dump", dump.of)
        tags = [*await self._tags(context), dump.tag, *self.tags]
        rate = Rate(context, "dump")
        try:
            return await patiently(
                context,
                engine,
                lambda: stream.back_up(engine, dump_argv(dump), file=dump.file, tags=tags, progress=rate),
            )
        except stream.StreamFailed as error:
            why = error.tail[-1] if error.tail else str(error)
            failed[dump.of] = why
            context.output(f"{dump.of}: {why}\n".encode("utf-8", "replace"))
            return None

    async def _files(self, context: StepContext, engine: Restic) -> Sum:
        here = [path for path in self.sources if await context.host.stat(path) is not None]
        for path in sorted(set(self.sources) - set(here)):
            context.output(f"{path}: not there\n".encode("utf-8", "replace"))
        if not here:
            raise StepError("nothing-to-back-up", paths=", ".join(self.sources))
        ours = [f"{SCRATCH}*", f"{REPLACED}*", CACHE, *([literal(self.place.path)] * (self.place.kind == "folder"))]
        lines, tags = Bounded(context), await self._tags(context)
        found = await patiently(
            context,
            engine,
            lambda: engine.back_up(
                here,
                exclude=[*self.exclude, *ours],
                tags=[*tags, *self.tags],
                one_file_system=self.one_file_system,
                progress=Rate(context, "files"),
                said=lines.say,
            ),
        )
        lines.finish()
        unread = [path for path in found.unread if there(context.host, path)]  # what vanished meanwhile is no trouble
        context.report({"unread": len(unread)})
        return found

    async def _tags(self, context: StepContext) -> tuple[str, ...]:
        tags = f"job={self.job}", f"run={context.before.get('run')}"
        machine = (await made_by(context.host)).id
        return (*tags, f"{TAG}={machine}") if machine else tags

    def _told(self, sums: Sequence[Sum], with_files: bool, seconds: float) -> dict[str, Any]:
        """sums: of the dumps, then of the files where there were any."""
        files, dumps = (sums[-1], sums[:-1]) if with_files else (None, sums)
        return {
            "snapshot": files.snapshot if files else "",
            "snapshots": [each.snapshot for each in dumps],
            "new": files.files_new if files else 0,
            "changed": files.files_changed if files else 0,
            "same": files.files_same if files else 0,
            "added": sum(each.added for each in sums),
            "files": sum(each.files for each in sums),
            "size": sum(each.size for each in sums),
            "seconds": round(seconds, 1),
        }


#: the units of database servers, by the beginnings of their names
_SERVERS: dict[str, tuple[str, ...]] = {"postgresql": ("postgresql",), "mariadb": ("mariadb", "mysql")}


async def _named(engine: Restic, sums: Sequence[Sum]) -> list[Sum]:
    """The same with whole ids, as the history keeps them. They are made: where they can't be listed now that is no
    failure, and they stay as restic named them."""
    ids = [each.snapshot for each in sums]
    with contextlib.suppress(Trouble):
        ids = await engine.whole(ids)
    return [replace(each, snapshot=id_) for each, id_ in zip(sums, ids, strict=True)]


async def _stop(context: StepContext, names: Sequence[str]) -> None:
    for each in names:
        context.progress(None, "stop", each.partition(":")[2])
        try:
            await stops.stop(context.host, each)
        except HostError as error:
            raise StepError("not-stopped", (str(error),), name=each.partition(":")[2]) from None

"""RestoreDatabase: a database comes back from its dump. The one that is there is dumped into the repository before, so
that an undo can load it."""

from __future__ import annotations

import json
import secrets
from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.databases import ACCOUNTS, Dump, dump_argv, load_argv
from pi_installer_tui.i18n import _
from pi_installer_tui.restic import stream
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.system.host import Host, HostError
from pi_installer_tui.tasks.steps.backup.working import Rate, RepositoryStep, SnapshotId, patiently, repository
from pi_installer_tui.tasks.steps.base import Before, Preview, StepContext, StepError

#: the names in `before`: the word of the dump aside, whether there was a database
ASIDE, EXISTED = "aside", "existed"


class RestoreDatabase(RepositoryStep):
    """into: the name of another database (of sqlite a file's path); "": the same one."""

    kind: Literal["restore-database"] = "restore-database"
    snapshot: SnapshotId
    dump: Dump
    into: Annotated[str, Field(pattern=r"^[^\x00\n]*$", max_length=4096)] = ""

    @property
    def target(self) -> Dump:
        """The database that is replaced or made."""
        return Dump(self.dump.engine, self.into or self.dump.of, self.dump.container)

    def title(self) -> str:
        return _("restore the database {database} from {place}").format(database=self.target.of, place=self.place.name)

    def explain(self) -> str:
        text = _(
            "Loads the dump of {database} ({snapshot}) in place of {target}. What is there is dumped into the "
            "repository before, for the undo; its connections are ended."
        )
        return text.format(database=self.dump.of, snapshot=self.snapshot[:8], target=self.target.of)

    async def capture(self, context: StepContext) -> None:
        try:
            context.before.put(EXISTED, await exists(context.host, self.target))
        except HostError as error:
            raise StepError("refused", error=str(error)) from None
        context.before.put(ASIDE, secrets.token_hex(4))

    async def apply(self, context: StepContext) -> None:
        async with repository(self.place, context) as engine:
            if context.before.get(EXISTED) and await self._aside(engine, context.before) is None:
                await self._put_aside(context, engine)
            context.reached("database:aside")
            context.progress(None, "load", self.target.of)
            await self._load(context, engine, self.snapshot, self.dump)
        context.report({"snapshot": self.snapshot, "database": self.target.of})

    async def undo(self, context: StepContext, before: Before) -> None:
        if not before.get(EXISTED):
            if self.dump.engine == "sqlite":
                await context.host.remove(self.target.of)
            else:  # data is never deleted without asking
                context.output(f"{self.target.of} wasn't there before, and stays\n".encode("utf-8", "replace"))
            return
        async with repository(self.place, context) as engine:
            aside = await self._aside(engine, before)
            if aside is None:
                raise StepError("no-dump", database=self.target.of, job="-")
            await self._load(context, engine, aside, self.target)

    async def undo_preview(self, host: Host, before: Before) -> Preview | None:
        if before.get(EXISTED):
            text = _("Loads the dump of {database} that was made before.")
        elif self.dump.engine == "sqlite":
            text = _("Deletes {database}, which wasn't there before.")
        else:
            text = _("{database} wasn't there before, and stays: delete it yourself.")
        return Preview("note", text.format(database=self.target.of))

    async def _aside(self, engine: Restic, before: Before) -> str | None:
        """The snapshot of what was there."""
        found = await engine.snapshots(f"aside={before.get(ASIDE)}")
        return found[-1].id if found else None

    async def _put_aside(self, context: StepContext, engine: Restic) -> None:
        context.progress(None, "dump", self.target.of)
        tags = [f"aside={context.before.get(ASIDE)}", self.target.tag]
        rate = Rate(context, "dump")
        try:
            await patiently(
                context,
                engine,
                lambda: stream.back_up(engine, dump_argv(self.target), file=self.target.file, tags=tags, progress=rate),
            )
        except stream.StreamFailed as error:
            why = error.tail[-1] if error.tail else str(error)
            raise StepError("dump-failed", error.tail, databases=f"{self.target.of}: {why}") from None

    async def _load(self, context: StepContext, engine: Restic, snapshot: str, dump: Dump) -> None:
        try:
            await patiently(
                context,
                engine,
                lambda: stream.load(engine, snapshot, dump.file, load_argv(dump, self.target.of)),
            )
        except stream.StreamFailed as error:
            why = error.tail[-1] if error.tail else str(error)
            raise StepError("dump-not-loadable", error.tail, database=self.target.of, error=why) from None


async def exists(host: Host, dump: Dump) -> bool:
    """Whether that database is there. Raises HostError where its server can't be asked."""
    if dump.engine == "sqlite":
        return await host.stat(dump.of) is not None
    if dump.of == ACCOUNTS:
        return True
    from pi_installer_tui.databases.scratch import ask

    said = await ask(host, "list", dump.engine, "", dump.container)
    return dump.of in json.loads(said.stdout)["databases"]

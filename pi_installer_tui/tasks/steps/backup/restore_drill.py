"""RestoreDrill: proves that a job's newest run can be had back, by restoring some of it: files picked at random,
compared with the live ones, and dumps, each loaded into a database that is thrown away."""

from __future__ import annotations

import hashlib
import os
import random
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.databases import Dump
from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.restic import stream
from pi_installer_tui.restic.answers import Entry, Snapshot
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.system.host import Host, HostError
from pi_installer_tui.tasks.steps.backup.restoring import restore
from pi_installer_tui.tasks.steps.backup.snapshots import made_by, newest, of_job
from pi_installer_tui.tasks.steps.backup.working import (
    Name,
    RepositoryStep,
    in_thread,
    patiently,
    real,
    remove_tree,
    repository,
)
from pi_installer_tui.tasks.steps.base import StepContext, StepError

#: where files are restored to, on the disk; a folder below it for each place
FOLDER = "/var/lib/pi-installer-tui/drill"
#: bytes that a drill restores at most, and the part of what is free
_MOST, _PART = 1024 * 1024 * 1024, 0.5
#: how many files are looked at for each that is picked: some may be too large
_SPARE = 5


@dataclass(slots=True)
class Compared:
    """Files that were restored, beside the live ones. changed: those that changed since; they prove nothing."""

    same: int = 0
    changed: int = 0
    differ: list[str] = field(default_factory=list)


class RestoreDrill(RepositoryStep):
    """files: how many, picked at random, 0 of a job that has none; dumps: databases whose newest dump is loaded into a
    throw-away one. What has nothing to be restored proves nothing: StepError `nothing-to-prove`."""

    kind: Literal["restore-drill"] = "restore-drill"
    job: Name
    files: Annotated[int, Field(ge=0, le=10_000)] = 20
    dumps: tuple[Dump, ...] = ()

    def title(self) -> str:
        return _("prove that {job} can be restored from {place}").format(job=self.job, place=self.place.name)

    def explain(self) -> str:
        if not self.files:
            return self._explain_dumps()
        text = ngettext(
            "Restores {count} file of the newest run, picked at random, to a folder that is removed afterwards, and "
            "compares it with the live one where that didn't change since.",
            "Restores {count} files of the newest run, picked at random, to a folder that is removed afterwards, and "
            "compares them with the live ones where those didn't change since.",
            self.files,
        ).format(count=self.files)
        return f"{text} {self._explain_dumps()}" if self.dumps else text

    def _explain_dumps(self) -> str:
        names = ", ".join(each.of for each in self.dumps)
        return _("Loads the newest dumps into databases that are dropped afterwards: {names}.").format(names=names)

    async def apply(self, context: StepContext) -> None:
        context.report({"proven": False})
        folder = f"{FOLDER}/{self.place.name}"
        await in_thread(lambda stop: remove_tree(real(context.host, folder)))  # what one left that was killed
        try:
            async with repository(self.place, context) as engine:
                made = await made_by(context.host)
                snapshots = of_job(await engine.snapshots(f"job={self.job}"), self.job, made)
                if not snapshots:
                    raise StepError("no-run", job=self.job, place=self.place.name)
                compared = await self._files(context, engine, snapshots, folder)
                for dump in self.dumps:
                    await self._database(context, engine, snapshots, dump)
        finally:
            await in_thread(lambda stop: remove_tree(real(context.host, folder)))
        checked = compared.same + compared.changed + len(compared.differ)
        context.report(
            {
                "files": checked,
                "differ": len(compared.differ),
                "changed_since": compared.changed,
                "databases": len(self.dumps),
            }
        )
        if compared.differ:
            names = tuple(compared.differ[:20])
            raise StepError("restored-differs", names, count=str(len(compared.differ)), path=names[0])
        if not checked and not self.dumps:
            raise StepError("nothing-to-prove", job=self.job, place=self.place.name)
        context.report({"proven": True})

    async def _files(
        self, context: StepContext, engine: Restic, snapshots: Sequence[Snapshot], folder: str
    ) -> Compared:
        if not self.files:
            return Compared()
        run = newest([each for each in snapshots if not each.tagged("database")])
        if run is None:
            raise StepError("no-run", job=self.job, place=self.place.name)
        picked = await self._pick(context, engine, run, folder)
        if not picked:
            return Compared()
        await _make(context.host, folder)
        context.progress(None, "restore")
        await patiently(
            context,
            engine,
            lambda: restore(
                context,
                engine,
                run.id,
                folder,
                [each.path for each in picked],
                expected=lambda: sum(each.size or 0 for each in picked),
            ),
        )
        context.progress(None, "compare")
        return await in_thread(lambda stop: _compare(context.host, folder, picked, stop))

    async def _pick(self, context: StepContext, engine: Restic, run: Snapshot, folder: str) -> list[Entry]:
        """Files of the run at random (reservoir sampling), as many as fit."""
        context.progress(None, "look", run.short)
        wanted = self.files * _SPARE
        reservoir: list[Entry] = []
        seen = 0
        async for entry in engine.tree(run.id):
            # a name that isn't UTF-8 can't be asked for
            if entry.kind != "file" or "\ufffd" in entry.path or not entry.path.isprintable():
                continue
            seen += 1
            if len(reservoir) < wanted:
                reservoir.append(entry)
            elif (at := random.randrange(seen)) < wanted:
                reservoir[at] = entry
        random.shuffle(reservoir)
        await _make(context.host, folder)
        room = min(_MOST, (await context.host.disk(folder)).free * _PART)
        picked: list[Entry] = []
        for entry in reservoir:
            if len(picked) < self.files and (entry.size or 0) <= room:
                room -= entry.size or 0
                picked.append(entry)
        if reservoir and not picked:
            smallest = min(each.size or 0 for each in reservoir)
            raise StepError("no-room", path=folder, needed=str(smallest), free=str(int(room)))
        return picked

    async def _database(self, context: StepContext, engine: Restic, snapshots: Sequence[Snapshot], dump: Dump) -> None:
        from pi_installer_tui.databases.scratch import scratch

        context.progress(None, "load", dump.of)
        found = newest([each for each in snapshots if dump.tag in each.tags])
        if found is None:
            raise StepError("no-dump", database=dump.of, job=self.job)
        try:
            async with scratch(context.host, dump) as database:
                await patiently(context, engine, lambda: stream.load(engine, found.id, dump.file, database.argv))
                counts = await database.count()
                context.output(f"{dump.of}: {len(counts.tables)} tables, {counts.rows} rows\n".encode())
        except stream.StreamFailed as error:
            why = error.tail[-1] if error.tail else str(error)
            raise StepError("dump-not-loadable", error.tail, database=dump.of, error=why) from None
        except HostError as error:
            raise StepError("dump-not-loadable", database=dump.of, error=str(error)) from None


def _compare(host: Host, folder: str, picked: Sequence[Entry], stop: Callable[[], bool]) -> Compared:
    """Each with the live one, by hash, where its size and time say that it is still the one that was saved."""
    compared = Compared()
    for entry in picked:
        if stop():
            break
        restored, live = real(host, folder + entry.path), real(host, entry.path)
        try:
            back = os.lstat(restored)
        except OSError:
            compared.differ.append(entry.path)
            continue
        try:
            before = os.lstat(live)
            mine, other = _hash(restored), _hash(live) if stat.S_ISREG(before.st_mode) else ""
            after = os.lstat(live)
        except OSError:
            compared.changed += 1
            continue
        unchanged = (back.st_size, back.st_mtime_ns) == (before.st_size, before.st_mtime_ns) == _mark(after)
        if not unchanged:
            compared.changed += 1
        elif mine == other:
            compared.same += 1
        else:
            compared.differ.append(entry.path)
    return compared


def _mark(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns


def _hash(path: bytes) -> str:
    with open(path, "rb") as file:  # noqa: PTH123  (bytes)
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _make(host: Host, folder: str) -> None:
    if await host.stat(folder) is None:
        await _make(host, folder.rpartition("/")[0] or "/")
        await host.mkdir(folder, mode=0o700, uid=0, gid=0)

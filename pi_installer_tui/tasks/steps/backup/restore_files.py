"""RestoreFiles: files of a snapshot come back, in place or elsewhere. They are restored into a scratch folder on the
same file system first, compared there with what the snapshot says, and then put where they belong (into_place.py)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import posixpath
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import AliasChoices, Field

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.restic.answers import Entry
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.system import machine
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import known
from pi_installer_tui.tasks.steps.backup import handles, into_place, moves, taking_back
from pi_installer_tui.tasks.steps.backup.clear_aside import DAYS
from pi_installer_tui.tasks.steps.backup.links import leads_astray
from pi_installer_tui.tasks.steps.backup.restoring import restore
from pi_installer_tui.tasks.steps.backup.working import (
    REPLACED,
    SCRATCH,
    RepositoryStep,
    SnapshotId,
    SnapshotPath,
    in_thread,
    patiently,
    real,
    remove_tree,
    repository,
    take_away_locks,
)
from pi_installer_tui.tasks.steps.base import AbsolutePath, Before, Preview, StepContext, StepError

#: the name in `before`
KEPT = "restored"
#: the folder in the scratch folder that restic is given: it takes a link of /proc's for no folder
_INSIDE = "files"
#: files that an undo leaves are named, the first of many
_NAMES = 50
#: bytes of memory that must be free for a second restic, which has the repository's index in its memory too
_SECOND = 400 * 1024 * 1024
#: seconds between looks at what is free while the size isn't known, the part of it that has to stay free until then
_LOOK, _UNKNOWN = 0.25, 0.5
#: seconds that the look-up has to say why a restoration failed
_PLAINLY = 60.0


@dataclass(slots=True)
class _Chosen:
    """What was chosen in a snapshot. size: bytes; through: the folders on the way to it, with what they are like;
    known: all of it was looked up."""

    snapshot: str
    files: int = 0
    size: int = 0
    through: dict[str, Entry] = field(default_factory=dict)
    known: bool = False


class RestoreFiles(RepositoryStep):
    """chosen: files and folders of the snapshot (`("/",)`: all of it); target: the folder below which they are put,
    with their whole path; "": where they were; existing: what becomes of a file that is there already: it is kept,
    replaced, or renamed."""

    kind: Literal["restore-files"] = "restore-files"
    snapshot: SnapshotId
    #: `paths` to whoever makes the step: that name is the steps' own method
    chosen: tuple[SnapshotPath, ...] = Field(min_length=1, validation_alias=AliasChoices("paths", "chosen"))
    target: AbsolutePath | Literal[""] = ""
    existing: Literal["keep", "replace", "rename"] = "keep"

    def title(self) -> str:
        if len(self.chosen) == 1:
            text = _("restore {what} of {snapshot} from {place}")
            what = self.chosen[0] if len(self.chosen[0]) <= 30 else f"...{self.chosen[0][-27:]}"
            return text.format(what=what, snapshot=self.snapshot[:8], place=self.place.name)
        return ngettext(
            "restore {count} entry of {snapshot} from {place}",
            "restore {count} entries of {snapshot} from {place}",
            len(self.chosen),
        ).format(count=len(self.chosen), snapshot=self.snapshot[:8], place=self.place.name)

    def explain(self) -> str:
        where = _("where they were") if not self.target else _("below {target}").format(target=self.target)
        existing = {
            "keep": _("What exists is kept as it is."),
            "replace": _("What exists is replaced; it is kept for {days} days, for the undo.").format(days=DAYS),
            "rename": _("What exists is renamed."),
        }[self.existing]
        return _("Restores {paths} {where}. {existing}").format(
            paths=", ".join(self.chosen[:10]) + (", ..." if len(self.chosen) > 10 else ""),
            where=where,
            existing=existing,
        )

    def _through_no_link(self, host: Host) -> None:
        """Raises StepError where a link of somebody's would lead elsewhere."""
        for above in sorted({f"{self.target}{posixpath.dirname(path)}" for path in self.chosen}):
            if (link := leads_astray(real(host, "/"), os.fsencode(above))) is not None:
                raise StepError("link-on-the-way", path=_of_the_machine(host, link))

    async def capture(self, context: StepContext) -> None:
        self._through_no_link(context.host)
        anchor = await self._anchor(context.host)
        context.before.put(KEPT, {"word": secrets.token_hex(4), "anchor": anchor})

    async def _anchor(self, host: Host) -> str:
        """The folder, there already, beside which it is restored: on the same file system as what will be replaced."""
        path = self.target or (posixpath.commonpath([posixpath.dirname(each) or "/" for each in self.chosen]) or "/")
        while path != "/":
            found = await host.stat(path)
            if found is not None and found.kind == "directory":
                break
            path = posixpath.dirname(path)
        return path

    async def apply(self, context: StepContext) -> None:
        kept = context.before.get(KEPT)
        scratch, places = self._places(context.host, kept, context.before)
        if not moves.planned(places):
            self._through_no_link(context.host)
            try:
                async with repository(self.place, context) as engine:
                    chosen = await self._fetch(context, engine, scratch)
                await self._plan(context, places, chosen, kept["word"])
            except BaseException:
                await in_thread(lambda stop: remove_tree(real(context.host, scratch)))
                raise
            context.report({"snapshot": chosen.snapshot, "files": chosen.files, "size": chosen.size})
            context.report({"compared": chosen.files, "differ": 0})
        context.reached("restore:planned")
        tally = await _carry(context, places, "place", into_place.carry_out)
        context.reached("restore:in-place")
        await in_thread(lambda stop: remove_tree(real(context.host, scratch)))
        told: dict[str, Any] = {name: getattr(tally, name) for name in ("new", "replaced", "renamed", "same", "kept")}
        context.report(told | ({"aside": self._replaced(kept)} if tally.replaced else {}))

    def _places(self, host: Host, kept: Mapping[str, str], before: Before) -> tuple[str, moves.Places]:
        scratch = f"{kept['anchor'].rstrip('/')}/{SCRATCH}{kept['word']}"
        return scratch, moves.Places(
            scratch=real(host, f"{scratch}/{_INSIDE}"),
            destination=real(host, self.target or "/"),
            replaced=real(host, self._replaced(kept)),
            moves=os.fsencode(before.beside("moves")),
        )

    @staticmethod
    def _replaced(kept: Mapping[str, str]) -> str:
        return f"{kept['anchor'].rstrip('/')}/{REPLACED}{kept['word']}"

    async def _fetch(self, context: StepContext, engine: Restic, scratch: str) -> _Chosen:
        """Restores what was chosen into the scratch folder, compared there. What it is, and whether there is room for
        it, is looked up at the same time: for restic both begin alike, and deriving the key takes most of a look."""
        host, anchor = context.host, context.before.get(KEPT)["anchor"]
        context.progress(None, "look", self.snapshot[:8])
        chosen = _Chosen(await self._whole_id(engine))
        free = (await host.disk(anchor)).free
        looking = asyncio.create_task(self._look_up(chosen, engine, anchor, free))
        restoring: asyncio.Task[None] | None = None
        try:
            if await _roomy(host):
                restoring = asyncio.create_task(self._restore(context, engine, chosen, scratch))
                while not (looking.done() or restoring.done()):
                    await asyncio.wait({looking, restoring}, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
                    if not looking.done() and (await host.disk(anchor)).free < free * _UNKNOWN:
                        await _ended(restoring)  # it begins again when its size is known
                if _failed(restoring):  # the other one may say more plainly why
                    await asyncio.wait({looking}, timeout=_PLAINLY)
                    if not _failed(looking):
                        restoring.result()
            await looking
            if restoring is None or restoring.cancelled():
                if restoring is not None:
                    await take_away_locks(engine)  # restic may have been ended before it could
                restoring = asyncio.create_task(self._restore(context, engine, chosen, scratch))
            await restoring
        finally:
            for task in (looking, restoring):
                if task is not None:
                    await _ended(task)
        with _held(host, scratch) as folder:
            for path, entry in chosen.through.items():
                with contextlib.suppress(FileNotFoundError):
                    await host.chmod(f"{folder}/{_INSIDE}{path}", mode=entry.mode, uid=entry.uid, gid=entry.gid)
        return chosen

    async def _look_up(self, chosen: _Chosen, engine: Restic, anchor: str, free: int) -> None:
        """What was chosen. Raises Trouble, StepError where it isn't in the snapshot, or there is no room for it."""
        everything = "/" in self.chosen
        wanted = frozenset(path.rstrip("/") for path in self.chosen)
        below = tuple(f"{path}/" for path in wanted)
        on_the_way = {path[:at] for path in wanted for at, char in enumerate(path) if char == "/" and at}
        seen: set[str] = set()
        async for entry in engine.tree(chosen.snapshot):
            if entry.path in wanted:
                seen.add(entry.path)
            elif not everything and not entry.path.startswith(below):
                if entry.path in on_the_way:
                    chosen.through[entry.path] = entry
                continue
            if entry.kind != "dir":
                chosen.files += 1
                chosen.size += entry.size or 0
        if missing := sorted(wanted - seen) if not everything else []:
            raise StepError("not-in-snapshot", path=missing[0], snapshot=chosen.snapshot[:8])
        if chosen.size > free:
            raise StepError("no-room", path=anchor, needed=str(chosen.size), free=str(free))
        chosen.known = True

    async def _whole_id(self, engine: Restic) -> str:
        if len(self.snapshot) == 64:
            return self.snapshot
        snapshots = await engine.snapshots()
        found = [each.id for each in snapshots if self.snapshot == "latest" or each.id.startswith(self.snapshot)]
        if not found:
            raise StepError("no-snapshot", snapshot=self.snapshot)
        return found[-1]

    async def _restore(self, context: StepContext, engine: Restic, chosen: _Chosen, scratch: str) -> None:
        """Into the scratch folder, compared there."""
        host = context.host
        paths = ("/",) if "/" in self.chosen else self.chosen
        await in_thread(lambda stop: remove_tree(real(host, scratch)))
        await host.mkdir(scratch, mode=0o700, uid=0, gid=0)

        def expected() -> int:
            return chosen.size if chosen.known else 0

        with _held(host, scratch) as folder:
            inside = f"{folder}/{_INSIDE}"
            await host.mkdir(inside, mode=0o700, uid=0, gid=0)
            await patiently(
                context,
                engine,
                lambda: restore(context, engine, chosen.snapshot, inside, paths, expected=expected),
            )

    async def _plan(self, context: StepContext, places: moves.Places, chosen: _Chosen, word: str) -> None:
        context.progress(None, "plan")
        self._through_no_link(context.host)
        if self.target:
            with _no_link(host := context.host):
                await in_thread(lambda stop: handles.make_folders(real(host, self.target)))
        await context.host.run(["sync", "--file-system", context.before.get(KEPT)["anchor"]])
        through = frozenset(path.lstrip("/") for path in chosen.through)

        def plan(stop: Callable[[], bool]) -> None:
            into_place.plan(_watched(places, stop=stop), self.existing, word, through)

        await in_thread(plan)

    async def undo(self, context: StepContext, before: Before) -> None:
        kept = before.get(KEPT)
        if kept is None:
            return
        self._through_no_link(context.host)
        scratch, places = self._places(context.host, kept, before)
        tally = await _carry(context, places, "back", taking_back.take_back)
        await in_thread(lambda stop: remove_tree(real(context.host, scratch)))
        path = self.target
        while path and path != kept["anchor"]:  # folders that were made for it
            with contextlib.suppress(OSError):
                handles.remove_folder(real(context.host, path))
            path = posixpath.dirname(path)
        if tally.stays:
            for path in tally.stays[:_NAMES]:
                context.output(f"/{path}: changed since, stays\n".encode("utf-8", "replace"))
            context.report({"stays": len(tally.stays)})

    async def undo_preview(self, host: Host, before: Before) -> Preview | None:
        kept = before.get(KEPT)
        if kept is None:
            return None
        tally = moves.amount(self._places(host, kept, before)[1])
        text = _("Removes {new} files that came, and gives back {old} that were replaced or renamed.")
        return Preview("note", text.format(new=tally.new, old=tally.replaced + tally.renamed))


def _watched(
    places: moves.Places,
    *,
    said: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool],
) -> moves.Places:
    return replace(places, said=said, stop=stop)


async def _carry(
    context: StepContext,
    places: moves.Places,
    phase: str,
    work: Callable[[moves.Places], moves.Tally],
) -> moves.Tally:
    """Moves files, beside the loop, and tells how far it is."""
    loop = asyncio.get_running_loop()

    def said(done: int, total: int) -> None:
        told = {"files_done": done, "files_total": total}
        loop.call_soon_threadsafe(lambda: context.progress(done / total if total else None, phase, "", told))

    with _no_link(context.host):
        return await in_thread(lambda stop: work(_watched(places, said=said, stop=stop)))


@contextlib.contextmanager
def _no_link(host: Host) -> Iterator[None]:
    """What is moved is led nowhere by a link that somebody has put in the way: that is said."""
    try:
        yield
    except handles.Astray as error:
        raise StepError("link-on-the-way", path=_of_the_machine(host, error.filename)) from None


@contextlib.contextmanager
def _held(host: Host, scratch: str) -> Iterator[str]:
    """The scratch folder by a path that leads to this very one (proc_pid_fd(5)): who may write to the folder it lies in
    could put another in its place."""
    if host.kind != "local" or host.address != "/":
        yield scratch
        return
    with _no_link(host):
        folder = handles.ours(real(host, scratch))
    try:
        yield f"/proc/{os.getpid()}/fd/{folder}"
    finally:
        os.close(folder)


def _of_the_machine(host: Host, path: str | bytes) -> str:
    return f"/{os.fsdecode(os.path.relpath(os.fsencode(path), real(host, '/')))}"


async def _roomy(host: Host) -> bool:
    """Whether a second restic has room in the memory."""
    found = known(await machine.memory(host))
    return found is not None and found.available >= _SECOND


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancels it, and waits until it has ended, however it does."""
    task.cancel()
    await asyncio.wait({task})
    _failed(task)  # asyncio tells of errors that nobody asked for


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None

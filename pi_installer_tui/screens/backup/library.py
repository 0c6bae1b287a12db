"""What the repositories of some places hold, read once: the screens of restoring share one `Library`. Nothing here
changes anything; a restoration is an action of the module Backup."""

from __future__ import annotations

import asyncio
import os
import posixpath
import pwd
import tempfile
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.restic.engine import CACHE, Restic, literal
from pi_installer_tui.system.host import CommandNotFound, HostError

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Change, Entry, Snapshot
    from pi_installer_tui.restic.index import Index
    from pi_installer_tui.restic.place import Place
    from pi_installer_tui.screens.backup.chosen import Chosen
    from pi_installer_tui.screens.backup.taken import Taken
    from pi_installer_tui.system.host import Host

#: trees that are kept open; each is a temporary file
_TREES = 3
#: bytes of a file that are shown
SHOWN = 512 * 1024


class Unreadable(Exception):
    """Something can't be read; the message is for people."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it is in some snapshots of a place, the same in all of them. snapshots: the newest first."""

    place: str
    entry: Entry
    snapshots: tuple[Snapshot, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A file's text. whole: nothing was cut off; text: None where it is none."""

    text: str | None
    whole: bool


def said(error: Exception) -> str:
    """What went wrong, in words."""
    from pi_installer_tui.restic.answers import Trouble
    from pi_installer_tui.restic.words import sentence

    if isinstance(error, Trouble):
        return sentence(error)
    if isinstance(error, CommandNotFound):
        return _("{program} isn't installed: without it no backup can be read.").format(program=error.program)
    if isinstance(error, (Unreadable, HostError)):
        return str(error)
    return _("This can't be read: {error}").format(error=error)


def said_of(place: str, error: Exception) -> str:
    """The same of a place, which is named."""
    words = said(error)
    return words if place in words else f"{place}: {words}"


class Library:
    """The repositories of places, by the places' names."""

    def __init__(self, host: Host, places: Sequence[Place], *, cache: str = CACHE) -> None:
        self.host = host
        self._cache = cache
        self._restic: dict[str, Restic] = {}
        self._snapshots: dict[str, tuple[Snapshot, ...]] = {}
        self._trees: OrderedDict[tuple[str, str], Index] = OrderedDict()
        self._chosen: dict[tuple[str, str], Chosen] = {}
        self._changes: dict[tuple[str, str, str], tuple[Change, ...]] = {}
        self.use(places)

    def use(self, places: Sequence[Place]) -> None:
        """Other places, as the settings have them by now. What was read of one that is as it was is kept."""
        before = {name: restic.place for name, restic in self._restic.items()}
        self.places = tuple(place.name for place in places)
        self._restic = {
            place.name: self._restic[place.name]
            if before.get(place.name) == place
            else Restic(self.host, place, cache=self._cache)
            for place in places
        }
        same = {place.name for place in places if before.get(place.name) == place}
        for key in [key for key in self._trees if key[0] not in same]:
            self._trees.pop(key).close()
            self._chosen.pop(key, None)
        self._snapshots = {name: found for name, found in self._snapshots.items() if name in same}
        self._changes = {key: found for key, found in self._changes.items() if key[0] in same}

    def forget(self) -> None:
        """What was listed is asked again next time. A snapshot's tree never changes and is kept."""
        self._snapshots.clear()

    def close(self) -> None:
        """Gives back what the trees hold."""
        for tree in self._trees.values():
            tree.close()
        self._trees.clear()
        self._chosen.clear()

    async def snapshots(self, place: str) -> tuple[Snapshot, ...]:
        """All of a place, the oldest first. Raises Trouble, CommandNotFound."""
        if place not in self._snapshots:
            self._snapshots[place] = await self._restic[place].snapshots()
        return self._snapshots[place]

    async def runs(self) -> AsyncGenerator[tuple[str, tuple[Taken, ...] | Exception], None]:
        """Place by place what was taken, as each answers; what went wrong at one stops none of the others."""
        from pi_installer_tui.screens.backup.taken import together

        async def ask(place: str) -> tuple[str, tuple[Taken, ...] | Exception]:
            try:
                return place, together(place, await self.snapshots(place))
            except Exception as error:
                return place, error

        asking = [asyncio.ensure_future(ask(place)) for place in self.places]
        try:
            for each in asyncio.as_completed(asking):
                yield await each
        finally:
            for task in asking:
                task.cancel()

    async def tree(self, place: str, snapshot: str, told: Callable[[int], None] = lambda count: None) -> Index:
        """A snapshot's tree. told: called with how many entries were read so far. Raises Trouble."""
        key = (place, snapshot)
        if key not in self._trees:
            self._trees[key] = await self._read(place, snapshot, told)
            while len(self._trees) > _TREES:
                oldest, tree = self._trees.popitem(last=False)
                tree.close()
                self._chosen.pop(oldest, None)
        self._trees.move_to_end(key)
        return self._trees[key]

    def chosen(self, place: str, snapshot: str) -> Chosen:
        """What is chosen of a snapshot whose tree was read."""
        from pi_installer_tui.screens.backup.chosen import Chosen

        key = (place, snapshot)
        return self._chosen.setdefault(key, Chosen(self._trees[key]))

    async def _read(self, place: str, snapshot: str, told: Callable[[int], None]) -> Index:
        from pi_installer_tui.restic.index import Index

        return await Index.read(self._restic[place], snapshot, told=told)

    async def changes(self, place: str, old: str, new: str) -> tuple[Change, ...]:
        """What changed between two snapshots of a place. Raises Trouble."""
        key = (place, old, new)
        if key not in self._changes:
            self._changes[key] = (await self._restic[place].compare(old, new)).changes
        return self._changes[key]

    async def find(self, place: str, name: str) -> list[Found]:
        """What has `name` in its own, whatever the case, in all snapshots of a place; those first that were changed
        last. Raises Trouble."""
        wanted = name.casefold()
        snapshots = {each.id: each for each in await self.snapshots(place)}
        same: dict[tuple[object, ...], tuple[Entry, list[Snapshot]]] = {}
        for match in await self._restic[place].find(f"*{literal(name)}*"):
            one = match.entry
            # restic finds what is in a folder of that name too
            if match.snapshot in snapshots and wanted in posixpath.basename(one.path).casefold():
                key = (one.path, one.kind, one.size, one.mtime)
                same.setdefault(key, (one, []))[1].append(snapshots[match.snapshot])
        found = [
            Found(place, entry, tuple(sorted(having, key=lambda each: each.time, reverse=True)))
            for entry, having in same.values()
        ]
        return sorted(found, key=lambda each: (-each.entry.mtime, each.entry.path))

    async def text(self, place: str, snapshot: str, path: str) -> Shown:
        """The beginning of a file's text. Raises Trouble."""
        kept = b""
        async with aclosing(self._content(place, snapshot, path)) as chunks:
            async for chunk in chunks:
                kept += chunk
                if len(kept) > SHOWN:
                    break
        whole, kept = len(kept) <= SHOWN, kept[:SHOWN]
        return Shown(None if b"\0" in kept else kept.decode("utf-8", "replace"), whole)

    async def _true(self, place: str, snapshot: str, path: str) -> str:
        """The path by which restic finds a file, whatever bytes its name has."""
        return next(iter(await self._restic[place].true_paths(snapshot, path)), path)

    async def _content(self, place: str, snapshot: str, path: str) -> AsyncGenerator[bytes, None]:
        engine = self._restic[place]
        path = await self._true(place, snapshot, path)
        if self.host.kind != "local":  # a machine that is played hands no descriptors on
            done = await self.host.run(engine.argv("dump", "--no-lock", snapshot, path), env=await engine.environment())
            yield done.stdout.encode("utf-8", "surrogateescape")
            return
        async with aclosing(engine.dump(snapshot, path)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def save(self, place: str, snapshot: str, path: str, user: str, told: Callable[[int], None]) -> Path:
        """Puts a file of a snapshot into a user's home directory, 0600 and the user's own, and returns its path: where
        the name is taken, one with a number. told: called with the bytes so far. Raises Trouble, OSError; KeyError
        where there is no such user."""
        account = pwd.getpwnam(user)
        name = posixpath.basename(await self._true(place, snapshot, path))
        # mkstemp makes it 0600, and follows no link
        number, temporary = tempfile.mkstemp(prefix=".restored-", dir=account.pw_dir)
        size = 0
        try:
            with os.fdopen(number, "wb") as out:
                if os.geteuid() == 0:
                    os.fchown(number, account.pw_uid, account.pw_gid)
                async with aclosing(self._content(place, snapshot, path)) as chunks:
                    async for chunk in chunks:
                        out.write(chunk)
                        size += len(chunk)
                        told(size)
            return await asyncio.to_thread(_name, temporary, account.pw_dir, name)
        finally:
            os.unlink(temporary)  # noqa: PTH108


def _name(file: str, folder: str, name: str) -> Path:
    """Gives a file a name in a folder that nothing there has yet."""
    stem, suffix = posixpath.splitext(name)
    for number in range(1, 100):
        path = Path(folder, name if number == 1 else f"{stem}-{number}{suffix}")
        try:
            os.link(file, path)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(name)

"""A repository: one method for each of restic's commands that we use. What it prints is read as it comes; what goes
wrong is a `Trouble`. 0.14 (Debian 12) and 0.18 (Debian 13) differ: `able` says what the installed one can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import PurePosixPath
from typing import Any, Literal

from pi_installer_tui.restic import parsing
from pi_installer_tui.restic.answers import (
    Change,
    Comparison,
    Entry,
    Match,
    Progress,
    Restored,
    Snapshot,
    Sum,
    Trouble,
)
from pi_installer_tui.restic.program import CACHE, Ability, document
from pi_installer_tui.restic.troubles import INCOMPLETE, trouble
from pi_installer_tui.restic.upkeep import Upkeep

__all__ = ["CACHE", "Ability", "Restic", "literal", "read_progress", "read_sum", "trouble"]

read_progress = parsing.progress
read_sum = parsing.summary

#: what restic says of a name's bytes that aren't UTF-8
REPLACED = "\ufffd"

#: what restic says of a file whose data the repository lacks: it saves it once more (internal/archiver/archiver.go)
_SAVED_AGAIN = "not found in the repository index; storing the file again"
#: hexadecimal digits of an id (SHA-256)
_ID = 64
#: seconds between the looks of a caller's own at how far a restoration is
_LOOK = 2.0
#: bytes of names in one command; more are restored by several (the kernel takes 2 MB, execve(2))
_NAMES = 500_000


class Restic(Upkeep):
    """A repository, and the program that works on it. cache: the folder below which restic keeps one a repository."""

    # what is there ----------------------------------------------------------------------------------------------------

    async def initialised(self) -> bool:
        """Whether a repository is there. Raises Trouble where that can't be told, or the password is wrong."""
        try:
            await self.run("cat", "config", "--no-lock")
        except Trouble as error:
            if error.reason == "no-repository":
                return False
            raise
        return True

    async def init(self) -> None:
        """Makes a repository. Raises Trouble."""
        await self.run("init", write=True)

    async def snapshots(self, *tags: str) -> tuple[Snapshot, ...]:
        """All of them that have each of the tags, the oldest first. Raises Trouble."""
        wanted = ["--tag", ",".join(tags)] if tags else []
        done = await self.run("snapshots", "--json", "--no-lock", *wanted)
        found = [parsing.snapshot(each) for each in document(done.stdout) or []]
        return tuple(sorted(found, key=lambda each: each.time))

    async def whole(self, ids: Sequence[str]) -> list[str]:
        """Whole ids of snapshots that restic named by their beginnings. One that is no single snapshot's stays as it
        is. Raises Trouble."""
        if all(len(each) == _ID for each in ids):
            return [*ids]
        there: Sequence[str] = ()
        if self.place.kind == "folder":  # a file each, named by its id (restic's design document, Repository Layout)
            with suppress(OSError):
                there = await self.host.listdir(f"{self.place.path}/snapshots")
        if not there:
            there = (await self.run("list", "snapshots", "--no-lock")).stdout.split()
        found = [[one for one in there if len(one) == _ID and one.startswith(each)] for each in ids]
        return [those[0] if len(those) == 1 else each for each, those in zip(ids, found, strict=True)]

    async def tree(self, snapshot: str, folder: str = "") -> AsyncGenerator[Entry, None]:
        """Every entry of a snapshot, folders before what is in them, or of one folder alone, itself first. Bytes of
        names that aren't UTF-8 are `REPLACED`. Close it (`contextlib.aclosing`) to end early. Raises Trouble."""
        text: list[str] = []
        where = [snapshot, folder] if folder else [snapshot]
        async with aclosing(self.messages("ls", "--json", "--no-lock", *where)) as messages:
            async for message in messages:
                if message.get("struct_type") == "node" or message.get("message_type") == "node":
                    yield parsing.entry(message)
                elif message.get("status"):
                    raise await self.failure(message["status"], text)
                else:
                    _note(message, text)

    async def folder(self, snapshot: str, path: str) -> tuple[Entry, ...]:
        """What is in a folder of a snapshot. Raises Trouble."""
        async with aclosing(self.tree(snapshot, path)) as entries:
            return tuple([entry async for entry in entries if entry.path != path and _parent(entry.path) == path])

    async def find(self, pattern: str, *, snapshots: Sequence[str] = ()) -> tuple[Match, ...]:
        """Entries whose name matches a pattern (Go's filepath.Match; `literal` makes one of a name), whatever the case,
        in all snapshots or those named. Raises Trouble."""
        options = [word for each in snapshots for word in ("--snapshot", each)]
        command = ("find", "--json", "--no-lock", "--ignore-case", *options, "--", pattern)
        done = await self.run(*command, patient=True)
        return tuple(
            Match(each["snapshot"], parsing.entry(match))
            for each in document(done.stdout) or []
            for match in each.get("matches") or []
        )

    async def compare(self, one: str, other: str) -> Comparison:
        """What changed from one snapshot to another, metadata too. Raises Trouble."""
        text: list[str] = []
        changes: list[Change] = []
        statistics: dict[str, Any] = {}
        async with aclosing(self.messages("diff", "--json", "--no-lock", "--metadata", one, other)) as messages:
            async for message in messages:
                match message.get("message_type"):
                    case "change":
                        changes.append(parsing.change(message))
                    case "statistics":
                        statistics = message
                    case _ if message.get("status"):
                        raise await self.failure(message["status"], text)
                    case _:
                        _note(message, text)
        return Comparison(tuple(changes), statistics)

    async def true_paths(self, snapshot: str, path: str) -> tuple[str, ...]:
        """The paths that restic shows as `path`, their bytes that aren't UTF-8 as surrogates (os.fsdecode): its lists
        have `REPLACED` for these, its trees the bytes. Mostly one; none where there is nothing. Raises Trouble."""
        if REPLACED not in path:
            return (path,)
        tree = document((await self.run("cat", "snapshot", "--no-lock", snapshot)).stdout)["tree"]
        level = [("", str(tree))]
        for part in PurePosixPath(path).parts[1:]:
            below: list[tuple[str, str]] = []
            for at, tree in level:
                if tree:
                    done = await self.run("cat", "blob", "--no-lock", tree)
                    for node in document(done.stdout).get("nodes") or []:
                        name = parsing.name(node["name"])
                        if _shown(name) == part:
                            below.append((f"{at}/{name}", node.get("subtree") or ""))
            level = below
        return tuple(at for at, _tree in level)

    # what it does -----------------------------------------------------------------------------------------------------

    async def back_up(
        self,
        paths: Sequence[str],
        *,
        exclude: Sequence[str] = (),
        tags: Sequence[str] = (),
        one_file_system: bool = False,
        progress: Callable[[Progress], None] = lambda progress: None,
        said: Callable[[str], None] = lambda line: None,
    ) -> Sum:
        """A snapshot of paths. said: called with what it couldn't read. Raises Trouble."""
        options = [word for pattern in exclude for word in ("--exclude", pattern)]
        options += [word for tag in tags for word in ("--tag", tag)]
        if one_file_system:
            options.append("--one-file-system")
        text: list[str] = []
        unread: list[str] = []
        summary: dict[str, Any] = {}
        status = 0
        command = ("backup", "--json", *options, "--", *paths)
        async with aclosing(self.messages(*command, write=True)) as messages:
            async for message in messages:
                match message.get("message_type"):
                    case "status":
                        progress(parsing.progress(message))
                    case "summary":
                        summary = message
                    case "error":
                        why = parsing.error_text(message)
                        if _SAVED_AGAIN not in why:
                            unread.append(str(message.get("item", "")))
                        said(f"{message.get('item', '')}: {why}")
                    case _:
                        for line in _note(message, text):
                            said(line)
                status = message.get("status", status)
        if status not in (0, INCOMPLETE) or not summary:
            raise await self.failure(status, text)
        return parsing.summary(summary, status == INCOMPLETE, tuple(unread))

    async def restore(
        self,
        snapshot: str,
        paths: Sequence[str],
        target: str,
        *,
        overwrite: Literal["always", "if-changed", "if-newer", "never"] = "always",
        verify: bool = False,
        progress: Callable[[Progress], None] = lambda progress: None,
        look: Callable[[], Awaitable[Progress | None]] | None = None,
        written: Callable[[], None] = lambda: None,
        said: Callable[[str], None] = lambda line: None,
    ) -> Restored:
        """Writes what a snapshot has below `paths` (("/",): all) below the folder `target`, each at its whole path.
        Names are taken literally; bytes that aren't UTF-8 may be surrogates or `REPLACED`. Sparse files come back
        sparse where restic is able (`restore-sparse`).

        verify: each file is read again and compared with the snapshot.
        look: asked every two seconds how far it is, where restic doesn't say (not `restore-progress`).
        written: called once all is written and read again (`verify`) only.
        The repository is locked meanwhile, so that nobody prunes it; not where it can only be read.
        Raises Trouble; `not-able` for an `overwrite` that the installed one doesn't have. What can't be restored of a
        snapshot that can be read is in the answer."""
        options = ["--target", target]
        if overwrite != "always":
            if not await self.able("restore-overwrite"):
                raise Trouble("not-able", place=self.place.name)
            options += ["--overwrite", overwrite]
        if verify:
            options.append("--verify")
        if await self.able("restore-sparse"):
            options.append("--sparse")
        names = [true for path in paths for true in await self.true_paths(snapshot, path)]
        if not names:
            raise Trouble("failed", place=self.place.name, line=", ".join(paths)[:300], status="0")
        parts = [()] if "/" in names else _parts(names)
        looked = None
        if look is not None and not await self.able("restore-progress"):
            looked = asyncio.ensure_future(_looks(look, progress))
        if not await self.writable():
            options.append("--no-lock")
        try:
            done = [
                await self._restore(
                    snapshot, options, part, progress, written if number == len(parts) else lambda: None, said
                )
                for number, part in enumerate(parts, 1)
            ]
        finally:
            if looked is not None:
                looked.cancel()
                with suppress(asyncio.CancelledError):
                    await looked
        known = all(each.files is not None for each in done)
        return Restored(
            files=sum(each.files or 0 for each in done) if known else None,
            size=sum(each.size or 0 for each in done) if known else None,
            errors=tuple(error for each in done for error in each.errors),
        )

    async def _restore(
        self,
        snapshot: str,
        options: Sequence[str],
        names: Sequence[str],
        progress: Callable[[Progress], None],
        written: Callable[[], None],
        said: Callable[[str], None],
    ) -> Restored:
        includes = [word for name in names for word in ("--include", literal(name))]
        text: list[str] = []
        errors: list[tuple[str, str]] = []
        files = size = None
        status = 0
        command = ("restore", "--json", *options, *includes, snapshot)
        async with aclosing(self.messages(*command)) as messages:
            async for message in messages:
                match message.get("message_type"):
                    case "status":
                        progress(parsing.restoration(message))
                    case "summary":
                        last = parsing.restoration(message)
                        files, size = last.files_done, last.bytes_done
                        written()
                    case "error":
                        errors.append((str(message.get("item", "")), parsing.error_text(message)))
                        said(": ".join(errors[-1]))
                    case _:
                        for line in _note(message, text):
                            said(line)
                            if line.startswith(_VERIFYING):
                                written()
                            elif line.startswith(_IGNORING):
                                path, _colon, why = line.removeprefix(_IGNORING).partition(": ")
                                errors.append((path, why))
                status = message.get("status", status)
        if status and not (errors and any("There were " in line for line in text)):
            raise await self.failure(status, text)
        return Restored(files, size, tuple(errors))


#: how 0.14 begins the line of what it could not restore, and the one before it reads all again
_IGNORING, _VERIFYING = "ignoring error for ", "verifying files in "


def literal(name: str) -> str:
    """A name as a pattern that matches it alone (Go's filepath.Match)."""
    return "".join(f"\\{letter}" if letter in "*?[]\\" else letter for letter in name)


def _note(message: dict[str, Any], text: list[str]) -> list[str]:
    """Keeps a line that is for people, and of its last 200 only those."""
    said = []
    if "text" in message:
        said = [str(message["text"])]
    elif message.get("message_type") == "exit_error":
        said = str(message.get("message", "")).splitlines()
    text += said
    del text[:-200]
    return said


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _shown(name: str) -> str:
    """A name as restic's JSON has it: each byte that isn't UTF-8 replaced."""
    return "".join(REPLACED if "\udc80" <= letter <= "\udcff" else letter for letter in name)


def _parts(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Names in pieces that fit into a command."""
    parts: list[tuple[str, ...]] = []
    size, part = 0, list[str]()
    for name in names:
        size += 2 * len(name.encode("utf-8", "surrogateescape")) + 12
        if part and size > _NAMES:
            parts.append(tuple(part))
            size, part = 0, []
        part.append(name)
    return [*parts, tuple(part)]


async def _looks(look: Callable[[], Awaitable[Progress | None]], progress: Callable[[Progress], None]) -> None:
    while True:
        await asyncio.sleep(_LOOK)
        found = await look()
        if found is not None:
            progress(found)

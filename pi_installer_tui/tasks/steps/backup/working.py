"""What the steps of backups share: they work with a repository, change no file of the machine by default, and can run
again after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import os
import posixpath
import re
import shutil
import threading
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field

from pi_installer_tui.restic.answers import Progress, Trouble
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.restic.locks import holders
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.host import Host, HostError
from pi_installer_tui.tasks.steps.base import Overlay, Preview, StepBase, StepContext, StepError

T = TypeVar("T")

#: the name of a job or a place, as in the settings
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
#: a snapshot's id, whole or its beginning, or `latest`
SnapshotId = Annotated[str, Field(pattern=r"^([0-9a-f]{8,64}|latest)$")]
#: a tag as restic takes it: commas part several of them
Tag = Annotated[str, Field(pattern=r"^[^,\x00\n]+$", max_length=4096)]
#: a path in a snapshot: absolute, without empty parts
SnapshotPath = Annotated[str, Field(pattern=r"^/[^\x00]*$", max_length=4096)]

#: folders of ours beside what is restored; none of them is ever backed up
SCRATCH, REPLACED = ".pi-installer-tui-scratch-", ".pi-installer-tui-replaced-"

#: seconds that a repository which somebody else has locked is waited for, and between two tries
PATIENCE, AGAIN = 3600.0, 10.0
#: seconds that taking away our own lock may take after a failure
_UNLOCK = 30.0
#: lines of output that a step gives to the journal
LINES = 200

_LOCKED_BY = re.compile(r"locked (?:exclusively )?by PID (\d+) on (\S+) by")


class RepositoryStep(StepBase):
    """A step that works with the repository at `place`."""

    place: Place

    def paths(self) -> tuple[str, ...]:
        return ()

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        return {}

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        return Preview("note", self.explain())

    async def done(self, host: Host) -> bool:
        return False

    def describe(self) -> str:
        text = self.title()
        return text if len(text) <= 70 else text[:69] + "…"

    @abstractmethod
    def title(self) -> str:
        """What it does, in a phrase."""

    @abstractmethod
    def explain(self) -> str:
        """What it will do, in a sentence or two for the review."""


@contextlib.asynccontextmanager
async def repository(place: Place, context: StepContext) -> AsyncIterator[Restic]:
    """The repository, for a step's work. What restic says went wrong becomes a StepError; after a failure or a
    cancellation no lock of ours is left."""
    engine = Restic(context.host, place)
    try:
        yield engine
    except BaseException as error:
        if not (isinstance(error, Trouble) and error.reason in ("no-repository", "wrong-password", "not-mounted")):
            await take_away_locks(engine)
        if isinstance(error, Trouble):
            raise as_step_error(error, place) from None
        raise


def as_step_error(trouble: Trouble, place: Place) -> StepError:
    """`restic-REASON`, with the place's name."""
    values = {key: str(value) for key, value in trouble.values.items()}
    return StepError(f"restic-{trouble.reason}", trouble.tail, **{**values, "place": place.name})


async def take_away_locks(engine: Restic) -> None:
    """Removes locks whose process is gone, as far as that can be done now."""
    with contextlib.suppress(HostError, Trouble, OSError, TimeoutError):
        async with asyncio.timeout(_UNLOCK):
            await unlock_dead(engine)


async def unlock_dead(engine: Restic) -> int:
    """Removes the locks that nobody holds any more, and returns how many. Raises Trouble."""
    dead = [each.lock.id for each in await holders(engine, time.time()) if each.stale]
    if dead:
        await engine.unlock(dead)
    return len(dead)


async def patiently(context: StepContext, engine: Restic, work: Callable[[], Awaitable[T]]) -> T:
    """Does it once nobody has the repository locked against it; a lock whose process is gone is removed. Raises Trouble
    `locked` after an hour."""
    until = time.monotonic() + PATIENCE
    tries, told = 0, ""
    while True:
        tries += 1
        try:
            done = await work()
        except Trouble as error:
            if error.reason != "locked" or time.monotonic() > until:
                raise
            await take_away_locks(engine)
            if tries == 1:
                continue  # its process may have been gone
            found = _LOCKED_BY.search("\n".join(error.tail))
            holder = f"{found[2]} ({found[1]})" if found else "?"
            if told != holder:
                told = holder
                context.waiting("repository-lock", holder)
            await asyncio.sleep(AGAIN)
        else:
            if told:
                context.waiting("repository-lock", "")
            return done


class Bounded:
    """Lines for the journal, the first of many."""

    def __init__(self, context: StepContext) -> None:
        self._context = context
        self.count = 0

    def say(self, line: str) -> None:
        self.count += 1
        if self.count <= LINES:
            self._context.output(f"{line}\n".encode("utf-8", "replace"))

    def finish(self) -> None:
        """Says how many weren't shown."""
        if self.count > LINES:
            self._context.output(f"... {self.count - LINES} more\n".encode())


class Rate:
    """What restic says of its progress, with the bytes a second of the last few seconds, for a step's progress."""

    def __init__(self, context: StepContext, phase: str) -> None:
        self._context = context
        self._phase = phase
        self._seen: list[tuple[float, int]] = []

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        self._seen = [each for each in self._seen if now - each[0] < 10] + [(now, progress.bytes_done)]
        (first, had), seconds = self._seen[0], now - self._seen[0][0]
        values: dict[str, Any] = {
            "files_done": progress.files_done,
            "files_total": progress.files_total,
            "bytes_done": progress.bytes_done,
            "bytes_total": progress.bytes_total,
        }
        if seconds > 0 and first < now:
            values["rate"] = round(max(0, progress.bytes_done - had) / seconds)
        if progress.seconds_left is not None:
            values["seconds_left"] = round(progress.seconds_left)
        current = progress.current[0] if progress.current else ""
        self._context.progress(progress.fraction, self._phase, current, values)


def real(host: Host, path: str) -> bytes:
    """Where a path of the machine's is for this process, whatever bytes it has."""
    root = host.address if host.kind == "local" else posixpath.join(host.address, "root")
    return os.fsencode(posixpath.join(root, path.lstrip("/")))


def there(host: Host, path: str) -> bool:
    """Whether something is at a path, whatever bytes it has."""
    return os.path.lexists(real(host, path))


async def in_thread(work: Callable[[Callable[[], bool]], T]) -> T:
    """Does what takes long beside the loop. It is given a function that tells whether it should stop, and is waited for
    then: no thread is left behind."""
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(work, stop.is_set))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        with contextlib.suppress(Exception):
            await running
        raise


def remove_tree(path: bytes) -> None:
    """Removes a folder of ours with all that is in it, where it is there."""
    shutil.rmtree(path, ignore_errors=True)

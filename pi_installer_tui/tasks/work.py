"""What is left of jobs of lane work (a backup, a verification) whose process was killed: nobody is asked to let them go
on. They end as failed, what they had stopped is started again, and the next run begins anew."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from pi_installer_tui.tasks.before import Unreadable
from pi_installer_tui.tasks.events import JobEnded, StepFailed, StepSkipped
from pi_installer_tui.tasks.journal import Journal
from pi_installer_tui.tasks.lock import Lock
from pi_installer_tui.tasks.store import CUT_OFF, MARK

if TYPE_CHECKING:
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.store import Store

#: seconds between looks at a lock that another process holds
_LOOK = 0.02


async def settle(store: Store, host: Host, *, but: str = "") -> None:
    """Looks after all of them, but for one that runs. What can't be started again is tried the next time. Raises
    OSError where nothing can be written."""
    found = False
    for job in store.ids():
        if job != but and (store.folder(job) / MARK).exists():
            with contextlib.suppress(KeyError, Unreadable):
                found = await settle_one(store, job, host) or found
    if found:
        from pi_installer_tui.tasks import runs

        with contextlib.suppress(OSError):
            await runs.note(store, host)


async def settle_one(store: Store, job: str, host: Host, *, patience: float = 0) -> bool:
    """Looks after one; False: it isn't of lane work, runs, or ran on another machine. patience: seconds in which its
    lock must be had. Raises KeyError, Unreadable, OSError."""
    about = store.about(job)
    if about.lane != "work" or (about.host_kind, about.host_address) != (host.kind, host.address):
        return False
    lock = Lock(store.folder(job) / "worker.lock")
    until = time.monotonic() + patience
    while not lock.take(""):  # its holder is another process
        if time.monotonic() >= until:
            return False
        await asyncio.sleep(_LOOK)
    with lock:
        with contextlib.closing(Journal(store.journal(job))) as journal:
            end(store, job, journal)
        if await start_again(store, job, host):
            (store.folder(job) / MARK).unlink(missing_ok=True)
    return True


def end(store: Store, job: str, journal: Journal) -> JobEnded:
    """Writes the end of one that was cut off into its journal, unless it has one. To be called by whoever holds its
    lock."""
    progress = store.written(job)
    if progress.ended is not None:
        return progress.ended
    if progress.in_flight:
        journal.last_words(StepFailed(step=progress.in_flight, reason=CUT_OFF, partly=True))
    begun = {*progress.done, progress.in_flight, progress.failed}
    for step in store.about(job).steps:
        if step not in begun:
            journal.last_words(StepSkipped(step=step, because=CUT_OFF))
    return journal.last_words(JobEnded(outcome="failed", reason=CUT_OFF))


async def start_again(store: Store, job: str, host: Host) -> bool:
    """Starts what the job had stopped and didn't start again; False: something doesn't start."""
    from pi_installer_tui.tasks.steps.backup import stops

    good = True
    for step in store.about(job).steps:
        good = not await stops.start_again(store.before(job, step, host), host) and good
    return good

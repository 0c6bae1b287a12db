"""At boot: lets a job go on that has rebooted the machine, and finds the jobs that were cut off. A backup that was ends
as failed, and what it had stopped is started. Run by pi-installer-tui-boot.service, and only where a job was open when
the machine went down."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.paths import STATE
from pi_installer_tui.tasks import jobs, news, runs, work
from pi_installer_tui.tasks.before import Unreadable
from pi_installer_tui.tasks.probation import settle
from pi_installer_tui.tasks.store import Store


async def main() -> int:
    """0: all that was open is looked after; 1: something could not be."""
    store, host = Store(STATE), LocalHost()
    status, runs_ended = 0, False
    for job in store.ids():
        if not (store.folder(job) / news.OPEN).exists():
            continue
        try:
            if await work.settle_one(store, job, host):
                runs_ended = True
                continue
            settle(store, job)
            summary = store.summary(job)
            if not summary.open or summary.undone_by:
                (store.folder(job) / news.OPEN).unlink(missing_ok=True)
                if not summary.undone_by:
                    news.keep(store, job)
            elif summary.status == "interrupted":
                news.keep(store, job)
                if jobs.rebooting(store, job):
                    await jobs.resume(store, job, host, at_boot=True)
        except (OSError, KeyError, Unreadable, jobs.JobError) as error:
            print(job, type(error).__name__, error, file=sys.stderr)
            status = 1
    with contextlib.suppress(OSError):
        if runs_ended:
            await runs.note(store, host)
        news.tell(store)
    return status


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

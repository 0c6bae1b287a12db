"""The process that runs one job: `python -m pi_installer_tui.worker STATE ID [--resume]`. It opens the host that the
job names and ends with the job; nothing that happens to who started it reaches it. With --after it looks after what a
worker of lane work left that was killed."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pi_installer_tui.tasks.events import JobEnded
from pi_installer_tui.tasks.jobs import CANCEL
from pi_installer_tui.tasks.journal import Journal, write_file
from pi_installer_tui.tasks.lock import Lock
from pi_installer_tui.tasks.news import OPEN, tell
from pi_installer_tui.tasks.points import CRASH, Points
from pi_installer_tui.tasks.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.runner import Runner
    from pi_installer_tui.tasks.store import JobSummary

#: seconds in which the job's lock must be had: one who only looks holds it for a moment
LOCK = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """0: the job ended, in whatever way; 1: it could not be run; 2: another worker has it."""
    parser = argparse.ArgumentParser(prog="pi-installer-tui-worker")
    parser.add_argument("state", type=Path)
    parser.add_argument("job")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--after", action="store_true", help="the job's worker is gone")
    parser.add_argument("--detach", action="store_true", help="go on in a process that nobody waits for")
    options = parser.parse_args(arguments)
    if options.detach and os.fork():
        os._exit(0)
    os.umask(0o077)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))  # until `_listen` knows what it means
    store = Store(options.state)
    try:
        if options.after:
            return _after(store, options.job)
        return _work(store, options.job, options.resume)
    except Exception as error:
        _tell(error)
        return 1


def open_host(kind: str, address: str, points: Points) -> Host:
    """The host that a job names. Raises ValueError."""
    if kind == "local":
        from pi_installer_tui.system.local import LocalHost

        return LocalHost(address, between=points.reached)
    if kind == "demo":
        from pi_installer_tui.system.demo import DemoHost

        return DemoHost(address, between=points.reached)
    raise ValueError(kind)


def _work(store: Store, job: str, resume: bool) -> int:
    lock = Lock(store.folder(job) / "worker.lock")
    until = time.monotonic() + LOCK
    while not lock.take(str(os.getpid())):
        if time.monotonic() > until:
            return 2
        time.sleep(0.02)
    with lock:
        ended = store.progress(job).ended
        if ended is not None and (not resume or ended.outcome != "interrupted"):
            return 0  # cancelled before we were there
        mark = store.folder(job) / OPEN
        with contextlib.closing(Journal(store.journal(job))) as journal:
            with contextlib.suppress(OSError):
                write_file(mark, b"")
            try:
                asyncio.run(_run(store, job, journal, resume))
            except Exception as error:
                _tell(error)
                if store.progress(job).ended is None:
                    journal.last_words(JobEnded(outcome="failed", reason="internal-error"))
                return 1
        with contextlib.suppress(OSError):
            summary = store.summary(job)
            if not summary.open and asyncio.run(_noted(store, summary)):
                mark.unlink(missing_ok=True)
            if not summary.open:
                from pi_installer_tui.tasks.secrets import forget

                forget(store.root, store.plan(job))
            tell(store)
            store.prune()
    return 0


def _after(store: Store, job: str) -> int:
    """A worker that ended by itself left nothing to do. One who follows the job may have its lock for a moment, to
    write its end, and starts nothing again."""
    if not (store.folder(job) / OPEN).exists():
        return 0
    from pi_installer_tui.tasks import runs, work

    about = store.about(job)
    host = open_host(about.host_kind, about.host_address, Points())

    async def settle() -> None:
        await work.settle_one(store, job, host, patience=LOCK)
        await runs.note(store, host)

    asyncio.run(settle())
    return 0


async def _noted(store: Store, job: JobSummary) -> bool:
    """A run goes into the history. False: something that it had stopped doesn't start; whoever comes next tries."""
    if job.lane != "work" and "backup" not in job.modules:
        return True
    from pi_installer_tui.tasks import runs, work

    about = store.about(job.id)
    host = open_host(about.host_kind, about.host_address, Points())
    with contextlib.suppress(OSError):
        await runs.note(store, host)
    return job.lane != "work" or await work.start_again(store, job.id, host)


def _tell(error: Exception) -> None:
    """Writes an error's kind and place into the log, and nothing more: values can be secrets."""
    from pi_installer_tui.tasks.runner import internal

    print(*internal(error)[1].values(), file=sys.stderr, flush=True)


async def _run(store: Store, job: str, journal: Journal, resume: bool) -> None:
    from pi_installer_tui.tasks.checks import run_check
    from pi_installer_tui.tasks.review import differences
    from pi_installer_tui.tasks.runner import Runner

    points = Points(os.environ.get(CRASH, ""))
    about = store.about(job)
    runner = Runner(
        store,
        job,
        open_host(about.host_kind, about.host_address, points),
        journal,
        compare=differences,
        look=run_check,
        points=points,
    )
    _listen(store, job, runner)
    await runner.run(store.plan(job), resume=resume)


def _listen(store: Store, job: str, runner: Runner) -> None:
    """SIGTERM cancels the job where somebody asked for that (jobs.cancel); by itself it is the machine going down.
    A terminal's signals mean nothing to a job. (A handler, unlike SIG_IGN, isn't inherited by commands.)"""
    loop = asyncio.get_running_loop()
    asked = store.folder(job) / CANCEL

    def terminate() -> None:
        if asked.exists():
            runner.cancel(cancelled_by(asked))
        else:
            runner.stop()

    loop.add_signal_handler(signal.SIGTERM, terminate)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        loop.add_signal_handler(number, lambda: None)
    if asked.exists():  # while we were starting
        runner.cancel(cancelled_by(asked))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))


def cancelled_by(asked: Path) -> str:
    """Who asked for the cancellation."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        return str(json.loads(asked.read_bytes())["by"])
    return ""


if __name__ == "__main__":
    sys.exit(main())

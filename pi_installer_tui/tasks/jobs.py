"""Starting, following, cancelling and continuing jobs. What runs them is a process of its own, that neither the end of
this program nor that of its session reaches: a transient systemd unit, a detached process where there is no systemd."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pi_installer_tui.system.host import CommandFailed, CommandNotFound
from pi_installer_tui.tasks import work
from pi_installer_tui.tasks.events import (
    CancelRequested,
    Confirmed,
    JobEnded,
    StepDone,
    StepFailed,
    StepSkipped,
)
from pi_installer_tui.tasks.journal import Journal, Reader, write_file
from pi_installer_tui.tasks.lock import Lock
from pi_installer_tui.tasks.points import CRASH
from pi_installer_tui.tasks.probation import confirmed_by, disarm, give_back, look, outside, settle
from pi_installer_tui.tasks.store import AT_BOOT, MARK, PROBATION

if TYPE_CHECKING:
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.events import Event
    from pi_installer_tui.tasks.store import Store

#: the file in a job's folder that says who wants it cancelled
CANCEL = "cancel.json"
#: seconds between looks at a journal
LOOK = 0.1
#: seconds in which a launched worker must show itself (Python starts slowly on a Pi Zero with a busy card)
SHOWS = 45.0

#: seconds in which a worker whose job has ended must be gone
LEAVES = 10.0

#: systemd.service(5), systemd.kill(5): only the worker is told to stop, and has time to let dpkg come to an end; what
#: is left of its commands is killed with the unit
_PROPERTIES = (
    "Type=exec",
    "KillMode=mixed",
    "SendSIGHUP=no",
    "TimeoutStopSec=10min",
    "After=network.target dbus.service",
    "WorkingDirectory=/",
)
_CHANGE = ("OOMScoreAdjust=-500",)
#: what isn't in a hurry: it takes what others leave of the processor and the disk (systemd.exec(5))
_WORK = ("Nice=19", "IOSchedulingClass=idle")
#: systemd-run(1): a job that goes on at boot may need the network; booting doesn't wait for it
_AT_BOOT = ("--no-block", "--property=After=network-online.target", "--property=Wants=network-online.target")
#: what a worker takes over from who starts it
_ENVIRONMENT = ("PYTHONPATH", CRASH)


class JobError(Exception):
    """A job that can't be started, cancelled or continued. `reason` is a code: `running`, `ended`, `not-started`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


async def launch(store: Store, job: str, host: Host) -> None:
    """Starts a job's worker and returns when its journal says so. Raises KeyError, JobError."""
    summary = store.summary(job)
    if summary.status != "queued" or store.alive(job):
        raise JobError("running" if summary.open else "ended", summary.status)
    await _start(store, job, host, resume=False)


def rebooting(store: Store, job: str) -> bool:
    """Whether a job that was interrupted is one that has rebooted the machine. Raises KeyError, Unreadable."""
    from pi_installer_tui.tasks.steps import Reboot

    step = store.progress(job).in_flight
    return any(each.id == step and isinstance(each, Reboot) for each in store.plan(job).steps) if step else False


async def resume(store: Store, job: str, host: Host, *, at_boot: bool = False) -> None:
    """Lets an interrupted job go on where it was: what is done isn't repeated. at_boot: it is begun once the network is
    there, and nobody waits for it. Raises KeyError, JobError."""
    summary = store.summary(job)
    if summary.status != "interrupted" or summary.undone_by:
        raise JobError("running" if summary.open and not summary.undone_by else "ended", summary.status)
    until = time.monotonic() + LEAVES
    while store.alive(job):  # a worker that was stopped has told so, and is about to leave
        if time.monotonic() > until:
            raise JobError("running")
        await asyncio.sleep(LOOK)
    (store.folder(job) / CANCEL).unlink(missing_ok=True)
    await _start(store, job, host, resume=True, at_boot=at_boot)


async def cancel(store: Store, job: str, by: str, host: Host | None = None) -> None:
    """Asks a job to stop and returns at once; its journal tells when it has. One that nobody runs, since it was never
    started or was interrupted, ends here; what it has on probation goes back, on `host`. Raises KeyError, JobError,
    HostError, OSError."""
    summary = store.summary(job)
    if not summary.open:
        raise JobError("ended", summary.status)
    trial = look(store, job) if summary.probation else None
    if trial is not None and trial.open and host is not None and not store.alive(job):
        write_file(store.folder(job) / CANCEL, json.dumps({"by": by, "at": time.time()}).encode())
        if trial.outside:
            _note_cancel(store, job, by)
            await give_back(store, job, host)
        else:  # a worker that finds itself cancelled takes it back
            await _start(store, job, host, resume=True)
        return
    if host is not None and (store.folder(job) / PROBATION).exists() and not store.alive(job) and await outside(host):
        await disarm(job, host)  # cut off while it was being armed
    write_file(store.folder(job) / CANCEL, json.dumps({"by": by, "at": time.time()}).encode())
    lock = Lock(store.folder(job) / "worker.lock")
    if not lock.take(""):
        _signal(store, job)
        return
    with lock, contextlib.closing(Journal(store.journal(job))) as journal:
        progress = store.progress(job)
        if progress.ended is None or progress.ended.outcome == "interrupted":
            if trial is not None and trial.standing == "confirmed":
                journal.last_words(Confirmed(step=trial.step, by=confirmed_by(store, job)))
                journal.last_words(StepDone(step=trial.step, changed=False))
                progress = store.progress(job)
            journal.last_words(CancelRequested(by=by))
            if progress.in_flight:
                journal.last_words(StepFailed(step=progress.in_flight, reason="cancelled", partly=True))
            begun = {*progress.done, progress.in_flight}
            for step in store.about(job).steps:
                if step not in begun:
                    journal.last_words(StepSkipped(step=step, because="cancelled"))
            journal.last_words(JobEnded(outcome="cancelled"))
            (store.folder(job) / MARK).unlink(missing_ok=True)


def _note_cancel(store: Store, job: str, by: str) -> None:
    """Writes into the journal of a job without a worker that somebody wants it cancelled."""
    lock = Lock(store.folder(job) / "worker.lock")
    if lock.take(""):
        with lock, contextlib.closing(Journal(store.journal(job))) as journal:
            journal.last_words(CancelRequested(by=by))


async def follow(store: Store, job: str, after: int = 0) -> AsyncIterator[list[Event]]:
    """The events of a job from number `after` on, in batches as they come. Ends when the job has ended, or when its
    worker died. Raises KeyError."""
    store.about(job)
    reader = Reader(store.journal(job), after)
    ended = False
    looks = 0
    while True:
        batch = reader.read()
        if batch:
            looks = 0
            ended = isinstance(batch[-1], JobEnded)
            yield batch
            await asyncio.sleep(0)
            continue
        if ended:
            return
        looks += 1
        if looks % 10 == 0 and not await _goes_on(store, job):
            with contextlib.suppress(PermissionError):
                settle(store, job)
                _end_work(store, job)
            if not (batch := reader.read()):
                return  # it died
            yield batch
        await asyncio.sleep(LOOK)


def _end_work(store: Store, job: str) -> None:
    """Writes the end of a run whose worker died. What it had stopped is started by others (tasks/work.py)."""
    lock = Lock(store.folder(job) / "worker.lock")
    if store.about(job).lane == "work" and store.written(job).started and lock.take(""):
        with lock, contextlib.closing(Journal(store.journal(job))) as journal:
            work.end(store, job, journal)


async def _goes_on(store: Store, job: str) -> bool:
    """Whether more events will come. The status is asked for only where no worker lives, and beside the loop: the
    journal is read again for it, which is long where a command printed much."""
    return store.alive(job) or await asyncio.to_thread(store.status, job) in ("queued", "running", "waiting")


async def _start(store: Store, job: str, host: Host, *, resume: bool, at_boot: bool = False) -> None:
    folder = store.folder(job)
    size = store.journal(job).stat().st_size if store.journal(job).exists() else 0
    write_file(folder / "launched", f"{time.time()}\n".encode())
    if at_boot:
        write_file(folder / AT_BOOT, f"{size}\n".encode())
    # -P: no module is ever taken from the folder that somebody happens to be in; started isolated, we start it isolated
    how = "-I" if sys.flags.isolated else "-P"
    command = [sys.executable, how, "-m", "pi_installer_tui.worker", str(store.root.absolute()), job]
    command += ["--resume"] if resume else []
    if host.kind == "local" and host.address == "/" and os.geteuid() == 0 and await host.systemd():
        # of a worker that has just died the unit may still be there: one that goes on gets a name of its own
        unit = f"pi-installer-tui-job-{job}" + (f"-from-{size}" if resume else "")
        options = [*(_AT_BOOT if at_boot else ())]
        if store.about(job).lane == "work":
            # systemd.service(5): run however the worker ends, SIGKILL included
            after = " ".join(map(_quoted, [*command, "--after"]))
            options += [f"--property={line}" for line in (*_WORK, f"ExecStopPost={after}")]
        else:
            options += [f"--property={line}" for line in _CHANGE]
        await _start_unit(unit, host, command, str(folder / "worker.log"), options)
        if at_boot:
            return
    else:
        await _start_detached(store, job, [*command, "--detach"])
    until = time.monotonic() + SHOWS
    seen = False
    while True:
        alive = store.alive(job)
        if store.journal(job).exists() and store.journal(job).stat().st_size > size:
            return
        if (seen and not alive) or time.monotonic() > until:
            (folder / "launched").unlink(missing_ok=True)
            raise JobError("not-started", _last_line(store, job))
        seen = seen or alive
        await asyncio.sleep(0.05)


def _quoted(word: str) -> str:
    """A word of a unit's command line. Source: systemd.service(5), `Command lines`; systemd.syntax(7)."""
    word = word.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + word.replace("%", "%%").replace("$", "$$") + '"'


async def _start_unit(unit: str, host: Host, command: list[str], log: str, more: Sequence[str] = ()) -> None:
    environment = [f"--setenv={name}={os.environ[name]}" for name in _ENVIRONMENT if os.environ.get(name)]
    properties = [f"--property={line}" for line in (*_PROPERTIES, f"StandardError=append:{log}")]
    try:
        await host.run(
            ["systemd-run", "--quiet", "--collect", f"--unit={unit}", *more, *properties, *environment, "--", *command],
            check=True,
        )
    except (CommandFailed, CommandNotFound) as error:
        raise JobError("not-started", str(error)) from None


async def _start_detached(store: Store, job: str, command: list[str]) -> None:
    """The worker forks once it is a session of its own, so that it is nobody's child."""
    log = os.open(store.folder(job) / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(log)
    if await process.wait() != 0:
        raise JobError("not-started", _last_line(store, job))


def _signal(store: Store, job: str) -> None:
    """SIGTERM for the worker, if it lives and the number in its lock is still its own."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        pid = int((store.folder(job) / "worker.lock").read_text() or 0)
        if pid > 0:
            handle = os.pidfd_open(pid)
            try:
                if store.alive(job) and job.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    signal.pidfd_send_signal(handle, signal.SIGTERM)
            finally:
                os.close(handle)


def _last_line(store: Store, job: str) -> str:
    with contextlib.suppress(OSError):
        lines = (store.folder(job) / "worker.log").read_text("utf-8", "replace").splitlines()
        return lines[-1] if lines else ""
    return ""

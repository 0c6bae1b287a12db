"""How fast a command's output comes through a job into the screen, and whether the keyboard answers meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.terminal import Timed, environment, python
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks import events, jobs
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import RunCommand
from pi_installer_tui.tasks.store import Store

LINES = 100_000
#: for the keys it runs longer, so that there are enough of them
KEY_LINES = 3_000_000
#: seconds between two key presses while the output runs
BETWEEN = 0.1


@dataclass(frozen=True, slots=True)
class Flood:
    """seconds: from the command's start to its last line on the screen, for LINES. keys: for each key pressed during a
    longer flood, the seconds to what it changes on the screen."""

    seconds: float
    keys: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Lines a second."""
        return LINES / self.seconds


def plan(lines: int) -> Plan:
    """A command that prints lines as apt does, and changes nothing."""
    line = "Unpacking library-%07.0f (1.2.3-4+deb13u1) over (1.2.3-4) ..."
    argv = ("seq", "-f", line, str(lines))
    return Plan(modules=("system",), steps=(RunCommand(id="flood", argv=argv, probe="repeatable"),))


@contextlib.contextmanager
def watched_job(lines: int) -> Iterator[tuple[Timed, Store, str]]:
    """A job that has just started, its screen open since before. Needs root: the job runs on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        host = LocalHost()
        job = store.create(plan(lines), who="benchmark", host_kind=host.kind, host_address=host.address)
        where = environment(PI_INSTALLER_TUI_STATE=folder)
        with Timed(python("-m", "pi_installer_tui"), where, 80, 24) as terminal:
            terminal.shown_at(lambda text: "Last changes" in text)
            terminal.watch(2.0)
            terminal.send("h")
            terminal.shown_at(lambda text: "History" in text)
            terminal.watch(0.5)
            terminal.send("\r")
            terminal.shown_at(lambda text: "Output" in text)
            terminal.watch(1.0)
            asyncio.run(jobs.launch(store, job, host))
            yield terminal, store, job


def flood() -> float:
    """Seconds from the command's start to its last line on the screen."""
    with watched_job(LINES) as (terminal, store, job):
        shown = terminal.shown_at(lambda text: f"library-{LINES:07d}" in text)
        offset = time.time() - time.monotonic()
        started = next(e.at for e in store.events(job) if isinstance(e, events.StepStarted))
        return shown + offset - started


def keys() -> list[float]:
    """For each key pressed while the output runs, the seconds until the screen shows what it did."""
    found: list[float] = []
    with watched_job(KEY_LINES) as (terminal, store, job):
        opened = False
        while store.summary(job).open:
            terminal.watch(BETWEEN)
            pressed = time.monotonic()
            terminal.send("q" if opened else "?")
            opened = not opened
            found.append(terminal.shown_at(lambda text, now=opened: (HELP in text) == now) - pressed)  # type: ignore[misc]
    return found


#: only on the help page
HELP = "  Help"


def measure(runs: int = 5) -> Flood:
    """The median of some floods, and the keys of one."""
    flood()
    return Flood(median(flood() for _ in range(runs)), tuple(keys()))

"""What the screens cost on a terminal, in bytes and in milliseconds at 115200 baud: ours, the same screens on Textual's
own driver, and whiptail and htop, in one run. `python -m benchmarks.terminal_cost` prints the tables of
docs/performance.md; the exit status is 1 when a goal is missed. Needs root, for the job that prints."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import machine, output
from benchmarks.terminal import environment, python
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks import jobs
from pi_installer_tui.tasks.store import Store
from tests.terminal.line import Line

BAUD = 115_200
#: milliseconds from a key to the last byte of its answer, at BAUD
KEY_GOAL = 60.0

WORDS = {True: "yes", False: "**no**"}
CASES = ("open home", "cursor key in a list", "next field", "open a module", "live refresh", "nothing changes")


@dataclass(frozen=True, slots=True)
class Console:
    """A terminal under measurement. goals: bytes for each of CASES; `times_less`: how many times less than stock."""

    name: str
    environ: Mapping[str, str]
    size: tuple[int, int]
    goals: tuple[int, ...] = ()
    times_less: float = 0.0


CONSOLES = (
    Console("vt220, no colour, 80x24", {"TERM": "vt220", "COLORTERM": ""}, (80, 24), (2200, 80, 130, 1700, 110, 0)),
    Console("linux, 16 colours, 80x24", {"TERM": "linux", "COLORTERM": ""}, (80, 24), (3500, 90, 1200, 3000, 220, 0)),
    Console("xterm, true colour, 120x40", {"TERM": "xterm-256color"}, (120, 40), times_less=5.0),
)

#: the same app on Textual's own driver, with what Textual itself finds out about the terminal
_STOCK = """
import os, sys
from textual.drivers.linux_driver import LinuxDriver
from pi_installer_tui import app
from pi_installer_tui.console.probe import look
app.CellDriver = LinuxDriver
sys.exit(app.run(demo=True, read_only=False, profile=look(os.environ)))
"""
OURS = python("-m", "pi_installer_tui", "--demo")
STOCK = python("-c", _STOCK)


def sent(line: Line, keys: str, there: Callable[[str], bool] | str = lambda _: True, quiet: float = 0.6) -> int:
    """The bytes that follow a key."""
    before = len(line.received)
    line.send(keys)
    line.until(there, 30.0)
    line.settle(quiet)
    return len(line.received) - before


def costs(argv: list[str], console: Console) -> dict[str, float]:
    """Bytes for each of CASES."""
    found: dict[str, float] = {}
    environ = environment(PI_INSTALLER_TUI_DEMO_PACE="0", **console.environ)
    with Line(argv, environ, *console.size, answers=True) as line:
        line.until("throttled", 30.0)
        line.settle(0.8)
        found["open home"] = len(line.received)
        refreshes = []
        for _ in range(2):
            before = len(line.received)
            end = time.monotonic() + 10.5
            while time.monotonic() < end:
                line.read(0.2)
            ticks = 10.5 / (5.0 if console.environ["TERM"].startswith("vt") else 2.0)
            refreshes.append((len(line.received) - before) / ticks)
        found["live refresh"] = max(refreshes)
        found["open a module"] = sent(line, "\r", "/etc/hostname:1")
        found["next field"] = median(sent(line, "\t") for _ in range(3))
        before = len(line.received)
        end = time.monotonic() + 8.0
        while time.monotonic() < end:
            line.read(0.2)
        found["nothing changes"] = len(line.received) - before
        sent(line, "g")
        sent(line, "\x1b[B")
        sent(line, "\r", "Europe/Oslo")
        found["cursor key in a list"] = median(sent(line, "\x1b[B") for _ in range(5))
    return found


def others(console: Console) -> list[tuple[str, str, float]]:
    """Program, case and bytes of what people use today."""
    found = []
    environ = environment(**console.environ)
    if program := shutil.which("whiptail"):
        items = [word for n in range(12) for word in (f"item{n}", f"what item {n} is for")]
        with Line([program, "--title", "Menu", "--menu", "Choose", "20", "70", "10", *items], environ) as line:
            line.until("item9")
            line.settle()
            found.append(("whiptail", "open a menu", float(len(line.received))))
            found.append(("whiptail", "cursor key in a list", median(sent(line, "\x1b[B") for _ in range(5))))
    if program := shutil.which("htop"):
        with Line([program, "-d", "10"], environ, *console.size) as line:
            line.until("PID")
            line.settle(0.3)
            found.append(("htop", "open", float(len(line.received))))
            before = len(line.received)
            for _ in range(5):
                line.read(1.0)
            found.append(("htop", "one refresh", (len(line.received) - before) / 5))
    return found


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from a key to the last byte of its answer."""

    idle: tuple[float, ...]
    flooded: tuple[float, ...]


def answered(line: Line, key: str, changed: Callable[[], object]) -> float:
    """Milliseconds until what a key changes has crossed the line."""
    before = changed()
    pressed = time.monotonic()
    line.send(key)
    line.until(lambda _: changed() != before, 10.0)
    last = line.last_byte_at
    return (last - pressed) * 1000


def marked(line: Line, rows: Iterable[int]) -> list[bool]:
    """Which rows are drawn in reverse video: where the cursor of a list stands."""
    return [any(line.screen.buffer[y][x].reverse for x in range(4, 12)) for y in rows]


def latency() -> Latency:
    """At BAUD on a VT220: cursor keys in a list, and keys while a job prints as fast as it can."""
    environ = environment(TERM="vt220", COLORTERM="", PI_INSTALLER_TUI_DEMO_PACE="0")
    idle = []
    with Line(OURS, environ, baud=BAUD) as line:
        line.until("throttled", 30.0)
        line.settle(0.8)
        sent(line, "\r", "/etc/hostname:1")
        for n in range(20):
            idle.append(
                answered(
                    line, "\x1b[B" if n < 8 else "\x1b[A" if n < 15 else "\x1b[B", lambda: marked(line, range(3, 18))
                )
            )
            line.settle(0.2)
    with tempfile.TemporaryDirectory() as folder:
        store, host = Store(Path(folder)), LocalHost()
        job = store.create(output.plan(output.KEY_LINES), who="b", host_kind=host.kind, host_address=host.address)
        environ = environment(TERM="vt220", COLORTERM="", PI_INSTALLER_TUI_STATE=folder)
        flooded: list[float] = []
        with Line(python("-m", "pi_installer_tui"), environ, baud=BAUD) as line:
            line.until("Last changes", 30.0)
            line.settle(0.5, most=3.0)
            line.send("h")
            line.until("History", 10.0)
            line.settle(0.5, most=3.0)
            line.send("\r")
            line.until("Output", 10.0)
            line.settle(0.5, most=3.0)
            asyncio.run(jobs.launch(store, job, host))
            line.until("Unpacking", 20.0)
            while store.summary(job).open and len(flooded) < 30:
                line.settle(0.05, most=0.2)
                key = "\x1b[A" if len(flooded) % 2 else "\x1b[B"
                flooded.append(answered(line, key, lambda: marked(line, range(3, 14))))
            with contextlib.suppress(jobs.JobError):  # it has ended by itself
                asyncio.run(jobs.cancel(store, job, "b"))
            line.settle(0.5, most=5.0)
    return Latency(tuple(idle), tuple(flooded))


def main() -> int:
    """Prints the tables; 1 when a goal is missed."""
    missed = False
    print(f"{machine.describe()}.\n")
    for console in CONSOLES:
        ours, stock = costs(OURS, console), costs(STOCK, console)
        print(f"### {console.name}\n\n| bytes | goal | ours | stock Textual | times less | met |\n{'|---' * 6}|")
        for case, goal in zip(CASES, console.goals or (None,) * len(CASES), strict=True):
            times = stock[case] / ours[case] if ours[case] else float("inf")
            # what neither sends costs nothing on either
            met = (
                ours[case] <= goal
                if goal is not None
                else times >= console.times_less or stock[case] == ours[case] == 0
            )
            missed = missed or not met
            word = str(goal) if goal is not None else f"{console.times_less:.0f} times less"
            print(f"| {case} | {word} | {ours[case]:.0f} | {stock[case]:.0f} | {times:.1f} | {WORDS[met]} |")
        print()
        for program, case, size in others(console):
            print(f"- {program}, {case}: {size:.0f} bytes")
        print(flush=True)
    found = latency()
    print(f"### From a key to its last byte, {BAUD} baud, vt220\n\n| | goal | median | slowest | met |\n{'|---' * 5}|")
    for name, values in (("nothing else going on", found.idle), ("a job prints as fast as it can", found.flooded)):
        met = median(values) <= KEY_GOAL
        missed = missed or not met
        print(f"| {name} | {KEY_GOAL:.0f} ms | {median(values):.0f} ms | {max(values):.0f} ms | {WORDS[met]} |")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

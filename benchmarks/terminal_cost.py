"""What the screens cost on a terminal, in bytes and in milliseconds at 115200 baud: ours, the same screens on Textual's
own driver, and whiptail and htop, in one run. `python -m benchmarks.terminal_cost` prints the tables of
docs/performance.md; the exit status is 1 when a goal is missed. Needs root, for the job that prints."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import machine
from benchmarks.terminal import environment, python
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks import jobs
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import RunCommand
from pi_installer_tui.tasks.store import Store
from tests.terminal.line import Line

BAUD = 115_200
#: milliseconds from a key to the last byte of its answer, at BAUD, and how many keys are pressed
KEY_GOAL = 60.0
KEYS = 60
#: prints without end, as fast as a job can take it; no character stands below the same one
FLOOD = Plan(
    modules=("system",),
    steps=(RunCommand(id="flood", argv=("base64", "-w", "70", "/dev/urandom"), probe="repeatable"),),
)

WORDS = {True: "yes", False: "**no**"}
CASES = ("open home", "cursor key in a list", "next field", "open a module", "live refresh", "nothing changes")
#: of Backup's screens, with the goals that a form and a list have: which of CASES
BACKUP = {
    "open Backup": "open a module",
    "open its snapshots": "open a module",
    "cursor key among snapshots": "cursor key in a list",
    "open a snapshot's tree": "open a module",
    "cursor key in a tree": "cursor key in a list",
}
#: of the VPN's table while its values change, with the goal of Home's
VPN = {"VPN's table, a second": "live refresh"}
#: seconds for which that is counted
WATCHED = 30.0


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
profile = look(os.environ)
"""
_OURS = """
import os, sys
from pi_installer_tui.console.probe import look, prepare
profile = look(os.environ)
prepare(profile, os.environ)
from pi_installer_tui import app
"""
_RUN = "sys.exit(app.run(demo=True, read_only=False, profile=profile))"
#: writes a dot to a file for each time that Home's live values were read and drawn
_COUNTED = """
glance = app.HomeScreen._glance
async def counted(self, names):
    await glance(self, names)
    with open(os.environ["REFRESHES"], "a") as file:
        file.write(".")
app.HomeScreen._glance = counted
"""
OURS = python("-m", "pi_installer_tui", "--demo")
STOCK = python("-c", _STOCK + _RUN)
#: as many refreshes are compared as there are between two looks at the addresses
REFRESHES = 5


def sent(line: Line, keys: str, there: Callable[[str], bool] | str = lambda _: True, quiet: float = 0.6) -> int:
    """The bytes that follow a key."""
    before = len(line.received)
    line.send(keys)
    line.until(there, 30.0)
    line.settle(quiet)
    return len(line.received) - before


def costs(argv: list[str], console: Console) -> dict[str, float]:
    """Bytes for each of CASES but the refresh."""
    found: dict[str, float] = {}
    environ = environment(PI_INSTALLER_TUI_DEMO_PACE="0", **console.environ)
    with Line(argv, environ, *console.size, answers=True) as line:
        line.until("throttled", 30.0)
        line.settle(0.8)
        found["open home"] = len(line.received)
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


def backup_costs(argv: list[str], console: Console) -> dict[str, float]:
    """Bytes for each of BACKUP. The module is the fifth one on Home."""
    found: dict[str, float] = {}
    environ = environment(PI_INSTALLER_TUI_DEMO_PACE="0", **console.environ)
    with Line(argv, environ, *console.size, answers=True) as line:
        line.until("throttled", 30.0)
        line.settle(0.8)
        for _module in range(4):
            sent(line, "\x1b[B")
        found["open Backup"] = sent(line, "\r", "proven restorable")
        found["open its snapshots"] = sent(line, "\r", lambda text: "Snapshots" in text and "/home" in text)
        found["cursor key among snapshots"] = _moves(line)
        found["open a snapshot's tree"] = sent(
            line, "\r", lambda text: " pi-installer-tui  home 20" in text and "Reading" not in text
        )
        found["cursor key in a tree"] = _moves(line)
    return found


def vpn_costs(argv: list[str], console: Console) -> dict[str, float]:
    """Bytes for each of VPN: the demo's seven peers, some of which are at work. Its module is the sixth one on Home."""
    environ = environment(PI_INSTALLER_TUI_DEMO_PACE="0", **console.environ)
    with Line(argv, environ, *console.size, answers=True) as line:
        line.until("throttled", 30.0)
        line.settle(0.8)
        for _module in range(5):
            sent(line, "\x1b[B")
        sent(line, "\r", "7 peers")
        line.read(10.0)  # rates are known from the second look on
        before, began = len(line.received), time.monotonic()
        while time.monotonic() < began + WATCHED:
            line.read(0.2)
        return {case: (len(line.received) - before) / (time.monotonic() - began) for case in VPN}


def _moves(line: Line) -> float:
    """Bytes of a cursor key, down and up."""
    return median(sent(line, key) for key in ("\x1b[B", "\x1b[A") * 3)


def refresh(start: str, console: Console) -> float:
    """Bytes of one refresh of Home's live values, the mean of REFRESHES, however long they take."""
    with tempfile.TemporaryDirectory() as folder:
        count = Path(folder, "refreshes")
        environ = environment(PI_INSTALLER_TUI_DEMO_PACE="0", REFRESHES=str(count), **console.environ)
        with Line(python("-c", start + _COUNTED + _RUN), environ, *console.size) as line:
            line.until("throttled", 30.0)
            line.settle(0.8)
            before, so_far = len(line.received), count.stat().st_size
            line.until(lambda _: count.stat().st_size >= so_far + REFRESHES, 60.0)
            line.settle(0.8)
            return (len(line.received) - before) / (count.stat().st_size - so_far)


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


def marked(line: Line) -> list[int]:
    """The rows whose mark is in reverse video: where the cursor of a list stands, two for a moment while it moves."""
    return [y for y in range(2, 22) if any(line.screen.buffer[y][x].reverse for x in range(6))]


def moved(line: Line, key: str) -> float:
    """Milliseconds from a cursor key to the last byte of the cursor's new place, the old one being empty."""
    before = marked(line)
    pressed = time.monotonic()
    line.send(key)
    while len(now := marked(line)) != 1 or now == before:
        if time.monotonic() > pressed + 10.0:
            raise TimeoutError(f"{key!r} moved nothing; the screen:\n{line.text}")
        line.read_piece(0.5)
    return (line.last_byte_at - pressed) * 1000


def at_rest() -> Iterator[float]:
    """Cursor keys on the form of a module, each to the very last byte that follows."""
    environ = environment(TERM="vt220", COLORTERM="", PI_INSTALLER_TUI_DEMO_PACE="0")
    with Line(OURS, environ, baud=BAUD) as line:
        line.until("throttled", 30.0)
        line.settle(0.8)
        sent(line, "\r", "/etc/hostname:1")
        for n in range(KEYS):
            pressed = time.monotonic()
            moved(line, "\x1b[A" if n % 8 > 3 else "\x1b[B")
            line.settle(0.3)
            yield (line.last_byte_at - pressed) * 1000


def amid_output() -> Iterator[float]:
    """Cursor keys on the screen of a job whose output fills the line: the cursor goes from the output to a step and
    back, the rows of output follow it."""
    with tempfile.TemporaryDirectory() as folder:
        store, host = Store(Path(folder)), LocalHost()
        job = store.create(FLOOD, who="b", host_kind=host.kind, host_address=host.address)
        environ = environment(TERM="vt220", COLORTERM="", PI_INSTALLER_TUI_STATE=folder)
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
            line.until("lines", 20.0)
            try:
                for n in range(KEYS):
                    line.read(0.25 + n % 7 * 0.013)  # not in step with the output's refreshes
                    yield moved(line, "\x1b[A" if n % 2 else "\x1b[B")
            finally:
                asyncio.run(jobs.cancel(store, job, "b"))
                line.settle(1.0, most=10.0)


def latency() -> Latency:
    """At BAUD on a VT220: with nothing else to do, and while a job prints as fast as it can."""
    return Latency(tuple(at_rest()), tuple(amid_output()))


def main() -> int:
    """Prints the tables; 1 when a goal is missed."""
    missed = False
    print(f"{machine.describe()}.\n")
    for console in CONSOLES:
        ours, stock = costs(OURS, console), costs(STOCK, console)
        ours["live refresh"], stock["live refresh"] = refresh(_OURS, console), refresh(_STOCK, console)
        print(f"### {console.name}\n\n| bytes | goal | ours | stock Textual | times less | met |\n{'|---' * 6}|")
        goals = dict(zip(CASES, console.goals or (None,) * len(CASES), strict=True))
        goals |= {case: goals[like] for case, like in (BACKUP | VPN).items()}
        ours, stock = ours | backup_costs(OURS, console), stock | backup_costs(STOCK, console)
        ours, stock = ours | vpn_costs(OURS, console), stock | vpn_costs(STOCK, console)
        for case, goal in goals.items():
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
    print(f"Load {os.getloadavg()[0]:.1f}.\n")
    found = latency()
    print(f"### From a key to its last byte, {BAUD} baud, vt220\n\n| | goal | median | slowest | met |\n{'|---' * 5}|")
    for name, values in (("nothing else going on", found.idle), ("a job prints as fast as it can", found.flooded)):
        met = median(values) <= KEY_GOAL
        missed = missed or not met
        print(f"| {name} | {KEY_GOAL:.0f} ms | {median(values):.0f} ms | {max(values):.0f} ms | {WORDS[met]} |")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

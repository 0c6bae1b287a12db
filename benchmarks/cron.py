"""`python -m benchmarks.cron`: the list of scheduled jobs with a crontab of 1,000 lines and 100 timers: from the key on
Home to the list, the bytes of a page on a VT220, and what they take at 115200 baud; docs/performance.md. The exit
status is 1 when a goal is missed."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from functools import partial
from operator import ne
from pathlib import Path
from statistics import median

from benchmarks import machine
from benchmarks.terminal import Timed, environment, python
from pi_installer_tui.system.demo import DemoHost, units

ENTRIES, TIMERS = 1000, 100
#: seconds until the list is there; seconds that a page takes on a serial line
OPEN_GOAL, PAGE_GOAL = 0.5, 0.25
#: bytes a second of 115200 baud: a start bit, eight, a stop bit
BAUD = 115_200 / 10
CONSOLES = (
    ("vt220, no colour, 80x24", {"TERM": "vt220", "COLORTERM": ""}, (80, 24)),
    ("xterm, true colour, 120x40", {"TERM": "xterm-256color"}, (120, 40)),
)
#: pages that are counted
PAGES = 5


def fill(host: DemoHost) -> None:
    """Puts the crontab and the timers there, each with another time and command."""
    lines = []
    for number in range(ENTRIES):
        day, weekday = (number % 28 + 1 if number % 5 == 0 else "*"), (number % 7 if number % 3 == 0 else "*")
        task = f"/usr/local/lib/site-{number % 40}/task-{number:04d} --quiet --site {number % 40}"
        lines.append(f"{number * 7 % 60} {number % 24} {day} * {weekday} root {task}\n")
    host.machine.write("/etc/cron.d/many", "".join(lines))
    known = host.machine.text(units.ACTIVE) or ""
    for number in range(TIMERS):
        service = (
            f"[Unit]\nDescription=Task {number}\n\n[Service]\nType=oneshot\nExecStart=/usr/local/bin/task {number}\n"
        )
        timer = (
            f"[Unit]\nDescription=Task {number}\n\n[Timer]\nOnCalendar=*-*-* {number % 24:02d}:{number % 60:02d}:00\n"
        )
        host.machine.write(f"{units.ETC}/task-{number}.service", service)
        host.machine.write(f"{units.ETC}/task-{number}.timer", timer)
        known += f"task-{number}.timer loaded active waiting\n"
    host.machine.write(units.ACTIVE, known)


def measure(folder: Path, environ: dict[str, str], size: tuple[int, int]) -> tuple[float, int, float, float, float]:
    """Seconds from the key to the list, its bytes, the bytes of a page, seconds from its key until it is shown, and
    seconds from the first key until the timers are in the list too."""
    argv = python("-m", "pi_installer_tui", "--demo-root", str(folder))
    with Timed(argv, environment(PI_INSTALLER_TUI_DEMO_PACE="0", **environ), *size, answers=True) as line:
        line.until("throttled", 30.0)
        line.settle(3.0, most=10.0)  # what Home imports while it idles
        while "Scheduled" not in next((row for row in line.text.splitlines() if row.startswith((" ►", " >"))), ""):
            line.send("j")
            line.settle(0.3)
        before, pressed = _sent(line), time.monotonic()
        line.send("\r")
        opened = line.shown_at(lambda text: " scheduled" in text and "task-" in text) - pressed
        whole = line.shown_at(lambda text: "by file" in text) - pressed
        line.settle(2.0, most=10.0)  # findings and last runs come afterwards
        sent = _sent(line) - before
        before, times = _sent(line), []
        for _page in range(PAGES):
            known, pressed = line.text, time.monotonic()
            line.send(" ")
            times.append(line.shown_at(partial(ne, known)) - pressed)
            line.settle(0.5)
        return opened, sent, (_sent(line) - before) / PAGES, median(times), whole


def _sent(line: Timed) -> int:
    return sum(len(data) for _at, data in line.pieces)


def main() -> int:
    """Prints the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cron", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    fine = True
    print(f"{machine.describe()}; load {os.getloadavg()[0]:.1f}; {ENTRIES} lines, {TIMERS} timers.\n")
    print("| what | goal | measured | met |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        host = DemoHost.create(f"{folder}/machine")
        fill(host)
        for name, environ, size in CONSOLES:
            found = [measure(Path(host.address), environ, size) for _ in range(options.runs)]
            opened, sent, page, shown, whole = (median(each[n] for each in found) for n in range(5))
            met = opened <= OPEN_GOAL
            print(f"| {name}: from the key on Home to the list | {OPEN_GOAL} s | {opened:.2f} s | {_word(met)} |")
            print(f"| {name}: until the timers are there too | | {whole:.2f} s | |")
            print(f"| {name}: bytes until all of it is there | | {sent:.0f} | |")
            print(f"| {name}: from the key of a page until it begins to show | | {shown * 1000:.0f} ms | |")
            wire = page / BAUD
            quick = environ["TERM"] != "vt220" or wire <= PAGE_GOAL
            goal, word = (f"{PAGE_GOAL} s at 115200 baud", _word(quick)) if environ["TERM"] == "vt220" else ("", "")
            print(f"| {name}: bytes of a page | {goal} | {page:.0f}, {wire:.2f} s | {word} |", flush=True)
            fine = fine and met and quick
    return 0 if fine else 1


def _word(met: bool) -> str:
    return "yes" if met else "**no**"


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks.logs`: the log viewer on a journal of a million entries and on a file of a million lines, in a
test machine. The entries are made by systemd-journal-remote, the machine's own journalctl reads them. Needs root;
docs/performance.md. The exit status is 1 when a goal is missed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from hashlib import sha256
from statistics import median
from typing import Any

from benchmarks import machine as hardware
from tests.machines.conftest import REPOSITORY, checkout_digest, install
from tests.machines.journal_export import REMOTE
from tests.machines.lab import SUITES, Lab
from tests.machines.machine import CHECKOUT, Machine
from tests.machines.terminal import Terminal

ENTRIES = 1_000_000
PAGES = 30
GOAL = 1.0  # seconds until a log is open
FILE = "/var/log/million.log"


def prepare(machine: Machine) -> None:
    """What the journal is made with."""
    machine.run(["apt-get", "update"])
    machine.run(["apt-get", "install", "-y", "--no-install-recommends", "systemd-journal-remote", "python3"])


def make(machine: Machine, count: int) -> str:
    """Makes the journal and the file; how large the journal is, in words."""
    folder = f"/var/log/journal/{machine.read('/etc/machine-id').decode().strip()}"
    script = (
        f"cd {CHECKOUT} && python3 -m tests.machines.journal_export {count} | {REMOTE} --output={folder}/made.journal"
    )
    machine.run(["sh", "-c", f"mkdir -p {folder} && {script} --split-mode=none -"], seconds=3600)
    lines = """import sys
for n in range(int(sys.argv[1])):
    print(f"2026-11-27T10:00:00Z host app[1]: line {n} " + "x" * 60)
"""
    machine.run(["sh", "-c", f'python3 -c "$1" {count} > {FILE}', "-", lines])
    return machine.run(["du", "-sh", folder]).stdout.split()[0]


def read(machine: Machine, path: str) -> dict[str, list[list[Any]]]:
    """What the driver measured, by name."""
    script = f"cd {CHECKOUT} && exec python3 -m tests.machines.log_driver timed \"$1\" '{{}}' {PAGES}"
    found: dict[str, list[list[Any]]] = defaultdict(list)
    for line in machine.run(["sh", "-c", script, "-", path]).stdout.splitlines():
        name, *values = json.loads(line)
        found[name].append(values)
    return found


def opened(machine: Machine, runs: int) -> list[float]:
    """Seconds from the key on Home to the newest entry on the terminal, the whole program in between."""
    times = []
    for number in range(runs):
        marker = f"the newest entry {number}"
        machine.run(["logger", "--tag", "benchmark", marker])
        with machine.tty(["pi-installer-tui"], term="linux") as terminal:
            settle(terminal)
            if "Wizard" in terminal.text:  # which opens where nothing was set up yet
                terminal.type("q")
                settle(terminal)
            terminal.wait_for("Modules")
            began = time.monotonic()
            terminal.type("l")
            terminal.wait_for(marker)
            times.append(time.monotonic() - began)
            terminal.type("qq")
            terminal.wait()
    return times


def settle(terminal: Terminal, seconds: float = 5.0) -> None:
    """Reads for a while: the program imports and asks what the screen needs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not terminal.read(0.2):
            time.sleep(0.05)


def row(what: str, goal: str, found: str, met: bool | None = None) -> bool:
    """Prints a line of the table; whether the goal is met or there is none."""
    print(f"| {what} | {goal} | {found} | {'' if met is None else 'yes' if met else '**no**'} |", flush=True)
    return met is not False


def table(name: str, found: dict[str, list[list[Any]]]) -> bool:
    """One log's figures."""
    seconds = {what: [float(values[0]) for values in rows] for what, rows in found.items()}
    opening = seconds["open"][0]
    fine = row(f"{name}: open at its end", f"under {GOAL:.0f} s", f"{opening:.3f} s", opening < GOAL)
    for what, words in (("up", "a page of 200 upwards"), ("down", "a page of 200 downwards")):
        slowest = max(seconds[what])
        fine &= row(f"{name}: {words}", "", f"median {median(seconds[what]):.3f} s, slowest {slowest:.3f} s")
    others = {
        "first": "jump to its first entry",
        "unit": "a rare unit's {n} entries",
        "priority": "the {n} that are critical or worse",
        "search": "search for what is nowhere (looks at all)",
        "boots": "the list of boots",
        "units": "the list of units",
    }
    for what, words in others.items():
        if what in seconds:
            row(f"{name}: {words.format(n=found[what][0][1])}", "", f"{seconds[what][0]:.3f} s")
    own, readers = found["memory"][0]
    row(f"{name}: memory of the reader, of journalctl (peak RSS)", "", f"{own / 1e6:.0f} MB, {readers / 1e6:.0f} MB")
    return fine


def main() -> int:
    """Prints the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logs", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, default=SUITES[-1])
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with Lab.open() as lab:
        image = lab.layer(lab.base(options.suite), "installed", checkout_digest(REPOSITORY), install)
        image = lab.layer(image, "log-benchmark", sha256(b"systemd-journal-remote").hexdigest(), prepare)
        with lab.machine(image) as machine:
            machine.push_checkout(REPOSITORY)
            began = time.monotonic()
            size = make(machine, options.entries)
            made = time.monotonic() - began
            about = f"{hardware.describe()}; Debian {options.suite}; {options.entries:,} entries, {size}"
            print(f"{about}, made in {made:.0f} s.\n")
            print("| what | goal | measured | met |\n|---|---|---|---|", flush=True)
            fine = table("journal", read(machine, ""))
            fine &= table("file", read(machine, FILE))
            times = opened(machine, options.runs)
            slowest = max(times)
            said = f"median {median(times):.2f} s, slowest of {len(times)} {slowest:.2f} s"
            fine &= row(
                "the key on Home, until the newest entry is on the terminal",
                f"under {GOAL:.0f} s",
                said,
                slowest < GOAL,
            )
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())

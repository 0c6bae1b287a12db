"""`python -m benchmarks`: measures everything and prints the table of docs/performance.md. Needs root (a job runs), and
a machine that has nothing else to do. `--machine COMMAND...` adds the empty apply on another machine, where COMMAND
runs pi-installer-tui there. The exit status is 1 when a goal is missed."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from statistics import median

from benchmarks import machine, opening, output, reapply


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. met: whether the goal is, None where there is none."""

    what: str
    goal: str
    found: str
    met: bool | None = None

    def __str__(self) -> str:
        word = {True: "yes", False: "**no**", None: ""}[self.met]
        return f"| {self.what} | {self.goal} | {self.found} | {word} |"


def opened(runs: int) -> list[Row]:
    """Starting the program."""
    bare, ours = opening.measure(runs)
    ratio = ours.seconds / bare.seconds
    imported = opening.imported_before_first_paint()
    unwanted = opening.unwanted(imported)
    return [
        Row("first paint, a bare Textual app with one Label", "", f"{bare.seconds * 1000:.0f} ms"),
        Row("first paint, Home", "at most 1.3 times that", f"{ours.seconds * 1000:.0f} ms, {ratio:.2f}", ratio <= 1.3),
        Row("unwanted modules imported before it", "none", ", ".join(unwanted) or "none", not unwanted),
        Row("modules of ours and of others imported before it", "", str(len(imported))),
        Row("memory of the bare app (PSS)", "", f"{bare.memory / 1e6:.1f} MB"),
        Row("memory on Home, 3 s after the start (PSS)", "", f"{ours.memory / 1e6:.1f} MB"),
    ]


def flooded() -> list[Row]:
    """A command that prints as fast as it can."""
    flood = output.measure()
    slowest = max(flood.keys)
    return [
        Row(
            f"{output.LINES:,} lines through a job into the screen",
            "under 3 s",
            f"{flood.seconds:.2f} s, {flood.rate:,.0f} lines/s",
            flood.seconds < 3,
        ),
        Row(
            "a key meanwhile, until the screen shows it",
            "answers",
            f"median {median(flood.keys) * 1000:.0f} ms, slowest of {len(flood.keys)} {slowest * 1000:.0f} ms",
            slowest < 0.5,
        ),
    ]


def applied(command: list[str], runs: int) -> list[Row]:
    """Applying what already is."""
    seconds = reapply.demo(runs)
    rows = [Row("empty apply of a full System file, demo", "under 1 s", f"{seconds:.2f} s", seconds < 1)]
    if command:
        seconds = reapply.on_machine(command, runs)
        rows.append(Row("the same on a Debian machine", "under 1 s", f"{seconds:.2f} s", seconds < 1))
    return rows


def main() -> int:
    """Prints the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=opening.RUNS)
    parser.add_argument("--machine", nargs=argparse.REMAINDER, default=[], metavar="COMMAND")
    options = parser.parse_args()
    print(f"{machine.describe()}; median of {options.runs} warm runs.\n", flush=True)
    print("| what | goal | measured | met |\n|---|---|---|---|", flush=True)
    missed = False
    for rows in (opened(options.runs), flooded(), applied(options.machine, options.runs)):
        for row in rows:
            print(row, flush=True)
            missed = missed or row.met is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

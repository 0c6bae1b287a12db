"""`python -m benchmarks.vpn`: what it takes to add a peer to a tunnel that runs, with few and with many peers in it, in
a test machine with wireguard-go: the whole command, and the moment in which the kernel's side changes. Needs root;
docs/performance.md. The exit status is 1 when a goal is missed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine as hardware
from tests.machines.conftest import REPOSITORY, checkout_digest, install
from tests.machines.lab import SUITES, Lab
from tests.machines.machine import Machine
from tests.machines.program import newest_job, tui
from tests.machines.vpn_net import setup_of

#: seconds that the live change itself may take
GOAL = 1.0
JOBS = "var/lib/pi-installer-tui/jobs"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vpn", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, default="trixie", help="which Debian (trixie)")
    parser.add_argument("--peers", type=int, default=200, help="how many there are already (200)")
    parser.add_argument("--runs", type=int, default=5, help="how often one more is added (5)")
    args = parser.parse_args()
    load = Path("/proc/loadavg").read_text(encoding="ascii").split()[0]
    print(f"{hardware.describe()}; Debian {args.suite}; load {load}\n")
    print("| what | goal | measured | met |\n|---|---|---|---|")
    good = True
    with Lab.open() as lab:
        image = lab.layer(lab.base(args.suite), "installed", checkout_digest(REPOSITORY), install)
        with lab.machine(image) as booted:
            made = 0
            for count in (3, args.peers):
                peers: dict[str, Any] = {f"p{number}": {} for number in range(made, count)}
                began = time.monotonic()
                wanted = setup_of({"endpoint": "vpn.example.org", "peers": peers})
                tui(booted, "apply", "-", "--yes", "--json", setup=wanted)
                print(f"| {count - made} peers in one job, packages included where they were lacking |  |"
                      f" {time.monotonic() - began:.1f} s |  |")  # fmt: skip
                made = count
                good = _added(booted, count, args.runs) and good
    return 0 if good else 1


def _added(machine: Machine, count: int, runs: int) -> bool:
    whole, live = [], []
    for number in range(runs):
        began = time.monotonic()
        tui(machine, "vpn", "add", f"extra{count}-{number}", "--yes", "--json")
        whole.append(time.monotonic() - began)
        live.append(_step(machine, newest_job(machine), "vpn.wg0.sync"))
    met = max(live) <= GOAL
    print(f"| one more with {count} there: the whole command, plan and checks included |  | {median(whole):.2f} s |  |")
    print(f"| … of it rules and `wg syncconf` | under {GOAL:g} s | median {median(live):.2f} s, slowest"
          f" {max(live):.2f} s | {'yes' if met else 'no'} |")  # fmt: skip
    return met


def _step(machine: Machine, job: str, step: str) -> float:
    """Seconds from a step's begin to its end, by the job's journal."""
    lines = (machine.root / JOBS / job / "events.jsonl").read_text(encoding="utf-8").splitlines()
    moments = [event["at"] for line in lines if (event := json.loads(line)).get("step") == step]
    return float(moments[-1] - moments[0])


if __name__ == "__main__":
    sys.exit(main())

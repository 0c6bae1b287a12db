"""Lynis, a second opinion, before and after the profile `internet`. `-s` prints what it takes points off for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .machine import Machine
from .program import tui

LOG = "/var/log/lynis.log"
REPORT = "/var/log/lynis-report.dat"
#: what an owner who knows who logs in, and how, can add to the profile
STRICT: dict[str, Any] = {
    "security": {
        "profile": "internet",
        "ssh": {"users": ["pi"], "max_auth_tries": 3, "max_sessions": 2, "tcp_forwarding": "no"},
    },
    "users": {"policy": {"min_length": 12}},
}


def second_opinion(machine: Machine, *options: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = json.loads(tui(machine, "audit", "--json", *options).stdout)["lynis"]
    return found


def index(machine: Machine, what: str) -> tuple[int, int]:
    """The hardening index and the audit's score; prints the points and where the others were lost."""
    found = json.loads(tui(machine, "audit", "--json").stdout)
    test, lost = "", list[tuple[int, str]]()
    points = ""
    for line in machine.read(LOG).decode(errors="replace").splitlines():
        if named := re.search(r"Performing test ID (\S+)", line):
            test = named[1]
        if having := re.search(r"Currently having (\d+) points \(out of (\d+)\)", line):
            points = f"{having[1]} of {having[2]}"
        if given := re.search(r"partial number of hardening points \((\d+) of (\d+)\)", line):
            lost.append((int(given[2]) - int(given[1]), test))
    by_test = {name: sum(n for n, t in lost if t == name) for _n, name in lost}
    print(
        f"\n{machine.image.suite}, {what}: Lynis {found['lynis']['version']} says {found['lynis']['index']}, {points}"
    )
    print(f"  the score is {found['score']}; lost:", sorted(by_test.items(), key=lambda each: -each[1]))
    return int(found["lynis"]["index"]), int(found["score"])


def apply(machine: Machine, settings: dict[str, Any]) -> None:
    setup = json.dumps({"version": 1, **settings})
    tui(machine, "apply", "-", "--yes", "--confirm", "none", setup=setup)
    said = json.loads(tui(machine, "plan", "-", "--json", setup=setup).stdout)
    assert said["changed"] is False, said


@pytest.mark.long
def test_it_is_run_and_the_profile_internet_raises_its_index(installed: Machine, pytestconfig: pytest.Config) -> None:
    assert second_opinion(installed, "--quick") is None
    installed.run(["apt-get", "update", "-qq"])
    installed.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "lynis"])
    before = index(installed, "base")
    said = re.search(r"(?m)^hardening_index=(\d+)$", installed.read(REPORT).decode(errors="replace"))
    shown = second_opinion(installed, "--quick")
    assert said and shown and before[0] == shown["index"] == int(said[1])
    apply(installed, {"security": {"profile": "internet"}})
    after = index(installed, "profile internet")
    assert after[0] >= before[0] + 12 and after[1] > before[1], (before, after)
    if not pytestconfig.getoption("--all"):
        return
    apply(installed, STRICT)
    strict = index(installed, "with what its owner can add")
    assert strict[0] >= before[0] + 16, (before, strict)

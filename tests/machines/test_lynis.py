"""Lynis, a second opinion, before and after the profile `internet`. `-s` prints what it takes points off for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .machine import Machine
from .program import tui

LOG = "/var/log/lynis.log"
#: what an owner who knows who logs in, and how, can add to the profile
STRICT: dict[str, Any] = {
    "security": {
        "profile": "internet",
        "ssh": {"users": ["pi"], "max_auth_tries": 3, "max_sessions": 2, "tcp_forwarding": "no"},
    },
    "users": {"policy": {"min_length": 12}},
}


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
def test_the_profile_internet_raises_the_hardening_index(installed: Machine) -> None:
    installed.run(["apt-get", "update", "-qq"])
    installed.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "lynis"])
    before = index(installed, "base")
    apply(installed, {"security": {"profile": "internet"}})
    after = index(installed, "profile internet")
    apply(installed, STRICT)
    strict = index(installed, "with what its owner can add")
    assert after[0] >= before[0] + 12 and after[1] > before[1], (before, after)
    assert strict[0] >= before[0] + 16, (before, strict)

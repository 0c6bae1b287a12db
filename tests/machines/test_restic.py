"""The cases of tests/restic with Debian 13's restic and Debian 12's."""

from __future__ import annotations

import json

import pytest

from tests.restic.cases import CASES

from .conftest import REPOSITORY
from .lab import Lab
from .machine import CHECKOUT, Image, Machine

#: need a loop device, that machines don't have; they run on the host (tests/unit/test_restic_engine.py)
ELSEWHERE = {
    "a_disk_that_is_not_there_is_never_written_past",
    "a_disk_that_is_pulled_during_a_run_is_never_written_past",
}
NAMES = [name for name in CASES if name not in ELSEWHERE]


def _restic(machine: Machine) -> None:
    machine.run(["apt-get", "update"])
    machine.run(["apt-get", "install", "-y", "--no-install-recommends", "python3", "restic"])


@pytest.mark.long
def test_restic_keeps_the_promises(lab: Lab, bare_image: Image, suite: str) -> None:
    """All of them on one machine that has Python and restic."""
    with lab.machine(lab.layer(bare_image, "restic", "python3 restic", _restic)) as machine:
        machine.push_checkout(REPOSITORY)
        done = machine.run(["sh", "-c", f"cd {CHECKOUT} && exec python3 -m tests.restic.run {' '.join(NAMES)}"])
        said: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    assert said.keys() == set(NAMES)
    assert not {name: wrong for name, wrong in said.items() if wrong is not None}

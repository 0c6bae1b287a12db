"""A real machine keeps the contract that the demo machine is held to (tests/contract/cases.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.contract.backups import CASES

from .conftest import REPOSITORY
from .lab import Lab
from .machine import CHECKOUT, Image, Machine


@pytest.fixture(scope="module")
def results(lab: Lab, bare_image: Image) -> Iterator[dict[str, str | None]]:
    """All cases' results on one machine that has nothing but Python and restic."""
    with lab.machine(lab.layer(bare_image, "python", "python3 restic", _python)) as machine:
        machine.push_checkout(REPOSITORY)
        done = machine.run(["sh", "-c", f"cd {CHECKOUT} && exec python3 -m tests.contract.run"])
        yield json.loads(done.stdout.splitlines()[-1])


def _python(machine: Machine) -> None:
    machine.run(["apt-get", "update"])
    machine.run(["apt-get", "install", "-y", "--no-install-recommends", "python3", "restic"])


@pytest.mark.parametrize("name", CASES)
def test_a_real_machine_keeps_the_contract(name: str, results: dict[str, str | None]) -> None:
    assert results[name] is None, results[name]

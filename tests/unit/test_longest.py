"""The table by which the longest machine tests start first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.longest import LONGEST, SHARING, scope

MACHINES = Path(__file__).parents[1] / "machines"


@pytest.mark.parametrize("test", [*LONGEST, *(f"{file}::{fixture}" for file, fixture in SHARING.items())])
def test_each_that_is_named_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"\ndef {name}" in (MACHINES / file).read_text()


def test_those_that_share_a_machine_stay_together_and_no_others_do() -> None:
    contract = "tests/machines/test_contract.py::test_a_real_machine_keeps_the_contract[{}]"
    assert scope(contract.format("trixie-a")) == scope(contract.format("trixie-b"))
    assert scope(contract.format("trixie-a")) != scope(contract.format("bookworm-a"))
    containers = "tests/machines/test_databases.py::test_what_containers_hold_is_found_dumped_and_drilled[trixie]"
    assert scope(containers) == containers
    for other in ("tests/machines/test_users.py::test_a[trixie]", "tests/machines/test_users.py::test_b[trixie]"):
        assert scope(other) == other

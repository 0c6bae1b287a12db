"""The table by which the longest machine tests start first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.longest import LONGEST, SHARING

MACHINES = Path(__file__).parents[1] / "machines"


@pytest.mark.parametrize("test", [*LONGEST, *(f"{file}::{fixture}" for file, fixture in SHARING.items())])
def test_each_that_is_named_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"\ndef {name}" in (MACHINES / file).read_text()

"""The table by which the longest machine tests start first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.longest import LONGEST

MACHINES = Path(__file__).parents[1] / "machines"


@pytest.mark.parametrize("test", LONGEST)
def test_each_named_test_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"\ndef {name}(" in (MACHINES / file).read_text()

"""The cases of tests/restic with the restic of this host."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.restic.bench import Bench, CannotRun
from tests.restic.cases import CASES


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if not shutil.which("restic"):
        pytest.skip("restic isn't installed")
    folder = tmp_path_factory.mktemp("restic")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", CASES)
def test_restic(name: str, shared: Path) -> None:
    try:
        asyncio.run(CASES[name](Bench(shared, name)))
    except CannotRun as error:
        pytest.skip(str(error))

"""What all tests share: how many of the long ones run."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest
from hypothesis import settings

# what an example may take depends on what else runs; times are measured in benchmarks/
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

SAMPLE = 10  # of a long test's cases every tenth runs, which ones is seeded


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run every case of the tests marked long, not a seeded tenth")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all"):
        return
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("long"):
            cases[item.nodeid.partition("[")[0]].append(item)
    left_out: set[pytest.Item] = set()
    for name, group in cases.items():
        keep = set(random.Random(name).sample(range(len(group)), -(-len(group) // SAMPLE)))
        left_out.update(item for number, item in enumerate(group) if number not in keep)
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]

"""What all tests share: how many of the long ones run, and reports that pytest-xdist can carry."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Generator
from typing import Any

import pytest
from _pytest._code.code import ExceptionRepr
from hypothesis import settings

# what an example may take depends on what else runs; times are measured in benchmarks/
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

#: of a long test's cases every tenth runs (or what it says: `long(every=4)`), but not more than these; which ones is
#: seeded
SAMPLE, MOST = 10, 12


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run every case of the tests marked long, not some")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all"):
        return
    cases: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if marker := item.get_closest_marker("long"):
            cases[item.nodeid.partition("[")[0], marker.kwargs.get("every", SAMPLE)].append(item)
    left_out: set[pytest.Item] = set()
    for (name, every), group in cases.items():
        keep = set(random.Random(name).sample(range(len(group)), min(MOST, -(-len(group) // every))))
        left_out.update(item for number, item in enumerate(group) if number not in keep)
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """What goes wrong outside a test ends the whole run: then its report says at least where."""
    try:
        return (yield)
    except Exception as error:
        error.add_note(f"while {item.nodeid} ran")
        raise


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """A failure that shows a file name which isn't UTF-8 has surrogates in its text. A worker of pytest-xdist can't
    send these and would die of it."""
    return sendable((yield))


def sendable(data: Any) -> Any:
    """As execnet can carry it."""
    match data:
        case None | bool() | int() | float() | bytes():
            return data
        case str():
            return data.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {sendable(key): sendable(value) for key, value in data.items()}
        case list() | tuple():
            return [sendable(each) for each in data] if isinstance(data, list) else tuple(map(sendable, data))
    return repr(data)


_internal_error: list[str] = []


def pytest_internalerror(excrepr: ExceptionRepr) -> None:
    _internal_error.extend([] if _internal_error else str(excrepr).splitlines()[-15:])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The end of an internal error once more, after all else: of a long log often only its end is kept."""
    if _internal_error and not hasattr(config, "workerinput"):
        print("\nThe internal error:", *_internal_error, sep="\n")

"""The tests' own reports: what a worker of pytest-xdist can't send would take the whole run along."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import sendable

ROOT = Path(__file__).parents[2]
FAILS = r"""
def test_names() -> None:
    assert "not utf-8 \udcff" == "another"

def test_other() -> None:
    pass
"""
BREAKS = """
import os

def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" in os.environ:
        raise OSError("no room")
"""


def run(folder: Path, conftest: str = "") -> str:
    (folder / "conftest.py").write_text(f"from tests.conftest import *\n{conftest}")
    (folder / "test_fails.py").write_text(FAILS)
    argv = (sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider", "--rootdir", str(folder))
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode, done.stderr
    return done.stdout


def test_a_failure_with_a_name_that_is_not_utf_8_is_reported_like_any_other(tmp_path: Path) -> None:
    said = run(tmp_path)
    assert "1 failed, 1 passed" in said and "INTERNALERROR" not in said, said
    assert "not utf-8 \\udcff" in said


def test_an_error_outside_of_any_test_says_which_one_ran_at_the_end_of_the_log(tmp_path: Path) -> None:
    said = run(tmp_path, BREAKS)
    end = said.partition("The internal error:")[2]
    assert "OSError: no room" in end and "while test_fails.py::test_names ran" in end, said


@pytest.mark.parametrize("data", [None, True, 1, 1.5, b"\xff", "ü", ["a", (1, "b")], {"a": {"b": None}}])
def test_what_can_be_sent_stays_as_it_is(data: object) -> None:
    assert sendable(data) == data and type(sendable(data)) is type(data)


def test_what_cannot_be_sent_is_sent_as_text() -> None:
    assert sendable({"\udc80": [Path("a")]}) == {"\\udc80": ["PosixPath('a')"]}

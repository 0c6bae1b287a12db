"""The dashboard on a serial line: in ASCII, few bytes a second, and none where nothing changes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import pytest

from tests.terminal.line import Line

#: bytes a second that are a fortieth of what 115200 baud carry
MOST = 288


@pytest.fixture
def line() -> Iterator[Line]:
    environment = {**os.environ, "TERM": "vt220", "COLORTERM": "", "LANG": "C.UTF-8"}
    with Line([sys.executable, "-m", "pi_installer_tui", "--demo"], environment) as found:
        found.until("throttled", 60.0)
        found.settle(1.0)
        found.send("m")
        found.until("all cores", 30.0)
        yield found


def watched(line: Line, seconds: float) -> int:
    """Bytes that come in so long."""
    before, end = len(line.received), time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        line.read(left)
    return len(line.received) - before


def test_live_numbers_are_few_bytes(line: Line) -> None:
    watched(line, 3.0)
    sent = watched(line, 12.0)
    assert 12 < sent < 12 * MOST
    assert line.text.isascii()


def test_a_range_of_the_past_stands_still(line: Line) -> None:
    line.send("\x1b[C")
    line.until("Dashboard: 1 h", 10.0)
    line.until("at most", 10.0)
    line.settle(1.0)
    assert watched(line, 5.0) == 0

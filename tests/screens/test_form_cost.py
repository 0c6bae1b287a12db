"""What a form costs on a serial line: the real program on a pty, its bytes counted."""

from __future__ import annotations

import os
import sys
from statistics import median

from tests.terminal.line import Line


def test_a_tab_to_the_next_field_is_a_few_bytes_on_a_vt220() -> None:
    environment = {
        "TERM": "vt220",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "LANG": "C.UTF-8",
    }
    argv = [sys.executable, "-m", "pi_installer_tui", "--demo", "--console", "serial"]
    with Line(argv, environment) as terminal:
        terminal.until("raspberrypi")
        terminal.settle()
        before = len(terminal.received)
        terminal.send("\r")
        terminal.until("> Hostname")
        terminal.settle()
        assert len(terminal.received) - before <= 1700
        tabs = []
        for _ in range(10):
            before = len(terminal.received)
            terminal.send("\t")
            terminal.settle()
            tabs.append(len(terminal.received) - before)
        assert median(tabs) <= 130, tabs
        assert min(tabs) > 0, tabs

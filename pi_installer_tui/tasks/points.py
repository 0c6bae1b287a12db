"""The points that a job passes, by name: `<step id>:<point>`, and `-:<point>` outside of any step. A seam for tests:
PI_INSTALLER_TUI_CRASH="<step id>:<point>[:n]" in the environment makes the worker kill itself at the n-th passing."""

from __future__ import annotations

import os
import signal
from collections import Counter

CRASH = "PI_INSTALLER_TUI_CRASH"


class Points:
    """Where the job is. `step` is set by the runner; `passed` counts every point passed so far.

    crash: a point in the form above, "" for none.
    """

    def __init__(self, crash: str = "") -> None:
        self.step = ""
        self.passed: Counter[str] = Counter()
        point, _, number = crash.rpartition(":")
        self._crash, self._at = (point, int(number)) if number.isdigit() else (crash, 1)

    def reached(self, point: str) -> None:
        """Called just before the job goes past a point."""
        name = f"{self.step or '-'}:{point}"
        self.passed[name] += 1
        if name == self._crash and self.passed[name] == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

"""The terminal of the tests, with a clock: when was what on the screen?"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.terminal.line import Line

#: a character and how often it is repeated (ECMA-48 REP), which pyte doesn't know
_REPEATED = re.compile(rb"([\x20-\x7e]|[\xc0-\xff][\x80-\xbf]+)\x1b\[([0-9]+)b")


@dataclass
class Timed(Line):
    """Keeps each piece of output with the time it came (time.monotonic, which other processes share). The emulator is
    fed when somebody looks, so that it takes nothing from the program's time; a question is answered at once."""

    pieces: list[tuple[float, bytes]] = field(default_factory=list, init=False)
    _fed: int = field(default=0, init=False)

    def _take(self, data: bytes) -> None:
        self.pieces.append((time.monotonic(), data))
        if b"\x1b[6n" in data or b"\x1b[c" in data or b"\x1b[0c" in data:
            self._feed(len(self.pieces))

    def _feed(self, count: int) -> None:
        for _, data in self.pieces[self._fed : count]:
            super()._take(_REPEATED.sub(lambda found: found[1] * (int(found[2]) + 1), data))
        self._fed = max(self._fed, count)

    @property
    def text(self) -> str:
        """The screen as text, of what has come until now."""
        self._feed(len(self.pieces))
        return super().text

    def watch(self, seconds: float) -> None:
        """Reads for so long, without looking at what it is."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self.status is None:
            self.read(left)

    def shown_at(self, there: Callable[[str], bool], most: float = 20.0) -> float:
        """Reads until the screen's text is as asked for, looking at it piece by piece; when it was. Raises
        TimeoutError."""
        end = time.monotonic() + most
        while True:
            while self._fed < len(self.pieces):
                at = self.pieces[self._fed][0]
                self._feed(self._fed + 1)
                if there(super().text):
                    return at
            if time.monotonic() > end:
                raise TimeoutError(f"not shown within {most} s; the screen:\n{self.text}")
            self.read(0.01)

    def memory(self) -> int:
        """The program's proportional set size, in bytes (proc_pid_smaps(5))."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        raise ValueError("no Pss in smaps_rollup")


def environment(**more: str) -> dict[str, str]:
    """The environment of a program under measurement: nothing of ours but what Python needs to find the package."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    return kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"} | more


def python(*argv: str) -> list[str]:
    """A command line for this Python."""
    return [sys.executable, *argv]

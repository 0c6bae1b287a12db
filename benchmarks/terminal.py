"""A terminal for programs under measurement: a pty, an emulator that says what is on the screen, and when it was."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import pyte

#: device attributes, cursor position and mode requests: what a program waits for an answer to
_QUERIES = re.compile(rb"\x1b\[(?:c|0c|6n|5n|\?[0-9]+\$p)")


class Terminal:
    """Runs a program on a pty and keeps what it writes, with the time of each piece (time.monotonic, which other
    processes share). The emulator is fed when somebody looks, so that it takes nothing from the program's time."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], *, columns: int = 80, lines: int = 24) -> None:
        self.pieces: list[tuple[float, bytes]] = []
        self.screen = pyte.Screen(columns, lines)
        self.screen.write_process_input = self._answer  # type: ignore[method-assign]
        self._stream = pyte.ByteStream(self.screen)
        self._fed = 0
        self.started = time.monotonic()
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], list(argv), dict(environ))
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.status: int | None = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    # reading ------------------------------------------------------------------------------------------------------

    def read(self, seconds: float) -> bool:
        """Takes one piece, waiting for it so long at most; False when nothing came or the program has ended."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the program's side is closed
            return False
        if not data:
            return False
        self.pieces.append((time.monotonic(), data))
        if _QUERIES.search(data):
            self._feed(len(self.pieces))
            for mode in re.findall(rb"\x1b\[\?([0-9]+)\$p", data):
                self.send(b"\x1b[?" + mode + b";0$y")
        return True

    def watch(self, seconds: float) -> None:
        """Reads for so long, without looking at what it is."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)

    def until(self, shown: Callable[[str], bool], limit: float) -> float:
        """Reads until the screen's text is as asked for; the time at which it was. Raises TimeoutError."""
        end = time.monotonic() + limit
        while True:
            while self._fed < len(self.pieces):
                at = self.pieces[self._fed][0]
                self._feed(self._fed + 1)
                if shown(self.text):
                    return at
            if time.monotonic() > end:
                raise TimeoutError(f"not on the screen within {limit} s:\n{self.text}")
            self.read(0.05)

    @property
    def text(self) -> str:
        """What the screen shows, of the pieces that were fed."""
        return "\n".join(self.screen.display)

    def look(self) -> str:
        """What the screen shows now."""
        self._feed(len(self.pieces))
        return self.text

    def _feed(self, count: int) -> None:
        for _, data in self.pieces[self._fed : count]:
            # pyte knows no `CSI > ...` and `CSI < ...` (kitty's keys) and would print their tails
            self._stream.feed(re.sub(rb"\x1b\[[<>=][0-9;]*[a-z]", b"", data))
        self._fed = count

    # writing ------------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Keys."""
        os.write(self._master, data)

    def _answer(self, data: Any) -> None:
        self.send(data.encode() if isinstance(data, str) else data)

    def memory(self) -> int:
        """The program's proportional set size, in bytes (proc_pid_smaps(5))."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        raise ValueError("no Pss in smaps_rollup")

    def end(self) -> None:
        """Ends the program and everything in its session."""
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self._master)

    def wait(self, limit: float = 10.0) -> int:
        """Reads to the program's end; its exit status. Raises TimeoutError."""
        end = time.monotonic() + limit
        while self.status is None:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while self.read(0):
                    pass
                self.status = os.waitstatus_to_exitcode(status)
                os.close(self._master)
            elif time.monotonic() > end:
                raise TimeoutError(f"still running after {limit} s")
        return self.status


def environment(**more: str) -> dict[str, str]:
    """The environment of a program under measurement: nothing of ours but what Python needs to find the package."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    return kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"} | more


def python(*argv: str) -> list[str]:
    """A command line for this Python."""
    return [sys.executable, *argv]

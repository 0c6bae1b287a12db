"""The program in a process of its own on a pseudo terminal, as a person's terminal has it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

import pyte

ROOT = Path(__file__).parents[2]


class Terminal:
    """A pseudo terminal with a Python program on it, and an emulator that shows what is on its screen."""

    def __init__(self, code: str, *, size: tuple[int, int] = (80, 24), env: Mapping[str, str] | None = None) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **(env or {})}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            preexec_fn=_own_session,
        )

    def read(self, seconds: float) -> None:
        """Takes in what comes within `seconds`, or until nothing came for a while after something did."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.master], [], [], min(left, 0.1))
            if not ready:
                continue
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.raw += data
            self._stream.feed(data)

    def wait_for(self, text: str, seconds: float = 20.0) -> None:
        """Reads until `text` is on the screen."""
        end = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < end, f"{text!r} isn't on the screen:\n{self.text}"
            self.read(0.1)

    @property
    def text(self) -> str:
        """The screen's lines."""
        return "\n".join(self.screen.display)

    def press(self, keys: str) -> None:
        """Types."""
        os.write(self.master, keys.encode())

    def end(self, seconds: float = 10.0) -> int:
        """Waits for the process's end and returns its status."""
        stop = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < stop:
            self.read(0.05)
        self.read(0.1)
        status = self.process.poll()
        assert status is not None, f"it still runs:\n{self.text}"
        return status

    def cooked(self) -> bool:
        """Whether the line is as it was before the program: echoing, with signals, not raw."""
        return termios.tcgetattr(self.slave)[:4] == self.before[:4]

    def close(self) -> None:
        """Ends what still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)

    def hang_up(self) -> None:
        """The line breaks: the terminal goes away."""
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1


def _own_session() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

"""A program under a pseudoterminal, and what a person at that terminal would see and type.

pyte plays the terminal, so a test asks for text on the screen instead of for bytes on the line.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

import pyte


class Terminal:
    """`argv` with the pseudoterminal `master`/`slave` as its controlling terminal. Closing it hangs up the line."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        pty: tuple[int, int] | None = None,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.master, slave = pty or os.openpty()
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = bytearray()
        self._resize(*size)
        self.process = subprocess.Popen(
            list(argv),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=None if env is None else dict(env),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        os.set_blocking(self.master, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.master, selectors.EVENT_READ)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """The window gets another size; the program hears of it by SIGWINCH."""
        self._resize(columns, rows)
        self._screen.resize(rows, columns)

    def play(self, screen: pyte.Screen, stream: pyte.ByteStream) -> None:
        """Another emulator shows what comes from now on."""
        self._screen, self._stream = screen, stream

    def type(self, text: str) -> None:
        """Keys, as the terminal would send them."""
        os.write(self.master, text.encode())

    def read(self, seconds: float) -> bytes:
        """What comes within `seconds`, put on the screen. Ends at once when the program has closed the line."""
        until = time.monotonic() + seconds
        got = bytearray()
        while (left := until - time.monotonic()) > 0:
            if not self._selector.select(left):
                break
            try:
                chunk = os.read(self.master, 65536)
            except OSError:  # EIO: nobody holds the other end any more
                break
            if not chunk:
                break
            got += chunk
            self._stream.feed(chunk)
        self.raw += got
        return bytes(got)

    @property
    def text(self) -> str:
        """The screen, a line for each row, without trailing blanks."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def wait_for(self, text: str, seconds: float = 90) -> str:
        """Read until `text` is on the screen, and return the screen. TimeoutError shows the screen instead."""
        until = time.monotonic() + seconds
        while text not in self.text:
            if not self.read(min(0.2, max(0.0, until - time.monotonic()))):
                if self.process.poll() is not None and not self.read(0.1) and text not in self.text:
                    raise AssertionError(
                        f"the program ended ({self.process.returncode}) without {text!r} on its screen:\n{self.text}"
                    )
                if time.monotonic() >= until:
                    raise TimeoutError(f"{text!r} is not on the screen after {seconds} s:\n{self.text}")
        return self.text

    def wait(self, seconds: float = 90) -> int:
        """The exit status of the program, its output read meanwhile."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            if not self.read(0.1):
                time.sleep(0.02)
            if time.monotonic() >= until:
                raise TimeoutError(f"the program still runs after {seconds} s:\n{self.text}")
        self.read(0.1)
        return self.process.returncode

    def close(self) -> None:
        """Hang up: the program gets SIGHUP. One that doesn't care is killed after two seconds."""
        if self.master < 0:
            return
        self._selector.close()
        os.close(self.master)
        self.master = -1
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

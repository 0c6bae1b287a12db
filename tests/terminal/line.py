"""`Line`: a program on a pty, its output read no faster than a serial line would carry it, shown by pyte."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import pyte

_QUESTION = re.compile(rb"\x1b\[(6n|c|0c)")


class Screen(pyte.Screen):
    """pyte's screen, with REP (ECMA-48 8.3.103), which xterm and tmux have and pyte lacks."""

    _last = " "

    def draw(self, data: str) -> None:
        super().draw(data)
        self._last = data[-1:] or self._last

    def repeat(self, count: int | None = None) -> None:
        """The character before, `count` times more."""
        super().draw(self._last * (count or 1))


class Stream(pyte.ByteStream):
    """pyte's stream, with REP."""

    csi = {**pyte.ByteStream.csi, "b": "repeat"}
    events = frozenset({*pyte.ByteStream.events, "repeat"})


@dataclass
class Line:
    """A program on a terminal.

    baud: bits a second it is read at (8N1: ten bits a byte), None: as fast as it writes. answers: whether the terminal
    answers cursor position and device attribute requests, as every VT100 does.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    columns: int = 80
    rows: int = 24
    baud: int | None = None
    answers: bool = True
    #: False: an eight-bit terminal with DEC's character sets instead of UTF-8
    utf8: bool = True
    #: report the size to the kernel (a serial line doesn't)
    report_size: bool = True
    screen: pyte.Screen = field(init=False)
    #: every byte the program sent, with the time it left the line
    received: bytearray = field(default_factory=bytearray, init=False)
    last_byte_at: float = field(default=0.0, init=False)
    #: when the line is free for another byte
    _carried: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.screen = Screen(self.columns, self.rows)
        self._stream = Stream(self.screen)
        if not self.utf8:
            self._stream.feed(b"\x1b%@")
        self.status: int | None = None

    def __enter__(self) -> Self:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if self.report_size:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
            os.execvpe(self.argv[0], list(self.argv), dict(self.environment))
        self.started = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.status is None:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        with contextlib.suppress(OSError):
            os.close(self.fd)

    def resize(self, columns: int, rows: int) -> None:
        """The window changes (the kernel sends SIGWINCH)."""
        self.columns, self.rows = columns, rows
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, keys: str | bytes) -> None:
        """Presses keys."""
        os.write(self.fd, keys.encode() if isinstance(keys, str) else keys)

    def read(self, timeout: float) -> int:
        """Takes what the line carries within `timeout` seconds, at least once; returns the number of bytes."""
        end = time.monotonic() + timeout
        total = 0
        while True:
            left = end - time.monotonic()
            size = self.read_piece(max(0.0, left))
            total += size
            if not size or left <= 0:
                return total

    def read_piece(self, timeout: float) -> int:
        """Waits `timeout` seconds for something, and takes it once the line has carried it: with a baud rate 32 bytes
        at most, each byte after the one before. Returns the number of bytes."""
        if not select.select([self.fd], [], [], timeout)[0]:
            return 0
        begun = time.monotonic()
        try:
            data = os.read(self.fd, 32 if self.baud else 65536)
        except OSError:
            self.ended()
            return 0
        if self.baud:
            self._carried = max(self._carried, begun) + len(data) * 10 / self.baud
            time.sleep(max(0.0, self._carried - time.monotonic()))
        if data:
            self._take(data)
        return len(data)

    def _take(self, data: bytes) -> None:
        self.received += data
        self.last_byte_at = time.monotonic()
        done = 0
        for question in _QUESTION.finditer(data):
            self._stream.feed(data[done : question.end()])
            done = question.end()
            cursor = self.screen.cursor
            if self.answers:
                self.send(f"\x1b[{cursor.y + 1};{cursor.x + 1}R" if question[1] == b"6n" else "\x1b[?62;c")
        self._stream.feed(data[done:])

    def settle(self, quiet: float = 0.3, most: float = 20.0) -> int:
        """Reads until nothing came for `quiet` seconds; returns the number of bytes."""
        total, end = 0, time.monotonic() + most
        while time.monotonic() < end:
            size = self.read(quiet)
            if not size:
                break
            total += size
        return total

    def until(self, there: Callable[[str], bool] | str, most: float = 20.0) -> float:
        """Reads until the screen shows a text (or `there` holds); returns the seconds. Raises TimeoutError."""
        begin = time.monotonic()
        while time.monotonic() < begin + most:
            text = self.text
            if there in text if isinstance(there, str) else there(text):
                return time.monotonic() - begin
            self.read(0.02)
        raise TimeoutError(f"not shown within {most} s: {there!r}; the screen:\n{self.text}")

    @property
    def text(self) -> str:
        """The screen as text."""
        return "\n".join(self.screen.display)

    def ended(self, wait: float = 5.0) -> int | None:
        """The exit status, None while it runs after `wait` seconds."""
        end = time.monotonic() + wait
        while self.status is None and time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                break
            time.sleep(0.02)
        return self.status

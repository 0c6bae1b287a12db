"""What a command prints, on its way into the journal: bytes as they come become text of whole lines, in few large
pieces, with nothing in it that could steer a terminal."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable

#: bytes in one piece at most, and seconds between two smaller ones
SIZE = 64 * 1024
EVERY = 0.05
#: lines that `tail` keeps, and characters of each
TAIL = 25
TAIL_WIDTH = 500

# ECMA-48: control sequences, strings (OSC, DCS, ...) up to their end or the line's, two-character sequences
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Output:
    """Collects chunks and calls `emit` with whole lines: after `EVERY` seconds, or when there is much at once. Of a
    line that was drawn over with carriage returns the last drawing stays. Needs a running loop."""

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._pending = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._tail: deque[str] = deque(maxlen=TAIL)

    def feed(self, chunk: bytes) -> None:
        """Takes what came."""
        self._pending += chunk
        while len(self._pending) >= SIZE:
            self._send(SIZE)
        if self._pending and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVERY, self._due)

    def flush(self) -> None:
        """Gives away all there is, a line without its end too."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:  # less than SIZE: `feed` gave away the rest
            self._give(bytes(self._pending) if self._pending.endswith(b"\n") else bytes(self._pending) + b"\n")
            self._pending.clear()

    def tail(self) -> tuple[str, ...]:
        """The last lines."""
        return tuple(self._tail)

    def _due(self) -> None:
        self._timer = None
        if b"\n" in self._pending:
            self._send(SIZE)

    def _send(self, limit: int) -> None:
        """Gives away the whole lines among the first `limit` bytes; of a line longer than that, a part."""
        end = self._pending.rfind(b"\n", 0, limit) + 1
        if end:
            data = bytes(self._pending[:end])
        elif (start := self._pending.rfind(b"\r", 0, limit - 1)) > 0:  # a progress bar without end
            del self._pending[:start]
            return
        else:
            end = limit
            while end > limit - 4 and self._pending[end - 1] & 0xC0 == 0x80:  # not amid a character
                end -= 1
            if self._pending[end - 1] >= 0xC0:
                end -= 1
            data = bytes(self._pending[:end]) + b"\n"
        del self._pending[:end]
        self._give(data)

    def _give(self, data: bytes) -> None:
        text = clean(data)
        self._tail.extend(line[:TAIL_WIDTH] for line in text[:-1].rsplit("\n", TAIL)[-TAIL:])
        self._emit(text)


def clean(data: bytes) -> str:
    """Text out of bytes: what isn't UTF-8 is replaced, terminal sequences and control characters are taken out (tabs
    and line ends stay), drawn-over lines are as they were at last."""
    text = data.decode("utf-8", "replace")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(_drawn(line) if "\r" in line else line for line in text.split("\n"))
    if "\x1b" in text or "\x9b" in text:
        text = _SEQUENCE.sub("", text)
    return _CONTROL.sub("", text)


def _drawn(line: str) -> str:
    """What stands of a line after its last carriage return."""
    return line.rstrip("\r").rpartition("\r")[2]

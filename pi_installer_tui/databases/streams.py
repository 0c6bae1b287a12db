"""Bytes that go through a process on their way from or to a database: the end of a dump is looked at, since a program
that was cut off needn't say so."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import IO, Any

from pi_installer_tui.databases.commands import DatabaseError

_HEADER = b"-- pi-installer-tui: "
_CHUNK = 256 * 1024  # bytes
#: bytes at a dump's end within which its last words are; PostgreSQL's `\unrestrict` comes after them
_TAIL = 1024


class Tail:
    """Keeps the end of what passes."""

    def __init__(self) -> None:
        self._end = b""

    def passed(self, data: bytes) -> bytes:
        self._end = (self._end + data)[-_TAIL:] if len(data) < _TAIL else data[-_TAIL:]
        return data

    def has(self, endings: Sequence[bytes]) -> bool:
        """Whether one of them begins one of the last lines."""
        return any(line.startswith(tuple(endings)) for line in self._end.splitlines()[-8:])


def header(about: dict[str, Any]) -> bytes:
    """A dump's first line: what its engine's program leaves out of it. It is a remark to every other reader."""
    return _HEADER + json.dumps(about, sort_keys=True).encode() + b"\n"


def read_header(line: bytes) -> dict[str, Any] | None:
    """None: it isn't one."""
    if not line.startswith(_HEADER):
        return None
    found = json.loads(line.removeprefix(_HEADER))
    return found if isinstance(found, dict) else None


def first_line(source: IO[bytes]) -> bytes:
    """The first line, and not a byte after it is taken."""
    line = b""
    while not line.endswith(b"\n") and len(line) < _CHUNK and (byte := os.read(source.fileno(), 1)):
        line += byte
    return line


def copy(source: IO[bytes], write: Callable[[bytes], object], tail: Tail) -> None:
    """All that comes, as it comes."""
    while data := os.read(source.fileno(), _CHUNK):
        write(tail.passed(data))


def main(work: Callable[..., None]) -> None:
    """A process of ours that works on a stream: what goes wrong is one line on standard error and status 1. Told to end
    it tidies up."""
    signal.signal(signal.SIGTERM, lambda *_of_it: sys.exit(1))
    try:
        work(*sys.argv[1:])
    except (DatabaseError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # whoever reads went away; a flush at the end would say so again
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print(error, file=sys.stderr)
        sys.exit(1)

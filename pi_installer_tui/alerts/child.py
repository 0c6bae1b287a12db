"""A command beside the collector's loop: started, and looked at again with the next sample. Nothing waits for it, and
one that takes too long is ended with its process group."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

#: what a command may say; one that says more is ended
MOST = 4 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. status: its exit status, negative: by that signal; None: it took too long, said too much or
    could not be started."""

    status: int | None
    output: str
    error: str


class Child:
    """One command. What it says goes into files in memory, so that it never waits for a reader."""

    def __init__(
        self,
        argv: Sequence[str],
        now: float,
        seconds: float,
        *,
        given: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Starts it. now: monotonic; seconds: so long it may take; given: its standard input; env: on top of ours."""
        self.end = now + seconds
        self._out, self._err = os.memfd_create("out"), os.memfd_create("err")
        self._process: subprocess.Popen[bytes] | None = None
        self._failed = ""
        try:
            with _standard_input(given) as source:
                self._process = subprocess.Popen(
                    list(argv),
                    stdin=source,
                    stdout=self._out,
                    stderr=self._err,
                    env={**os.environ, **(env or {})},
                    start_new_session=True,
                )
        except OSError as error:
            self._failed = f"{argv[0]}: {error.strerror}"

    def look(self, now: float) -> Ended | None:
        """How it ended; None: it goes on. Once it has ended, this may not be asked again."""
        if self._process is None:
            return self._ended(None)
        status = self._process.poll()
        if status is None and now < self.end and os.fstat(self._out).st_size <= MOST:
            return None
        if status is None:
            self._kill()
        return self._ended(status)

    def stop(self) -> None:
        """Ends it, whatever it does."""
        if self._process is not None:
            self._kill()
        self._close()

    def leave(self) -> None:
        """Lets it go on by itself; nobody asks how it ends."""
        self._close()

    def _kill(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _ended(self, status: int | None) -> Ended:
        said, error = _content(self._out, MOST), _content(self._err, 10_000)
        self._close()
        return Ended(status, said, self._failed or error)

    def _close(self) -> None:
        for descriptor in (self._out, self._err):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._out = self._err = -1


def _standard_input(given: str) -> IO[bytes]:
    file = os.fdopen(os.memfd_create("in"), "w+b")
    file.write(given.encode())
    file.seek(0)
    return file


def _content(descriptor: int, most: int) -> str:
    return os.pread(descriptor, most, 0).decode("utf-8", "replace")

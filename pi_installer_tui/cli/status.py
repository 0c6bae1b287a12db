"""How the command line ends."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit statuses."""

    DONE = 0
    FAILED = 1
    PENDING = 2  #: `plan`: something would change
    INPUT = 3  #: the command line or a setup file is wrong; nothing was done
    ROOT = 4
    STALE = 5  #: the machine changed since the review; nothing was done
    CANCELLED = 130


class Stop(Exception):
    """Ends the command with a status and a sentence on standard error."""

    def __init__(self, status: Exit, message: str = "") -> None:
        super().__init__(message)
        self.status = status

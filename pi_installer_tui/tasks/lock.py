"""Locks between jobs: flock on files of the state directory, so they end with whoever holds them, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path


class Lock:
    """An exclusive lock on a file. Not inherited by programs that its holder starts (O_CLOEXEC), but by one that is
    handed `fd`: then it is free when both have ended. `holder` is what the one who has it says of itself: a job's
    id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @property
    def fd(self) -> int | None:
        """The open file that is locked (flock(2)); None while it isn't taken."""
        return self._fd

    def take(self, holder: str) -> bool:
        """Takes it if it is free. Raises OSError."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(fd, holder)
        except BlockingIOError:
            os.close(fd)
            return False
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return True

    def say(self, holder: str) -> None:
        """Says who has it, where that is known only after it was taken. Raises OSError."""
        assert self._fd is not None
        _write(self._fd, holder)

    def release(self) -> None:
        """Gives it back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()


def _write(fd: int, holder: str) -> None:
    os.ftruncate(fd, 0)
    with contextlib.suppress(OSError):  # on a full disk the lock counts all the same
        os.pwrite(fd, holder.encode(), 0)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock, without taking it from anyone. Raises PermissionError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def holder(path: Path) -> str:
    """What the lock's present or last holder says of itself."""
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return ""


class Queue:
    """Who waits for a lock, first come first served: a folder with a file for each, named by when it came. Files of
    those that are gone don't count.

    alive: tells of a name in the queue whether it still waits.
    """

    def __init__(self, folder: Path, alive: Callable[[str], bool]) -> None:
        self._folder = folder
        self._alive = alive
        self._ticket: Path | None = None

    def enter(self, name: str) -> None:
        """Takes a place at the end. Times are those since the boot, so setting the clock moves nobody."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._ticket = self._folder / f"{time.clock_gettime_ns(time.CLOCK_BOOTTIME):020d}.{name}"
        self._ticket.touch(mode=0o600)

    def ahead(self) -> str:
        """The first of those who came before and are alive; "" for nobody."""
        assert self._ticket is not None
        for ticket in sorted(os.listdir(self._folder)):  # noqa: PTH208  (names only)
            if ticket >= self._ticket.name:
                break
            name = ticket.partition(".")[2]
            if self._alive(name):
                return name
            with contextlib.suppress(FileNotFoundError):
                (self._folder / ticket).unlink()
        return ""

    def leave(self) -> None:
        """Gives the place up."""
        if self._ticket is not None:
            self._ticket.unlink(missing_ok=True)
            self._ticket = None

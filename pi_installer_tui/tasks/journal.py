"""The journal of a job, `events.jsonl`: one event a line, appended by the job's worker alone, read by anyone at any
time. It ends before the first line that isn't whole: what a crash left there is cut away before the next is written."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pi_installer_tui.tasks.events import Event, from_json, to_json

E = TypeVar("E", bound=Event)

#: bytes kept free for the last words of a job on a full disk
RESERVE = 64 * 1024
RESERVED = "reserve"
#: errors of a full disk
FULL = (errno.ENOSPC, errno.EDQUOT)
#: bytes read at once
CHUNK = 256 * 1024


class Journal:
    """A journal opened for writing. There is one writer: the worker that holds the job's lock.

    `append` gives each event its `seq` and `at`. A durable event is on the disk when it returns; where it can't be
    (OSError: the disk is full), nothing of it is in the file.
    """

    def __init__(self, path: Path) -> None:
        self._reserve = path.with_name(RESERVED)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self.seq, self._end = _mend(self._fd, path)
            os.fsync(self._fd)
            sync_folder(path.parent)
            #: what is left of the disk is for the last words: nothing more should be begun
            self.tight = not set_aside(self._reserve)
        except BaseException:
            os.close(self._fd)
            raise

    def append(self, event: E) -> E:
        """Writes an event and returns it with its number and time. Raises OSError."""
        event = dataclasses.replace(event, seq=self.seq + 1, at=time.time())
        line = to_json(event).encode("utf-8", "replace") + b"\n"
        try:
            write_all(self._fd, line, self._end)
            if event.durable:
                os.fdatasync(self._fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._end)
            raise
        self._end += len(line)
        self.seq += 1
        return event

    def last_words(self, event: E) -> E:
        """As `append`, for what must be told even on a full disk: it may use the space set aside for that."""
        try:
            return self.append(event)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self.tight = True
            with contextlib.suppress(OSError):
                self._reserve.unlink()
            return self.append(event)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve.unlink()
        os.close(self._fd)


class Reader:
    """Reads a journal from `after` on, and then what was added since."""

    def __init__(self, path: Path, after: int = 0) -> None:
        self._path = path
        self._after = after
        self.at = 0  #: the offset of the first line not given yet

    def read(self, limit: int = CHUNK) -> list[Event]:
        """The next events, about `limit` bytes of them; [] for none. Where nothing was added that is one look at the
        file's size."""
        try:
            if self._path.stat().st_size <= self.at:
                return []
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            while True:
                data = os.pread(fd, limit, self.at)
                whole = data.rfind(b"\n") + 1
                if whole or len(data) < limit:
                    break
                limit *= 2  # a line longer than that
        finally:
            os.close(fd)
        events = []
        for line in data[:whole].split(b"\n")[:-1]:
            try:
                event = from_json(line)
            except ValueError:
                break
            self.at += len(line) + 1
            if event is not None and event.seq > self._after:
                events.append(event)
        return events


def read_all(path: Path, after: int = 0) -> Iterator[Event]:
    """All events of a journal."""
    reader = Reader(path, after)
    while True:
        at = reader.at
        yield from reader.read()
        if reader.at == at:
            return


def set_aside(path: Path) -> bool:
    """Takes `RESERVE` bytes of the disk, unless they are taken already; False where there aren't as many. A job is
    made with them, so that it has them when it runs."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, RESERVE)
    except OSError as error:
        if error.errno not in FULL:
            raise
        with contextlib.suppress(OSError):
            path.unlink()
        return False
    finally:
        os.close(fd)
    return True


def write_all(fd: int, data: bytes, at: int) -> None:
    """Writes all of `data` at an offset. Raises OSError; a part may have been written then."""
    view = memoryview(data)
    while view:
        wrote = os.pwrite(fd, view, at)
        at += wrote
        view = view[wrote:]


def write_file(path: Path, data: bytes, *, durable: bool = True, folder_too: bool = True) -> None:
    """Puts a file of ours there, 0600, atomically and, with `durable`, durably (its name with `folder_too`). Raises
    OSError, and leaves nothing then."""
    beside = path.with_name(f".{path.name}.new")
    try:
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            write_all(fd, data, 0)
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    if durable and folder_too:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _mend(fd: int, path: Path) -> tuple[int, int]:
    """Cuts off what isn't a whole line. Returns the last event's number and the end of the file."""
    seq = end = 0
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break
            try:
                event = from_json(line)
            except ValueError:
                break
            seq = event.seq if event is not None else seq + 1
            end += len(line)
    os.ftruncate(fd, end)
    return seq, end

"""Small files of /proc and /sys, read without the layers of `open`: a look reads some thirty of them."""

from __future__ import annotations

import contextlib
import os
from itertools import islice


def text(path: str) -> str | None:
    """A file's text, or None where it can't be read: not there, no permission, a sensor that answers with an error."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        parts = []
        while part := os.read(descriptor, 65536):
            parts.append(part)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(parts).decode("utf-8", "surrogateescape")


def number(path: str) -> int | None:
    """The decimal number that is all of a file."""
    found = text(path)
    if found is not None:
        with contextlib.suppress(ValueError):
            return int(found)
    return None


def names(folder: str, most: int | None = None) -> list[str]:
    """What is in a folder, sorted; nothing where it can't be read. most: any so many of it, of a folder that others
    may fill."""
    try:
        with os.scandir(folder) as found:
            return sorted(entry.name for entry in islice(found, most))
    except OSError:
        return []

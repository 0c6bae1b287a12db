"""Whether files have changed, by their times, asked once a minute."""

from __future__ import annotations

import contextlib
from pathlib import Path

PACE = 60.0  # seconds


class Changed:
    """paths: files, folders or patterns of them, absolute."""

    def __init__(self, *paths: str) -> None:
        self._paths = paths
        self._due = 0.0
        self._seen: dict[Path, int] | None = None
        self._told = True

    def look(self, now: float) -> bool:
        """Whether something changed since the last look and has been still for a minute."""
        if now < self._due:
            return False
        self._due = now + PACE
        found = {}
        for path in (each for pattern in self._paths for each in Path("/").glob(pattern.lstrip("/"))):
            with contextlib.suppress(OSError):
                found[path] = path.stat().st_mtime_ns
        if self._seen is None or found != self._seen:
            self._told = self._seen is None
            self._seen = found
            return False
        told, self._told = self._told, True
        return not told

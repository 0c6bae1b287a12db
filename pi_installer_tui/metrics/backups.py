"""Whether backups come when they are due: when that is says a file of the module Backup, what has run the history of
runs. Both are read again only when they have changed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from pi_installer_tui.metrics import files
from pi_installer_tui.metrics.look import Backup

DUE = "/var/lib/pi-installer-tui/backup/due.json"
RUNS = "/var/lib/pi-installer-tui/runs.jsonl"
VERSION = 1
#: seconds that a run may be ahead of the clock and still be believed: beyond that the clock was wrong when it ran
AHEAD = 3600.0


class Backups:
    """Reads below `root`, "" for the machine's own. now: seconds since 1970."""

    def __init__(self, root: str = "", now: Callable[[], float] = time.time) -> None:
        self._due, self._runs, self._now = f"{root}{DUE}", f"{root}{RUNS}", now
        self._seen: tuple[object, ...] = ()
        self._jobs: dict[str, Any] = {}
        self._since = 0.0
        #: by job and place: when its good runs ended
        self._good: dict[tuple[str, str], list[float]] = {}
        #: where the newest failed, by action, job (of a verification "") and place: the share of the data that it read
        self._failed: dict[tuple[str, str, str], int] = {}

    def read(self) -> dict[str, Backup]:
        """By job: those that run by themselves."""
        seen = (_stamp(self._due), _stamp(self._runs))
        if seen != self._seen:
            self._seen = seen
            self._read()
        now, found = self._now(), {}
        self._since = min(self._since, now)  # else nothing were late until a clock that was ahead comes true
        for name, job in self._jobs.items():
            keys = [(name, place) for place in job["places"]]
            late = [now - self._base(key, now) - job["every"] - job["grace"] for key in keys]
            found[name] = Backup(max([0.0, *late]), any(self._fails(*key) for key in keys))
        return found

    def _fails(self, job: str, place: str) -> bool:
        """Whether its last run there failed, or the last drill, or a verification of the place."""
        return any(key in self._failed for key in (("run", job, place), ("drill", job, place), ("verify", "", place)))

    def _base(self, key: tuple[str, str], now: float) -> float:
        """From when on a run is waited for: the newest good one, for a first one when it was set up."""
        return max((ended for ended in self._good.get(key, ()) if ended <= now + AHEAD), default=self._since)

    def _read(self) -> None:
        self._jobs, self._good, self._failed = {}, {}, {}
        try:
            told = json.loads(files.text(self._due) or "{}")
            if told.get("version") == VERSION:
                self._jobs = {
                    str(name): {"every": float(j["every"]), "grace": float(j["grace"]), "places": list(j["places"])}
                    for name, j in told["jobs"].items()
                }
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        stamp = self._seen[0]
        self._since = stamp[0] / 1e9 if isinstance(stamp, tuple) else 0.0
        for line in (files.text(self._runs) or "").splitlines():
            self._note(line)

    def _note(self, line: str) -> None:
        """A run, a line of JSON (tasks/runs.py). A torn one is left out."""
        try:
            run = json.loads(line)
            action, told = str(run["action"]), run["arguments"]
            if run["module"] != "backup" or action not in ("run", "drill", "verify"):
                return
            job, place = "" if action == "verify" else str(told["job"]), str(told.get("place", ""))
            share, ended, outcome = int(told.get("share", 0)), float(run["ended"]), str(run["outcome"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        key = (action, job, place)
        if outcome == "done":
            if action == "run":
                self._good.setdefault((job, place), []).append(ended)
            if share >= self._failed.get(key, 0):  # what reads less doesn't see what the other one found
                self._failed.pop(key, None)
        elif outcome != "cancelled":
            self._failed[key] = max(share, self._failed.get(key, 0))


def _stamp(path: str) -> tuple[int, int] | None:
    """When a file was written, in nanoseconds, and its size."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size

"""Certificates near their end: of files, and of what listens on TLS. Looked at once a day, and when a file changes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase

from pi_installer_tui.alerts.child import Child
from pi_installer_tui.alerts.config import Rule
from pi_installer_tui.alerts.watch import Kept, Reading, Readings
from pi_installer_tui.alerts.watch.changed import Changed

DAY = 24 * 3600.0
AGAIN = 3600.0  # seconds until one is tried again that could not be read
LIMIT = 120.0


class Certificates:
    """Rules on certificates. The value is days until the end, with their fraction; below 0 it is over."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.pace = DAY
        self._asked = sorted({rule.of for rule in rules})
        self._files = Changed(*(of for of in self._asked if of.startswith("/")))
        self._due = 0.0
        self._child: Child | None = None
        self._kept: dict[str, Kept] = {}

    def look(self, at: float, now: float) -> None:
        if self._child is not None and (ended := self._child.look(now)) is not None:
            self._child = None
            try:
                ends: dict[str, float | str] = json.loads(ended.output)
            except ValueError:
                ends = dict.fromkeys(self._asked, ended.error.strip()[-300:] or "no answer")
            for of, end in ends.items():
                reading = Reading(None, end) if isinstance(end, str) else Reading(float(end))
                self._kept.setdefault(of, Kept(self.pace)).put(reading, now)
                if reading.value is None:
                    self._due = min(self._due, now + AGAIN)
        if self._child is None and (self._files.look(now) or now >= self._due):
            self._due = now + self.pace
            argv = [sys.executable, "-I", "-m", "pi_installer_tui.alerts.expiry", *self._asked]
            self._child = Child(argv, now, LIMIT, env={"LC_ALL": "C.UTF-8"})

    def readings(self, rule: Rule, at: float, now: float) -> Readings | None:
        found = {}
        for of, kept in self._kept.items():
            reading = kept.get(now)
            if reading is not None and (of == rule.of or fnmatchcase(of, rule.of)):
                days = None if reading.value is None else (reading.value - at) / DAY
                found[of] = Reading(days, reading.detail)
        return found or None

    def close(self) -> None:
        if self._child is not None:
            self._child.stop()

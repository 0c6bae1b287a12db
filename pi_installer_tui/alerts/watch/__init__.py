"""What rules look at beside the metrics: services, the journal, hosts, certificates, updates.

A watcher is asked with every sample. It looks at its own pace and never waits: what takes time goes to a command or a
thread of its own, and a reading counts until it is too old. What can't be found out is a reading without a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pi_installer_tui.alerts.config import Rule


@dataclass(frozen=True, slots=True)
class Reading:
    """What a watcher found. value: None: it isn't known, `detail` says why; else `detail` is what was seen, in the
    words of whoever said it."""

    value: float | None
    detail: str = ""


#: by what the rule's name alone doesn't say: the unit, the host, the file
Readings = Mapping[str, Reading]


class Watcher(Protocol):
    """Looks for all rules of one kind."""

    pace: float
    """Seconds between two looks."""

    def look(self, at: float, now: float) -> None:
        """Takes what has come, and begins a new look where one is due. at: seconds since 1970; now: monotonic."""

    def readings(self, rule: Rule, at: float, now: float) -> Readings | None:
        """What is known for a rule; None: it has not been looked yet."""

    def close(self) -> None:
        """Ends what still runs."""


class Kept:
    """A reading, and how old it is. It is kept for three looks when later ones fail."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._reading: Reading | None = None
        self._at = 0.0

    def put(self, reading: Reading, now: float) -> None:
        """The newest one. One without a value doesn't take the place of one that counts still."""
        held = self._reading is not None and self._reading.value is not None and now - self._at <= 3 * self._pace
        if reading.value is None and held:
            return
        self._reading, self._at = reading, now

    def get(self, now: float) -> Reading | None:
        """The one that counts."""
        if self._reading is not None and self._reading.value is not None and now - self._at > 4 * self._pace:
            return Reading(None, self._reading.detail)
        return self._reading

"""Which snapshots are a job's, and which of them the newest is, also when the clock was wrong."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from pi_installer_tui.restic.answers import Snapshot

#: seconds that a snapshot may be ahead of our clock and still be believed
SLACK = 3600.0


def of_job(snapshots: Iterable[Snapshot], job: str) -> list[Snapshot]:
    """Those of a job's runs, its dumps too."""
    return [each for each in snapshots if each.tagged("job") == job]


def newest(snapshots: Sequence[Snapshot], now: float | None = None) -> Snapshot | None:
    """The newest one. One that was made when the clock was ahead counts only where there is no other."""
    now = time.time() if now is None else now
    believed = [each for each in snapshots if each.time <= now + SLACK]
    return max(believed or snapshots, key=lambda each: each.time, default=None)

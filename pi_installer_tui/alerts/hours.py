"""Quiet hours: whether a time is in them, by the clock on the wall."""

from __future__ import annotations

import time

from pi_installer_tui.alerts.config import QuietHours


def minutes(clock: str) -> int:
    """`HH:MM` in minutes since midnight. Raises ValueError."""
    hour, colon, minute = clock.partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60):
        raise ValueError(clock)
    return int(hour) * 60 + int(minute)


def quiet(hours: QuietHours | None, at: float) -> bool:
    """Whether `at` (seconds since 1970) is in the quiet hours. What the wall clock shows decides: an hour that a change
    to summer time leaves out is not there, one that comes twice in autumn is quiet twice. `since` belongs to them,
    `until` doesn't; the same time twice: never."""
    if hours is None:
        return False
    try:
        since, until = minutes(hours.since), minutes(hours.until)
    except ValueError:
        return False
    local = time.localtime(at)
    now = local.tm_hour * 60 + local.tm_min
    return since <= now < until if since <= until else now >= since or now < until

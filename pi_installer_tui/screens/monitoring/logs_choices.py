"""What a log can be filtered by, in words: ranges of time as people type them, priorities, boots."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.system.entries import PRIORITIES
from pi_installer_tui.system.journal import Boot

#: the last so many seconds
SPANS: tuple[tuple[str, int], ...] = (
    (N_("last 15 minutes"), 900),
    (N_("last hour"), 3600),
    (N_("last 24 hours"), 86400),
    (N_("last 7 days"), 7 * 86400),
)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d{1,2}:\d\d(?::\d\d)?))?")

Range = tuple[float | None, float | None]


class NoRange(Exception):
    """A text isn't a range of time; the message says what would be."""

    def __init__(self, text: str) -> None:
        said = _("{text} is no time. A time is 14:30 or 2026-11-27 14:30, a range has .. between two, either may miss.")
        super().__init__(said.format(text=text))


def parse_range(text: str, now: float | None = None) -> Range:
    """`14:30` (today, or yesterday where that is still to come), `2026-11-27`, `2026-11-27 14:30`: since then; with
    `..`: from .. until; one of SPANS. now: seconds since 1970. Raises NoRange."""
    now = time.time() if now is None else now
    for name, seconds in SPANS:
        if text in (name, _(name)):
            return now - seconds, None
    if ".." not in text:
        return _moment(text, now, end=False), None
    begins, _dots, ends = (part.strip() for part in text.partition(".."))
    since = _moment(begins, now, end=False) if begins else None
    until = _moment(ends, now, end=True) if ends else None
    if since is not None and until is not None and until < since:
        raise NoRange(text)
    return since, until


def _moment(text: str, now: float, *, end: bool) -> float:
    """A time; the last moment that it names for the end of a range."""
    try:
        if match := _CLOCK.fullmatch(text.strip()):
            hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
            at = datetime.fromtimestamp(now).replace(hour=hour, minute=minute, second=second, microsecond=0)
            if at.timestamp() > now:
                at -= timedelta(days=1)
            return at.timestamp() + _length(match[3] is not None, end)
        if match := _DAY.fullmatch(text.strip()):
            day = datetime.fromisoformat(match[1])
            if match[2] is None:
                return (day + timedelta(days=1)).timestamp() - 1e-6 if end else day.timestamp()
            parts = [int(part) for part in match[2].split(":")]
            at = day.replace(hour=parts[0], minute=parts[1], second=parts[2] if len(parts) > 2 else 0)
            return at.timestamp() + _length(len(parts) > 2, end)
    except (ValueError, OverflowError, OSError):
        pass
    raise NoRange(text)


def _length(seconds: bool, end: bool) -> float:
    """What the last moment of a minute, or of a second, is after its first one."""
    return 0.0 if not end else (1.0 if seconds else 60.0) - 1e-6


def range_name(since: float | None, until: float | None) -> str:
    """A range for the line of filters."""
    if since is None and until is None:
        return ""
    begins = moment(since)[5:] if since is not None else ""
    return begins if until is None else f"{begins}..{moment(until)[5:]}"


def priority_name(priority: int | None) -> str:
    """A priority for the line of filters and the choice."""
    if priority is None:
        return ""
    return f"{priority} {_(PRIORITIES[priority])}"


def boot_name(boot: Boot) -> str:
    """A boot for the choice."""
    return f"{boot.number:>3}  {moment(boot.first)} - {moment(boot.last)[5:]}"

"""When the demo's timers elapse: the calendar events of systemd.time(7) that unit files here have."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

_WORDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVENT = re.compile(r"(?:(?P<days>[A-Za-z][A-Za-z,.]*) )?(?:(?P<date>\S+-\S+-\S+) )?(?P<time>[\d*,/:]+)")
#: days that are looked through
_FAR = 400


def elapse(text: str, at: float, *, name: str, last: bool = False) -> float | None:
    """When a timer with this unit file elapses next after `at`, or last before it, in seconds since 1970, its random
    delay added. None: it has no calendar, or one that isn't played."""
    delay = re.search(r"^RandomizedDelaySec=(\d+)(min|m|h|s|)$", text, re.MULTILINE)
    seconds = int(delay[1]) * {"min": 60, "m": 60, "h": 3600}.get(delay[2], 1) if delay else 0
    late = zlib.crc32(name.encode()) % seconds if seconds else 0
    found = []
    for event in re.findall(r"^OnCalendar=(.+)$", text, re.MULTILINE):
        moments = (moment + late for moment in _moments(event.strip(), at, -1 if last else 1))
        match = next((moment for moment in moments if (moment <= at) == last), None)
        found += [match] if match is not None else []
    if not found:
        return None
    return max(found) if last else min(found)


def _moments(event: str, at: float, step: int) -> Iterator[float]:
    """The moments of an event, from the day before or after `at` on, onwards or backwards."""
    match = _EVENT.fullmatch(_WORDS.get(event, event))
    if match is None:
        return
    days = {_DAYS.index(day) for word in (match["days"] or "").split(",") if (day := word[:3].lower()) in _DAYS}
    year, month, day = (match["date"] or "*-*-*").split("-")
    hour, minute, *rest = match["time"].split(":")
    times = [h * 3600 + m * 60 + s for h in _of(hour, 24) for m in _of(minute, 60) for s in _of((*rest, "0")[0], 60)]
    start = datetime.fromtimestamp(at, UTC).date() - timedelta(days=step)
    for number in range(_FAR):
        that = start + timedelta(days=number * step)
        if (days and that.weekday() not in days) or not _falls(that, year, month, day):
            continue
        midnight = datetime(that.year, that.month, that.day, tzinfo=UTC).timestamp()
        yield from (midnight + time for time in sorted(times, reverse=step < 0))


def _falls(that: date, *parts: str) -> bool:
    return all(
        number in _of(part, 10_000) for number, part in zip((that.year, that.month, that.day), parts, strict=True)
    )


def _of(part: str, end: int) -> range | list[int]:
    """`*`, `3`, `1,4`, `0/6`."""
    if part == "*":
        return range(end)
    numbers = []
    for word in part.split(","):
        first, slash, step = word.partition("/")
        begin = 0 if first == "*" else int(first)
        numbers += list(range(begin, end, int(step))) if slash else [begin]
    return numbers

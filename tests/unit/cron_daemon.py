"""Debian's cron, minute by minute: the loop of main() in cron.c 3.0pl1-162 written down as it is, with a clock that is
given. It knows nothing of what pi_installer_tui/system/cron/runs.py does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache

#: (minute, hour, day, month, weekday) sets, whether each of minute, hour, day, weekday begins with `*`
Job = tuple[tuple[frozenset[int], ...], tuple[bool, bool, bool, bool]]


def simulated(job: Job, zone: tzinfo, begin: datetime, hours: int) -> list[int]:
    """When the job was started: seconds since 1970, between `begin` (UTC) and so many hours later. Cron was started at
    `begin` and is always woken in time."""
    runs: list[int] = []
    clocks = _clocks(zone, begin, hours)
    virtual = clocks[0][1]
    now = 0

    def find_jobs(minute: int, wild: bool, not_wild: bool) -> None:
        if _due(job, minute, wild, not_wild):
            runs.append(now)

    for at, running in clocks[1:]:
        now = at
        difference = running - virtual
        if difference == 1:
            virtual = running
            find_jobs(virtual, True, True)
            continue
        kind = -1
        if difference > -180:
            kind = 0
        if difference > 0:
            kind = 1
        if difference > 5:
            kind = 2
        if difference > 180:
            kind = 3
        virtual = _woken(kind, virtual, running, find_jobs)
    return runs


@cache
def _clocks(zone: tzinfo, begin: datetime, hours: int) -> list[tuple[int, int]]:
    """Each minute's time and what set_time() makes of it: (StartTime + GMToff) / 60."""
    found = []
    for minute in range(hours * 60 + 1):
        now = begin + timedelta(minutes=minute)
        offset = now.astimezone(zone).utcoffset()
        assert offset is not None
        found.append((int(now.timestamp()), int((now.timestamp() + offset.total_seconds()) // 60)))
    return found


@cache
def _gmtime(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


def _woken(kind: int, virtual: int, running: int, find_jobs: Callable[[int, bool, bool], None]) -> int:
    if kind == 1:
        while True:
            virtual += 1
            find_jobs(virtual, True, True)
            if not virtual < running:
                return virtual
    if kind == 2:
        find_jobs(running, True, False)
        while True:
            virtual += 1
            find_jobs(virtual, False, True)
            if not virtual < running:
                return virtual
    if kind == 0:
        find_jobs(running, True, False)
        return virtual
    find_jobs(running, True, True)
    return running


def _due(job: Job, virtual: int, wild: bool, not_wild: bool) -> bool:
    (minutes, hours, days, months, weekdays), (minute_star, hour_star, day_star, weekday_star) = job
    tm = _gmtime(virtual)
    if not (tm.minute in minutes and tm.hour in hours and tm.month in months):
        return False
    of_month, of_week = tm.day in days, tm.isoweekday() % 7 in weekdays
    if not ((of_week and of_month) if day_star or weekday_star else (of_week or of_month)):
        return False
    is_wild = minute_star or hour_star
    return (not_wild and not is_wild) or (wild and is_wild)


def field(text: str, low: int, high: int) -> frozenset[int]:
    """The values of a field of numbers, lists, ranges and steps; 7 is 0 where the field reaches that far."""
    return frozenset(value % 7 if high == 7 else value for value in _values(text, low, high))


def _values(text: str, low: int, high: int) -> Iterator[int]:
    for part in text.split(","):
        span, _slash, step = part.partition("/")
        first, _dash, last = (str(low), "-", str(high)) if span == "*" else span.partition("-")
        yield from range(int(first), int(last or first) + 1, int(step or 1))


def job(text: str) -> Job:
    columns = text.split()
    bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    sets = tuple(field(column, low, high) for column, (low, high) in zip(columns, bounds, strict=True))
    minute, hour, day, _month, weekday = (column.startswith("*") for column in columns)
    return sets, (minute, hour, day, weekday)

"""When a schedule runs next, as Debian's cron runs it, over changes of the clock too. Source: main() and find_jobs() of
cron.c, 3.0pl1, with Better-timeskip-handling.patch:

    /* case 2: ... for example because we went to DST run wildcard jobs once, then run any fixed-time jobs that would
     * otherwise be skipped ... */                                       (6 minutes to 3 hours forward)
    /* case 3: ... eg. because of DST ending just run the wildcard jobs. The fixed-time jobs probably have already run,
     * and should not be repeated; virtual time does not change until we are caught up */     (less than 3 hours back)
    /* other: time has changed a *lot*, jump virtual time, and run everything */

A wildcard job is one whose minute or hour begins with `*` (@hourly too). Times are whole minutes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import product
from typing import Literal

from .fields import LONGEST, Schedule, never

#: the Gregorian calendar comes round after so many years: what has no run within them has none
_CYCLE = 400
_MINUTE = 60
_DAY = 24 * 60
_HOURS_3 = 180
_EPOCH = date(1970, 1, 1).toordinal()

#: "" | the time doesn't exist that day, the job runs when the clock has jumped | it comes twice: a fixed job runs only
#: the first time | a wildcard job runs both times, this is the second
Note = Literal["", "moved", "once", "again"]


@dataclass(frozen=True, slots=True)
class Run:
    """at: seconds since 1970. wall: the time of the schedule, without a zone; what the clock shows then, but not for
    what is moved."""

    at: int
    wall: datetime
    note: Note = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of the clock does to a schedule. at: when the clock is changed, in seconds since 1970; wall: the
    first time of the schedule that it concerns; how many of them; what: `moved` and `once` as in Note, `both`: they run
    both times, `lost`: they don't exist, and a wildcard job isn't run for them. runs: what the clock shows when it runs
    what is moved."""

    at: int
    wall: datetime
    count: int
    what: Literal["moved", "lost", "once", "both"]
    runs: datetime


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Local minutes from first to last (since 1970, by the clock on the wall) that cron looks at one after the other,
    or all at `at` (minutes since 1970, UTC). offset: of the zone, in minutes."""

    first: int
    last: int
    offset: int
    wild: bool
    fixed: bool
    at: int | None = None
    note: Note = ""


def upcoming(schedule: Schedule, zone: tzinfo, after: int, count: int = 10) -> tuple[Run, ...]:
    """The next runs after a moment (seconds since 1970); none of @reboot, and of what never runs."""
    if schedule.reboot or never(schedule):
        return ()
    minutes = [hour * 60 + minute for hour, minute in product(schedule.hour.values, schedule.minute.values)]
    first = datetime.fromtimestamp(after, zone).date() - timedelta(days=1)
    found: list[Run] = []
    last: date | None = None
    for day in _days(schedule, first):
        if last is not None and day > last:
            break
        found.extend(_of_day(schedule, minutes, zone, day, after, count))
        if last is None and len(found) >= count:
            last = day + timedelta(days=1)  # a change of the clock at midnight may swap the two
    found.sort(key=lambda run: run.at)
    return tuple(found[:count])


def changes(schedule: Schedule, zone: tzinfo, after: int, days: int = 366) -> tuple[Change, ...]:
    """What the changes of the clock within so many days do to a schedule."""
    if schedule.reboot or never(schedule):
        return ()
    told: list[Change] = []
    begin = after // _MINUTE
    for at, before, behind in _shifts(zone, begin, begin + days * _DAY):
        low, high = sorted((at + before, at + behind))
        hit = [minute for minute in range(low, high) if _matches(schedule, minute)]
        if not hit:
            continue
        forward = behind > before
        far = high - low >= _HOURS_3 if forward else high - low > _HOURS_3  # the difference to cron's clock is 1 more
        if forward:
            few = high - low < 5
            what: Literal["moved", "lost", "once", "both"]
            what = "lost" if far or (schedule.wildcard and not few) else "moved"
        else:
            what = "both" if schedule.wildcard or far else "once"
        told.append(Change(at * _MINUTE, _wall(hit[0]), len(hit), what, _wall(at + behind)))
    return tuple(told)


def _of_day(schedule: Schedule, minutes: list[int], zone: tzinfo, day: date, after: int, count: int) -> Iterator[Run]:
    """Those whose time is on that day, each stretch's first `count`."""
    start = (day.toordinal() - _EPOCH) * _DAY
    for stretch in _stretches(zone, start):
        if not (stretch.wild if schedule.wildcard else stretch.fixed):
            continue
        begin = 0
        if stretch.at is None:
            begin = bisect_right(minutes, after // _MINUTE + stretch.offset - start)
        given = 0
        for minute in minutes[begin:]:
            local = start + minute
            if local > stretch.last or given == count:
                break
            at = stretch.at if stretch.at is not None else local - stretch.offset
            if local >= stretch.first and at * _MINUTE > after:
                given += 1
                yield Run(at * _MINUTE, _wall(local), stretch.note)


def _stretches(zone: tzinfo, start: int) -> list[_Stretch]:
    """What cron does around a local day, from two days before it on."""
    begin, end = start - 2 * _DAY, start + 3 * _DAY
    offset = _offset(zone, begin)
    if _offset(zone, end) == offset and _offset(zone, start + _DAY // 2) == offset:
        return [_Stretch(begin + offset, end + offset, offset, True, True)]
    found: list[_Stretch] = []
    shifts = [*_shifts(zone, begin, end), (end, 0, 0)]
    first, virtual = begin, begin + offset - 1
    for number, (until, _before, behind) in enumerate(shifts):
        now, last = first + offset, until + offset - 1
        difference = now - virtual
        if 1 < difference <= 5:
            found.append(_Stretch(virtual + 1, now - 1, offset, True, True, first))
        elif 5 < difference <= _HOURS_3:
            found.append(_Stretch(virtual + 1, now - 1, offset, False, True, first, "moved"))
        elif -_HOURS_3 < difference <= 0:
            caught = min(virtual, last)
            found.append(_Stretch(now, caught, offset, True, False, None, "again"))
            now = caught + 1
        ahead = last - (until + behind) + 1 if number < len(shifts) - 1 else 0
        if 0 < ahead <= _HOURS_3 and last - ahead >= now:
            found.append(_Stretch(now, last - ahead, offset, True, True))
            found.append(_Stretch(last - ahead + 1, last, offset, True, False))
            found.append(_Stretch(last - ahead + 1, last, offset, False, True, None, "once"))
        elif now <= last:
            found.append(_Stretch(now, last, offset, True, True))
        virtual = max(virtual, last) if -_HOURS_3 < difference <= 0 else last
        first, offset = until, behind
    return found


def _shifts(zone: tzinfo, begin: int, end: int) -> list[tuple[int, int, int]]:
    """Changes of the zone's offset between two moments: when, before, after; all in minutes."""
    found = []
    step = 7 * _DAY if end - begin > 10 * _DAY else _DAY
    at, offset = begin, _offset(zone, begin)
    while at < end:
        following = min(at + step, end)
        if (new := _offset(zone, following)) != offset:
            low, high = at, following
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
            new = _offset(zone, high)
            found.append((high, offset, new))
            at, offset = high, new
            continue
        at = following
    return found


def _offset(zone: tzinfo, minute: int) -> int:
    """What the zone's clock is ahead of UTC, in whole minutes."""
    shift = datetime.fromtimestamp(minute * _MINUTE, zone).utcoffset()
    assert shift is not None
    return int(shift.total_seconds() // _MINUTE)


def _days(schedule: Schedule, first: date) -> Iterator[date]:
    """The days that match, from `first` on, through a whole cycle of the calendar."""
    day_set, weekdays, months = set(schedule.day.values), set(schedule.weekday.values), set(schedule.month.values)
    for number in range(first.year * 12 + first.month - 1, (first.year + _CYCLE) * 12 + first.month):
        year, month = divmod(number, 12)
        if month + 1 not in months or year > 9998:
            continue
        begin = date(year, month + 1, 1)
        weekday = (begin.weekday() + 1) % 7
        for day in range(1, LONGEST[month] + 1):
            of_month, of_week = day in day_set, (weekday + day - 1) % 7 in weekdays
            if (of_month or of_week) if schedule.either else (of_month and of_week):
                try:
                    found = date(year, month + 1, day)
                except ValueError:  # 29 February
                    continue
                if found >= first:
                    yield found


def _matches(schedule: Schedule, local: int) -> bool:
    """find_jobs() for one minute on the wall."""
    wall = _wall(local)
    of_month, of_week = wall.day in schedule.day.values, (wall.weekday() + 1) % 7 in schedule.weekday.values
    days = (of_month or of_week) if schedule.either else (of_month and of_week)
    hour, minute = wall.hour in schedule.hour.values, wall.minute in schedule.minute.values
    return days and hour and minute and wall.month in schedule.month.values


def _wall(local: int) -> datetime:
    return datetime.fromtimestamp(local * _MINUTE, UTC).replace(tzinfo=None)

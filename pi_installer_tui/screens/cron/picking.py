"""A schedule by a choice in words and back: every day, on some days of the week, each month, each year, every so many
minutes or hours, at the start. A choice gives five fields; those that it would give otherwise have none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pi_installer_tui.i18n import _
from pi_installer_tui.system.cron import fields
from pi_installer_tui.system.cron.fields import LONGEST, Schedule
from pi_installer_tui.system.timers.expression import runs

How = Literal["day", "weekdays", "month", "year", "minutes", "hours", "start"]
HOWS: tuple[How, ...] = get_args(How)
#: from Monday, by cron's numbers
WEEK = (1, 2, 3, 4, 5, 6, 0)
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_ALL_DAY = (0, 23)


@dataclass(frozen=True, slots=True)
class Pick:
    """times: HH:MM. weekdays: 0 Sunday to 6; () every day. days: of the month; month: of the year. every: minutes or
    hours. minute: of the hour. hours: the first and the last in which it runs."""

    how: How
    times: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = ()
    days: tuple[int, ...] = ()
    month: int = 1
    every: int = 1
    minute: int = 0
    hours: tuple[int, int] = _ALL_DAY


class CannotPick(ValueError):
    """A choice that is no schedule. field: which part of it."""

    def __init__(self, part: str, text: str) -> None:
        super().__init__(text)
        self.part = part


def text_of(pick: Pick) -> str:
    """The schedule of a choice. Raises CannotPick."""
    match pick.how:
        case "start":
            return "@reboot"
        case "day":
            return f"{_times(pick.times)} * * *"
        case "weekdays":
            if not pick.weekdays:
                raise CannotPick("weekdays", _("on which days of the week?"))
            return f"{_times(pick.times)} * * {_weekdays(pick.weekdays)}"
        case "month":
            return f"{_times(pick.times)} {_days(pick.days, 31)} * *"
        case "year":
            if not 1 <= pick.month <= 12:
                raise CannotPick("month", _("a month is a number from 1 to 12"))
            return f"{_times(pick.times)} {_days(pick.days, LONGEST[pick.month - 1])} {pick.month} *"
        case "minutes":
            return f"{_step(pick.every, 60)} {_hours(pick.hours)} * * {_weekdays(pick.weekdays)}"
        case "hours":
            if not 0 <= pick.minute <= 59:
                raise CannotPick("minute", _("a minute is a number from 0 to 59"))
            return f"{pick.minute} {_step(pick.every, 24)} * * {_weekdays(pick.weekdays)}"


def pick_of(schedule: Schedule) -> Pick | None:
    """The choice that means the same to cron, also when the clock is changed; None where there is none."""
    for pick in _candidates(schedule):
        try:
            same = fields.parse(text_of(pick))
        except CannotPick:
            continue
        if _meaning(same) == _meaning(schedule):
            return pick
    return None


def _candidates(schedule: Schedule) -> Sequence[Pick]:
    if schedule.reboot:
        return (Pick("start"),)
    minutes, hours = schedule.minute.values, schedule.hour.values
    days, months = schedule.day.values, schedule.month.values
    if not minutes or not hours or not days:
        return ()
    week = tuple(day for day in WEEK if day in schedule.weekday.values)
    weekdays = () if len(week) == 7 else week
    times = tuple(f"{hour:02}:{minute:02}" for hour in hours for minute in minutes)
    found: list[Pick] = []
    if len(times) <= 12:
        if len(months) == 1:
            found.append(Pick("year", times, days=days, month=months[0]))
        found += [Pick("day", times), Pick("weekdays", times, weekdays=week), Pick("month", times, days=days)]
    apart = minutes[1] - minutes[0] if len(minutes) > 1 else 60
    found.append(Pick("minutes", weekdays=weekdays, every=apart, hours=(hours[0], hours[-1])))
    apart = hours[1] - hours[0] if len(hours) > 1 else 24
    found.append(Pick("hours", weekdays=weekdays, every=apart, minute=minutes[0]))
    return found


def _meaning(schedule: Schedule) -> object:
    return (schedule.reboot, schedule.wildcard, _days_of(schedule), [field.values for field in schedule.fields[:2]])


def _days_of(schedule: Schedule) -> object:
    """On which days: without the days of the week where any will do, and so on."""
    if schedule.every_day:
        return schedule.month.values
    return schedule.either, schedule.day.values, schedule.weekday.values, schedule.month.values


def _times(times: Sequence[str]) -> str:
    """Minute and hour. cron runs at each of the minutes of each of the hours."""
    if not times:
        raise CannotPick("times", _("at what time? Such as 03:30"))
    found = [_TIME.fullmatch(text.strip()) for text in times]
    read = sorted({(int(match[1]), int(match[2])) for match in found if match is not None})
    if any(match is None for match in found):
        raise CannotPick("times", _("a time is written as 03:30"))
    hours, minutes = sorted({hour for hour, _minute in read}), sorted({minute for _hour, minute in read})
    if len(read) != len(hours) * len(minutes):
        said = _("one line can't say {times}: make two jobs, or take the same minute for all")
        raise CannotPick("times", said.format(times=", ".join(f"{hour:02}:{minute:02}" for hour, minute in read)))
    return f"{','.join(map(str, minutes))} {','.join(map(str, hours))}"


def _days(days: Sequence[int], most: int) -> str:
    if not days:
        raise CannotPick("days", _("on which days of the month?"))
    if not all(1 <= day <= most for day in days):
        raise CannotPick("days", _("a day is a number from 1 to {most} here").format(most=most))
    return _list(sorted(set(days)))


def _weekdays(days: Sequence[int]) -> str:
    if not days or len(set(days)) == 7:
        return "*"
    return _list(sorted({day or 7 for day in days}))


def _hours(hours: tuple[int, int]) -> str:
    first, last = hours
    if not 0 <= first <= last <= 23:
        raise CannotPick("hours", _("hours are numbers from 0 to 23, the first one not after the last"))
    return "*" if hours == _ALL_DAY else f"{first}-{last}" if last > first else str(first)


def _step(every: int, whole: int) -> str:
    if not 1 <= every < whole:
        raise CannotPick("every", _("every 1 to {most}").format(most=whole - 1))
    return "*" if every == 1 else f"*/{every}"


def _list(values: Sequence[int]) -> str:
    """`1-5`, `1,15`."""
    parts = (
        f"{first}-{last}" if last - first > 1 else ",".join(map(str, range(first, last + 1)))
        for first, last in runs(values)
    )
    return ",".join(parts)

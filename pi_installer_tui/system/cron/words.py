"""A schedule in words: short for a column of a list, long for an editor and a sentence. All of it can be translated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import time
from itertools import pairwise

from pi_installer_tui.i18n import N_, _, ngettext

from .fields import Schedule, day_name, joined, month_name
from .runs import Change

_SHORT_DAYS = (N_("Sun"), N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"))
_SHORT_MONTHS = (
    N_("Jan"),
    N_("Feb"),
    N_("Mar"),
    N_("Apr"),
    N_("May"),
    N_("Jun"),
    N_("Jul"),
    N_("Aug"),
    N_("Sep"),
    N_("Oct"),
    N_("Nov"),
    N_("Dec"),
)
#: more times of a day than these are told by their minutes and hours
_MOST_TIMES = 4


def long(schedule: Schedule) -> str:
    """`every day at 03:30`, `every 15 minutes`, `on the 1st and 15th at 04:00, and every Monday`."""
    if schedule.reboot:
        return _("once, when the machine has started")
    often = _often(schedule)
    at = _times(schedule)
    when = often or at
    months = _months(schedule)
    if schedule.every_day:
        if not often and not months:
            return _("every day {times}").format(times=at)
        if not months:
            return often
        return _("{times} on every day in {months}").format(times=when, months=months)
    if schedule.either:
        text = _("{days} {times}, and {weekdays}").format(
            days=_on_days(schedule.day.values), times=when, weekdays=_weekdays(schedule.weekday.values)
        )
    elif len(schedule.day.values) == 31:
        text = _ordered(_weekdays(schedule.weekday.values), when, bool(often))
    elif len(schedule.weekday.values) == 7:
        text = _ordered(_on_days(schedule.day.values), when, bool(often))
    else:
        text = _("{weekdays} {times}, but only {days}").format(
            weekdays=_weekdays(schedule.weekday.values), times=when, days=_on_days(schedule.day.values)
        )
    return _("{text}, in {months}").format(text=text, months=months) if months else text


def _ordered(days: str, times: str, often: bool) -> str:
    return (_("{times}, {days}") if often else _("{days} {times}")).format(days=days, times=times)


def short(schedule: Schedule) -> str:
    """`daily 03:30`, `every 15 min`, `Mon-Fri 08:00`, `1,15 04:00 or Mon`."""
    if schedule.reboot:
        return _("at boot")
    often = _often(schedule, brief=True)
    when = often or _short_times(schedule)
    if schedule.every_day:
        days = "" if often else _("daily")
    elif schedule.either:
        days = ""
        when = _("{days} {times} or {weekdays}").format(
            days=_short_days(schedule), times=when, weekdays=_short_weekdays(schedule)
        )
    elif len(schedule.day.values) == 31:
        days = _short_weekdays(schedule)
    elif len(schedule.weekday.values) == 7:
        days = _("day {days}").format(days=_short_days(schedule))
    else:
        days = _("{weekdays} if {days}").format(weekdays=_short_weekdays(schedule), days=_short_days(schedule))
    months = "" if len(schedule.month.values) == 12 else _spans(schedule.month.values, _SHORT_MONTHS, 1)
    return " ".join(part for part in (months, days, when) if part)


def change(told: Change) -> str:
    """What a change of the clock does: `on 28 March 2027 02:30 does not exist: the job runs at 03:00`."""
    day = _("{day} {month} {year}").format(day=told.wall.day, month=month_name(told.wall.month), year=f"{told.wall:%Y}")
    at = f"{told.wall:%H:%M}"
    if told.count > 1:
        at = ngettext("{count} time from {time} on", "{count} times from {time} on", told.count).format(
            count=told.count, time=at
        )
    pattern = {
        "moved": N_("on {day} {times} does not exist: the job runs at {runs}"),
        "lost": N_("on {day} {times} does not exist, and the job isn't run for it"),
        "once": N_("on {day} {times} comes twice: the job runs the first time only"),
        "both": N_("on {day} {times} comes twice: the job runs both times"),
    }[told.what]
    many = {
        "moved": N_("on {day} {times} do not exist: the job runs for each of them at {runs}"),
        "lost": N_("on {day} {times} do not exist, and the job isn't run for them"),
        "once": N_("on {day} {times} come twice: the job runs the first time only"),
        "both": N_("on {day} {times} come twice: the job runs both times"),
    }[told.what]
    return _(pattern if told.count == 1 else many).format(day=day, times=at, runs=f"{told.runs:%H:%M}")


def _often(schedule: Schedule, *, brief: bool = False) -> str:
    """What comes more than a few times a day, "" for what has times of the day."""
    minutes, hours = schedule.minute.values, schedule.hour.values
    if not minutes or not hours:
        return _("never")
    step = _step(minutes, 60)
    within = _within(hours)
    if len(minutes) == 60:
        every = _("every minute")
    elif step and len(minutes) > 1:
        pattern = _("every {n} min") if brief else _("every {n} minutes")
        every = pattern.format(n=step)
        if minutes[0]:
            every = _("{every} from minute {minute} on").format(every=every, minute=minutes[0])
    elif len(hours) == 24 and len(minutes) == 1:
        every = _("every hour") if not minutes[0] else _("every hour at minute {minute}").format(minute=minutes[0])
        return every if not brief or not minutes[0] else _("hourly :{minute:02d}").format(minute=minutes[0])
    elif len(minutes) == 1 and len(hours) > _MOST_TIMES and (apart := _step(hours, 24)) and apart > 1:
        every = (_("every {n} h") if brief else _("every {n} hours")).format(n=apart)
        if hours[0] or minutes[0]:
            start = f"{hours[0]:02d}:{minutes[0]:02d}"
            every = _("{every} from {time} on").format(every=every, time=start)
        return every
    elif len(minutes) == 1 and len(hours) > _MOST_TIMES and within:
        every = _("every hour") if not minutes[0] else _("every hour at minute {minute}").format(minute=minutes[0])
        if brief and minutes[0]:
            every = _("hourly :{minute:02d}").format(minute=minutes[0])
        first, last = (f"{hour:02d}:{minutes[0]:02d}" for hour in within)
        return _("{every} {first}-{last}").format(every=every, first=first, last=last)
    elif len(minutes) * len(hours) > _MOST_TIMES:
        listed = joined([str(each) for each in minutes]) if not brief else _spans(minutes)
        if len(hours) == 24:
            pattern = _("hourly :{minutes}") if brief else _("every hour at minutes {minutes}")
            return pattern.format(minutes=listed)
        pattern = _(":{minutes} of {hours} h")
        if not brief:
            one, many = N_("at minute {minutes} of the hours {hours}"), N_("at minutes {minutes} of the hours {hours}")
            pattern = ngettext(one, many, len(minutes))
        return pattern.format(
            minutes=listed,
            hours=_spans(hours) if brief else joined([str(each) for each in hours]),
        )
    else:
        return ""
    if len(hours) == 24:
        return every
    if within:
        return _("{every} {first}-{last}").format(
            every=every, first=f"{within[0]:02d}:{minutes[0]:02d}", last=f"{within[1]:02d}:{minutes[-1]:02d}"
        )
    if brief:
        return _("{every} in {hours} h").format(every=every, hours=_spans(hours))
    return _("{every} in the hours {hours}").format(every=every, hours=joined([str(each) for each in hours]))


def _times(schedule: Schedule) -> str:
    return _("at {times}").format(times=joined(_clock(schedule)))


def _short_times(schedule: Schedule) -> str:
    return ",".join(_clock(schedule))


def _clock(schedule: Schedule) -> list[str]:
    return [f"{time(h, m):%H:%M}" for h in schedule.hour.values for m in schedule.minute.values]


def _months(schedule: Schedule) -> str:
    values = schedule.month.values
    if len(values) == 12:
        return ""
    if span := _span(values, 3):
        return _("{first} to {last}").format(first=month_name(span[0]), last=month_name(span[1]))
    return joined([month_name(month) for month in values])


def _weekdays(values: Sequence[int]) -> str:
    """`every Monday`, `from Monday to Friday`, `every Monday and Thursday`."""
    week = _from_monday(values)
    if len(week) == 7:
        return _("every day")
    if span := _span(week, 3):
        return _("from {first} to {last}").format(first=day_name(span[0] % 7), last=day_name(span[1] % 7))
    return _("every {days}").format(days=joined([day_name(day % 7) for day in week])) if week else _("on no day")


def _short_days(schedule: Schedule) -> str:
    """Without so many commas that it fills the column: then as it is written."""
    spans = _spans(schedule.day.values)
    return spans if spans.count(",") < _MOST_TIMES else schedule.day.text


def _short_weekdays(schedule: Schedule) -> str:
    return _spans(_from_monday(schedule.weekday.values), (*_SHORT_DAYS, _SHORT_DAYS[0]), 0)


def _from_monday(values: Iterable[int]) -> tuple[int, ...]:
    """Sunday, 0, as 7 at the end."""
    return tuple(sorted(day or 7 for day in values))


def _on_days(values: Sequence[int]) -> str:
    """`on the 1st and 15th`, `on the 8th to 14th`."""
    if not values:
        return _("on no day of the month")
    if span := _span(values, 3):
        return _("on the {first} to {last}").format(first=_ordinal(span[0]), last=_ordinal(span[1]))
    if len(values) > _MOST_TIMES and len(apart := {b - a for a, b in pairwise(values)}) == 1:
        return _("every {n} days from the {first} to the {last}").format(
            n=apart.pop(), first=_ordinal(values[0]), last=_ordinal(values[-1])
        )
    return _("on the {days}").format(days=joined([_ordinal(day) for day in values]))


def _ordinal(day: int) -> str:
    if day in (1, 21, 31):
        return _("{day}st").format(day=day)
    if day in (2, 22):
        return _("{day}nd").format(day=day)
    if day in (3, 23):
        return _("{day}rd").format(day=day)
    return _("{day}th").format(day=day)


def _step(values: Sequence[int], whole: int) -> int:
    """How far they are apart, over the hour's or day's end too; 0 where that differs."""
    apart = {after - before for before, after in zip(values, [*values[1:], values[0] + whole], strict=True)}
    return apart.pop() if len(apart) == 1 else 0


def _within(hours: Sequence[int]) -> tuple[int, int] | None:
    return _span(hours, 1) if len(hours) < 24 else None


def _span(values: Sequence[int], least: int) -> tuple[int, int] | None:
    """First and last of values without a gap, at least so many."""
    if len(values) >= least and values[-1] - values[0] == len(values) - 1:
        return values[0], values[-1]
    return None


def _spans(values: Sequence[int], names: Sequence[str] = (), first: int = 0) -> str:
    """`1-5,15`, with names `Mon-Fri,Sun`."""
    parts: list[list[int]] = []
    for value in values:
        if parts and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])

    def named(value: int) -> str:
        return _(names[value - first]) if names else str(value)

    return ",".join(
        f"{named(part[0])}-{named(part[-1])}" if len(part) > 2 else ",".join(map(named, part)) for part in parts
    )

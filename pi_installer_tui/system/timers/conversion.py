"""cron's schedules as OnCalendar= and back, where both can say the same. Sources: crontab(5) and entry.c of Debian's
cron 3.0pl1 (which days count: its DOM_STAR and DOW_STAR), systemd.time(7), systemd.timer(5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.system.timers.expression import BOUNDS, DAYS, EVERY_DAY, Event, Field, parse, runs, uneven

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: crontab(5), as cron itself reads them. cron's week begins on Sunday, systemd's `weekly` is on Monday
_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SPACES = re.compile(r"[ \t]+")
_RANGE = re.compile(r"(?P<first>\*|[0-9a-zA-Z]+)(?:-(?P<last>[0-9a-zA-Z]+))?(?:/(?P<step>\d+))?")


class CannotConvert(Exception):
    """The other one can't say it, or it is wrong. reasons: sentences in words."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Timing:
    """When a timer starts something, as its unit file has it. calendars: OnCalendar=, each of which counts. on_boot:
    OnBootSec=, in seconds; None: unset. others: further settings that start it (`OnUnitActiveSec`). random_delay:
    seconds."""

    calendars: tuple[str, ...] = ()
    on_boot: float | None = None
    others: tuple[str, ...] = ()
    persistent: bool = False
    random_delay: float = 0.0


@dataclass(frozen=True, slots=True)
class ToTimer:
    """A cron schedule for a timer. notes: where the two differ all the same, sentences in words."""

    timing: Timing
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToCron:
    """A timer for cron: as many lines' schedules as it takes. notes: as above."""

    schedules: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_COLUMNS = (
    _Column(N_("minute"), 0, 59),
    _Column(N_("hour"), 0, 23),
    _Column(N_("day of the month"), 1, 31),
    _Column(N_("month"), 1, 12, _MONTHS),
    _Column(N_("day of the week"), 0, 7, _WEEK),
)


# cron to timer ----------------------------------------------------------------------------------------------------


def to_timer(schedule: str) -> ToTimer:
    """A crontab line's schedule, five columns or one of the @ forms. Raises CannotConvert for what is no schedule."""
    words = [word for word in _SPACES.split(schedule.strip(" \t")) if word]
    if words == ["@reboot"]:
        start = _("cron starts it when cron itself starts, a timer when the machine has started.")
        late = _("A timer that is made later than that starts it at once.")
        return ToTimer(Timing(on_boot=0.0), (start, late))
    if len(words) == 1 and words[0].startswith("@"):
        if words[0] not in _SHORTHANDS:
            raise CannotConvert(_("cron doesn't know {word}.").format(word=words[0]))
        words = _SHORTHANDS[words[0]].split()
    if len(words) != len(_COLUMNS):
        raise CannotConvert(_("A schedule has 5 columns, and here are {n}.").format(n=len(words)))
    fields: list[frozenset[int]] = []
    reasons: list[str] = []
    for column, word in zip(_COLUMNS, words, strict=True):
        try:
            fields.append(_column(word, column))
        except CannotConvert as error:
            reasons += error.reasons
    if reasons:
        raise CannotConvert(*reasons)
    minutes, hours, month_days, months, week = fields
    week = frozenset((n - 1) % 7 for n in week)  # Monday first; 7 is Sunday as 0 is
    time = f"{_calendar(hours, 'hour')}:{_calendar(minutes, 'minute')}:00"
    month = _calendar(months, "month")
    every = f"*-{month}-* {time}"
    days = _weekdays(week)
    of_month = f"*-{month}-{_calendar(month_days, 'day')} {time}"
    # entry.c: a column that begins with * restricts nothing by itself, so both have to be right; else one is enough
    either = not (words[2].startswith("*") or words[4].startswith("*"))
    calendars: tuple[str, ...] = (f"{days}{of_month}",)
    either_notes: tuple[str, ...] = ()
    if either and (not days or of_month == every):
        calendars = (every,)
    elif either:
        calendars = (of_month, f"{days}{every}")
        two = _("cron takes the day of the month or the day of the week. That makes two expressions, and each counts.")
        either_notes = (two,)
    return ToTimer(Timing(calendars), (*either_notes, *_anew(minutes, hours), *_clock(hours)))


def _anew(minutes: frozenset[int], hours: frozenset[int]) -> tuple[str, ...]:
    """That steps which don't go evenly around begin again: for cron and for systemd alike."""
    uneven = []
    if (step := _step(minutes, 59)) and 60 % step:
        uneven.append(_("A step of {n} minutes begins again with each hour, for cron and for a timer.").format(n=step))
    if (step := _step(hours, 23)) and 24 % step:
        uneven.append(_("A step of {n} hours begins again with each day, for cron and for a timer.").format(n=step))
    return tuple(uneven)


def _clock(hours: frozenset[int]) -> tuple[str, ...]:
    """What is different on the days on which clocks change."""
    if len(hours) == 24:
        return ()
    return (
        _(
            "In the night in which clocks go forward, cron makes up for a time that doesn't exist; a timer leaves it "
            "out."
        ),
    )


def _column(text: str, column: _Column) -> frozenset[int]:
    name = _(column.name)
    found: set[int] = set()
    for word in text.split(","):
        match = _RANGE.fullmatch(word)
        if match is None or (match["first"] == "*" and match["last"]):
            raise CannotConvert(_("{field}: cron doesn't understand “{word}”.").format(field=name, word=word))
        if match["first"] == "*":
            first, last = column.low, column.high
        else:
            first = _number(match["first"], column)
            last = _number(match["last"], column) if match["last"] else first
            if match["step"] and not match["last"]:
                said = _("{field}: in “{word}” a step has no range; cron wants one.")
                raise CannotConvert(said.format(field=name, word=word))
        if first > last:
            raise CannotConvert(_("{field}: the range {word} runs backwards.").format(field=name, word=word))
        step = int(match["step"] or 1)
        if not step:
            raise CannotConvert(_("{field}: a step of 0 goes nowhere.").format(field=name))
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, column: _Column) -> int:
    if not text.isdigit():
        if text.lower() not in column.names:
            raise CannotConvert(_("{field}: “{word}” is no name of one.").format(field=_(column.name), word=text))
        return column.names.index(text.lower()) + (1 if column.names is _MONTHS else 0)
    if not column.low <= int(text) <= column.high:
        said = _("{field}: {n} isn't from {low} to {high}.")
        raise CannotConvert(said.format(field=_(column.name), n=text, low=column.low, high=column.high))
    return int(text)


def _calendar(values: frozenset[int], field: Field) -> str:
    """A field of a calendar expression."""
    low, high = BOUNDS[field]
    if values == frozenset(range(low, high + 1)):
        return "*"
    if step := _step(values, high):
        # a step without an end has to go evenly: see uneven()
        even = field != "day" and (high - low + 1) % step == 0
        return f"{min(values):02}{'' if even else f'..{max(values):02}'}/{step}"
    return ",".join(_shown(values, lambda a, b: f"{a:02}..{b:02}", lambda n: f"{n:02}"))


def _weekdays(days: frozenset[int]) -> str:
    if days == EVERY_DAY:
        return ""
    return ",".join(_shown(days, lambda a, b: f"{DAYS[a]}..{DAYS[b]}", lambda n: DAYS[n])) + " "


def _step(values: Iterable[int], high: int) -> int:
    """The step by which the values go on to the end of their range; 0 where they don't, or are too few to say so."""
    numbers = sorted(values)
    step = numbers[1] - numbers[0] if len(numbers) > 2 else 0
    return step if step > 1 and numbers == list(range(numbers[0], high + 1, step)) else 0


def _shown(values: Iterable[int], many: Callable[[int, int], str], one: Callable[[int], str]) -> Iterable[str]:
    for first, last in runs(sorted(values)):
        if last - first > 1:
            yield many(first, last)
        else:
            yield from (one(n) for n in range(first, last + 1))


# timer to cron ----------------------------------------------------------------------------------------------------


def to_cron(timing: Timing) -> ToCron:
    """A timer's timing as cron has it. timing.calendars: in the normalised form, as `calendar.ask` gives it. Raises
    CannotConvert with every reason why cron can't do it."""
    reasons: list[str] = []
    schedules: list[str] = []
    notes: dict[str, None] = {}
    for text in timing.calendars:
        try:
            event = parse(text)
            schedules.append(_cron(event, notes))
        except CannotConvert as error:
            reasons += error.reasons
        except ValueError:
            reasons.append(_("{text} isn't understood.").format(text=text))
    if timing.on_boot is not None:
        schedules.append("@reboot")
        if timing.on_boot:
            reasons.append(_("cron can't wait after the start of the machine."))
    reasons += [_("cron has nothing like {setting}=.").format(setting=each) for each in timing.others]
    if not schedules and not reasons:
        reasons.append(_("It has no time at which it starts."))
    if reasons:
        raise CannotConvert(*dict.fromkeys(reasons))
    if len(schedules) > 1:
        notes[_("It takes several lines. At a time that several of them name, cron starts it as often.")] = None
    if timing.persistent:
        notes[_("cron doesn't make up for what was missed while the machine was off.")] = None
    if timing.random_delay:
        notes[_("cron starts it without a random delay.")] = None
    return ToCron(tuple(schedules), tuple(notes))


def _cron(event: Event, notes: dict[str, None]) -> str:
    reasons = []
    if event.fraction or event.numbers("second") != {0}:
        reasons.append(_("cron knows no seconds."))
    if event.year:
        reasons.append(_("cron knows no years."))
    if event.zone:
        reasons.append(_("cron takes the machine's time zone, not {zone}.").format(zone=event.zone))
    if event.from_end:
        reasons.append(_("cron can't count from the end of the month."))
    days, week = event.numbers("day"), frozenset((n + 1) % 7 for n in event.days)  # Sunday first
    day, weekday = _field(days, 1, 31), _field(week, 0, 6)
    if day != "*" and weekday != "*" and not event.from_end:
        # a column that begins with * makes cron want both
        stars = [_star(days, 1, 31), _star(week, 0, 7)]
        if not any(stars):
            reasons.append(_("cron takes the day of the month or the day of the week, and can't want both."))
        else:
            day, weekday = stars[0] or day, weekday if stars[0] else stars[1]
            notes[_("cron wants both, the day of the month and of the week, because of the * in one.")] = None
    if not (event.numbers("hour") and event.numbers("minute") and days and event.numbers("month")):
        reasons.append(_("It never comes."))
    if reasons:
        raise CannotConvert(*reasons)
    if uneven(event):
        notes[_("systemd leaves out the first run after some changes of day, month or year, and cron doesn't.")] = None
    for note in _clock(event.numbers("hour")):
        notes[note] = None
    minute, hour = _field(event.numbers("minute"), 0, 59), _field(event.numbers("hour"), 0, 23)
    return f"{minute} {hour} {day} {_field(event.numbers('month'), 1, 12)} {weekday}"


def _star(values: frozenset[int], low: int, high: int) -> str:
    """`*/step`, where the values can be had so; else "". high: with cron's second Sunday."""
    for step in range(2, high - low + 2):
        if frozenset(n % 7 if high == 7 else n for n in range(low, high + 1, step)) == values:
            return f"*/{step}"
    return ""


def _field(values: frozenset[int], low: int, high: int) -> str:
    """A column of cron's."""
    if values == frozenset(range(low, high + 1)):
        return "*"
    if step := _step(values, high):
        first = min(values)
        # a * in front of a step would change how the two columns of days count
        return f"*/{step}" if first == low and (low, high) not in ((1, 31), (0, 6)) else f"{first}-{high}/{step}"
    return ",".join(_shown(values, lambda a, b: f"{a}-{b}", str))

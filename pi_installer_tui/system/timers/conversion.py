"""cron's schedules as OnCalendar= and back, where both can say the same. Sources: crontab(5) and entry.c of Debian's
cron 3.0pl1 (which days count: its DOM_STAR and DOW_STAR), systemd.time(7), systemd.timer(5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.system.cron import fields
from pi_installer_tui.system.timers.expression import BOUNDS, DAYS, EVERY_DAY, Event, Field, parse, runs, uneven


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


# cron to timer ----------------------------------------------------------------------------------------------------


def to_timer(schedule: str) -> ToTimer:
    """A crontab line's schedule, five fields or one of the @ forms. Raises CannotConvert for what is no schedule, and
    for what cron takes as something else than it looks like."""
    try:
        read = fields.parse(schedule)
    except fields.Mistake as error:
        raise CannotConvert(_("cron doesn't take it: {why}.").format(why=error.what)) from None
    if read.reboot:
        start = _("cron starts it when cron itself starts, a timer when the machine has started.")
        late = _("A timer that is made later than that starts it at once.")
        return ToTimer(Timing(on_boot=0.0), (start, late))
    if reasons := [
        reason for name, field in zip(fields.NAMES, read.fields, strict=True) for reason in _odd(name, field)
    ]:
        raise CannotConvert(*reasons)
    minutes, hours, month_days, months, week = (frozenset(field.values) for field in read.fields)
    week = frozenset((n - 1) % 7 for n in week)  # Monday first
    time = f"{_calendar(hours, 'hour')}:{_calendar(minutes, 'minute')}:00"
    month = _calendar(months, "month")
    every = f"*-{month}-* {time}"
    days = _weekdays(week)
    of_month = f"*-{month}-{_calendar(month_days, 'day')} {time}"
    calendars: tuple[str, ...] = (f"{days}{of_month}",)
    either_notes: tuple[str, ...] = ()
    if read.either and (not days or of_month == every):
        calendars = (every,)
    elif read.either:
        calendars = (of_month, f"{days}{every}")
        two = _("cron takes the day of the month or the day of the week. That makes two expressions, and each counts.")
        either_notes = (two,)
    wide = [note for name, field in zip(fields.NAMES, read.fields, strict=True) for note in _wide(name, field)]
    return ToTimer(Timing(calendars), (*either_notes, *wide, *_anew(minutes, hours), *_clock(hours)))


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


def _odd(name: fields.Name, field: fields.Field) -> Iterable[str]:
    """What of a field isn't to cron what it seems to be."""
    title = fields.title(name)
    if field.skipped:
        yield _("{field}: cron doesn't read “{word}”.").format(field=title, word=field.skipped)
    for word in field.backwards:
        yield _("{field}: the range {word} runs backwards, and cron takes nothing of it.").format(
            field=title, word=word
        )


def _wide(name: fields.Name, field: fields.Field) -> Iterable[str]:
    """Steps that lead out of their range at once."""
    for word in field.wide:
        yield _("{field}: of {word} cron takes the first value only.").format(field=fields.title(name), word=word)


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

"""The five fields of a schedule and the @ forms, exactly as Debian's cron takes them: entry.c of cron 3.0pl1-162
(Debian 12) with its patches; 3.0pl1-197 (Debian 13) takes the same, and only warns of wide steps.

    list = range {"," range}           get_list(): what follows the last range up to a blank is skipped, unread
    range = "*" | number | number "-" number, the first and last of them with [ "/" number ]            get_range()
    number = letters and digits: a name of the field (three letters, any case), or digits only          get_number()
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pi_installer_tui.i18n import N_, _

Name = Literal["minute", "hour", "day of month", "month", "day of week"]

NAMES: tuple[Name, ...] = ("minute", "hour", "day of month", "month", "day of week")
#: of each field: the first and the last value. Sunday is 0 and 7.
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: how many days a month may have
LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
FORMS = ("@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_TITLES: dict[Name, str] = {
    "minute": N_("minute"),
    "hour": N_("hour"),
    "day of month": N_("day of the month"),
    "month": N_("month"),
    "day of week": N_("day of the week"),
}
#: get_list() and get_range() return a char, in which this byte is EOF (where char is signed, as on amd64)
_BYTE_255 = "\udcff"
#: cron.h, MAX_TEMPSTR: longer words are refused
_LONGEST_WORD = 1000


class Mistake(ValueError):
    """What cron doesn't take. field: "" where it isn't in one of the five; column: from 1, in characters of the line;
    what: in words; cron: its own words for it, as `crontab` and the journal have them."""

    def __init__(self, field: Name | Literal["", "command", "user"], column: int, what: str, cron: str) -> None:
        super().__init__(what)
        self.field, self.column, self.what, self.cron = field, column, what, cron


@dataclass(frozen=True, slots=True)
class Field:
    """One field. text: as it is written; column: from 1. values: those that it matches, sorted, 7 of the weekdays as 0.
    star: it begins with `*`, which cron asks for, not whether it matches all. skipped: the end of the text that cron
    doesn't read. backwards: ranges such as `22-3`, of which it takes nothing. wide: steps beyond the range, which match
    its first value only."""

    text: str
    column: int
    values: tuple[int, ...]
    star: bool
    skipped: str = ""
    backwards: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job runs. form: `@daily` or "" for five fields. reboot: only when cron starts after a boot.

    either: one of the two days is enough (both are restricted by cron's measure: neither begins with `*`); else both
    have to match. wildcard: minute or hour begins with `*`, which decides what happens when the clock is changed.
    Source: find_jobs() of cron.c."""

    text: str
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    form: str = ""

    @property
    def reboot(self) -> bool:
        return self.form == "@reboot"

    @property
    def fields(self) -> tuple[Field, ...]:
        return (self.minute, self.hour, self.day, self.month, self.weekday)

    @property
    def either(self) -> bool:
        return not (self.day.star or self.weekday.star)

    @property
    def wildcard(self) -> bool:
        return self.minute.star or self.hour.star

    @property
    def every_day(self) -> bool:
        """It runs on all days of its months."""
        all_days, all_weekdays = len(self.day.values) == 31, len(self.weekday.values) == 7
        return (all_days or all_weekdays) if self.either else (all_days and all_weekdays)


def title(name: Name) -> str:
    """A field's name for people."""
    return _(_TITLES[name])


def parse(text: str) -> Schedule:
    """A schedule alone: five fields or an @ form. Raises Mistake, where more follows too."""
    schedule, end = read(text.strip(" \t"))
    if rest := text.strip(" \t")[end:].strip(" \t"):
        raise Mistake("command", end + 1, _("there are more than five fields: {rest}").format(rest=rest), "bad command")
    return schedule


def read(line: str, start: int = 0) -> tuple[Schedule, int]:
    """The schedule at `start` of a line without its end, and where what follows it begins. Raises Mistake.

    Names of the @ forms are told apart by case and end at a blank (load_entry())."""
    if line.startswith("@", start):
        end = _end_of_word(line, start)
        form = line[start:end]
        if form not in FORMS:
            known = ", ".join(FORMS)
            what = _("cron doesn't know {form}; it knows {known}").format(form=form, known=known)
            if form.lower() in FORMS:
                what = _("{form} has to be written in small letters").format(form=form)
            raise Mistake("", start + 1, what, "bad time specifier")
        return _of_form(form, start), _skip_blanks(line, end)
    at, found = start, []
    for number, name in enumerate(NAMES):
        if at >= len(line):
            what = _("the {field} is missing: a schedule has five fields").format(field=title(name))
            raise Mistake(name, at + 1, what, _cron(name))
        field = _field(line, at, number)
        found.append(field)
        at = _skip_blanks(line, at + len(field.text))
        if line.startswith(_BYTE_255, at) or field.skipped.startswith(_BYTE_255):
            raise Mistake(name, at + 1, _("cron takes the byte 255 for the end of the file"), _cron(name))
    text = line[start:at].rstrip(" \t")
    return _schedule(text, found), at


def never(schedule: Schedule) -> str:
    """Why it never runs, in words; "" where it does."""
    if schedule.reboot:
        return ""
    for name, field in zip(NAMES, schedule.fields, strict=True):
        days = name in ("day of month", "day of week")
        if not field.values and not (days and schedule.either and (schedule.day.values or schedule.weekday.values)):
            return _("it never runs: {range} goes backwards, and cron takes nothing of it").format(
                range=", ".join(field.backwards)
            )
    if schedule.either and schedule.weekday.values:
        return ""
    months = [month for month in schedule.month.values if month]
    if any(day <= LONGEST[month - 1] for month in months for day in schedule.day.values):
        return ""
    names = joined([month_name(month) for month in months])
    if len(schedule.day.values) == 1:
        return _("day {day} never comes in {months}").format(day=schedule.day.values[0], months=names)
    days_named = joined([str(day) for day in schedule.day.values])
    return _("days {days} never come in {months}").format(days=days_named, months=names)


def days_explained(schedule: Schedule) -> str:
    """What cron makes of both days being given, in words; "" where only one or none is."""
    day, weekday = schedule.day, schedule.weekday
    if schedule.form or len(day.values) == 31 or len(weekday.values) == 7:
        return ""
    if schedule.either:
        return _(
            "Both days are given, so one of them is enough: it runs on these days of the month, and on these days of "
            "the week too."
        )
    star = day if day.star else weekday
    return _(
        "{star} begins with *, so both days have to match: it runs only on these days of the week that are these days "
        "of the month."
    ).format(star=star.text)


def month_name(month: int) -> str:
    """1: January."""
    return _(_MONTH_NAMES[month - 1])


def day_name(day: int) -> str:
    """0: Sunday."""
    return _(_DAY_NAMES[day])


def joined(items: list[str]) -> str:
    """`a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return _("{first} and {last}").format(first=", ".join(items[:-1]), last=items[-1])


_MONTH_NAMES = (
    N_("January"),
    N_("February"),
    N_("March"),
    N_("April"),
    N_("May"),
    N_("June"),
    N_("July"),
    N_("August"),
    N_("September"),
    N_("October"),
    N_("November"),
    N_("December"),
)
_DAY_NAMES = (
    N_("Sunday"),
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
)


def _field(line: str, start: int, number: int) -> Field:
    """get_list()."""
    at = start
    values: set[int] = set()
    backwards: list[str] = []
    wide: list[str] = []
    while True:
        first, last, step, end = _range(line, at, number)
        taken = range(first, last + 1, step)
        values.update(taken)
        if last < first:
            backwards.append(line[at:end])
        elif step > max(1, last - first):
            wide.append(line[at:end])
        at = end
        if not line.startswith(",", at):
            break
        at += 1
    end = _end_of_word(line, start) if at < len(line) and line[at] not in " \t" else at
    if number == 4:
        values = {value % 7 for value in values}
    text = line[start:end]
    return Field(text, start + 1, tuple(sorted(values)), text[:1] == "*", line[at:end], tuple(backwards), tuple(wide))


def _range(line: str, start: int, number: int) -> tuple[int, int, int, int]:
    """get_range(): first, last, step, and where it ends."""
    low, high = BOUNDS[number]
    if line.startswith("*", start):
        first, last, at = low, high, start + 1
    else:
        first, at = _number(line, start, number)
        _bounded(line, start, at, first, number)
        if not line.startswith("-", at):
            if line.startswith("/", at):
                what = _("a step needs a range before it: {range} or */{step}").format(
                    range=f"{line[start:at]}-{high}/{_word(line, at + 1)}", step=_word(line, at + 1)
                )
                raise Mistake(NAMES[number], at + 1, what, _cron(NAMES[number]))
            return first, first, 1, at
        second = at + 1
        last, at = _number(line, second, number)
        _bounded(line, second, at, last, number)
    step = 1
    if line.startswith("/", at):
        begin = at + 1
        step, at = _number(line, begin, None, NAMES[number])
        if step <= 0:
            raise Mistake(NAMES[number], begin + 1, _("a step has to be at least 1"), _cron(NAMES[number]))
    return first, last, step, at


def _number(line: str, start: int, number: int | None, name: Name = "minute") -> tuple[int, int]:
    """get_number(). number: the field whose names are known; None: a step of the field `name`."""
    word = _word(line, start)
    end = start + len(word)
    name = name if number is None else NAMES[number]
    known = {3: MONTHS, 4: DAYS}.get(-1 if number is None else number, ())
    if word.lower() in known:
        return known.index(word.lower()) + (1 if number == 3 else 0), end
    if word.isdigit() and len(word) < _LONGEST_WORD:
        # atoi(3) of glibc with 64 bits: what doesn't fit wraps around
        return (min(int(word), 2**63 - 1) + 2**31) % 2**32 - 2**31, end
    raise Mistake(name, start + 1, _expected(line, start, word, name, number), _cron(name))


def _expected(line: str, start: int, word: str, name: Name, number: int | None) -> str:
    there = line[start : _end_of_word(line, start)]
    if not there:
        return _("something is missing here in the {field}").format(field=title(name))
    if number is None:
        return _("the step of the {field} has to be a number, not {text}").format(field=title(name), text=there)
    low, high = BOUNDS[number]
    if number in (3, 4) and word[:3].lower() in (MONTHS if number == 3 else DAYS):
        return _("{text} has to be written with three letters: {short}").format(text=word, short=word[:3])
    if number in (3, 4):
        return _("{text} is no {field}: it is a number from {low} to {high} or a name of three letters").format(
            text=there, field=title(name), low=low, high=high
        )
    return _("{text} is no {field}: it is a number from {low} to {high}").format(
        text=there, field=title(name), low=low, high=high
    )


def _bounded(line: str, start: int, end: int, value: int, number: int) -> None:
    low, high = BOUNDS[number]
    if not low <= value <= high:
        name = NAMES[number]
        what = _("{text} is no {field}: it is a number from {low} to {high}").format(
            text=line[start:end], field=title(name), low=low, high=high
        )
        raise Mistake(name, start + 1, what, _cron(name))


def _of_form(form: str, start: int) -> Schedule:
    """What load_entry() sets for a form. Their stars aren't those of the five fields that crontab(5) names for them:
    @daily and @hourly set none for the days, and only @hourly has one for the hour."""
    zero, month, day, weekday = (0,), tuple(range(1, 13)), tuple(range(1, 32)), tuple(range(7))
    hour: tuple[int, ...] = zero
    stars: tuple[int, ...] = ()
    match form:
        case "@reboot":
            return _schedule(form, [Field("", start + 1, (), False) for _each in NAMES], form)
        case "@yearly" | "@annually":
            day, month, stars = (1,), (1,), (4,)
        case "@monthly":
            day, stars = (1,), (4,)
        case "@weekly":
            weekday, stars = (0,), (2,)
        case "@hourly":
            hour, stars = tuple(range(24)), (1,)
    values = (zero, hour, day, month, weekday)
    return _schedule(form, [Field("", start + 1, each, n in stars) for n, each in enumerate(values)], form)


def _schedule(text: str, found: list[Field], form: str = "") -> Schedule:
    minute, hour, day, month, weekday = found
    return Schedule(text, minute, hour, day, month, weekday, form)


def values_of(schedule: Schedule) -> Iterator[tuple[Name, tuple[int, ...]]]:
    """The five fields' values with their names."""
    return zip(NAMES, (field.values for field in schedule.fields), strict=True)


def _cron(name: Name) -> str:
    return f"bad {name.replace(' ', '-')}"


def _word(line: str, start: int) -> str:
    end = start
    while end < len(line) and line[end].isascii() and line[end].isalnum():
        end += 1
    return line[start:end]


def _end_of_word(line: str, start: int) -> int:
    while start < len(line) and line[start] not in " \t":
        start += 1
    return start


def _skip_blanks(line: str, start: int) -> int:
    while start < len(line) and line[start] in " \t":
        start += 1
    return start

"""A calendar expression of systemd's in its normalised form, taken apart, and in words. Source: systemd.time(7),
CALENDAR EVENTS, and calendar_spec_to_string() of systemd 252 and 257, which writes that form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pi_installer_tui.i18n import N_, _, ngettext

Field = Literal["year", "month", "day", "hour", "minute", "second"]

#: lowest and highest value; of years those that systemd looks at
BOUNDS: dict[Field, tuple[int, int]] = {
    "year": (1970, 2199),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EVERY_DAY = frozenset(range(7))
DAY_NAMES = (N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"))
MONTH_NAMES = (
    *(N_("January"), N_("February"), N_("March"), N_("April"), N_("May"), N_("June"), N_("July")),
    *(N_("August"), N_("September"), N_("October"), N_("November"), N_("December")),
)
_FORM = re.compile(
    r"(?:(?P<days>[A-Z][A-Za-z.,]*) )?(?P<year>[^\s-]+)-(?P<month>[^\s~-]+)(?P<end>[-~])(?P<day>\S+)"
    r" (?P<hour>[^\s:]+):(?P<minute>[^\s:]+):(?P<second>\S+)(?: (?P<zone>\S+))?"
)
_PART = re.compile(r"(\d+)(?:\.\.(\d+))?(?:/(\d+))?")
#: that many times of the day are listed
_TIMES = 6
#: and that many numbers that go on by a step
_LISTED = 4


@dataclass(frozen=True, slots=True)
class Part:
    """`first`, `first..last`, `first/step`, `first..last/step`."""

    first: int
    last: int | None = None
    step: int | None = None

    def numbers(self, high: int, *, down: bool = False) -> Iterable[int]:
        """What it stands for, up to `high`; down: from the end of the month, where steps go on towards that end."""
        if self.step is None and self.last is None:
            return (self.first,)
        if down and self.last is None:
            return range(self.first, 0, -(self.step or 1))
        return range(self.first, (high if self.last is None else self.last) + 1, self.step or 1)


@dataclass(frozen=True, slots=True)
class Event:
    """An expression. days: 0 Monday to 6 Sunday, one of which it has to be. Of the fields () is any. from_end: the days
    count from the end of the month, 1 the last one. fraction: it has fractions of a second, as written (and `second`
    is ()). zone: "" the machine's own."""

    text: str
    days: frozenset[int] = EVERY_DAY
    year: tuple[Part, ...] = ()
    month: tuple[Part, ...] = ()
    day: tuple[Part, ...] = ()
    hour: tuple[Part, ...] = ()
    minute: tuple[Part, ...] = ()
    second: tuple[Part, ...] = ()
    from_end: bool = False
    fraction: str = ""
    zone: str = ""

    def numbers(self, name: Field) -> frozenset[int]:
        """The values that a field may have."""
        low, high = BOUNDS[name]
        parts: tuple[Part, ...] = getattr(self, name)
        down = self.from_end and name == "day"
        found = (n for part in parts or (Part(low, high),) for n in part.numbers(high, down=down))
        return frozenset(n for n in found if low <= n <= high)


def parse(normalised: str) -> Event:
    """An expression in systemd's normalised form. Raises ValueError for anything else."""
    match = _FORM.fullmatch(normalised)
    if match is None:
        raise ValueError(f"no normalised calendar expression: {normalised}")
    second, fraction = match["second"], ""
    if "." in second.replace("..", ""):
        second, fraction = "*", second
    return Event(
        normalised,
        _days(match["days"]) if match["days"] else EVERY_DAY,
        year=_parts(match["year"]),
        month=_parts(match["month"]),
        day=_parts(match["day"]),
        hour=_parts(match["hour"]),
        minute=_parts(match["minute"]),
        second=_parts(second),
        from_end=match["end"] == "~",
        fraction=fraction,
        zone=match["zone"] or "",
    )


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for word in text.split(","):
        first, _dots, last = word.partition("..")
        found.update(range(DAYS.index(first), DAYS.index(last or first) + 1))
    return frozenset(found)


def _parts(text: str) -> tuple[Part, ...]:
    if text == "*":
        return ()
    matches = [_PART.fullmatch(word) for word in text.split(",")]
    found = [match for match in matches if match is not None]
    if len(found) != len(matches):
        raise ValueError(f"no part of a calendar expression: {text}")
    return tuple(Part(int(m[1]), int(m[2]) if m[2] else None, int(m[3]) if m[3] else None) for m in found)


def uneven(event: Event) -> bool:
    """Whether systemd leaves out runs of it: where a step without an end doesn't go evenly into its range, the first
    value after two fields roll over at once is missing. `00/5:00` doesn't run at midnight when a month begins, and
    `*:00/21` not at 00:00. Seen with systemd 252 and 257 (steps of days with 252 alone); `00..20/5` runs."""
    names: tuple[Field, ...] = ("second", "minute", "hour", "day")
    for name in names:
        low, high = BOUNDS[name]
        parts: tuple[Part, ...] = getattr(event, name)
        steps = [part.step for part in parts if part.step and part.last is None]
        if name == "day" and not event.from_end and steps:
            return True
        if name != "day" and any((high - low + 1) % step for step in steps):
            return True
    return False


# in words ---------------------------------------------------------------------------------------------------------


def words(normalised: str) -> str:
    """An expression in words: `Monday to Friday, at 03:00`; what isn't in the normalised form, as it is."""
    try:
        event = parse(normalised)
    except ValueError:
        return normalised
    time, often = _time(event)
    date = _date(event)
    said = [date or ("" if often else _("every day")), time]
    text = _(", ").join(part for part in said if part)
    return _("{when} ({zone})").format(when=text, zone=event.zone) if event.zone else text


def _time(event: Event) -> tuple[str, bool]:
    """The time of the day, and whether it says by itself how often."""
    if event.fraction:
        return _("at {time}").format(time=event.text.split(" ")[-2 if event.zone else -1]), False
    hours, minutes, seconds = (sorted(event.numbers(name)) for name in ("hour", "minute", "second"))
    if len(hours) == 24 and len(minutes) == 60:
        if seconds == [0]:
            return _("every minute"), True
        if (step := _step(seconds, 60)) is not None:
            return ngettext("every second", "every {n} seconds", step).format(n=step), True
        return _("every minute, at second {list}").format(list=numbered(seconds)), True
    if seconds == [0] and len(hours) == 24:
        if (step := _step(minutes, 60)) is not None and step < 60:
            return ngettext("every minute", "every {n} minutes", step).format(n=step), True
        if minutes == [0]:
            return _("every hour"), True
        return _("every hour, at minute {list}").format(list=numbered(minutes)), True
    if seconds == [0] and len(minutes) == 1 and (step := _step(hours, 24)) is not None and step < 24:
        every = ngettext("every hour", "every {n} hours", step).format(n=step)
        return (_("{every}, at minute {n}").format(every=every, n=minutes[0]) if minutes[0] else every), True
    if len(hours) * len(minutes) * len(seconds) <= _TIMES:
        times = [
            f"{h:02}:{m:02}" + (f":{s:02}" if seconds != [0] else "") for h in hours for m in minutes for s in seconds
        ]
        return _("at {time}").format(time=_(", ").join(times)), False
    minute = _within(minutes, 60, _("every minute"), _("at minute {list}"))
    hour = _("of every hour") if len(hours) == 24 else _("of hour {list}").format(list=numbered(hours))
    second = [] if seconds == [0] else [_within(seconds, 60, _("every second"), _("at second {list}"))]
    return _(", ").join([*second, f"{minute} {hour}"]), False


def _within(values: Sequence[int], end: int, every: str, at: str) -> str:
    return every if len(values) == end else at.format(list=numbered(values))


def _step(values: Sequence[int], end: int) -> int | None:
    """`every n`: from 0 on, in steps that go evenly around. None where it isn't so."""
    step = values[1] - values[0] if len(values) > 1 else end
    return step if end % step == 0 and list(values) == list(range(0, end, step)) else None


def _date(event: Event) -> str:
    said = []
    if event.days != EVERY_DAY:
        said.append(_runs(sorted(event.days), [_(name) for name in DAY_NAMES], 0))
    if event.day:
        days = sorted(event.numbers("day"))
        if not event.from_end:
            said.append(_("on day {list} of the month").format(list=numbered(days)))
        elif days == [1]:
            said.append(_("on the last day of the month"))
        else:
            said.append(_("on day {list} from the end of the month").format(list=numbered(days)))
    if event.month:
        said.append(
            _("in {months}").format(months=_runs(sorted(event.numbers("month")), [_(n) for n in MONTH_NAMES], 1))
        )
    if event.year:
        said.append(_("in {years}").format(years=numbered(sorted(event.numbers("year")))))
    return _(", ").join(said)


def numbered(values: Sequence[int]) -> str:
    """Numbers in words: `1, 5 to 9`, `1 to 31 in steps of 2`."""
    step = values[1] - values[0] if len(values) > _LISTED else 0
    if step > 1 and list(values) == list(range(values[0], values[-1] + 1, step)):
        return _("{first} to {last} in steps of {step}").format(first=values[0], last=values[-1], step=step)
    return _runs(values, None, 0)


def _runs(values: Sequence[int], names: Sequence[str] | None, first: int) -> str:
    said = []
    for start, end in runs(values):
        one, other = (str(n) if names is None else names[n - first] for n in (start, end))
        if end - start >= 2:
            said.append(_("{first} to {last}").format(first=one, last=other))
        else:
            said += [one] if start == end else [one, other]
    return _(", ").join(said)


def runs(values: Sequence[int]) -> list[tuple[int, int]]:
    """Sorted numbers as unbroken runs, first and last."""
    found: list[tuple[int, int]] = []
    for value in values:
        if found and found[-1][1] == value - 1:
            found[-1] = (found[-1][0], value)
        else:
            found.append((value, value))
    return found

"""What systemd itself makes of calendar expressions: `systemd-analyze calendar` asked for the normalised form and the
next runs. It alone judges; where it refuses, what is wrong, and where, is found out here (systemd-analyze(1))."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import Known, Reading, Unknown
from pi_installer_tui.system.timers.expression import BOUNDS, DAYS, Field

_REFUSED = re.compile(r"^Failed to parse calendar specification '(.*)': ", re.MULTILINE)
#: of systemd 252, and of 257
_ITERATION = re.compile(r"Iter(?:\.|ation) #\d+")
_STAMP = re.compile(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ")
#: systemd.time(7)
_SHORTHANDS = frozenset(
    {"minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "annually", "anually"}
    | {"semiannually", "semi-annually", "biannually", "bi-annually"}
)
_FIELD_NAMES: dict[Field, str] = {
    "year": N_("year"),
    "month": N_("month"),
    "day": N_("day"),
    "hour": N_("hour"),
    "minute": N_("minute"),
    "second": N_("second"),
}
_VALUE = re.compile(r"(\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?))?(?:/(\d+(?:\.\d+)?))?")
_DAY_NAMES = frozenset(DAYS) | {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why an expression is refused. at: where in it, counted from 0; None where that isn't known."""

    text: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What systemd says of one expression. runs: the next ones, seconds since 1970, whole ones; none and no mistake: it
    never comes (again)."""

    expression: str
    normalised: str = ""
    runs: tuple[float, ...] = ()
    mistake: Mistake | None = None

    @property
    def never(self) -> bool:
        """It is right, and no run is left."""
        return self.mistake is None and not self.runs


async def ask(
    host: Host, expressions: Sequence[str], *, iterations: int = 10, base: float | None = None, zone: str = ""
) -> Reading[tuple[Answer, ...]]:
    """All expressions by one command, answered in their order. base: from when on, seconds since 1970, None now. zone:
    a time zone by its name in place of the machine's, for expressions that have none."""
    asked = [each for each in expressions if each.strip() and each.isprintable()]
    done = ""
    refused: set[str] = set()
    if asked:
        argv = ["systemd-analyze", "calendar", f"--iterations={max(iterations, 1)}"]
        argv += [f"--base-time=@{int(base)}"] if base is not None else []
        try:
            answer = await host.run([*argv, "--", *asked], env={"TZ": f":{zone}"} if zone else None)
        except CommandNotFound:
            return Unknown(_("systemd-analyze is not installed"))
        done, refused = answer.stdout, set(_REFUSED.findall(answer.stderr))
    blocks = iter(_blocks(done))
    found = []
    for each in expressions:
        if each not in asked or each in refused:
            found.append(Answer(each, mistake=mistake(each)))
        elif (block := next(blocks, None)) is not None:
            found.append(Answer(each, *block))
        else:
            return Unknown(_("systemd-analyze answered something that isn't understood"))
    return Known(tuple(found))


def _blocks(text: str) -> list[tuple[str, tuple[float, ...]]]:
    """Of each expression the normalised form and the runs. Where the time zone isn't UTC, each run has a second line
    with it in UTC."""
    found: list[tuple[str, list[float]]] = []
    for line in text.splitlines():
        name, _colon, value = line.strip().partition(": ")
        if name == "Normalized form":
            found.append((value, []))
        elif found and (name == "Next elapse" or _ITERATION.fullmatch(name)):
            if match := _STAMP.match(value):
                found[-1][1].append(_seconds(match[1]))
        elif name == "(in UTC)" and (match := _STAMP.match(value)):
            found[-1][1][-1] = _seconds(match[1])
    return [(form, tuple(times)) for form, times in found]


def _seconds(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()


# mistakes ---------------------------------------------------------------------------------------------------------


def mistake(expression: str) -> Mistake:
    """What is wrong with an expression that systemd refuses, as far as that can be told. systemd itself says only that
    it is."""
    if not expression.strip():
        return Mistake(_("There is nothing in it."), 0)
    if not expression.isprintable():
        at = next(n for n, c in enumerate(expression) if not c.isprintable())
        return Mistake(_("A character in it can't be printed."), at)
    words = [(match.start(), match[0]) for match in re.finditer(r"\S+", expression)]
    seen_time = seen_date = False
    for number, (at, word) in enumerate(words):
        if word.lower() in _SHORTHANDS and number == 0:
            seen_time = seen_date = True
        elif ":" in word and not seen_time:
            seen_time = True
            if found := _time(word, at):
                return found
        elif re.fullmatch(r"[\d*,./~-]*[-~][\d*,./~-]*", word) and not (seen_date or seen_time):
            seen_date = True
            if found := _date(word, at):
                return found
        elif number == 0 and word[0].isalpha():
            if found := _weekdays(word, at):
                return found
        elif number != len(words) - 1 or not (seen_date or seen_time):
            return Mistake(_("“{word}” is no day of the week, no date and no time.").format(word=word), at)
        else:
            return Mistake(_("“{word}” is no time zone that this machine knows.").format(word=word), at)
    return Mistake(_("systemd doesn't understand it."))


def _time(word: str, at: int) -> Mistake | None:
    fields = word.split(":")
    if len(fields) > 3:
        return Mistake(_("A time has hours, minutes and seconds, and no more."), at)
    names: tuple[Field, ...] = ("hour", "minute", "second")
    for name, text in zip(names, fields, strict=False):
        if found := _values(name, text, at):
            return found
        at += len(text) + 1
    return None


def _date(word: str, at: int) -> Mistake | None:
    fields = re.split(r"[-~]", word)
    names: tuple[Field, ...] = ("year", "month", "day")
    if len(fields) > 3:
        return Mistake(_("A date has a year, a month and a day, and no more."), at)
    for name, text in zip(names[3 - len(fields) :], fields, strict=True):
        if found := _values(name, text, at):
            return found
        at += len(text) + 1
    return None


def _values(name: Field, text: str, at: int) -> Mistake | None:
    """Of one field, which begins at this place."""
    low, high = BOUNDS[name]
    for word in text.split(","):
        if word.startswith("*/"):
            return Mistake(_("systemd doesn't know `*/`: write {start}{rest}.").format(start=low, rest=word[1:]), at)
        if word != "*":
            match = _VALUE.fullmatch(word)
            if match is None:
                said = _("“{word}” is no {field}.") if word else _("Here a {field} is missing.")
                return Mistake(said.format(word=word, field=_(_FIELD_NAMES[name])), at)
            for value in (match[1], match[2]):
                if value and name != "year" and not low <= float(value) < high + 1:
                    said = _("The {field} {n} isn't from {low} to {high}.")
                    return Mistake(said.format(field=_(_FIELD_NAMES[name]), n=value, low=low, high=high), at)
            if match[2] and float(match[2]) < float(match[1]):
                return Mistake(_("The range {word} runs backwards.").format(word=word), at)
            if match[3] and not float(match[3]):
                return Mistake(_("A step of 0 goes nowhere."), at)
            if match[3] and name != "year" and float(match[1]) + float(match[3]) > float(match[2] or high):
                # calendarspec.c, chain_valid()
                return Mistake(_("The step of {word} leads out of its range at once.").format(word=word), at)
        at += len(word) + 1
    return None


def _weekdays(word: str, at: int) -> Mistake | None:
    for part in word.rstrip(",").split(","):
        first, dots, last = part.partition("..")
        for name in (first, last) if dots else (first,):
            if name.capitalize() not in _DAY_NAMES:
                return Mistake(_("“{word}” is no day of the week.").format(word=name), at)
        days = [DAYS.index(name.capitalize()[:3]) for name in (first, last or first)]
        if days[1] < days[0]:
            said = _("{word} runs backwards: for systemd a week ends on Sunday. Write its days with commas.")
            return Mistake(said.format(word=part), at)
        at += len(part) + 1
    return None

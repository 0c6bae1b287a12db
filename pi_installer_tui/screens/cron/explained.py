"""A schedule explained: in words, what is wrong with it and where, what is worth knowing, when it runs next. Nothing
here asks the machine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.system.cron import fields, runs, words
from pi_installer_tui.system.cron.fields import Mistake, Schedule
from pi_installer_tui.system.reading import known

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.state import State
    from pi_installer_tui.widgets.lines import Cell, Tone

#: runs that are shown
SHOWN = 10
#: changes of the clock that are told: those of a year
_CHANGES = 2
WEEKDAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))
_MARKS: dict[runs.Note, str] = {"": "", "moved": N_("moved"), "once": N_("once"), "again": N_("again")}


@dataclass(frozen=True, slots=True)
class Explained:
    """What there is to say of a schedule. mistake: then the rest is empty. never: why it never runs. remarks, clock:
    sentences, the latter of what the coming changes of the clock do to it."""

    text: str
    words: str = ""
    mistake: Mistake | None = None
    never: str = ""
    remarks: tuple[str, ...] = ()
    clock: tuple[str, ...] = ()
    runs: tuple[runs.Run, ...] = ()


def now() -> float:
    """Seconds since 1970."""
    return time.time()


def zone_of(state: State) -> tzinfo:
    """The machine's time zone; UTC where it isn't known."""
    try:
        return ZoneInfo(known(state.zone) or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def explain(text: str, zone: tzinfo, at: float, count: int = SHOWN) -> Explained:
    """A schedule that somebody types. at: from when on runs are told, seconds since 1970."""
    try:
        schedule = fields.parse(text)
    except Mistake as mistake:
        return Explained(text, mistake=mistake)
    never = fields.never(schedule)
    if schedule.reboot:
        said = _("cron starts it when cron itself starts after a start of the machine")
        return Explained(text, words.long(schedule), remarks=(said,))
    changes = tuple(words.change(each) for each in runs.changes(schedule, zone, int(at)))[:_CHANGES]
    return Explained(
        text,
        words.long(schedule),
        never=never,
        remarks=tuple(remarks(schedule)),
        clock=changes,
        runs=runs.upcoming(schedule, zone, int(at), count),
    )


def remarks(schedule: Schedule) -> Iterable[str]:
    """What is otherwise than it may look."""
    if said := fields.days_explained(schedule):
        yield said
    for name, values, whole in (("minute", schedule.minute.values, 60), ("hour", schedule.hour.values, 24)):
        step = values[1] - values[0] if len(values) > 2 else 0
        if step > 1 and whole % step and values == tuple(range(values[0], whole, step)) and values[0] < step:
            if name == "minute":
                said = ngettext(
                    "the step begins again with each hour: {n} minute after the last one",
                    "the step begins again with each hour: {n} minutes after the last one",
                    whole - values[-1] + values[0],
                )
            else:
                said = ngettext(
                    "the step begins again with each day: {n} hour after the last one",
                    "the step begins again with each day: {n} hours after the last one",
                    whole - values[-1] + values[0],
                )
            yield said.format(n=whole - values[-1] + values[0])


def when(at: float, zone: tzinfo) -> str:
    """A moment on the machine's clock: `Mon 2026-11-30 02:30`."""
    local = datetime.fromtimestamp(at, zone)
    return f"{_(WEEKDAYS[local.weekday()])} {local:%Y-%m-%d %H:%M}"


def coming(found: Sequence[runs.Run], zone: tzinfo) -> list[str]:
    """Runs as they are shown, those that a change of the clock concerns with a word."""
    return [f"{when(run.at, zone)} {_(_MARKS[run.note])}".strip() for run in found]


def in_columns(items: Sequence[str], rows: int, width: int) -> list[list[Cell]]:
    """Items from top to bottom, then to the right, in so many lines."""
    from pi_installer_tui.widgets.lines import Cell, crop

    count = -(-len(items) // rows) if items else 0
    each = width // count if count else width
    lines: list[list[Cell]] = []
    for row in range(rows):
        here = items[row::rows]
        tone: Tone = "plain"
        lines.append([Cell(crop(item, each, ""), tone) for item in here])
    return lines

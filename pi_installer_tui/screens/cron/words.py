"""Scheduled jobs in words: what a row of the list says, and how a run ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.signs import span
from pi_installer_tui.system.reading import Known, Missing, Reading, Unknown
from pi_installer_tui.widgets.lines import Cell, Tone
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.modules.cron.listing import Last, Row
    from pi_installer_tui.system.cron.findings import Finding

#: on: it runs when its time comes; faulty: so it does, and something is wrong with its line; ignored: cron or run-parts
#: leaves it out, whatever its line says
Standing = Literal["on", "off", "ignored", "faulty"]

DAY = 86_400
#: where users' crontabs are (system/cron/read.py)
_SPOOL = "/var/spool/cron/crontabs/"
_WEEKDAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))
_MONTHS = (
    *(N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"), N_("Jun")),
    *(N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec")),
)


def standing(what: Standing, signs: Glyphs) -> Cell:
    """A row's state, as a sign and a word."""
    sign, word, tone = _standings(signs)[what]
    return Cell(f"{sign} {word}", tone)


def _standings(signs: Glyphs) -> dict[Standing, tuple[str, str, Tone]]:
    return {
        "on": (signs.ok, _("on"), "good"),
        "off": (signs.todo, _("off"), "quiet"),
        "ignored": (signs.failed, _("ignored"), "bad"),
        "faulty": (signs.warning, _("faulty"), "warn"),
    }


def when(at: float, now: float, zone: tzinfo) -> str:
    """A moment before or behind now, in nine cells: `14:45`, within six days `Sun 03:30`, else `1 Dec`, `28 Mar 27`."""
    told, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    days = (told.date() - today.date()).days
    if days == 0:
        return f"{told:%H:%M}"
    if abs(days) < 7:
        return f"{_(_WEEKDAYS[told.weekday()])} {told:%H:%M}"
    day = f"{told.day} {_(_MONTHS[told.month - 1])}"
    return day if told.year == today.year else f"{day} {told:%y}"


def moment(at: float, zone: tzinfo) -> str:
    """A moment by the machine's clock: `Sat 2026-11-28 03:30`."""
    told = datetime.fromtimestamp(at, zone)
    return f"{_(_WEEKDAYS[told.weekday()])} {told:%Y-%m-%d %H:%M}"


def following(reading: Reading[float], now: float, zone: tzinfo, *, reboot: bool) -> Cell:
    """The column with the next run."""
    if reboot:
        return Cell(_("at boot"))
    if isinstance(reading, Known):
        return Cell(when(reading.value, now, zone))
    return Cell("?", "warn") if isinstance(reading, Unknown) else Cell("-", "quiet")


def age(seconds: float) -> str:
    """How long ago, in six cells: `20 s`, `5 min`, `3 h`, `12 d`."""
    if seconds < 60:
        return _("{n} s").format(n=max(0, int(seconds)))
    if seconds < 3600:
        return _("{n} min").format(n=int(seconds // 60))
    if seconds < DAY:
        return _("{n} h").format(n=int(seconds // 3600))
    return _("{n} d").format(n=int(seconds // DAY))


def last(reading: Reading[Last], now: float, signs: Glyphs) -> Cell:
    """The column with the last run: the sign of how it ended, and how long ago it began."""
    if isinstance(reading, Unknown):
        return Cell("?", "warn")
    if isinstance(reading, Missing):
        return Cell("-", "quiet")
    run = reading.value
    sign, tone = mark(run.what, signs)
    return Cell(f"{sign} {age(now - run.at) if run.at is not None else _('long ago')}", tone)


def mark(what: str, signs: Glyphs) -> tuple[str, Tone]:
    """The sign of how a run ended."""
    match what:
        case "done":
            return signs.ok, "good"
        case "failed" | "timeout" | "killed":
            return signs.failed, "bad"
        case "interrupted" | "locked":
            return signs.warning, "warn"
        case "running":
            return signs.running, "key"
        case _:
            return signs.todo, "quiet"


def outcome(what: str, status: int | None) -> str:
    """How a run ended, in a few words."""
    match what:
        case "done":
            return _("done")
        case "failed":
            return _("failed") if status is None else _("failed, status {status}").format(status=status)
        case "timeout":
            return _("ended: time limit")
        case "killed":
            return _("killed") if status is None else _("killed by signal {number}").format(number=status)
        case "locked":
            return _("left out: it still ran")
        case "running":
            return _("it runs")
        case "interrupted":
            return _("never ended")
        case _:
            return _("started")


def ended(run: Last) -> str:
    """How a run ended, and how long it took."""
    said = outcome(run.what, run.status)
    return said if run.seconds is None else _("{said}, after {span}").format(said=said, span=lasting(run.seconds))


def lasting(seconds: float) -> str:
    """A duration: `0.4 s`, `35 s`, `4 min`."""
    return _("{n} s").format(n=f"{seconds:.1f}") if seconds < 10 else span(seconds)


def schedule(row: Row) -> str:
    """When it runs, for a column: a timer's as short as a line's where cron could say the same."""
    if row.timer is not None and row.timer.timing.calendars:
        return _as_cron(row.timer.timing.calendars) or row.words
    return row.words


@lru_cache(maxsize=512)
def _as_cron(calendars: tuple[str, ...]) -> str:
    from pi_installer_tui.system.cron import fields
    from pi_installer_tui.system.cron.words import short
    from pi_installer_tui.system.timers.conversion import CannotConvert, Timing, to_cron

    try:
        return ", ".join(short(fields.parse(each)) for each in to_cron(Timing(calendars)).schedules)
    except (CannotConvert, ValueError):
        return ""


def name(row: Row) -> str:
    """What it is called in a column: its own name, else what it runs."""
    text = row.name.removesuffix(".timer") if row.kind == "timer" else row.name
    return printable(text or row.command)


def where(row: Row, *, brief: bool = False) -> str:
    """Where it stands: `/etc/cron.d/certbot:4`."""
    path = short(row.path) if brief else row.path
    if row.line:
        return printable(f"{path}:{row.line}")
    if path:
        return printable(path)
    return _("at job {number}").format(number=row.at.number) if row.at is not None else _("in no file")


def short(path: str) -> str:
    """A file for a column: of the spool the user's name is enough."""
    return _("crontab of {user}").format(user=path.removeprefix(_SPOOL)) if path.startswith(_SPOOL) else path


def kind(row: Row) -> str:
    """What sort of thing it is."""
    return {
        "crontab": _("a line of a user's crontab"),
        "system": _("a line of the machine's crontabs"),
        "script": _("a script of a folder"),
        "anacron": _("a job of anacron's"),
        "timer": _("a timer of systemd's"),
        "at": _("a job of at's, once"),
    }[row.kind]


def severity(finding: Finding, signs: Glyphs) -> tuple[str, str, Tone]:
    """A finding's sign, word and tone."""
    marks: dict[str, tuple[str, str, Tone]] = {
        "error": (signs.failed, _("error"), "bad"),
        "warning": (signs.warning, _("warning"), "warn"),
        "note": (signs.todo, _("note"), "quiet"),
    }
    return marks[finding.severity]


def counted(standings: Sequence[Standing]) -> str:
    """How many of each state there are that isn't `on`."""
    words = {"off": _("{n} off"), "ignored": _("{n} ignored"), "faulty": _("{n} faulty")}
    found = [said.format(n=count) for what, said in words.items() if (count := standings.count(what))]
    return ", ".join(found)

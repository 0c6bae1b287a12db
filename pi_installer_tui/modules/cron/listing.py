"""Everything scheduled as one list: a row is a line of a crontab, a script of a folder, a job of anacron's, a timer, a
job of at's. What it will do next is computed when it is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.system.cron import words
from pi_installer_tui.system.cron.fields import Schedule
from pi_installer_tui.system.cron.lines import Entry, Remark
from pi_installer_tui.system.cron.read import ANACRONTAB, Crontab, Period, Scripts
from pi_installer_tui.system.cron.runs import upcoming
from pi_installer_tui.system.cron.wrapped import Wrapped, unwrap
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown, known
from pi_installer_tui.system.timers import expression
from pi_installer_tui.system.timers.at import AtJob
from pi_installer_tui.system.timers.history import Run
from pi_installer_tui.system.timers.read import Timer

#: crontab: a user's own; system: /etc/crontab and /etc/cron.d; script: of /etc/cron.daily and its like
Kind = Literal["crontab", "system", "script", "anacron", "timer", "at"]


@dataclass(frozen=True, slots=True)
class Row:
    r"""A scheduled thing.

    key:      what names it for an action: `/var/spool/cron/crontabs/pi:12`, `/etc/cron.d/e2scrub_all:4`,
              `/etc/cron.daily/apt-compat`, `/etc/anacrontab:9`, `apt-daily.timer`, `pi/sync.timer`, `at:5`
    owner:    the user whose it is: as whom it runs, of a user's timer whose manager has it
    path, line: where it stands, line 0: the file as a whole, path "": nowhere (a transient timer)
    schedule: as it is written; words: in words, short
    command:  what it runs, without what only records it (`wrapped`)
    name:     its own name, of a job that is recorded or marked with one, else "" (of a timer its unit's)
    enabled:  False: switched off, or not run for the reason `refused`
    text:     of a line of a crontab: the whole of it, for the actions' `text`; bytes that aren't UTF-8 as `\xe9`
    """

    key: str
    kind: Kind
    owner: str
    path: str
    line: int
    schedule: str
    words: str
    command: str
    name: str = ""
    enabled: bool = True
    refused: str = ""
    text: str = ""
    wrapped: Wrapped | None = None
    entry: Entry | None = None
    timer: Timer | None = None
    at: AtJob | None = None


#: the comment right above a job's line by which it is found again
_NAMED = re.compile(r"# Name = (?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63})")
_PERIODS: Mapping[Period, str] = {
    "hourly": N_("hourly"),
    "daily": N_("daily"),
    "weekly": N_("weekly"),
    "monthly": N_("monthly"),
    "yearly": N_("yearly"),
}


@dataclass(frozen=True, slots=True)
class Last:
    """How something ran last. at: when it began, seconds since 1970. what: `ended` where nobody knows how (cron doesn't
    tell). status: the exit status, of `killed` the signal. seconds: how long it took. None: not known."""

    at: float | None
    what: Literal["done", "failed", "timeout", "killed", "locked", "running", "interrupted", "ended"]
    status: int | None = None
    seconds: float | None = None


def rows(state: State) -> tuple[Row, ...]:
    """All of them: crontabs, scripts, anacron's, timers, at's."""
    found = [row for crontab in state.cron.crontabs for row in _lines(crontab, state)]
    found += [row for folder in state.cron.scripts for row in _scripts(folder, state)]
    anacrontab = state.cron.anacrontab
    for job in anacrontab.jobs if anacrontab is not None else ():
        every = job.named or ngettext("every {n} day", "every {n} days", job.days).format(n=job.days)
        refused = "" if state.cron.anacron else _("anacron isn't installed")
        row = Row(
            key=f"{ANACRONTAB}:{job.line}",
            kind="anacron",
            owner="root",
            path=ANACRONTAB,
            line=job.line,
            schedule=job.named or str(job.days),
            words=every,
            command=job.command,
            name=job.identifier,
            enabled=not refused,
            refused=refused,
        )
        found.append(row)
    found += [_timer(timer) for timer in state.timers.timers]
    found += [_at(job) for job in known(state.at) or ()]
    return tuple(found)


def next_run(row: Row, state: State, after: int) -> Reading[float]:
    """When it runs next, in seconds since 1970, after a moment; Missing: never again, or not before the machine starts
    anew; Unknown with why."""
    if not row.enabled:
        return MISSING
    if row.timer is not None:
        return row.timer.next
    if row.at is not None:
        return MISSING if row.at.running else Known(row.at.at)
    entry = row.entry
    if row.kind == "script":
        by = _by(_folder_of(row, state), state)
        if by is None:
            return Unknown(_("anacron runs it, when so many days have passed"))
        entry = by
    if row.kind == "anacron" or entry is None:
        return Unknown(_("anacron runs it, when so many days have passed"))
    zone = known(state.zone)
    if zone is None:
        return Unknown(state.zone.reason if isinstance(state.zone, Unknown) else _("the time zone isn't known"))
    return _next(entry.schedule, zone, after)


def last_run(row: Row, records: Sequence[Last] = (), ran: Sequence[Run] = ()) -> Reading[Last]:
    """How it ran last. records: of its own record, the newest first; ran: what the journal knows, the newest first."""
    if records:
        return Known(records[0])
    if row.timer is not None:
        return _of_timer(row.timer)
    if row.entry is not None:
        command = logged(row.entry)
        for run in ran:
            if run.kind == "cron" and (run.user, run.command) == (row.owner, command):
                return Known(of_run(run))
    return MISSING


def logged(entry: Entry) -> str:
    """A command as cron writes it to the journal, where system/timers/history.py finds it: what the shell gets, other
    characters than ASCII's as numbers. Source: child_process() of do_command.c, mkprint() of misc.c."""

    def one(byte: int) -> str:
        if byte < 32:
            return "^" + chr(byte + 64)
        return chr(byte) if byte < 127 else "^?" if byte == 127 else f"\\{byte:03o}"

    return "".join(map(one, entry.shell.encode("utf-8", "surrogateescape"))).strip()


def of_run(run: Run) -> Last:
    """What the journal says of a run."""
    if run.result in ("", "interrupted"):
        return Last(run.at, "interrupted" if run.result else "ended", run.status, run.seconds)
    if run.result == "success":
        return Last(run.at, "done", 0, run.seconds)
    what: Literal["killed", "timeout", "failed"]
    what = "killed" if run.result == "signal" else "timeout" if run.result == "timeout" else "failed"
    return Last(run.at, what, run.status, run.seconds)


def named(crontab: Crontab) -> dict[str, Entry]:
    """The jobs that have a name, by it: that of their record, or of the comment above. Of several the first."""
    found: dict[str, Entry] = {}
    for entry in crontab.table.entries:
        if name := name_of(crontab, entry):
            found.setdefault(name, entry)
    return found


def name_of(crontab: Crontab, entry: Entry) -> str:
    """A job's name, "" where it has none."""
    wrapped = unwrap(entry.shell)
    return wrapped.name if wrapped is not None else mark(crontab, entry.line)


def mark(crontab: Crontab, line: int) -> str:
    """The name in the comment right above a line, "" where there is none."""
    above = crontab.table.lines[line - 2] if line > 1 else None
    match = _NAMED.fullmatch(above.text.removesuffix("\r")) if isinstance(above, Remark) else None
    return match["name"] if match is not None else ""


def marking(name: str) -> str:
    """The comment that gives the job below it a name."""
    return f"# Name = {name}"


def shown(text: str) -> str:
    r"""A line that can go into JSON: bytes that aren't UTF-8 as `\xe9`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _lines(crontab: Crontab, state: State) -> Iterator[Row]:
    refused = crontab.refused
    if not refused:
        users = state.cron.users or None
        revision = {"revision": state.cron.revision} if state.cron.revision else {}
        first = next(crontab.table.refused(users=users, **revision), None)
        if first is not None:
            refused = _("cron ignores the whole file: line {line}: {why}").format(
                line=first.line, why=first.mistake.what
            )
    for entry in crontab.table.entries:
        wrapped = unwrap(entry.shell)
        yield Row(
            key=f"{crontab.path}:{entry.line}",
            kind="crontab" if crontab.user else "system",
            owner=crontab.user or entry.user or "",
            path=crontab.path,
            line=entry.line,
            schedule=entry.schedule.text,
            words=_short(entry.schedule),
            command=shown(_command(entry) if wrapped is None else wrapped.command),
            name=mark(crontab, entry.line) if wrapped is None else wrapped.name,
            enabled=entry.enabled and not refused,
            refused=refused if entry.enabled else "",
            text=shown(crontab.table.text(entry.line)),
            wrapped=wrapped,
            entry=entry,
        )


def _command(entry: Entry) -> str:
    """As the shell gets it; with standard input as it is written."""
    return (entry.shell if entry.stdin is None else entry.command).removesuffix("\r")


def _scripts(folder: Scripts, state: State) -> Iterator[Row]:
    entry = _by(folder, state)
    unrun = "" if folder.by else _("nothing runs what is in {folder}").format(folder=folder.path)
    for script in folder.scripts:
        refused = script.refused or unrun
        yield Row(
            key=script.path,
            kind="script",
            owner=(entry.user or "root") if entry is not None else "root",
            path=script.path,
            line=0,
            schedule=entry.schedule.text if entry is not None else f"@{folder.period}",
            words=_short(entry.schedule) if entry is not None else _(_PERIODS[folder.period]),
            command=script.path,
            name=script.path.rpartition("/")[2],
            enabled=not refused,
            refused=refused,
        )


def _folder_of(row: Row, state: State) -> Scripts:
    folder = row.path.rpartition("/")[0]
    return next(each for each in state.cron.scripts if each.path == folder)


def by_line(row: Row, state: State) -> tuple[str, int] | None:
    """The crontab and the line that run a script's folder; None where anacron does, or nobody."""
    entry = _by(folder := _folder_of(row, state), state)
    return None if entry is None else (folder.by.rpartition(":")[0], entry.line)


def _by(folder: Scripts, state: State) -> Entry | None:
    """The line of a crontab that runs the folder; None where anacron does, or nobody."""
    path, _colon, line = folder.by.rpartition(":")
    for crontab in state.cron.crontabs:
        if crontab.path == path:
            return crontab.table.entry(int(line))
    return None


def _timer(timer: Timer) -> Row:
    calendars = [_of_calendar(each) for each in timer.timing.calendars]
    written = [*timer.timing.calendars, *(f"{name}={seconds:g}" for name, seconds in timer.monotonic)]
    spans = [_("{name} {seconds:g} s").format(name=name, seconds=seconds) for name, seconds in timer.monotonic]
    return Row(
        key=f"{timer.owner}/{timer.name}" if timer.owner else timer.name,
        kind="timer",
        owner=timer.user or timer.owner or "root",
        path=timer.file,
        line=0,
        schedule=", ".join(written),
        words="; ".join([*calendars, *spans]),
        command="; ".join(timer.commands) or timer.starts,
        name=timer.name,
        enabled=timer.active,
        timer=timer,
    )


def _at(job: AtJob) -> Row:
    return Row(
        key=f"at:{job.number}",
        kind="at",
        owner=job.user,
        path="",
        line=0,
        schedule="",
        words=_("once"),
        command=job.command.value if isinstance(job.command, Known) else "",
        at=job,
    )


def _of_timer(timer: Timer) -> Reading[Last]:
    if not isinstance(timer.run, Known):
        return timer.run if timer.run != MISSING or not isinstance(timer.last, Unknown) else timer.last
    run = timer.run.value
    if run.running:
        return Known(Last(run.at, "running"))
    if run.result == "success":
        return Known(Last(run.at, "done", run.status, run.seconds))
    what: Literal["killed", "timeout", "failed"]
    what = "timeout" if run.result == "timeout" else "killed" if run.code in ("killed", "dumped") else "failed"
    return Known(Last(run.at, what, run.status, run.seconds))


def _next(schedule: Schedule, zone: str, after: int) -> Reading[float]:
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return Unknown(_("the time zone {zone} isn't known").format(zone=zone))
    found = upcoming(schedule, place, after, 1)
    return Known(float(found[0].at)) if found else MISSING


@lru_cache(maxsize=2048)
def _short(schedule: Schedule) -> str:
    return words.short(schedule)


@lru_cache(maxsize=512)
def _of_calendar(normalised: str) -> str:
    try:
        return expression.words(normalised)
    except ValueError:
        return normalised

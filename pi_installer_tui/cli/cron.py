"""The verb `cron`: what runs by the clock, one of it, what became of it, and when a schedule comes. It only looks; what
changes something is an action (`act cron`)."""

from __future__ import annotations

import contextlib
import time
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pi_installer_tui.cli import documents
from pi_installer_tui.cli.printing import Printer, print_json
from pi_installer_tui.cli.status import Exit, Stop
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.cron import listing
from pi_installer_tui.modules.cron import state as state_
from pi_installer_tui.modules.cron.listing import Last, Row
from pi_installer_tui.modules.cron.present import row_json
from pi_installer_tui.setup_file import SetupError
from pi_installer_tui.system.cron import fields, records, runs, words
from pi_installer_tui.system.cron.fields import Schedule
from pi_installer_tui.system.reading import Known, Reading, Unknown, known, reading_json
from pi_installer_tui.system.timers import history
from pi_installer_tui.tasks.plan import Mistake

if TYPE_CHECKING:
    from pi_installer_tui.cli.machine import Machine
    from pi_installer_tui.modules.cron.state import State
    from pi_installer_tui.system.cron.records import Record

#: runs that `history` shows
_RUNS = 20
_WHAT = {
    "done": N_("done"),
    "failed": N_("failed"),
    "timeout": N_("ended for its time limit"),
    "killed": N_("killed"),
    "locked": N_("left out, since it still ran"),
    "running": N_("running"),
    "interrupted": N_("interrupted"),
    "ended": N_("ran"),
}


async def cron(args: Namespace, machine: Machine) -> int:
    """All of them: without a further word the list."""
    match args.cron_verb:
        case "show":
            return await _show(args, machine)
        case "history":
            return await _history(args, machine)
        case "next":
            return await _next(args, machine)
    return await _list(args, machine)


def _json(args: Namespace) -> bool:
    return bool(getattr(args, "json", False))


async def _list(args: Namespace, machine: Machine) -> int:
    state, now = await state_.read(machine.host), int(time.time())
    found = [(row, listing.next_run(row, state, now)) for row in listing.rows(state)]
    if getattr(args, "next", False):
        found.sort(key=lambda pair: known(pair[1]) or float("inf"))
    if _json(args):
        jobs = [{**row_json(row), "next": reading_json(coming)} for row, coming in found]
        unread = [{"path": path, "why": why} for path, why in state.cron.unread]
        print_json(documents.document(unknown=_unknown(state), jobs=jobs, unread=unread))
        return Exit.DONE
    printer = Printer()
    for row, coming in found:
        printer.line(row.key, "bold")
        printer.sentence(_about(row, coming, state), indent="  ")
        if row.command:
            printer.sentence(row.command, indent="  ")
    for path, why in state.cron.unread:
        printer.sentence(_("{path} could not be read: {why}.").format(path=path, why=why))
    for text in state.timers.untold:
        printer.sentence(text)
    return Exit.DONE


def _unknown(state: State) -> list[dict[str, str]]:
    return [{"setting": "cron.jobs", "reason": why} for _path, why in state.cron.unread]


def _about(row: Row, coming: Reading[float], state: State) -> str:
    """`daily 03:30, as pi, next 2027-03-01 03:30`"""
    parts = [row.words or row.schedule, _("as {user}").format(user=row.owner) if row.owner else ""]
    if row.refused:
        parts.append(row.refused)
    elif not row.enabled:
        parts.append(_("switched off"))
    elif isinstance(coming, Known):
        parts.append(_("next {time}").format(time=_clock(coming.value, state)))
    if row.wrapped is not None:
        parts.append(_("recorded as {name}").format(name=row.name))
    return ", ".join(filter(None, parts))


async def _show(args: Namespace, machine: Machine) -> int:
    state, now = await state_.read_all(machine.host), int(time.time())
    row = _row(state, args.job)
    zone = _zone(state)
    coming: tuple[float, ...] = ()
    if row.entry is not None and row.enabled and zone is not None:
        coming = tuple(float(run.at) for run in runs.upcoming(row.entry.schedule, zone, now))
    elif isinstance(found := listing.next_run(row, state, now), Known):
        coming = (found.value,)
    said = [each for each in state.findings if each.path == row.path and each.line in (0, row.line)]
    ran = [_last(each) for each in await _records(machine, row)]
    if not ran and row.entry is not None:
        with contextlib.suppress(Stop):  # there is no journal, or none that may be read
            ran += await _journal(machine, state, row)
    last = listing.last_run(row, ran)
    if _json(args):
        findings = [
            {"what": each.what, "severity": each.severity, "line": each.line, "column": each.column} for each in said
        ]
        document = {**row_json(row), "next": list(coming), "last": reading_json(last, _last_json), "findings": findings}
        print_json(documents.document(job=document))
        return Exit.DONE
    printer = Printer()
    printer.line(row.key, "bold")
    long = words.long(row.entry.schedule) if row.entry is not None else row.words
    pairs = [
        (_("schedule"), f"{row.schedule} ({long})" if row.schedule else long),
        (_("runs as"), row.owner),
        (_("command"), row.command),
        (_("name"), row.name),
        (_("state"), row.refused or (_("switched on") if row.enabled else _("switched off"))),
        (_("last"), _last_said(last, state)),
        (_("next"), ", ".join(_clock(at, state) for at in coming) or _("none known")),
    ]
    printer.pairs((title, text) for title, text in pairs if text)
    for each in said:
        printer.sentence(
            f"{each.text} {each.advice}".strip(), indent="  ", style="bold" if each.severity == "error" else ""
        )
    return Exit.DONE


async def _history(args: Namespace, machine: Machine) -> int:
    state = await state_.read(machine.host)
    row = _row(state, args.job)
    found = [(_last(each), each.tail) for each in await _records(machine, row)]
    if row.wrapped is None:
        found = [(each, "") for each in await _journal(machine, state, row)]
    found = found[:_RUNS]
    if _json(args):
        print_json(documents.document(runs=[{**_last_json(last), "output": tail or None} for last, tail in found]))
        return Exit.DONE
    printer = Printer()
    if not found:
        printer.line(_("Nothing is known of earlier runs."))
    for last, tail in found:
        printer.line(_last_said(Known(last), state), "bold" if last.what in ("failed", "timeout", "killed") else "")
        for text in tail.splitlines()[-3:] if last.what != "done" else ():
            printer.sentence(text, indent="  ")
    return Exit.DONE


async def _journal(machine: Machine, state: State, row: Row) -> Sequence[Last]:
    """What the journal has of it."""
    from pi_installer_tui.system.entries import LogError

    if row.timer is not None and not row.timer.owner:
        asked = history.Asked(cron=False, units=(row.timer.starts,))
    elif row.timer is not None:
        account = state.cron.users.get(row.timer.owner)
        mine = ((row.timer.owner, account.uid, row.timer.starts),) if account is not None else ()
        asked = history.Asked(cron=False, of_users=mine)
    elif row.entry is not None:
        asked = history.Asked()
    else:
        return ()
    try:
        page = await history.read(machine.host, asked, count=500 if row.entry is not None else _RUNS)
    except LogError as error:
        raise Stop(Exit.FAILED, str(error)) from None
    command = listing.logged(row.entry) if row.entry is not None else None
    return [
        listing.of_run(run) for run in page.runs if command is None or (run.user, run.command) == (row.owner, command)
    ]


async def _records(machine: Machine, row: Row) -> Sequence[Record]:
    if row.wrapped is None:
        return ()
    try:
        return await records.read(machine.host, row.owner, row.wrapped.name)
    except PermissionError:
        raise Stop(Exit.FAILED, _("the records of {user} can only be read as root").format(user=row.owner)) from None


def _last(record: Record) -> Last:
    return Last(record.begin, record.what, record.signal if record.status is None else record.status, record.seconds)


def _last_json(last: Last) -> dict[str, Any]:
    return {"begin": last.at, "what": last.what, "status": last.status, "seconds": last.seconds}


def _last_said(last: Reading[Last], state: State) -> str:
    if not isinstance(last, Known):
        return last.reason if isinstance(last, Unknown) else _("not known")
    told = last.value
    parts = [_clock(told.at, state) if told.at is not None else _("before the journal begins"), _(_WHAT[told.what])]
    if told.status:
        parts.append(_("status {status}").format(status=told.status))
    if told.seconds is not None:
        parts.append(_("{seconds} s").format(seconds=f"{told.seconds:.1f}"))
    return ", ".join(parts)


async def _next(args: Namespace, machine: Machine) -> int:
    """When a schedule comes, whether or not there is such a job."""
    try:
        schedule: Schedule = fields.parse(args.schedule)
    except fields.Mistake as mistake:
        raise SetupError(
            Mistake("schedule", _("{what} (column {column})").format(what=mistake.what, column=mistake.column))
        ) from None
    state = state_.State(zone=await state_.zone(machine.host))
    place = _zone(state)
    if place is None:
        raise Stop(Exit.FAILED, _("the machine's time zone isn't known"))
    found = runs.upcoming(schedule, place, int(time.time()), args.count)
    if _json(args):
        said = [{"at": run.at, "wall": run.wall.isoformat(), "note": run.note or None} for run in found]
        print_json(documents.document(runs=said))
        return Exit.DONE
    printer = Printer()
    printer.sentence(words.long(schedule))
    for run in found:
        printer.line(f"  {_clock(run.at, state)}")
    if not found and not schedule.reboot:
        printer.line(_("It never comes."))
    for change in runs.changes(schedule, place, int(time.time())):
        printer.sentence(words.change(change))
    return Exit.DONE


def _row(state: State, named: str) -> Row:
    """By its key, or by its name where one only is called so. Raises SetupError."""
    found = [row for row in listing.rows(state) if row.key == named]
    found = found or [row for row in listing.rows(state) if row.name == named]
    if len(found) == 1:
        return found[0]
    if found:
        keys = ", ".join(row.key for row in found)
        raise SetupError(Mistake("job", _("several are called so: {jobs}").format(jobs=keys)))
    raise SetupError(Mistake("job", _("there is no such job; `cron list` lists them")))


def _zone(state: State) -> ZoneInfo | None:
    name = known(state.zone)
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _clock(at: float, state: State) -> str:
    return f"{datetime.fromtimestamp(at, _zone(state)):%Y-%m-%d %H:%M}"

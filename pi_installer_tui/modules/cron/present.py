"""What is, as settings, as lines to show, as a phrase, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.modules.base import Fact
from pi_installer_tui.modules.cron.listing import Row, name_of, named, rows
from pi_installer_tui.modules.cron.settings import CronSettings, JobSettings, RecordSettings, TimerSettings
from pi_installer_tui.modules.cron.state import RECORDS, State
from pi_installer_tui.system.cron.lines import Entry
from pi_installer_tui.system.cron.read import CRONTAB, FOLDER, SPOOL, Crontab
from pi_installer_tui.system.cron.wrapped import Wrapped, unwrap
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown, Value, reading_json
from pi_installer_tui.system.timers import unit

_SHELL = ("/bin/sh", "-c")


def present(state: State) -> CronSettings:
    """The named jobs of users' crontabs, and the timers of which a setting can say all. Of a name that several jobs
    have none is there."""
    found: dict[str, list[JobSettings | None]] = {}
    for crontab in state.cron.crontabs:
        if crontab.user and not crontab.refused:
            every = [name_of(crontab, entry) for entry in crontab.table.entries]
            for name, entry in named(crontab).items():
                one = _job(state, crontab, name, entry) if every.count(name) == 1 else None
                found.setdefault(name, []).append(one)
    jobs = {name: each[0] for name, each in found.items() if len(each) == 1 and each[0] is not None}
    on = {timer.name.removesuffix(".timer"): timer for timer in state.timers.timers if not timer.owner}
    timers = {}
    for name, job in state.units.items():
        if (enabled := _is_on(on[name].enabled, on[name].active)) is not None:
            settings = _timer(job, enabled=enabled)
            if settings is not None:
                timers[name] = settings
    try:
        return CronSettings.model_validate({"jobs": jobs or None, "timers": timers or None})
    except ValidationError:  # a name that a setting can't have
        right = {name: job for name, job in jobs.items() if _is_key(name)}
        return CronSettings(jobs=right or None, timers=timers or None)


def _is_key(name: str) -> bool:
    try:
        CronSettings.model_validate({"jobs": {name: {}}})
    except ValidationError:
        return False
    return True


def _is_on(enabled: str, active: bool) -> bool | None:
    """Whether a timer is switched on; None where it is half so."""
    if enabled == "enabled" and active:
        return True
    return False if enabled in ("disabled", "linked") and not active else None


def _job(state: State, crontab: Crontab, name: str, entry: Entry) -> JobSettings | None:
    wrapped = unwrap(entry.shell)
    raw = entry.stdin is not None
    if wrapped is not None and raw:
        return None  # its command can't be told apart from its standard input in one setting
    command = entry.command.rstrip("\r") if raw else entry.shell.rstrip("\r") if wrapped is None else wrapped.command
    data: dict[str, Any] = {
        "user": crontab.user,
        "schedule": entry.schedule.text,
        "command": command,
        "raw": True if raw else None,
        "enabled": entry.enabled,
        "record": recorded(state, crontab.user, wrapped),
    }
    try:
        return JobSettings.model_validate(data)
    except ValidationError:
        return None


def recorded(state: State, user: str, wrapped: Wrapped | None) -> RecordSettings | None:
    """How a job is recorded, as a setting; None where what records isn't there."""
    if wrapped is None or not state.recorder.there or f"{RECORDS}/{user}" not in state.recorder.folders:
        return None
    try:
        return RecordSettings(
            lock=wrapped.lock,
            timeout=wrapped.timeout,
            retries=wrapped.retries,
            wait=wrapped.wait,
            ping=secret(user, wrapped.name) if f"{user}/{wrapped.name}" in state.recorder.pings else None,
            keep=wrapped.keep,
        )
    except ValidationError:
        return RecordSettings(enabled=True)


def secret(user: str, name: str) -> str:
    """The name of the secret that is the address of a job's ping."""
    return f"cron.{user}.{name}.ping"


def _timer(job: unit.Job, *, enabled: bool) -> TimerSettings | None:
    timing, shell = job.timing, job.command[:2] == _SHELL and len(job.command) == 3
    if timing.others or timing.random_delay % 1 or (timing.on_boot or 0) % 1:
        return None
    data: dict[str, Any] = {
        "calendars": timing.calendars,
        "on_boot": None if timing.on_boot is None else int(timing.on_boot),
        "persistent": timing.persistent,
        "random_delay": int(timing.random_delay),
        "command": job.command[2] if shell else None,
        "words": None if shell else job.command,
        "user": job.user or "root",
        "description": job.description or None,
        "environment": tuple(f"{name}={value}" for name, value in job.environment.items()),
        "enabled": enabled,
    }
    try:
        return TimerSettings.model_validate(data)
    except ValidationError:
        return None


# lines, a phrase, JSON --------------------------------------------------------------------------------------------


def facts(state: State) -> Sequence[Fact]:
    """What is, a line a value."""
    cron = state.cron
    daemon: Reading[str] = Known(f"{cron.daemon} {cron.version}".strip()) if cron.daemon else MISSING
    found = rows(state)
    jobs: Reading[str] = Known(_jobs([row for row in found if row.kind in ("crontab", "system")]))
    hidden = [why for path, why in cron.unread if path.startswith(SPOOL)]
    if hidden:
        jobs = Unknown(hidden[0])
    timers: Reading[str] = Known(str(len(state.timers.timers)))
    if state.timers.untold and not state.timers.timers:
        timers = Unknown(state.timers.untold[0].rstrip("."))
    at: Reading[str] = MISSING
    if isinstance(state.at, Known):
        at = Known(str(len(state.at.value)))
    elif isinstance(state.at, Unknown):
        at = state.at
    anacron: Reading[str] = Known(_("installed")) if cron.anacron else MISSING
    scripts = sum(len(folder.scripts) for folder in cron.scripts)
    return [
        Fact("", _("cron"), Value(daemon, daemon)),
        Fact("jobs", _("Jobs in crontabs"), Value(jobs, jobs)),
        Fact("", _("Scripts in folders"), Value(Known(str(scripts)), Known(str(scripts)))),
        Fact("timers", _("Timers"), Value(timers, timers)),
        Fact("", _("at jobs"), Value(at, at)),
        Fact("", _("anacron"), Value(anacron, anacron)),
        Fact("", _("Time zone"), Value(state.zone, state.zone)),
    ]


def _jobs(found: Sequence[Row]) -> str:
    off = sum(not row.enabled for row in found)
    text = ngettext("{n} job", "{n} jobs", len(found)).format(n=len(found))
    return _("{jobs}, {off} switched off").format(jobs=text, off=off) if off else text


def state_json(state: State) -> dict[str, Any]:
    """What is, for programs. Times in seconds since 1970."""
    cron = state.cron
    return {
        "daemon": cron.daemon or None,
        "version": cron.version or None,
        "anacron": cron.anacron,
        "zone": reading_json(state.zone),
        "jobs": [row_json(row) for row in rows(state)],
        "unread": [{"path": path, "why": why} for path, why in cron.unread],
        "untold": list(state.timers.untold),
    }


def row_json(row: Row) -> dict[str, Any]:
    """A row of the list."""
    wrapped = row.wrapped
    return {
        "job": row.key,
        "kind": row.kind,
        "owner": row.owner or None,
        "path": row.path or None,
        "line": row.line or None,
        "schedule": row.schedule or None,
        "command": row.command,
        "name": row.name or None,
        "enabled": row.enabled,
        "refused": row.refused or None,
        "text": row.text or None,
        "recorded": wrapped is not None,
    }


def choices(state: State, name: str) -> Sequence[str]:
    """The choices that fields name."""
    match name:
        case "users":
            return people(state)
        case "files":
            return (CRONTAB, *(each.path for each in state.cron.crontabs if each.path.startswith(f"{FOLDER}/")))
        case "jobs":
            return _keys(rows(state))
        case "lines":
            return _keys(row for row in rows(state) if row.entry is not None)
        case "timers":
            return _keys(row for row in rows(state) if row.kind == "timer")
    return ()


def people(state: State) -> tuple[str, ...]:
    """root, and the accounts that people have (adduser.conf(5), FIRST_UID), and those with a crontab."""
    users = state.cron.users.values()
    some = [user.name for user in users if user.uid == 0 or 1000 <= user.uid < 65534]
    return tuple(dict.fromkeys((*some, *(each.user for each in state.cron.crontabs if each.user))))


def _keys(found: Iterable[Row]) -> tuple[str, ...]:
    return tuple(row.key for row in found)

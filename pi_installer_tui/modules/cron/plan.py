"""The way from what is to what is wanted. Pure. Each job and timer is looked at by itself; what can't be done is
blocked, and says why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.cron import drafts, lines, recording, timers
from pi_installer_tui.modules.cron import state as state_
from pi_installer_tui.modules.cron.acting import NAME, of_drafts
from pi_installer_tui.modules.cron.actions import Create
from pi_installer_tui.modules.cron.lines import Edited, Found, Wrong
from pi_installer_tui.modules.cron.listing import name_of
from pi_installer_tui.modules.cron.settings import CronSettings, JobSettings, RecordSettings, TimerSettings
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.modules.part import Part
from pi_installer_tui.system.cron import editing
from pi_installer_tui.system.cron.lines import OFF, Entry, escaped
from pi_installer_tui.system.cron.read import SPOOL
from pi_installer_tui.system.cron.wrapped import Wrapped, unwrap, wrap
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.timers.conversion import Timing
from pi_installer_tui.system.timers.unit import Job
from pi_installer_tui.tasks.plan import Blocked, Notice, Others, Plan

_SHELL = ("/bin/sh", "-c")


async def look_further(host: Host, state: State, settings: CronSettings) -> State:
    """The state with what there will be to say of crontabs and units as they will be."""
    named = settings.timers or {}
    state = await state_.with_units(host, state, named, ())
    state = replace(state, editing=await editing.editors(host))
    edited, _blocked = _jobs(state, settings)
    return await drafts.foresee(host, state, edited.drafts)


def plan(state: State, settings: CronSettings, others: Others) -> Plan:
    """Empty where all is as wanted."""
    part = Part(NAME)
    edited, blocked = _jobs(state, settings)
    part.blocked += blocked
    steps, checks = of_drafts(recording.given(state, others.secrets), f"{NAME}.jobs", edited)
    part.steps += steps
    part.checks += checks
    for text in dict.fromkeys((*drafts.opened(state, edited.drafts), *edited.notices, *drafts.told(state.foreseen))):
        part.notices.append(Notice(setting=f"{NAME}.jobs", text=text))
    for name, wanted in (settings.timers or {}).items():
        try:
            _timer(state, part, name, wanted)
        except Wrong as wrong:
            part.blocked.append(Blocked(setting=f"{NAME}.timers.{name}", why=str(wrong)))
    return part.plan(settings)


# jobs -------------------------------------------------------------------------------------------------------------


def _jobs(state: State, settings: CronSettings) -> tuple[Edited, list[Blocked]]:
    edited, blocked = Edited(drafts.Drafts(state)), list[Blocked]()
    for name, wanted in (settings.jobs or {}).items():
        try:
            _job(state, edited, name, wanted)
        except (Wrong, ValueError) as error:
            blocked.append(Blocked(setting=f"{NAME}.jobs.{name}", why=str(error)))
    return edited, blocked


def _job(state: State, edited: Edited, name: str, wanted: JobSettings) -> None:
    """Raises Wrong, ValueError."""
    unread = [why for path, why in state.cron.unread if path.startswith(SPOOL)]
    if unread:
        raise Wrong("job", unread[0])
    there = list(found(state, edited.drafts, name))
    if len(there) > 1:
        raise Wrong("job", _("several jobs are called so"))
    if wanted.state == "absent":
        for each in there:
            lines.delete(state, each)
        return
    if not there:
        if None in (wanted.user, wanted.schedule, wanted.command):
            raise Wrong("job", _("there is no such job, and a new one needs a user, a schedule and a command"))
        lines.create(state, _created(name, wanted), edited)
        return
    _changed(edited, there[0], name, wanted)


def found(state: State, into: drafts.Drafts, name: str) -> Iterator[Found]:
    """The jobs of users' crontabs that are called so."""
    for crontab in state.cron.crontabs:
        if crontab.user:
            for entry in crontab.table.entries:
                if name_of(crontab, entry) == name:
                    yield Found(into.of(crontab.path), entry)


def _created(name: str, wanted: JobSettings) -> Create:
    record = wanted.record if wanted.record is not None and wanted.record.enabled is not False else None
    kept = wrapped(record, Wrapped(name, "")) if record is not None else Wrapped(name, "")
    return Create(
        user=wanted.user or "",
        schedule=wanted.schedule or "",
        command=wanted.command or "",
        raw=bool(wanted.raw),
        name=name,
        enabled=wanted.enabled is not False,
        record=record is not None,
        lock=kept.lock,
        timeout=kept.timeout,
        retries=kept.retries,
        wait=kept.wait,
        ping=kept.ping,
        keep=kept.keep,
    )


def wrapped(record: RecordSettings, now: Wrapped) -> Wrapped:
    """How it is recorded with these settings; what they leave alone is as it is now."""

    def either(wanted: int | None, present: int) -> int:
        return present if wanted is None else wanted

    return Wrapped(
        now.name,
        now.command,
        lock=now.lock if record.lock is None else record.lock,
        timeout=either(record.timeout, now.timeout),
        retries=either(record.retries, now.retries),
        wait=either(record.wait, now.wait),
        ping=now.ping or record.ping is not None,
        keep=either(record.keep, now.keep),
    )


def _changed(edited: Edited, job: Found, name: str, wanted: JobSettings) -> None:
    draft, entry, line = job.draft, job.entry, job.line
    if wanted.user is not None and wanted.user != draft.user:
        why = _("it is in the crontab of {user}: `act cron move` moves it")
        raise Wrong("job", why.format(user=draft.user))
    table = draft.before
    if wanted.schedule is not None and wanted.schedule != entry.schedule.text:
        table = table.with_schedule(line, wanted.schedule)
    command, kept = _command(entry, name, wanted)
    if command is not None:
        table = table.with_command(line, command)
    text = table.text(line)
    if wanted.enabled is not None and wanted.enabled != entry.enabled:
        text = text.removeprefix(OFF) if wanted.enabled else OFF + text
    draft.replace(line, text)
    if kept is not None and wanted.record is not None:
        edited.recorded.append((draft.user, replace(kept, ping=wanted.record.ping is not None)))


def _command(entry: Entry, name: str, wanted: JobSettings) -> tuple[str | None, Wrapped | None]:
    """The command as it has to be written, None where it is right; and how it is recorded from now on."""
    before = unwrap(entry.shell)
    shell, behind = lines.halves(entry.command.removesuffix("\r"))
    shell = shell if before is None else before.command
    new, new_behind = shell, behind
    if wanted.command is not None:
        new, new_behind = lines.halves(wanted.command) if wanted.raw else (wanted.command, "")
    after = before
    if wanted.record is not None:
        after = None if wanted.record.enabled is False else wrapped(wanted.record, before or Wrapped(name, ""))
    if after is not None:
        after = replace(after, command=new)
    if (new, new_behind, after) == (shell, behind, before):
        return None, after
    return escaped(new if after is None else wrap(after)) + new_behind, after


# timers -----------------------------------------------------------------------------------------------------------


def _timer(state: State, part: Part, name: str, wanted: TimerSettings) -> None:
    """Raises Wrong."""
    setting = f"{NAME}.timers.{name}"
    timer, before = timers.named(state, f"{name}.timer"), state.units.get(name)
    if wanted.state == "absent":
        if timer is not None:
            part.steps += timers.remove(state, timer, setting)
        return
    job = timer_of(name, wanted, before)
    timers.looked_over(state, job)
    enabled = wanted.enabled
    if enabled is None:
        enabled = timer is None or timer.enabled == "enabled" or before is None
    steps = timers.write(state, job, setting, enabled=enabled)
    part.steps += steps
    part.notices += [Notice(setting=setting, text=text) for text in timers.public(job) if steps]
    if steps:
        part.checks += timers.checks(name, setting, enabled=enabled)


def timer_of(name: str, wanted: TimerSettings, before: Job | None) -> Job:
    """What the unit files are to say; what the settings leave alone is as it is. Raises Wrong."""
    now = before or Job(name, (), Timing())
    calendars = now.timing.calendars if wanted.calendars is None else wanted.calendars
    boot = now.timing.on_boot if wanted.on_boot is None else float(wanted.on_boot)
    if not calendars and boot is None:
        raise Wrong("calendars", _("a new timer needs times, or a time after the start"))
    command: Sequence[str] = now.command
    if wanted.command is not None and wanted.words is not None:
        raise Wrong("words", _("name either a line for the shell, or a program and its arguments"))
    if wanted.command is not None:
        command = (*_SHELL, wanted.command)
    elif wanted.words is not None:
        command = wanted.words
    if not command:
        raise Wrong("command", _("a new timer needs a command"))
    timing = Timing(
        calendars,
        boot,
        (),
        now.timing.persistent if wanted.persistent is None else wanted.persistent,
        now.timing.random_delay if wanted.random_delay is None else float(wanted.random_delay),
    )
    user = now.user if wanted.user is None else "" if wanted.user == "root" else wanted.user
    return Job(
        name,
        tuple(command),
        timing,
        now.description if wanted.description is None else "" if wanted.description == name else wanted.description,
        user,
        now.environment if wanted.environment is None else timers.environment(wanted.environment),
    )

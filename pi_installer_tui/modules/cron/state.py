"""What is: everything that runs by the clock, cron's, anacron's, systemd's and at's, and what there is to say of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pi_installer_tui.i18n import _
from pi_installer_tui.system.cron import lint
from pi_installer_tui.system.cron import read as cron_read
from pi_installer_tui.system.cron.findings import Finding
from pi_installer_tui.system.cron.read import Cron
from pi_installer_tui.system.cron.wrapped import PROGRAM, script
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown
from pi_installer_tui.system.timers import at, calendar, unit
from pi_installer_tui.system.timers import read as timers_read
from pi_installer_tui.system.timers.at import AtJob
from pi_installer_tui.system.timers.read import Found, Timer

#: timezone(5), Debian: a link into zoneinfo
LOCALTIME = "/etc/localtime"
_ZONES = "/usr/share/zoneinfo/"
#: where records and the addresses of pings lie, in a folder for each user (docs/cron-record.md)
RECORDS, PINGS = "/var/log/cron-record", "/etc/cron-record"
#: systemd.unit(5)
_OF_PACKAGES = ("/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
#: crontab(1): who may use it, a name a line. Nothing of it keeps a job from running.
ALLOW, DENY = "/etc/cron.allow", "/etc/cron.deny"


@dataclass(frozen=True, slots=True)
class Recorder:
    """What recording needs. there: the program is; newest: as we have it; folders: those of RECORDS and PINGS that are
    there; pings: `pi/dump` of those whose address is there."""

    there: bool = False
    newest: bool = False
    folders: frozenset[str] = frozenset()
    pings: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class State:
    """zone: the machine's time zone by its IANA name (`Europe/Berlin`). findings: what is wrong with crontabs and
    scripts; () as long as nobody asked (`read_all`). at: Missing where at(1) isn't installed. units: of timers in
    /etc/systemd/system both files as a job, by the name without .timer, as far as a job can say all that is in them.
    files: names of the files in /etc/systemd/system. allow, deny: cron.allow and cron.deny,
    None where there is no such file. For an action or settings alone: foreseen: what there is to say of crontabs as
    they will be; calendars: what systemd says of expressions; elsewhere: units that packages have, of those that are
    to be made; verifies: systemd-analyze is there; editing: processes of `crontab -e`, by whose crontab is open.
    For a summary alone: waiting: the names of the system's timers that wait, in place of `timers`."""

    cron: Cron = field(default_factory=Cron)
    timers: Found = field(default_factory=Found)
    at: Reading[tuple[AtJob, ...]] = MISSING
    zone: Reading[str] = MISSING
    findings: tuple[Finding, ...] = ()
    units: Mapping[str, unit.Job] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    recorder: Recorder = Recorder()
    allow: frozenset[str] | None = None
    deny: frozenset[str] | None = None
    foreseen: tuple[Finding, ...] = ()
    calendars: Mapping[str, calendar.Answer] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    verifies: bool = False
    editing: Mapping[str, int] = field(default_factory=dict)
    waiting: Reading[tuple[str, ...]] = MISSING


async def read(host: Host) -> State:
    """What is. Never raises for what the machine lacks."""
    cron, timers, queued, place, recorder = await asyncio.gather(
        cron_read.read(host), timers_read.read(host), at.read(host), zone(host), _recorder(host)
    )
    units, files = await _units(host, timers.timers)
    allow, deny = [await _names(host, path) for path in (ALLOW, DENY)]
    return State(cron, timers, queued, place, units=units, files=files, recorder=recorder, allow=allow, deny=deny)


async def read_summary(host: Host) -> State:
    """What there is to say in a line: crontabs and folders by their files, and the names of timers by one command."""
    cron, names = await asyncio.gather(cron_read.read(host), timers_read.waiting(host))
    return State(cron, waiting=names)


async def read_all(host: Host) -> State:
    """The same, with what is wrong with it."""
    state = await read(host)
    return replace(state, findings=await lint.lint(host, state.cron))


async def with_units(host: Host, state: State, names: Iterable[str], expressions: Sequence[str]) -> State:
    """The same, with what systemd says of calendar expressions (of none where it can't be asked), and of units that are
    to be made."""
    asked = await calendar.ask(host, expressions, iterations=1) if expressions else Known(())
    found = {each.expression: each for each in asked.value} if isinstance(asked, Known) else {}
    elsewhere = set()
    for name in (f"{name}.{kind}" for name in names for kind in ("service", "timer")):
        if any([await host.stat(f"{folder}/{name}") is not None for folder in _OF_PACKAGES]):
            elsewhere.add(name)
    verifies = await host.which("systemd-analyze") is not None
    return replace(state, calendars=found, elsewhere=frozenset(elsewhere), verifies=verifies)


async def zone(host: Host) -> Reading[str]:
    """The machine's time zone by its IANA name."""
    try:
        path = await host.realpath(LOCALTIME)
    except OSError:
        return MISSING
    if path.startswith(_ZONES):
        return Known(path.removeprefix(_ZONES))
    return Unknown(_("{path} leads to no time zone").format(path=LOCALTIME))


async def _units(host: Host, timers: tuple[Timer, ...]) -> tuple[Mapping[str, unit.Job], frozenset[str]]:
    found = {}
    for timer in timers:
        name = timer.name.removesuffix(".timer")
        if timer.owner or timer.file != f"{unit.FOLDER}/{timer.name}":
            continue
        try:
            texts = [await host.read(f"{unit.FOLDER}/{name}.{kind}") for kind in ("service", "timer")]
            found[name] = unit.read_units(name, *(text.decode() for text in texts))
        except (OSError, ValueError):
            continue  # more than a job can say, or no file that may be read
    try:
        names = await host.listdir(unit.FOLDER)
    except OSError:
        names = ()
    return found, frozenset(names)


async def _recorder(host: Host) -> Recorder:
    folders, pings = set[str](), set[str]()
    try:
        text = await host.text(PROGRAM)
    except OSError:
        text = None
    for top in (RECORDS, PINGS):
        try:
            if await host.stat(top) is None:
                continue
            folders.add(top)
            for user in await host.listdir(top):
                folders.add(f"{top}/{user}")
                if top == PINGS:
                    names = await host.listdir(f"{top}/{user}")
                    pings |= {f"{user}/{name.removesuffix('.ping')}" for name in names if name.endswith(".ping")}
        except OSError:
            continue
    return Recorder(text is not None, text is not None and text == script(), frozenset(folders), frozenset(pings))


async def _names(host: Host, path: str) -> frozenset[str] | None:
    try:
        text = await host.text(path)
    except OSError:
        return None
    return None if text is None else frozenset(line.strip() for line in text.splitlines() if line.strip())


def shut_out(state: State, user: str) -> bool:
    """Whether a user may not use crontab(1). Root always may (allowed() of misc.c)."""
    if user == "root":
        return False
    return user not in state.allow if state.allow is not None else user in (state.deny or ())

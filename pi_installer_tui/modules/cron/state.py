"""What is: everything that runs by the clock, cron's, anacron's, systemd's and at's, and what there is to say of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pi_installer_tui.i18n import _
from pi_installer_tui.system.cron import lint
from pi_installer_tui.system.cron import read as cron_read
from pi_installer_tui.system.cron.findings import Finding
from pi_installer_tui.system.cron.read import Cron
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown
from pi_installer_tui.system.timers import at, unit
from pi_installer_tui.system.timers import read as timers_read
from pi_installer_tui.system.timers.at import AtJob
from pi_installer_tui.system.timers.read import Found, Timer

#: timezone(5), Debian: a link into zoneinfo
LOCALTIME = "/etc/localtime"
_ZONES = "/usr/share/zoneinfo/"


@dataclass(frozen=True, slots=True)
class State:
    """zone: the machine's time zone by its IANA name (`Europe/Berlin`). findings: what is wrong with crontabs and
    scripts; () as long as nobody asked (`read_all`). at: Missing where at(1) isn't installed. units: of timers in
    /etc/systemd/system both files as a job, by the name without .timer, as far as a job can say all that is in them."""

    cron: Cron = field(default_factory=Cron)
    timers: Found = field(default_factory=Found)
    at: Reading[tuple[AtJob, ...]] = MISSING
    zone: Reading[str] = MISSING
    findings: tuple[Finding, ...] = ()
    units: Mapping[str, unit.Job] = field(default_factory=dict)


async def read(host: Host) -> State:
    """What is. Never raises for what the machine lacks."""
    cron, timers, queued, zone = await asyncio.gather(
        cron_read.read(host), timers_read.read(host), at.read(host), _zone(host)
    )
    return State(cron, timers, queued, zone, units=await _units(host, timers.timers))


async def read_all(host: Host) -> State:
    """The same, with what is wrong with it."""
    state = await read(host)
    return replace(state, findings=await lint.lint(host, state.cron))


async def _zone(host: Host) -> Reading[str]:
    try:
        path = await host.realpath(LOCALTIME)
    except OSError:
        return MISSING
    if path.startswith(_ZONES):
        return Known(path.removeprefix(_ZONES))
    return Unknown(_("{path} leads to no time zone").format(path=LOCALTIME))


async def _units(host: Host, timers: tuple[Timer, ...]) -> Mapping[str, unit.Job]:
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
    return found

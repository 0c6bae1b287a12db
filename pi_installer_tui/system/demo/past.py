"""What the demo's journal has of jobs: cron's own entries, and what systemd says of a unit that a timer starts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from pi_installer_tui.system.cron import fields
from pi_installer_tui.system.cron.read import SPOOL
from pi_installer_tui.system.cron.runs import upcoming
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.demo import units
from pi_installer_tui.system.demo.calendars import events, runs
from pi_installer_tui.system.demo.timers import lasted
from pi_installer_tui.system.demo.tree import Machine

_Line: TypeAlias = tuple[str, str, int, int, str, Mapping[str, str]]

#: sd-messages.h
_STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
_STARTED = "39f53479d3a045ac8e11786248231fbf"
_NOT_STARTED = "be02cf6855d2428ba40df7e9d022f03d"
_EXITED = "98e322203f7a4ed290d09fe03c09fe15"
_SUCCESS = "7ad2d189f7e94e70a38c781354912448"
_FAILURE = "d9b373ed55a64feb8242e02dbe79a49c"
#: timers of which the journal tells, and the one whose unit fails now and then
_TOLD = ("water.timer", "apt-daily.timer", "dpkg-db-backup.timer", "man-db.timer")
_FAILING = "water.timer"
_MOST = 2000


def ran(machine: Machine, began: float, ended: float, made: float) -> Iterator[tuple[float, _Line]]:
    """The entries between two moments, when the machine ran. Before it was made those of the jobs that it was made
    with, afterwards those of the crontabs as they are now."""
    zone = _zone(machine)
    past = machine.memory("scheduled").get("jobs", [])
    for user, schedule, command in past:
        for at in _times(schedule, zone, began, min(ended, made)):
            yield at, _cron(user, command, at)
    if ended > made:
        for user in machine.files.listdir(SPOOL):
            table = Table((machine.text(f"{SPOOL}/{user}") or "").encode())
            for entry in table.entries:
                if entry.enabled and not entry.schedule.reboot:
                    for at in _times(entry.schedule.text, zone, max(began, made), ended):
                        yield at, _cron(user, entry.command, at)
    for timer in _TOLD:
        yield from _unit(machine, timer, began, ended)


@lru_cache(maxsize=256)
def _times(schedule: str, zone: tzinfo, began: float, ended: float) -> tuple[int, ...]:
    """When a schedule ran between two moments."""
    times = (run.at for run in upcoming(fields.parse(schedule), zone, int(began), _MOST))
    return tuple(at for at in times if at <= ended)


def _zone(machine: Machine) -> tzinfo:
    name = machine.files.realpath("/etc/localtime").removeprefix("/usr/share/zoneinfo/")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def _cron(user: str, command: str, at: float) -> _Line:
    pid = 3000 + int(at) // 60 * 7 % 20_000 + len(command) % 7
    return ("CRON", "cron.service", pid, 6, f"({user}) CMD ({command})", {})


def _unit(machine: Machine, timer: str, began: float, ended: float) -> Iterator[tuple[float, _Line]]:
    path, service = units.fragment(machine, timer), f"{timer.removesuffix('.timer')}.service"
    if path is None or units.fragment(machine, service) is None:
        return
    about = units.settings(machine, service).get("Unit", {}).get("Description", service)
    for event in events(machine.text(path) or ""):
        for number, at in enumerate(runs(event, began, 50)):
            end = at + lasted(service)
            if end > ended:
                break
            run = hashlib.md5(f"{service}{at}".encode()).hexdigest()
            failed = timer == _FAILING and number % 5 == 2

            def told(message: str, text: str, priority: int = 6, run: str = run, **more: str) -> _Line:
                return ("systemd", service, 1, priority, text, {"MESSAGE_ID": message, "INVOCATION_ID": run, **more})

            yield at, told(_STARTING, f"Starting {service} - {about}...")
            if failed:
                said = f"{service}: Main process exited, code=exited, status=1/FAILURE"
                code = {"EXIT_CODE": "exited", "EXIT_STATUS": "1", "COMMAND": "ExecStart"}
                yield end, told(_EXITED, said, 5, **code)
                result = f"{service}: Failed with result 'exit-code'."
                yield end + 0.001, told(_FAILURE, result, 4, UNIT_RESULT="exit-code")
                yield end + 0.002, told(_NOT_STARTED, f"Failed to start {service} - {about}.", 3)
            else:
                yield end, told(_SUCCESS, f"{service}: Deactivated successfully.")
                yield end + 0.001, told(_STARTED, f"Finished {service} - {about}.")

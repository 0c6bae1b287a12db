"""What the played systemctl says of timers: when each comes next, and came last, and how what it starts ended."""

from __future__ import annotations

import json
import re
import time
import zlib
from typing import Any

from pi_installer_tui.system.demo import units
from pi_installer_tui.system.demo.calendars import elapse, events
from pi_installer_tui.system.demo.players import Call
from pi_installer_tui.system.demo.tree import Machine

#: seconds that the machine has run when it is made
_RAN = 4 * 3600


def moments(machine: Machine, name: str, seen: units.Look) -> tuple[int | None, int | None]:
    """Next and last, in microseconds since 1970; those that run from the start are as old as the machine."""
    if name not in seen.elapsed:
        seen.elapsed[name] = _moments(machine, name, seen)
    return seen.elapsed[name]


def _moments(machine: Machine, name: str, seen: units.Look) -> tuple[int | None, int | None]:
    path, running = units.fragment(machine, name), seen.active.get(name, units.Running())
    text, now = (machine.text(path) or "") if path else "", time.time()
    following = elapse(text, now, name=name) if running.active == "active" else None
    last = elapse(text, now, name=name, last=True)
    if last is not None and last < running.since / 1e6:
        last = None
    return (int(following * 1e6) if following else None), (int(last * 1e6) if last else None)


def elapses(machine: Machine, name: str, seen: units.Look, *, unix: bool) -> dict[str, str]:
    """The properties of `systemctl show` that a timer has."""
    following, last = moments(machine, name, seen)
    path, section = units.fragment(machine, name), units.settings(machine, name).get("Timer", {})
    text = (machine.text(path) or "") if path else ""
    then = units.stamp(following, unix=unix) if following else "n/a"
    calendar = [f"{{ OnCalendar={event} ; next_elapse={then} }}" for event in reversed(events(text))]
    spans = re.findall(r"^(On(?:Active|Boot|Startup|UnitActive|UnitInactive)Sec)=(.+)$", text, re.MULTILINE)
    monotonic = [f"{{ {kind[:-3]}USec={long} ; next_elapse=n/a }}" for kind, long in reversed(spans)]
    return {
        "NextElapseUSecRealtime": units.stamp(following, unix=unix) if following else "",
        "LastTriggerUSec": units.stamp(last, unix=unix) if last else "",
        "Unit": section.get("Unit", f"{name.removesuffix('.timer')}.service"),
        **({"TimersCalendar": "\nTimersCalendar=".join(calendar)} if calendar else {}),
        **({"TimersMonotonic": "\nTimersMonotonic=".join(monotonic)} if monotonic else {}),
        "OnClockChange": "no",
        "OnTimezoneChange": "no",
        "Persistent": "yes" if section.get("Persistent") in ("true", "yes", "1") else "no",
        "RandomizedDelayUSec": section.get("RandomizedDelaySec", "0"),
    }


def started(machine: Machine, service: str, seen: units.Look, *, unix: bool) -> dict[str, str]:
    """Of a service that a timer starts: how it ran last, since the machine started."""
    timer = f"{service.removesuffix('.service')}.timer"
    if units.fragment(machine, timer) is None:
        return {}
    _following, last = moments(machine, timer, seen)
    made = machine.files.stat("/run/demo/began")
    booted = made.mtime_ns // 1000 - _RAN * 1_000_000 if made is not None else 0
    if last is None or last < booted:
        return {}
    began, took = last - booted, lasted(service) * 1_000_000
    return {
        "InactiveExitTimestamp": units.stamp(last, unix=unix),
        "InactiveExitTimestampMonotonic": str(began),
        "InactiveEnterTimestampMonotonic": str(began + took),
        "ExecMainCode": "1",
        "ConditionResult": "yes",
    }


def lasted(service: str) -> int:
    """Seconds that a service takes, always the same."""
    return 2 + zlib.crc32(service.encode()) % 90


async def list_timers(call: Call, names: list[str], output: str) -> int:
    """`systemctl list-timers`."""
    now = time.time_ns() // 1000
    rows: list[dict[str, Any]] = []
    seen = units.look(call.machine)
    for name in seen.active:
        if name.endswith(".timer") and (not names or name in names):
            following, last = moments(call.machine, name, seen)
            rows.append({
                "next": following,
                "left": following - now if following is not None else None,
                "last": last,
                "passed": now - last if last is not None else None,
                "unit": name,
                "activates": f"{name.removesuffix('.timer')}.service",
            })  # fmt: skip
    rows.sort(key=lambda row: row["next"] or 2**63)
    if output == "json":
        await call.out(json.dumps(rows, separators=(",", ":")))
        return 0
    for row in rows:
        shown = [units.stamp(row[key]) if row[key] else "-" for key in ("next", "last")]
        await call.out(" ".join([*shown, row["unit"], row["activates"]]))
    return 0

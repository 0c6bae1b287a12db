"""What the played systemctl says of timers: when each comes next, and came last."""

from __future__ import annotations

import json
import time
from typing import Any

from pi_installer_tui.system.demo import units
from pi_installer_tui.system.demo.calendars import elapse
from pi_installer_tui.system.demo.players import Call
from pi_installer_tui.system.demo.tree import Machine


def _moments(machine: Machine, name: str) -> tuple[int | None, int | None]:
    """Next and last, in microseconds since 1970; those that run from the start are as old as the machine."""
    path, running = units.fragment(machine, name), units.active_units(machine).get(name, units.Running())
    text, now = (machine.text(path) or "") if path else "", time.time()
    following = elapse(text, now, name=name) if running.active == "active" else None
    last = elapse(text, now, name=name, last=True)
    if last is not None and last < running.since / 1e6:
        last = None
    return (int(following * 1e6) if following else None), (int(last * 1e6) if last else None)


def elapses(machine: Machine, name: str, *, unix: bool) -> dict[str, str]:
    """The properties of `systemctl show`."""
    shown = [units.stamp(moment, unix=unix) if moment else "" for moment in _moments(machine, name)]
    return {"NextElapseUSecRealtime": shown[0], "LastTriggerUSec": shown[1]}


async def list_timers(call: Call, names: list[str], output: str) -> int:
    """`systemctl list-timers`."""
    now = time.time_ns() // 1000
    rows: list[dict[str, Any]] = []
    for name in units.active_units(call.machine):
        if name.endswith(".timer") and (not names or name in names):
            following, last = _moments(call.machine, name)
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
        moments = [units.stamp(row[key]) if row[key] else "-" for key in ("next", "last")]
        await call.out(" ".join([*moments, row["unit"], row["activates"]]))
    return 0

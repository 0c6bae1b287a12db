"""The metrics by name: `cpu.used`, `net.eth0.sent`, `disk./srv.used`.

A name is a family, what it is of where the family has several, and a field, with dots between; what it is of may hold
dots itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pi_installer_tui.i18n import N_

Unit = Literal["%", "B", "B/s", "MHz", "°C", "rpm", "s", ""]


@dataclass(frozen=True, slots=True)
class Kind:
    """What the metrics of one family and field are. unit: "" is a plain number; flag: 0 or 1. several: the name says of
    what. up: the value that is worse is the higher one."""

    family: str
    field: str
    unit: Unit
    title: str
    several: bool = False
    flag: bool = False
    up: bool = True


KINDS: tuple[Kind, ...] = (
    Kind("cpu", "used", "%", N_("processor in use")),
    Kind("core", "used", "%", N_("core in use"), several=True),  # core.0.used
    Kind("core", "frequency", "MHz", N_("core's frequency"), several=True),
    Kind("load", "1", "", N_("load over 1 minute")),
    Kind("load", "5", "", N_("load over 5 minutes")),
    Kind("load", "15", "", N_("load over 15 minutes")),
    Kind("memory", "used", "%", N_("memory in use")),
    Kind("memory", "available", "B", N_("memory available"), up=False),
    Kind("swap", "used", "%", N_("swap in use")),
    Kind("disk", "used", "%", N_("space in use"), several=True),  # disk./.used: of a file system, by mount point
    Kind("disk", "free", "B", N_("space free"), several=True, up=False),
    Kind("disk", "inodes", "%", N_("inodes in use"), several=True),
    Kind("io", "read", "B/s", N_("reading"), several=True),  # io.mmcblk0.read: of a block device
    Kind("io", "written", "B/s", N_("writing"), several=True),
    Kind("io", "busy", "%", N_("device busy"), several=True),
    Kind("net", "received", "B/s", N_("receiving"), several=True),  # net.eth0.received: of an interface
    Kind("net", "sent", "B/s", N_("sending"), several=True),
    Kind("temperature", "now", "°C", N_("temperature"), several=True),  # temperature.cpu-thermal.now
    Kind("fan", "speed", "rpm", N_("fan"), several=True, up=False),
    # the firmware's bits (get_throttled): now, and since the machine started
    Kind("power", "under-voltage", "", N_("under-voltage"), flag=True),
    Kind("power", "frequency-capped", "", N_("frequency capped"), flag=True),
    Kind("power", "throttled", "", N_("throttled"), flag=True),
    Kind("power", "soft-limit", "", N_("soft temperature limit"), flag=True),
    Kind("power", "under-voltage-since-boot", "", N_("under-voltage since the start"), flag=True),
    Kind("power", "frequency-capped-since-boot", "", N_("frequency capped since the start"), flag=True),
    Kind("power", "throttled-since-boot", "", N_("throttled since the start"), flag=True),
    Kind("power", "soft-limit-since-boot", "", N_("soft temperature limit since the start"), flag=True),
    # backup.home.overdue: of a job of the module Backup
    Kind("backup", "overdue", "s", N_("backup overdue"), several=True),
    Kind("backup", "failed", "", N_("backup or its proof failed"), several=True, flag=True),
    # cron.pi.dump.overdue: of a recorded job of a user's
    Kind("cron", "overdue", "s", N_("scheduled job overdue"), several=True),
    Kind("cron", "failed", "", N_("scheduled job failed"), several=True, flag=True),
    Kind("system", "uptime", "s", N_("time since the start"), up=False),
    Kind("system", "processes", "", N_("processes")),
)

_BY_PLACE = {(kind.family, kind.field): kind for kind in KINDS}


def parts(name: str) -> tuple[str, str, str]:
    """Family, what it is of ("" where the family has one only), and field. Raises ValueError."""
    family, _dot, rest = name.partition(".")
    of, _dot, field = rest.rpartition(".")
    if not family or not field:
        raise ValueError(name)
    return family, of, field


def kind(name: str) -> Kind:
    """What a metric is. Raises KeyError for a name that no metric has."""
    try:
        family, of, field = parts(name)
    except ValueError:
        raise KeyError(name) from None
    found = _BY_PLACE.get((family, field))
    if found is None or found.several != bool(of):
        raise KeyError(name)
    return found


def named(family: str, field: str, of: str = "") -> str:
    """A metric's name."""
    return f"{family}.{of}.{field}" if of else f"{family}.{field}"

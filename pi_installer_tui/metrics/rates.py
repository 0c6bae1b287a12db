"""Two looks make values: counters become rates, and what is a value already goes through. Pure."""

from __future__ import annotations

from pi_installer_tui.metrics.look import Look
from pi_installer_tui.metrics.names import named

Values = dict[str, float]

_SECTOR = 512
#: what a counter of 32 bits may grow by in a second at the most, in its own unit. One that went back by more than that
#: explains has begun anew.
_BYTES = 312_500_000  # an interface with 2.5 Gbit/s
_SECTORS = 4_000_000  # a disk with 2 GB/s
_MILLISECONDS = 1100
_WRAP = 1 << 32


def values(before: Look | None, now: Look) -> Values:
    """The metrics by name (names.py) of the time between two looks. Without an earlier look, or after one that isn't
    earlier, there are no rates. What is in one of the two only has none either: a disk that was just plugged in, a
    processor that was switched off meanwhile."""
    found: Values = {}
    _levels(now, found)
    if before is not None and now.at > before.at:
        _processors(before, now, found)
        _devices(before, now, now.at - before.at, found)
        _interfaces(before, now, now.at - before.at, found)
    return found


def grown(before: int, now: int, seconds: float, fastest: float) -> int | None:
    """By how much a counter has grown. One that went back has run over its 32 bits if it could have in that time
    (`fastest` a second), else it began anew: then nothing is known about that time, and it is None."""
    if now >= before:
        return now - before
    wrapped = now + _WRAP - before
    return wrapped if before < _WRAP and wrapped <= fastest * seconds else None


def _levels(now: Look, found: Values) -> None:
    for of, mhz in now.frequencies.items():
        found[named("core", "frequency", of)] = mhz
    if now.load is not None:
        found["load.1"], found["load.5"], found["load.15"] = now.load
    if now.memory is not None and now.memory.total:
        found["memory.used"] = _share(now.memory.total - now.memory.available, now.memory.total)
        found["memory.available"] = float(now.memory.available)
        if now.memory.swap:
            found["swap.used"] = _share(now.memory.swap - now.memory.swap_free, now.memory.swap)
    for of, space in now.spaces.items():
        if space.used + space.free:
            found[named("disk", "used", of)] = _share(space.used, space.used + space.free)  # as df(1) has it
        found[named("disk", "free", of)] = float(space.free)
        if space.inodes:
            found[named("disk", "inodes", of)] = _share(space.inodes_used, space.inodes)
    for of, degrees in now.temperatures.items():
        found[named("temperature", "now", of)] = degrees
    for of, speed in now.fans.items():
        found[named("fan", "speed", of)] = speed
    if now.power is not None:
        for name, is_so in now.power.now.items():
            found[named("power", name)] = float(is_so)
        for name, has_been in now.power.since_boot.items():
            found[named("power", f"{name}-since-boot")] = float(has_been)
    for of, backup in now.backups.items():
        found[named("backup", "overdue", of)] = backup.overdue
        found[named("backup", "failed", of)] = float(backup.failed)
    for of, job in now.jobs.items():
        if job.overdue is not None:
            found[named("cron", "overdue", of)] = job.overdue
        found[named("cron", "failed", of)] = float(job.failed)
    if now.uptime is not None:
        found["system.uptime"] = now.uptime
    if now.processes is not None:
        found["system.processes"] = float(now.processes)


def _processors(before: Look, now: Look, found: Values) -> None:
    """Fields of proc_stat(5): user nice system idle iowait irq softirq steal; those after them are in user and nice
    already. Idle and iowait may go back, by a little at any time and to 0 when a processor comes back: such a field
    counts as not grown."""
    for of, ticks in now.processors.items():
        earlier = before.processors.get(of)
        if earlier is None or len(earlier) != len(ticks):
            continue
        growth = [max(0, new - old) for old, new in zip(earlier[:8], ticks[:8], strict=True)]
        total = sum(growth)
        if total:
            idle = growth[3] + (growth[4] if len(growth) > 4 else 0)
            found[named("core", "used", of) if of else "cpu.used"] = _share(total - idle, total)


def _devices(before: Look, now: Look, seconds: float, found: Values) -> None:
    for of, counters in now.devices.items():
        earlier = before.devices.get(of)
        if earlier is None:
            continue
        read = grown(earlier.read, counters.read, seconds, _SECTORS)
        written = grown(earlier.written, counters.written, seconds, _SECTORS)
        busy = grown(earlier.busy, counters.busy, seconds, _MILLISECONDS)
        if read is None or written is None or busy is None:
            continue  # another disk under the same name
        found[named("io", "read", of)] = read * _SECTOR / seconds
        found[named("io", "written", of)] = written * _SECTOR / seconds
        found[named("io", "busy", of)] = min(100.0, busy / seconds / 10)


def _interfaces(before: Look, now: Look, seconds: float, found: Values) -> None:
    for of, counters in now.interfaces.items():
        earlier = before.interfaces.get(of)
        if earlier is None:
            continue
        received = grown(earlier.received, counters.received, seconds, _BYTES)
        sent = grown(earlier.sent, counters.sent, seconds, _BYTES)
        if received is None or sent is None:
            continue
        found[named("net", "received", of)] = received / seconds
        found[named("net", "sent", of)] = sent / seconds


def _share(part: float, whole: float) -> float:
    return min(100.0, max(0.0, 100.0 * part / whole))

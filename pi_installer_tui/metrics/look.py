"""What one look at a machine found: counters and values as the kernel gives them, in the units of names.py. What
couldn't be read is missing or None, never 0."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes (proc_meminfo(5)); swap is 0 on a machine that has none."""

    total: int
    available: int
    swap: int
    swap_free: int


@dataclass(frozen=True, slots=True)
class Space:
    """A file system by statvfs(3), in bytes. free is what anybody may take: without the blocks that are root's. used of
    inodes and how many there are; both 0 on file systems that make them as needed."""

    used: int
    free: int
    inodes_used: int
    inodes: int


@dataclass(frozen=True, slots=True)
class Transfers:
    """Counters of a block device: sectors of 512 bytes, milliseconds in which it had something to do."""

    read: int
    written: int
    busy: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counters of an interface, in bytes."""

    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class Power:
    """The firmware's bits by their names (`under-voltage`), each now and at any time since the machine started."""

    now: dict[str, bool]
    since_boot: dict[str, bool]


@dataclass(frozen=True, slots=True)
class Backup:
    """A job's backups. overdue: seconds since the run should have been there that isn't, 0 where none is missed; with
    several places that of the worst. failed: the last run to one of the places failed."""

    overdue: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A recorded job of a crontab. overdue: seconds since the run should have been there that isn't, 0 where none is
    missed, None for one that no time is set for (@reboot). failed: its last run did, or never ended."""

    overdue: float | None
    failed: bool


@dataclass(frozen=True, slots=True)
class Look:
    """One look. at is seconds of the steady clock. processors: ticks by kind, in the order of proc_stat(5), by number;
    `""` is all of them."""

    at: float
    processors: dict[str, tuple[int, ...]] = field(default_factory=dict)
    frequencies: dict[str, float] = field(default_factory=dict)
    load: tuple[float, float, float] | None = None
    memory: Memory | None = None
    spaces: dict[str, Space] = field(default_factory=dict)
    devices: dict[str, Transfers] = field(default_factory=dict)
    interfaces: dict[str, Traffic] = field(default_factory=dict)
    temperatures: dict[str, float] = field(default_factory=dict)
    fans: dict[str, float] = field(default_factory=dict)
    power: Power | None = None
    backups: dict[str, Backup] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    uptime: float | None = None
    processes: int | None = None

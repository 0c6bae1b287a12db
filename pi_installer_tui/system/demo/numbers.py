"""/proc and /sys of the demo machine, with numbers that move: a Raspberry Pi 4 that serves a household.

Every rate is a sum of waves, and every counter its integral, so what is read twice makes just that rate. What the
collector would have kept of the past is made of the same waves.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pi_installer_tui.metrics.look import Look, Power
from pi_installer_tui.metrics.reading import Reader
from pi_installer_tui.system.machine import POWER

#: jiffies a second, as /proc shows them (USER_HZ, proc_stat(5)), and bytes a page
_HZ = 100
_PAGE = 4096
_SECTOR = 512
_MEMORY = 3_884_256 * 1024
_SWAP = 2_097_148 * 1024
_HOUR = 3600.0
_DAY = 24 * _HOUR
#: parts of a point of the past that are looked at
_LOOKS = 6


@dataclass(frozen=True, slots=True)
class Wave:
    """base: in the middle. swings: how far up and down, and the seconds that takes."""

    base: float
    swings: tuple[tuple[float, float], ...] = ()

    def at(self, t: float) -> float:
        """The value, `t` seconds after the machine's start."""
        return self.base + sum(swing * math.sin(2 * math.pi * t / period) for swing, period in self.swings)

    def total(self, t: float) -> float:
        """Its integral from the start on: what a counter of it shows."""
        turned = (
            swing * period / (2 * math.pi) * (1 - math.cos(2 * math.pi * t / period)) for swing, period in self.swings
        )
        return self.base * t + sum(turned)


#: share of a core's time
_CORES = (
    Wave(0.21, ((0.05, 11), (0.06, 47), (0.04, 2.9 * _HOUR), (0.05, _DAY))),
    Wave(0.12, ((0.04, 17), (0.03, 89), (0.04, _DAY))),
    Wave(0.16, ((0.06, 29), (0.04, 71), (0.05, 1.3 * _HOUR))),
    Wave(0.08, ((0.03, 13), (0.02, 7 * 60), (0.02, _DAY))),
)
_READ, _WRITTEN = Wave(21e3, ((12e3, 37), (8e3, 5 * _HOUR))), Wave(64e3, ((40e3, 23), (20e3, _DAY)))
#: received and sent, bytes a second
_NET = {
    "eth0": (Wave(182e3, ((90e3, 19), (60e3, 53), (30e3, _DAY))), Wave(41e3, ((20e3, 31), (15e3, _DAY)))),
    "wlan0": (Wave(900.0, ((600.0, 41),)), Wave(300.0, ((200.0, 43),))),
}
_AVAILABLE = Wave(0.78 * _MEMORY, ((0.02 * _MEMORY, 97), (0.06 * _MEMORY, _DAY)))
_LOAD = Wave(0.61, ((0.2, 61), (0.2, _DAY)))
_DEGREES = Wave(51.0, ((1.3, 67), (3.2, _DAY)))
_SPACE = Wave(12.6, ((0.3, 3 * _DAY),))  # per cent of the card

#: pid, parent, name, user's number, command line, share of a core, resident bytes
_PROCESSES: tuple[tuple[int, int, str, int, str, Wave, Wave], ...] = (
    (1, 0, "systemd", 0, "/sbin/init", Wave(0.001), Wave(12.9e6)),
    (2, 0, "kthreadd", 0, "", Wave(0.0), Wave(0.0)),
    (187, 1, "systemd-journal", 0, "/usr/lib/systemd/systemd-journald", Wave(0.004, ((0.003, 23),)), Wave(18.4e6)),
    (224, 1, "systemd-udevd", 0, "/usr/lib/systemd/systemd-udevd", Wave(0.0), Wave(9.8e6)),
    (402, 1, "dbus-daemon", 995, "/usr/bin/dbus-daemon --system --nofork", Wave(0.002), Wave(4.6e6)),
    (411, 1, "NetworkManager", 0, "/usr/sbin/NetworkManager --no-daemon", Wave(0.003), Wave(21.1e6)),
    (433, 1, "cron", 0, "/usr/sbin/cron -f", Wave(0.0), Wave(2.7e6)),
    (498, 1, "sshd", 0, "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", Wave(0.001), Wave(8.9e6)),
    (421, 1, "avahi-daemon", 100, "avahi-daemon: running [raspberrypi.local]", Wave(0.004), Wave(3.6e6)),
    (437, 1, "wpa_supplicant", 0, "/usr/sbin/wpa_supplicant -u -s -O /run/wpa_supplicant", Wave(0.002), Wave(7.7e6)),
    (655, 1, "python3", 1000, "python3 /home/pi/weather/station.py", Wave(0.17, ((0.08, 19),)), Wave(88e6)),
    (
        703,
        1,
        "python3",
        1000,
        "python3 /home/pi/garden/camera.py --every 10",
        Wave(0.09, ((0.05, 41),)),
        Wave(142e6, ((6e6, 97),)),
    ),
    (918, 498, "sshd-session", 0, "sshd-session: pi [priv]", Wave(0.0), Wave(10.2e6)),
    (931, 918, "bash", 1000, "-bash", Wave(0.0), Wave(5.1e6)),
    (977, 2, "kworker/0:2-events", 0, "", Wave(0.006), Wave(0.0)),
)


class Numbers:
    """Writes what the kernel would show. folder: of the demo machine."""

    def __init__(self, folder: str) -> None:
        self._root = Path(folder, "root")
        self._written: dict[str, str] = {}
        # a tree without a sensor is of a virtual machine, which has no clocks to change either
        self._board = (self._root / "sys/class/thermal").is_dir()

    def play(self, t: float, *, processes: bool = False) -> None:
        """Lets it be `t` seconds after the machine's start; the processes only when somebody looks at them."""
        self._put("proc/uptime", f"{t:.2f} {sum(t - core.total(t) for core in _CORES):.2f}\n")
        self._put("proc/loadavg", f"{_LOAD.at(t):.2f} {_LOAD.base:.2f} 0.48 1/187 977\n")
        self._put("proc/stat", _stat(t))
        self._put("proc/meminfo", _meminfo(t))
        self._put("proc/net/dev", _net(t))
        self._put("proc/diskstats", _diskstats(t))
        if self._board:
            self._play_board(t)
        if processes:
            self._play_processes(t)

    def _play_board(self, t: float) -> None:
        degrees = f"{_DEGREES.at(t) * 1000:.0f}\n"
        self._put("sys/class/thermal/thermal_zone0/temp", degrees)
        self._put("sys/class/hwmon/hwmon0/temp1_input", degrees)
        policy = "sys/devices/system/cpu/cpufreq/policy0"
        self._put(f"{policy}/affected_cpus", " ".join(str(n) for n in range(len(_CORES))) + "\n")
        self._put(f"{policy}/scaling_cur_freq", "1800000\n" if _CORES[0].at(t) > 0.25 else "1500000\n")

    def _play_processes(self, t: float) -> None:
        for pid, parent, name, user, command, share, resident in _PROCESSES:
            ticks = int(share.total(t) * _HZ)
            pages = int(resident.at(t) / _PAGE)
            fields = [parent, 1, 1, 0, -1, 0, 0, 0, 0, 0, ticks, 0, 0, 0, 20, 0, 1, 0, 412 + pid, pages * 2 * _PAGE]
            self._put(f"proc/{pid}/stat", f"{pid} ({name}) S {' '.join(map(str, fields))} {pages} 0\n")
            self._put(f"proc/{pid}/cmdline", "".join(f"{word}\0" for word in command.split()))
            self._put(f"proc/{pid}/status", f"Name:\t{name[:15]}\nPid:\t{pid}\nUid:\t{user}\t{user}\t{user}\t{user}\n")

    def _put(self, path: str, text: str) -> None:
        if self._written.get(path) == text:
            return
        at = self._root / path
        if path not in self._written:
            at.parent.mkdir(parents=True, exist_ok=True)
        new = at.with_name(f".{at.name}.new")
        new.write_text(text, encoding="ascii")
        new.replace(at)
        self._written[path] = text

    def look(self, reader: Reader, at: float) -> Look:
        """What a reader of the tree sees."""
        found = reader.read(at)
        if found.power is None:
            return found
        bits = (self._root / "sys/devices/platform/soc/soc:firmware/get_throttled").read_text(encoding="ascii")
        return replace(found, power=power(int(bits, 16)))

    def statvfs(self, path: str) -> os.statvfs_result:
        """What statvfs(3) says of a mount point of the tree, as /run/demo/disks has it."""
        mount = path.removeprefix(str(self._root)) or "/"
        for line in (self._root / "run/demo/disks").read_text(encoding="ascii").splitlines():
            name, total, used, free = line.split()
            if name == mount:
                blocks, unused, there = (int(size) // _PAGE for size in (total, int(total) - int(used), free))
                return os.statvfs_result((_PAGE, _PAGE, blocks, unused, there, 0, 0, 0, 0, 255))
        raise FileNotFoundError(mount)


def _stat(t: float) -> str:
    """proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice."""
    lines, sums = [], [0, 0, 0]
    for number, core in enumerate(_CORES):
        busy = core.total(t) * _HZ
        each = [int(busy * 0.7), int(busy * 0.3), int(t * _HZ - busy)]
        sums = [total + one for total, one in zip(sums, each, strict=True)]
        lines.append(f"cpu{number} {each[0]} 0 {each[1]} {each[2]} 0 0 0 0 0 0")
    return "\n".join([f"cpu  {sums[0]} 0 {sums[1]} {sums[2]} 0 0 0 0 0 0", *lines, "processes 978\n"])


def _meminfo(t: float) -> str:
    available = int(_AVAILABLE.at(t) / 1024)
    sizes = {
        "MemTotal": _MEMORY // 1024,
        "MemFree": available * 85 // 100,
        "MemAvailable": available,
        "Buffers": 41_212,
        "Cached": 612_908,
        "SwapCached": 0,
        "SwapTotal": _SWAP // 1024,
        "SwapFree": _SWAP // 1024,
    }
    return "".join(f"{name + ':':<15} {kib:>9} kB\n" for name, kib in sizes.items())


def _net(t: float) -> str:
    """proc_pid_net(5)."""
    head = "Inter-|   Receive                                                |  Transmit\n"
    head += " face |bytes    packets errs drop fifo frame compressed multicast"
    head += "|bytes    packets errs drop fifo colls carrier compressed\n"
    lines = [f"    lo: {8_120} 98 0 0 0 0 0 0 {8_120} 98 0 0 0 0 0 0"]
    for name, (received, sent) in _NET.items():
        into, out = int(received.total(t)), int(sent.total(t))
        lines.append(f"{name:>6}: {into} {into // 900} 0 0 0 0 0 0 {out} {out // 300} 0 0 0 0 0 0")
    return head + "\n".join(lines) + "\n"


def _diskstats(t: float) -> str:
    """Documentation/admin-guide/iostats.rst: sectors are 512 bytes, times in ms."""
    read, written = int(_READ.total(t)), int(_WRITTEN.total(t))
    busy = int(t * 1000 * 0.02)
    counts = f"{read // 16_384} 0 {read // _SECTOR} {busy // 3} {written // 16_384} 0 {written // _SECTOR} {busy} 0 "
    counts += f"{busy} {busy} 0 0 0 0 0 0"
    return f" 179       0 mmcblk0 {counts}\n 179       2 mmcblk0p2 {counts}\n"


def power(bits: int) -> Power:
    """The firmware's bits as it documents them. On a real Pi a kernel driver clears those of `has been so` every two
    seconds, and metrics/sensors.py reads them as that; nothing clears the demo's."""
    names = [name.replace("soft-temperature-limit", "soft-limit") for name in POWER]
    return Power(
        {name: bool(bits >> bit & 1) for bit, name in enumerate(names)},
        {name: bool(bits >> (bit + 16) & 1) for bit, name in enumerate(names)},
    )


#: what the collector would have kept, by the metrics' names
_KEPT: Mapping[str, Wave] = {
    "cpu.used": Wave(
        sum(core.base for core in _CORES) * 25,
        tuple((swing * 25, period) for core in _CORES for swing, period in core.swings),
    ),
    **{
        f"core.{number}.used": Wave(core.base * 100, tuple((swing * 100, period) for swing, period in core.swings))
        for number, core in enumerate(_CORES)
    },
    "load.1": _LOAD,
    "memory.used": Wave(
        100 - 100 * _AVAILABLE.base / _MEMORY,
        tuple((-100 * swing / _MEMORY, period) for swing, period in _AVAILABLE.swings),
    ),
    "memory.available": _AVAILABLE,
    "swap.used": Wave(0.0),
    "disk./.used": _SPACE,
    "disk./boot/firmware.used": Wave(14.7),
    "disk./mnt/backup.used": Wave(13.7),
    "io.mmcblk0.read": _READ,
    "io.mmcblk0.written": _WRITTEN,
    "io.mmcblk0.busy": Wave(2.0),
    **{f"net.{name}.received": received for name, (received, _sent) in _NET.items()},
    **{f"net.{name}.sent": sent for name, (_received, sent) in _NET.items()},
    "temperature.cpu-thermal.now": _DEGREES,
    "power.under-voltage": Wave(0.004, ((0.006, _DAY),)),
    "power.throttled": Wave(0.0),
}


class Past:
    """What the collector would have kept. started: when the machine started, seconds since the epoch."""

    def __init__(self, started: float) -> None:
        self._started = started

    def names(self) -> list[str]:
        """The metrics there are."""
        return list(_KEPT)

    def series(
        self, names: Iterable[str], since: float, until: float, points: int
    ) -> dict[str, Sequence[tuple[float, float, float, float, int]]]:
        """For each metric: when a point begins (epoch), minimum, average and maximum within it, and its weight."""
        step = (until - since) / points
        begins = [since + number * step for number in range(points)]
        found: dict[str, Sequence[tuple[float, float, float, float, int]]] = {}
        for name in names:
            wave = _KEPT.get(name)
            if wave is None:
                continue
            rows = []
            for begin in begins:
                seen = [max(0.0, wave.at(begin + step * part / _LOOKS - self._started)) for part in range(_LOOKS)]
                rows.append((begin, min(seen), sum(seen) / _LOOKS, max(seen), 1))
            found[name] = rows
        return found

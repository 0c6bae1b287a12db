"""One look at a machine: a few small reads below /proc and /sys, and statvfs of the file systems on its disks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from pi_installer_tui.metrics import files
from pi_installer_tui.metrics.backups import Backups
from pi_installer_tui.metrics.clock import steady
from pi_installer_tui.metrics.cron import Jobs
from pi_installer_tui.metrics.filesystems import mount_points
from pi_installer_tui.metrics.look import Look, Memory, Space, Traffic, Transfers
from pi_installer_tui.metrics.sensors import Sensors

#: whole disks; not their partitions, nor what lies on top of disks (dm, md) and would count twice
_DISK = re.compile(r"(sd|vd|hd|xvd)[a-z]+|mmcblk\d+|nvme\d+n\d+")
#: interfaces that lead nowhere outside: loopback, and the ends of containers' and virtual machines' lines
_LEFT_OUT = re.compile(r"lo|veth.*|v[eb]-.*|vnet\d+|ifb\d+|dummy\d+")

#: metrics of one kind that are kept at most: a machine with more of them is looked at in part
MOST = 64


class Reader:
    """Reads below `root`, so that recorded trees and the demo machine are read like the real one. Synchronous; it never
    waits for a network or for another process."""

    def __init__(self, root: Path = Path("/"), statvfs: Callable[[str], os.statvfs_result] = os.statvfs) -> None:
        self.root = str(root).rstrip("/")
        self.sensors = Sensors(self.root)
        self.backups = Backups(self.root)
        self.jobs = Jobs(self.root)
        self._statvfs = statvfs

    def read(self, at: float | None = None) -> Look:
        """What there is now. at: seconds of the steady clock (clock.py), now if it isn't given."""
        at = steady() if at is None else at
        self.sensors.find()
        return Look(
            at,
            self._processors(),
            self._frequencies(),
            self._load(),
            self._memory(),
            self._spaces(),
            self._devices(),
            self._interfaces(),
            self.sensors.temperatures(),
            self.sensors.fans(),
            self.sensors.power(),
            self.backups.read(),
            self.jobs.read(),
            self._uptime(),
            self._processes(),
        )

    def _text(self, path: str) -> str:
        return files.text(f"{self.root}{path}") or ""

    def _processors(self) -> dict[str, tuple[int, ...]]:
        found = {}
        for line in self._text("/proc/stat").splitlines():
            if not line.startswith("cpu"):
                break
            name, *ticks = line.split()
            if len(ticks) >= 4 and all(map(str.isdecimal, ticks)):
                found[name.removeprefix("cpu")] = tuple(map(int, ticks))
        return found

    def _frequencies(self) -> dict[str, float]:
        """MHz by processor; a policy is of several that share a clock, as on every Pi
        (Documentation/admin-guide/pm/cpufreq.rst)."""
        found = {}
        top = f"{self.root}/sys/devices/system/cpu/cpufreq"
        for policy in files.names(top):
            value = files.number(f"{top}/{policy}/scaling_cur_freq")
            if value:
                for processor in (files.text(f"{top}/{policy}/affected_cpus") or "").split():
                    found[processor] = value / 1000
        return found

    def _load(self) -> tuple[float, float, float] | None:
        try:
            one, five, fifteen = map(float, self._text("/proc/loadavg").split()[:3])
        except ValueError:
            return None
        return one, five, fifteen

    def _memory(self) -> Memory | None:
        values = {}
        for line in self._text("/proc/meminfo").splitlines():
            name, _colon, rest = line.partition(":")
            if name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree"):
                values[name] = int(rest.split()[0]) * 1024
        try:
            return Memory(values["MemTotal"], values["MemAvailable"], values["SwapTotal"], values["SwapFree"])
        except KeyError:
            return None

    def _spaces(self) -> dict[str, Space]:
        found = {}
        for place in mount_points(self._text("/proc/self/mountinfo"))[:MOST]:
            try:
                told = self._statvfs(f"{self.root}{place}")
            except OSError:
                continue
            if told.f_blocks:
                found[place] = Space(
                    (told.f_blocks - told.f_bfree) * told.f_frsize,
                    told.f_bavail * told.f_frsize,
                    told.f_files - told.f_ffree,
                    told.f_files,
                )
        return found

    def _devices(self) -> dict[str, Transfers]:
        """Documentation/admin-guide/iostats.rst: its sectors have 512 bytes whatever the disk's own have."""
        found: dict[str, Transfers] = {}
        for line in self._text("/proc/diskstats").splitlines():
            words = line.split()
            if len(words) >= 14 and _DISK.fullmatch(words[2]) and len(found) < MOST:
                found[words[2]] = Transfers(int(words[5]), int(words[9]), int(words[12]))
        return found

    def _interfaces(self) -> dict[str, Traffic]:
        """proc_net_dev(5). Those of this process's network; the machine's, for a service."""
        found: dict[str, Traffic] = {}
        for line in self._text("/proc/net/dev").splitlines()[2:]:
            name, _colon, rest = line.strip().rpartition(":")
            words = rest.split()
            if len(words) >= 16 and not _LEFT_OUT.fullmatch(name) and len(found) < MOST:
                found[name] = Traffic(int(words[0]), int(words[8]))
        return found

    def _uptime(self) -> float | None:
        try:
            return float(self._text("/proc/uptime").split()[0])
        except (ValueError, IndexError):
            return None

    def _processes(self) -> int | None:
        return sum(1 for name in files.names(f"{self.root}/proc") if name.isdecimal()) or None

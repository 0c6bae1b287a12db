"""Listening sockets, with the programs, units and packages behind them."""

from __future__ import annotations

from dataclasses import replace

from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.packages import owners
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown
from pi_installer_tui.system.sockets import Socket, listening


async def read(host: Host) -> tuple[Socket, ...] | Unknown:
    """The sockets, with unit, program and package of their processes. Without root the processes of others aren't
    known."""
    sockets = await listening(host)
    if isinstance(sockets, Unknown):
        return sockets
    programs: dict[int, str] = {}
    units: dict[int, str] = {}
    for pid in {s.pid for s in sockets if s.pid}:
        try:
            link = await host.stat(f"/proc/{pid}/exe")
            # proc_pid_exe(5): a program that an upgrade replaced while it ran is marked so
            programs[pid] = (link.target or "").removesuffix(" (deleted)") if link else ""
        except PermissionError:
            programs[pid] = ""
        group = await base.text(host, f"/proc/{pid}/cgroup")
        units[pid] = unit(group) if isinstance(group, str) else ""
    packages = await owners(host, sorted(set(filter(None, programs.values()))))
    return tuple(
        replace(
            s,
            program=programs.get(s.pid, ""),
            unit=units.get(s.pid, ""),
            package=None
            if isinstance(packages, Unknown) or not programs.get(s.pid)
            else packages.get(programs[s.pid], ""),
        )
        for s in sockets
    )


def unit(cgroup: str) -> str:
    """The systemd unit of a process: `0::/system.slice/ssh.service`."""
    for line in cgroup.splitlines():
        for part in reversed(line.rpartition(":")[2].split("/")):
            if part.endswith((".service", ".socket", ".scope")):
                return part
    return ""

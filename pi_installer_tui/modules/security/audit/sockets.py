"""Listening sockets, with the programs and packages behind them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.packages import owners
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown

#: no header, TCP and UDP, listening, numbers, processes (ss(8))
COMMAND = ("ss", "-H", "-tulpn")

_LINE = re.compile(r"(tcp|udp)\s+(LISTEN|UNCONN)\s+\d+\s+\d+\s+(\S+):(\d+)\s+\S+:\*\s*(?:users:\((.*)\))?\s*")
#: how "every address" is written, by the versions of IP
_EVERY: dict[tuple[int, ...], str] = {(4,): "0.0.0.0", (6,): "::"}
_USER = re.compile(r'\("((?:[^"\\]|\\.)*)",pid=(\d+),fd=\d+\)')


@dataclass(frozen=True, slots=True)
class Socket:
    """A listening socket. address: "" every one of the versions; versions: of IP that it answers (4, 6). process, pid,
    unit, program: "" or 0 where that isn't known; package: None where it isn't, "" where no package has the program."""

    proto: str
    address: str
    port: int
    versions: tuple[int, ...]
    process: str = ""
    pid: int = 0
    unit: str = ""
    program: str = ""
    package: str | None = None

    @property
    def local(self) -> bool:
        """It can be reached from this machine only."""
        return bool(self.address) and ipaddress.ip_address(self.address).is_loopback

    @property
    def where(self) -> str:
        """`*:22`, `127.0.0.1:631`, `[::]:22`."""
        address = self.address or _EVERY.get(self.versions, "*")
        return f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"


def parse(output: str) -> tuple[Socket, ...]:
    """The lines of ss. Raises ValueError for one that looks different."""
    found: dict[Socket, None] = {}
    for line in output.splitlines():
        matched = _LINE.fullmatch(line)
        if matched is None:
            raise ValueError(line)
        proto, _state, address, port, users = matched.groups()
        address = address.rpartition("%")[0] or address if "%" in address else address
        address = address.strip("[]")
        versions: tuple[int, ...] = (4, 6)  # `*`: an IPv6 socket that takes IPv4 too
        if address != "*":
            parsed = ipaddress.ip_address(address)
            mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
            versions = (mapped.version if mapped else parsed.version,)
            address = "" if parsed.is_unspecified else str(mapped or parsed)
        else:
            address = ""
        process, pid = "", 0
        if users and (first := _USER.match(users)):
            process, pid = first[1], int(first[2])
        found[Socket(proto, address, int(port), versions, process, pid)] = None
    return tuple(sorted(found, key=lambda s: (s.port, s.proto, s.versions)))


async def read(host: Host) -> tuple[Socket, ...] | Unknown:
    """The sockets, with unit, program and package of their processes. Without root the processes of others aren't
    known."""
    said = await base.say(host, *COMMAND)
    if isinstance(said, Unknown):
        return said
    try:
        sockets = parse(said)
    except ValueError as error:
        return Unknown(_("{program}'s answer can't be read").format(program="ss") + f": {error}")
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

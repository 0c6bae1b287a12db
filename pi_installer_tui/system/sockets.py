"""Listening sockets, and the processes that listen there."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
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


async def listening(host: Host) -> tuple[Socket, ...] | Unknown:
    """The sockets with their processes, whose programs aren't looked up. Without root the processes of others aren't
    known."""
    try:
        done = await host.run(COMMAND)
    except CommandNotFound as error:
        return Unknown(_("{program} is not installed").format(program=error.program))
    except HostError as error:
        return Unknown(str(error))
    if not done.ok:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        return Unknown(_("{program} says: {what}").format(program="ss", what=said[-1] if said else done.status))
    try:
        return parse(done.stdout)
    except ValueError as error:
        return Unknown(_("{program}'s answer can't be read").format(program="ss") + f": {error}")

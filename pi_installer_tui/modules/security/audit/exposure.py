"""Exposure: every listening socket, and whether somebody outside can reach it: by the packet filter's verdict for IPv4
and IPv6, and past it where Docker leads the port on to a container."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pi_installer_tui.modules.security.audit import base, sockets
from pi_installer_tui.modules.security.audit.netfilter import ruleset
from pi_installer_tui.modules.security.audit.netfilter.ruleset import Passage, Published, Ruleset
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown
from pi_installer_tui.system.sockets import COMMAND, Socket

#: local: it listens on this machine's own address only; none: not with this version of IP
Reach: TypeAlias = Passage | Literal["local", "none"]
#: Docker's own process that holds a published port
PROXY = "docker-proxy"


@dataclass(frozen=True, slots=True)
class Exposed:
    """A socket and who reaches it. published: where Docker leads the port on to, past the rules for this machine's
    own ports, "" where it doesn't."""

    socket: Socket
    ipv4: Reach
    ipv6: Reach
    published: str = ""

    @property
    def outside(self) -> bool:
        """Somebody outside reaches it, or may."""
        return any(reach in ("open", "limited", "unknown") for reach in (self.ipv4, self.ipv6))

    @property
    def anyone(self) -> bool:
        """Anyone reaches it."""
        return "open" in (self.ipv4, self.ipv6)


@dataclass(frozen=True, slots=True)
class Exposure:
    """The sockets with who reaches them, and the rule sets that say so."""

    sockets: tuple[Exposed, ...] | Unknown
    rules: Ruleset
    published: tuple[Published, ...] = ()


async def read(host: Host) -> Exposure:
    """Reads sockets and rule sets."""
    found, rules = await asyncio.gather(sockets.read(host), ruleset.read(host))
    return expose(found, rules)


def expose(found: tuple[Socket, ...] | Unknown, rules: Ruleset) -> Exposure:
    """Who reaches the sockets by these rules."""
    published = ruleset.published(rules)
    if isinstance(found, Unknown):
        return Exposure(found, rules, published)
    by_port: dict[tuple[int, str, int], Published] = {(p.version, p.proto, p.port): p for p in published}
    rows = [_one(socket, rules, by_port) for socket in found]
    held = {(v, s.proto, s.port) for s in found for v in s.versions}
    for port in published:
        if (port.version, port.proto, port.port) not in held:  # no process of Docker's holds it (userland-proxy: false)
            socket = Socket(port.proto, "", port.port, (port.version,))
            rows.append(_one(socket, rules, by_port))
    rows.sort(key=lambda row: (row.socket.local, row.socket.port, row.socket.proto, row.socket.versions))
    return Exposure(tuple(rows), rules, published)


def _one(socket: Socket, rules: Ruleset, published: dict[tuple[int, str, int], Published]) -> Exposed:
    reach: dict[int, Reach] = {4: "none", 6: "none"}
    to = ""
    for version in socket.versions:
        led = published.get((version, socket.proto, socket.port))
        if led is not None:
            reach[version], to = led.passage, led.to
        elif socket.local:
            reach[version] = "local"
        else:
            reach[version] = ruleset.passage(rules, 4 if version == 4 else 6, socket.proto, socket.port, socket.address)
    return Exposed(socket, reach[4], reach[6], to)


def line(row: Exposed) -> str:
    """A socket as a line of a receipt."""
    s = row.socket
    who = " ".join(part for part in (s.process or "(kernel or not known)", s.package) if part)
    to = f" -> {row.published}" if row.published else ""
    return f"{s.proto} {s.where}{to} {who} IPv4: {row.ipv4} IPv6: {row.ipv6}"


def receipt(rows: tuple[Exposed, ...] | list[Exposed]) -> base.Evidence:
    """The lines of some sockets."""
    return base.evidence(COMMAND, map(line, rows))

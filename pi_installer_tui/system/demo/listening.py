"""The player of ss: what listens, by the units that are active."""

from __future__ import annotations

import contextlib
import re

from pi_installer_tui.system.demo import units
from pi_installer_tui.system.demo.players import Call, Refused, player
from pi_installer_tui.system.demo.security import sshd_says
from pi_installer_tui.system.demo.tree import Machine

_MDNS = (("udp", "0.0.0.0", 5353, 12), ("udp", "[::]", 5353, 13))


def sockets(machine: Machine) -> dict[str, tuple[str, int, tuple[tuple[str, str, int, int], ...]]]:
    """By unit: its process with the number it always gets; protocol, address, port and descriptor of its sockets. The
    ports of sshd are those of its files: whatever changes these here tells it to read them."""
    ports = [22]
    with contextlib.suppress(Refused):  # it runs on with what it has read
        ports = [int(value) for keyword, value in sshd_says(machine) if keyword == "port"]
    pairs = [("tcp", address, port) for port in ports for address in ("0.0.0.0", "[::]")]
    ssh = tuple((*pair, number) for number, pair in enumerate(pairs, 6))
    return {"avahi-daemon.service": ("avahi-daemon", 611, _MDNS), "ssh.service": ("sshd", 702, ssh)}


def _of_the_kernel(machine: Machine) -> list[tuple[str, int]]:
    """The ports of WireGuard's tunnels: sockets of no process."""
    ports = [found["port"] for found in machine.memory("wireguard").values()]
    return [(address, port) for port in ports for address in ("0.0.0.0", "[::]")]


@player("ss")
async def ss(call: Call) -> int:
    options = call.options("-H", "-t", "-u", "-l", "-p", "-n", "--no-header")
    protos = [proto for proto in ("udp", "tcp") if options.has(f"-{proto[0]}")]
    only = re.fullmatch(r"sport = :(\d+)", " ".join(options.words)) if options.words else None
    if (options.words and only is None) or not protos or not all(options.has(name) for name in ("-H", "-l", "-n")):
        raise Refused("ss: only -H -l -n with -t, -u, -p and `sport = :PORT` is played")
    for proto in protos:
        state, queue = ("UNCONN", 0) if proto == "udp" else ("LISTEN", 128)
        netid = f"{proto}   " if len(protos) > 1 else ""
        for unit, (process, pid, found) in sockets(call.machine).items():
            for kind, address, port, fd in found if units.is_active(call.machine, unit) else ():
                if kind == proto and (only is None or port == int(only[1])):
                    where, peer = f"{address}:{port}", f"{address}:*"
                    user = f'users:(("{process}",pid={pid},fd={fd}))' if options.has("-p") else ""
                    await call.out(f"{netid}{state} 0      {queue:<6} {where:>12} {peer:>10} {user}")
        for address, port in _of_the_kernel(call.machine) if proto == "udp" else ():
            if only is None or port == int(only[1]):
                await call.out(f"{netid}{state} 0      0      {f'{address}:{port}':>12} {f'{address}:*':>10} ")
    return 0

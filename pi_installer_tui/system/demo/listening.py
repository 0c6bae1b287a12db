"""The player of ss: what listens, by the units that are active."""

from __future__ import annotations

from pi_installer_tui.system.demo import units
from pi_installer_tui.system.demo.players import Call, Refused, player

_MDNS = (("udp", "0.0.0.0", 5353, 12), ("udp", "[::]", 5353, 13))
_SSH = (("tcp", "0.0.0.0", 22, 6), ("tcp", "[::]", 22, 7))
#: by unit: its process with the number it always gets; protocol, address, port and descriptor of its sockets
SOCKETS = {"avahi-daemon.service": ("avahi-daemon", 611, _MDNS), "ssh.service": ("sshd", 702, _SSH)}


@player("ss")
async def ss(call: Call) -> int:
    options = call.options("-H", "-t", "-u", "-l", "-p", "-n", "--no-header")
    protos = [proto for proto in ("udp", "tcp") if options.has(f"-{proto[0]}")]
    if options.words or not protos or not all(options.has(name) for name in ("-H", "-l", "-p", "-n")):
        raise Refused("ss: only -H -l -p -n with -t, -u is played")
    for proto in protos:
        state, queue = ("UNCONN", 0) if proto == "udp" else ("LISTEN", 128)
        netid = f"{proto}   " if len(protos) > 1 else ""
        for unit, (process, pid, sockets) in SOCKETS.items():
            for kind, address, port, fd in sockets if units.is_active(call.machine, unit) else ():
                if kind == proto:
                    where, peer = f"{address}:{port}", f"{address}:*"
                    user = f'users:(("{process}",pid={pid},fd={fd}))'
                    await call.out(f"{netid}{state} 0      {queue:<6} {where:>12} {peer:>10} {user}")
    return 0

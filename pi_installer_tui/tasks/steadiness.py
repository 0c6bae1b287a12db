"""Whether the network is well: the gateway and named peers answer, for a while without a break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pi_installer_tui.system.host import CommandNotFound

if TYPE_CHECKING:
    from pi_installer_tui.system.host import Host

#: seconds between two looks
PAUSE = 1.0


async def network_is_well(host: Host, peers: Sequence[str], steady: float) -> None:
    """Returns when the gateways (of the default routes there are) and every peer have answered each look for `steady`
    seconds. Where there is neither a gateway nor a peer nothing can tell, and it never returns."""
    loop = asyncio.get_running_loop()
    since: float | None = None
    while True:
        gateways = await _gateways(host)
        asked = [*gateways, *peers]
        answers = await asyncio.gather(*(_answers(host, each) for each in asked))
        if not asked or not all(answers):
            since = None
        elif since is None:
            since = loop.time()
        if since is not None and loop.time() - since >= steady:
            return
        await asyncio.sleep(PAUSE)


async def _gateways(host: Host) -> list[str]:
    """The gateways of the default routes (ip-route(8))."""
    routes = await _json(host, "ip", "-json", "-4", "route", "show", "default")
    return list(dict.fromkeys(str(route["gateway"]) for route in routes if "gateway" in route))


async def _answers(host: Host, peer: str) -> bool:
    """By ICMP; a router that drops that still answers ARP, which the kernel then knows it by (ip-neighbour(8))."""
    try:
        if (await host.run(["ping", "-n", "-c", "1", "-W", "2", peer])).ok:
            return True
    except CommandNotFound:
        await host.run(["python3", "-I", "-c", _POKE, peer])
    neighbours = await _json(host, "ip", "-json", "neighbour", "show", peer)
    return any("REACHABLE" in neighbour.get("state", ()) for neighbour in neighbours)


#: a packet to a port that nobody listens on: it makes the kernel ask for the neighbour
_POKE = """
import socket, sys, time
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", (sys.argv[1], 9))
time.sleep(1)
"""


async def _json(host: Host, *argv: str) -> list[dict[str, Any]]:
    said = await host.run(argv)
    try:
        return list(json.loads(said.stdout or "[]")) if said.ok else []
    except ValueError:
        return []

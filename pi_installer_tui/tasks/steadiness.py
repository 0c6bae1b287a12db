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


async def network_is_well(host: Host, interfaces: Sequence[str], peers: Sequence[str], steady: float) -> None:
    """Returns when the gateways and every peer have answered each look for `steady` seconds. Asked are the gateways of
    the default routes over each of `interfaces` (those that were changed; none: over any), through that interface, for
    another one may lead to the same router. An interface without a gateway can only be told of by peers; where there is
    neither nothing can tell, and it never returns."""
    loop = asyncio.get_running_loop()
    since: float | None = None
    while True:
        gateways = await _gateways(host)
        if interfaces:
            gateways = [(gateway, dev) for gateway, dev in gateways if dev in interfaces]
        lacks = set(interfaces) - {dev for _gateway, dev in gateways} if not peers else set()
        asked = [*gateways, *((peer, "") for peer in peers)]
        answers = await asyncio.gather(*(_answers(host, *each) for each in asked))
        if not asked or lacks or not all(answers):
            since = None
        elif since is None:
            since = loop.time()
        if since is not None and loop.time() - since >= steady:
            return
        await asyncio.sleep(PAUSE)


async def _gateways(host: Host) -> list[tuple[str, str]]:
    """The gateways of the default routes, each with its interface (ip-route(8))."""
    routes = await _json(host, "ip", "-json", "-4", "route", "show", "default")
    found = ((str(route["gateway"]), str(route.get("dev", ""))) for route in routes if "gateway" in route)
    return list(dict.fromkeys(found))


async def _answers(host: Host, peer: str, interface: str) -> bool:
    """By ICMP; a router that drops that still answers ARP, which the kernel then knows it by (ip-neighbour(8))."""
    try:
        through = ["-I", interface] if interface else []
        if (await host.run(["ping", "-n", "-c", "1", "-W", "2", *through, peer])).ok:
            return True
    except CommandNotFound:
        await host.run(["python3", "-I", "-c", _POKE, peer])
    device = ["dev", interface] if interface else []
    neighbours = await _json(host, "ip", "-json", "neighbour", "show", peer, *device)
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

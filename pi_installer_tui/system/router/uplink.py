"""The way to the rest of the world, as ip(8) tells it: the gateway, and our own addresses that it knows."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import Any

from pi_installer_tui.system.host import CommandNotFound, Host, HostError

ROUTE4 = ("ip", "-json", "-4", "route", "show", "default")
ROUTE6 = ("ip", "-json", "-6", "route", "show", "default")


@dataclass(frozen=True, slots=True)
class Way:
    """The default route of one version of IP. addresses: of its interface, with their networks, without those of the
    link only, and of IPv6 without those that are replaced every day (temporary). source: the one that the gateway sees.
    mtu: of the interface, bytes."""

    interface: str = ""
    gateway: str = ""
    addresses: tuple[str, ...] = ()
    source: str = ""
    mtu: int = 0
    said: str = ""  # the route in words, as evidence


async def way(host: Host, version: int) -> Way:
    """The default route of IPv4 or IPv6; an empty one where there is none. Raises HostError where ip(8) isn't there or
    can't be understood."""
    routes = await _json(host, ROUTE4 if version == 4 else ROUTE6)
    routes = [route for route in routes if isinstance(route, dict) and route.get("dev")]
    if not routes:
        return Way()
    best = min(routes, key=lambda route: int(route.get("metric", 0)))
    interface, gateway = str(best["dev"]), str(best.get("gateway", ""))
    links = await _json(host, ("ip", "-json", f"-{version}", "address", "show", "dev", interface))
    link = next((one for one in links if isinstance(one, dict) and one.get("ifname") == interface), {})
    found = [
        f"{one['local']}/{one['prefixlen']}"
        for one in link.get("addr_info", ())
        if one.get("scope") == "global" and not one.get("temporary") and not one.get("deprecated")
    ]
    source = str(best.get("prefsrc", "")) or _near(found, gateway)
    said = " ".join(("default", *(("via", gateway) if gateway else ()), "dev", interface))
    return Way(interface, gateway, tuple(found), source, int(link.get("mtu", 0)), said)


def _near(addresses: list[str], gateway: str) -> str:
    """Of our addresses the one in the gateway's network, else the first."""
    parsed = [ipaddress.ip_interface(one) for one in addresses]
    if gateway:
        there = ipaddress.ip_address(gateway)
        parsed.sort(key=lambda one: there not in one.network)
    return str(parsed[0].ip) if parsed else ""


async def _json(host: Host, argv: tuple[str, ...]) -> list[Any]:
    try:
        done = await host.run(argv)
    except CommandNotFound:
        raise
    if not done.ok:
        return []
    try:
        found = json.loads(done.stdout or "[]")
    except ValueError:
        raise HostError("ip's answer can't be read") from None
    return found if isinstance(found, list) else []

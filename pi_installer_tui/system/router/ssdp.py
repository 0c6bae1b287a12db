"""Finding a router that speaks UPnP: SSDP's search (UPnP Device Architecture 1.1, 1.3.2). The gateway is asked itself
and through the group at once: a firewall of ours lets the answer to the first in, not every router hears it."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from pi_installer_tui.system.host import Datagram, Host
from pi_installer_tui.system.router.mapped import RouterError

GROUP, PORT = "239.255.255.250", 1900
#: a router of version 2 answers for version 1 too, some that never read that of version 2 only
TARGETS = tuple(f"urn:schemas-upnp-org:device:InternetGatewayDevice:{version}" for version in (1, 2))
_WAITS = (1.0, 1.5)  # seconds; MX below is 1
_ANSWER_MAX = 4096


def search(target: str, to: str = GROUP) -> bytes:
    """The search for devices of a kind."""
    host = f"{to}:{PORT}"
    lines = ("M-SEARCH * HTTP/1.1", f"HOST: {host}", 'MAN: "ssdp:discover"', "MX: 1", f"ST: {target}", "", "")
    return "\r\n".join(lines).encode()


def location(data: bytes, gateway: str) -> str:
    """Where an answer says that the device describes itself, "" where it isn't an answer, or where the description
    doesn't lie at the gateway itself."""
    if len(data) > _ANSWER_MAX:
        return ""
    first, *lines = data.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.") or first.split()[1:2] != ["200"]:
        return ""
    fields = {name.strip().lower(): value.strip() for name, _c, value in (line.partition(":") for line in lines)}
    if "InternetGatewayDevice" not in fields.get("st", ""):
        return ""
    return fields["location"] if at_gateway(fields.get("location", ""), gateway) else ""


def at_gateway(url: str, gateway: str) -> bool:
    """Whether a URL is plain HTTP at the gateway's own address."""
    try:
        parts = urlsplit(url)
        there = ipaddress.ip_address(parts.hostname or "")
        port = parts.port
    except ValueError:
        return False
    clean = url.isascii() and url.isprintable() and " " not in url and "@" not in parts.netloc
    return clean and parts.scheme == "http" and port != 0 and there == ipaddress.ip_address(gateway)


async def find(host: Host, gateway: str, ours: str, *, targets: Sequence[str] = TARGETS) -> str:
    """Where the gateway describes itself, as a device of one of these kinds. Raises RouterError if it is silent."""

    def wanted(came: Datagram) -> bool:
        return came.address == gateway and bool(location(came.data, gateway))

    async def ask(to: str, target: str) -> str:
        try:
            came = await host.datagram(to, PORT, search(target, to), waits=_WAITS, wanted=wanted, source=ours)
        except OSError:
            return ""
        return location(came.data, gateway) if came else ""

    asking = [asyncio.ensure_future(ask(to, target)) for target in targets for to in (gateway, GROUP)]
    try:
        for done in asyncio.as_completed(asking):
            if found := await done:
                return found
    finally:
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    raise RouterError("upnp", "silent", "the router doesn't answer UPnP")

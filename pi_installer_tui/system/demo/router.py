"""The FRITZ!Box at the demo's gateway, and one service on the web that tells who asks: PCP, NAT-PMP, UPnP and DNS, as
far as the program asks for them. What it granted is in /run/demo/router.json."""

from __future__ import annotations

import asyncio
import os
import re
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from pi_installer_tui.system.demo.network import addresses_of, routes_of
from pi_installer_tui.system.demo.players import PACE
from pi_installer_tui.system.demo.tree import Machine
from pi_installer_tui.system.host import Datagram, Fetched, HostError

#: its address outside
OUTSIDE = "93.192.71.12"
_UPNP_PORT = 49000
_PLACE = "/igdupnp/control/WANIPConn1"
_SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
_LONGEST = 7200  # seconds


def gateway_of(machine: Machine) -> str:
    """The gateway's address, "" without a default route."""
    return next((str(route["gateway"]) for route in routes_of(machine) if route["dst"] == "default"), "")


def _own(machine: Machine) -> list[str]:
    return [info["local"] for link in addresses_of(machine) for info in link["addr_info"]]


async def _pause() -> None:
    await asyncio.sleep(0.05 * float(os.environ.get(PACE, "1")))


async def datagram(
    machine: Machine, address: str, port: int, data: bytes, waits: Sequence[float], wanted: Callable[[Datagram], bool]
) -> Datagram | None:
    """As `Host.datagram`. Raises ConnectionRefusedError where nobody listens."""
    await _pause()
    gateway = gateway_of(machine)
    if not gateway:
        raise OSError(101, "Network is unreachable")
    answer = None
    if address in (gateway, "239.255.255.250") and port == 1900:
        answer = _found(gateway, data)
    elif address == gateway and port == 5351:
        with machine.locked():
            answer = _mapping(machine, data)
    elif address.startswith("fe80:") and port == 5351 and data[:1] == b"\x02" and len(data) >= 24:
        answer = _through(data)
    elif address == gateway and port == 53:
        answer = data[:2] + b"\x81\x80" + data[4:]
    elif address in _own(machine):
        raise ConnectionRefusedError(111, "Connection refused")
    if answer is None:
        await asyncio.sleep(sum(waits) * float(os.environ.get(PACE, "1")))
        return None
    came = Datagram(answer, gateway, port)
    return came if wanted(came) else None


# -- PCP (RFC 6887) and NAT-PMP (RFC 6886) ---------------------------------------------------------------------------


def _mapping(machine: Machine, data: bytes) -> bytes | None:
    if data[:1] == b"\x02" and len(data) >= 24:
        return _pcp(machine, data)
    if data[:1] != b"\0" or len(data) < 2:
        return None
    epoch = int(time.time()) & 0xFFFFFF
    if data[1] == 0:
        return struct.pack("!BBHI", 0, 128, 0, epoch) + bytes(int(part) for part in OUTSIDE.split("."))
    inner, outer, lifetime = struct.unpack("!HHI", data[4:12])
    got, lifetime = _grant(machine, inner, outer, lifetime)
    return struct.pack("!BBHIHHI", 0, data[1] | 128, 0, epoch, inner, got, lifetime)


def _pcp(machine: Machine, data: bytes) -> bytes:
    epoch = int(time.time()) & 0xFFFFFF
    if data[1] == 0:
        return struct.pack("!BBBBII12x", 2, 0x80, 0, 0, 0, epoch)
    lifetime = struct.unpack("!I", data[4:8])[0]
    inner, outer = struct.unpack("!HH", data[40:44])
    got, lifetime = _grant(machine, inner, outer, lifetime)
    outside = b"\0" * 10 + b"\xff\xff" + bytes(int(part) for part in OUTSIDE.split("."))
    head = struct.pack("!BBBBII12x", 2, data[1] | 0x80, 0, 0, lifetime, epoch)
    return head + data[24:42] + struct.pack("!H", got) + outside


def _through(data: bytes) -> bytes:
    """By IPv6 nothing is translated: the firewall lets the port through."""
    lifetime = min(struct.unpack("!I", data[4:8])[0], _LONGEST)
    head = struct.pack("!BBBBII12x", 2, data[1] | 0x80, 0, 0, lifetime, int(time.time()) & 0xFFFFFF)
    return head + (data[24:42] + data[40:42] + data[8:24] if data[1] else b"")


def _grant(machine: Machine, inner: int, outer: int, lifetime: int) -> tuple[int, int]:
    """Maps, or takes back where the lifetime is 0."""
    there = machine.memory("router")
    if not lifetime:
        there = {port: one for port, one in there.items() if one["inner"] != inner}
        machine.remember("router", there)
        return outer, 0
    got = outer or inner
    until = time.time() + min(lifetime, _LONGEST)
    machine.remember("router", {**there, str(got): {"inner": inner, "until": until}})
    return got, min(lifetime, _LONGEST)


# -- UPnP ------------------------------------------------------------------------------------------------------------


def _found(gateway: str, data: bytes) -> bytes | None:
    asked = re.search(rb"ST: (urn:schemas-upnp-org:device:InternetGatewayDevice:1)\r\n", data)
    if asked is None:
        return None
    lines = (
        "HTTP/1.1 200 OK",
        f"LOCATION: http://{gateway}:{_UPNP_PORT}/igddesc.xml",
        "SERVER: fritz.box UPnP/1.0 AVM FRITZ!Box 7590 154.08.03",
        "CACHE-CONTROL: max-age=1800",
        "EXT:",
        f"ST: {asked[1].decode()}",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


async def fetch(
    machine: Machine, url: str, method: str, headers: Mapping[str, str], body: bytes, version: int
) -> Fetched:
    """As `Host.fetch`."""
    await _pause()
    parts = urlsplit(url)
    gateway = gateway_of(machine)
    if parts.hostname == gateway and parts.port == _UPNP_PORT:
        if method == "GET" and parts.path == "/igddesc.xml":
            return Fetched(200, _description())
        if method == "POST" and parts.path == _PLACE:
            with machine.locked():
                return _called(machine, headers.get("SOAPAction", "").strip('"').rpartition("#")[2], body.decode())
        return Fetched(404, b"")
    if not gateway or version == 6 or parts.scheme not in ("http", "https"):
        raise HostError(f"{parts.hostname} can't be reached: Network is unreachable")
    return Fetched(200, OUTSIDE.encode())


def _description() -> bytes:
    return (
        '<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device>'
        "<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>FRITZ!Box 7590"
        "</friendlyName><manufacturer>AVM Berlin</manufacturer><modelName>FRITZ!Box 7590</modelName><serviceList>"
        f"<service><serviceType>{_SERVICE}</serviceType><controlURL>{_PLACE}</controlURL></service></serviceList>"
        "</device></root>"
    ).encode()


def _called(machine: Machine, action: str, body: str) -> Fetched:
    told = dict(re.findall(r"<(New\w+)>([^<]*)</", body))
    there = machine.memory("router")
    port = told.get("NewExternalPort", "")
    values: dict[str, str] = {}
    if action == "GetExternalIPAddress":
        values = {"NewExternalIPAddress": OUTSIDE}
    elif action == "AddPortMapping":
        _grant(machine, int(told["NewInternalPort"]), int(port), int(told["NewLeaseDuration"]) or _LONGEST)
    elif action in ("DeletePortMapping", "GetSpecificPortMappingEntry"):
        if port not in there:
            return _fault(714, "NoSuchEntryInArray")
        one = there.pop(port)
        if action == "DeletePortMapping":
            machine.remember("router", there)
        else:
            left = max(1, int(one["until"] - time.time()))
            own = next((each for each in _own(machine) if each.startswith(gateway_of(machine).rpartition(".")[0])), "")
            values = {"NewInternalPort": str(one["inner"]), "NewInternalClient": own, "NewEnabled": "1",
                      "NewPortMappingDescription": "WireGuard", "NewLeaseDuration": str(left)}  # fmt: skip
    else:
        return _fault(401, "Invalid Action")
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
    return Fetched(200, _envelope(f'<u:{action}Response xmlns:u="{_SERVICE}">{inner}</u:{action}Response>'))


def _fault(code: int, said: str) -> Fetched:
    error = f"<UPnPError><errorCode>{code}</errorCode><errorDescription>{said}</errorDescription></UPnPError>"
    return Fetched(500, _envelope(f"<s:Fault><detail>{error}</detail></s:Fault>"))


def _envelope(inner: str) -> bytes:
    head = '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    return f"{head}{inner}</s:Body></s:Envelope>".encode()

"""The router asked: over real sockets, at a router that the test plays and that answers as some real ones do."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Callable

import pytest

from pi_installer_tui.system.host import Host
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.router import igd, natpmp, pcp, pinhole
from pi_installer_tui.system.router.mapped import Mapped, RouterError

from .routers import by_http, by_udp, loopback, page
from .test_router_protocols import FOUND, describe, fault, says

PORT = 51820


def _asked(say: Callable[[bytes], list[bytes]], ask: Callable[[Host, str], object]) -> object:
    async def run() -> object:
        there = loopback()
        async with by_udp(there, pcp.PORT, say):
            return await ask(LocalHost(), there)  # type: ignore[misc]

    return asyncio.run(run())


def test_pcp_asks_and_takes_back_by_the_same_nonce() -> None:
    heard: list[bytes] = []

    def say(data: bytes) -> list[bytes]:
        heard.append(data)
        lifetime = struct.unpack("!I", data[4:8])[0]
        body = data[24:42] + struct.pack("!H", 40000) + b"\0" * 10 + b"\xff\xff\x08\x14\x1e\x02"
        forged = struct.pack("!BBBBII12x", 2, 0x81, 0, 0, 9999, 1) + b"x" * 12 + body[12:]
        return [forged, struct.pack("!BBBBII12x", 2, 0x81, 0, 0, min(lifetime, 3600), 1) + body]

    async def ask(host: Host, there: str) -> Mapped:
        found = await pcp.map_port(host, there, "127.0.0.1", PORT, outer_port=PORT)
        await pcp.take_back(host, found)
        return found

    found = _asked(say, ask)
    assert isinstance(found, Mapped)
    assert (found.outer_address, found.outer_port, found.lifetime) == ("8.20.30.2", 40000, 3600)
    assert [data[4:8] for data in heard] == [struct.pack("!I", 7200), b"\0\0\0\0"]
    assert {data[24:36].hex() for data in heard} == {found.nonce}


def test_nat_pmp_asks_and_takes_back() -> None:
    heard: list[bytes] = []

    def say(data: bytes) -> list[bytes]:
        heard.append(data)
        if data == b"\0\0":
            return [bytes.fromhex("008000000000004d08141e02")]
        _v, _o, _r, inner, outer, lifetime = struct.unpack("!BBHHHI", data)
        return [struct.pack("!BBHIHHI", 0, 129, 0, 77, inner, outer, min(lifetime, 3600))]

    async def ask(host: Host, there: str) -> Mapped:
        found = await natpmp.map_port(host, there, "127.0.0.1", PORT, outer_port=443)
        await natpmp.take_back(host, found)
        return found

    found = _asked(say, ask)
    assert isinstance(found, Mapped)
    assert (found.outer_address, found.outer_port, found.lifetime) == ("8.20.30.2", 443, 3600)
    assert heard[-1] == natpmp.request(PORT, 0, 0)


def test_a_closed_port_is_known_at_once() -> None:
    async def ask() -> None:
        await pcp.speaks(LocalHost(), loopback(), "127.0.0.1")

    with pytest.raises(RouterError) as raised:
        asyncio.run(ask())
    assert raised.value.reason == "closed"


class Upnp:
    """A router's UPnP: what it says to each action, and what it was asked."""

    def __init__(self, *kinds: str, **replies: bytes | list[bytes]) -> None:
        self.kinds = kinds
        self.replies = {name: reply if isinstance(reply, list) else [reply] for name, reply in replies.items()}
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.target = b"InternetGatewayDevice:2" if "WANIPv6FirewallControl:1" in kinds else b"InternetGatewayDevice:1"

    async def __call__(self, asked: bytes) -> bytes:
        if asked.startswith(b"GET "):
            return page(describe(dict.fromkeys(self.kinds, "/control")))
        action = re.search(rb'#(\w+)"', asked)[1].decode()  # type: ignore[index]
        arguments = dict(re.findall(r"<(\w+)>([^<]*)</\w", asked.decode()))
        self.calls.append((action, arguments))
        left = self.replies[action]
        reply = left.pop(0) if len(left) > 1 else left[0]
        return page(reply, "500 Internal Server Error" if b"Fault" in reply else "200 OK")

    def run(self, ask: Callable[[Host, str], object]) -> object:
        async def run() -> object:
            there = loopback()

            def say(data: bytes) -> list[bytes]:
                found = FOUND.format(url=f"http://{there}:{port}/igddesc.xml").encode()
                elsewhere = FOUND.format(url="http://192.0.2.66/igddesc.xml").encode()
                return [elsewhere, found] if self.target in data else []

            async with by_http(there, self) as port, by_udp(there, 1900, say):
                return await ask(LocalHost(), there)  # type: ignore[misc]

        return asyncio.run(run())


ADDRESS = says("GetExternalIPAddress", NewExternalIPAddress="8.20.30.2")


async def _map(host: Host, there: str) -> Mapped:
    found = await igd.find(host, there, "")
    return await igd.map_port(host, found, "127.0.0.1", PORT, outer_port=PORT)


def test_upnp_asks_with_a_lease() -> None:
    router = Upnp("WANIPConnection:1", GetExternalIPAddress=ADDRESS, AddPortMapping=says("AddPortMapping"))
    found = router.run(_map)
    assert isinstance(found, Mapped)
    assert (found.protocol, found.outer_address, found.outer_port, found.lifetime) == ("upnp", "8.20.30.2", PORT, 7200)
    assert router.calls[-1][1] == {
        "NewRemoteHost": "",
        "NewExternalPort": "51820",
        "NewProtocol": "UDP",
        "NewInternalPort": "51820",
        "NewInternalClient": "127.0.0.1",
        "NewEnabled": "1",
        "NewPortMappingDescription": "WireGuard (pi-installer-tui)",
        "NewLeaseDuration": "7200",
    }


def test_a_router_that_knows_no_leases_gets_none() -> None:
    refused = fault(725, "OnlyPermanentLeasesSupported")
    router = Upnp("WANPPPConnection:1", GetExternalIPAddress=ADDRESS, AddPortMapping=[refused, says("AddPortMapping")])
    found = router.run(_map)
    assert isinstance(found, Mapped) and found.lifetime == 0
    assert [values.get("NewLeaseDuration") for _name, values in router.calls] == [None, "7200", "0"]


def test_a_port_that_is_taken_is_another_one_where_the_router_can() -> None:
    taken = fault(718, "ConflictInMappingEntry")
    newer = Upnp(
        "WANIPConnection:2",
        GetExternalIPAddress=ADDRESS,
        AddPortMapping=taken,
        AddAnyPortMapping=says("AddAnyPortMapping", NewReservedPort="51821"),
    )
    found = newer.run(_map)
    assert isinstance(found, Mapped) and found.outer_port == 51821
    older = Upnp("WANIPConnection:1", GetExternalIPAddress=ADDRESS, AddPortMapping=taken)
    with pytest.raises(RouterError) as raised:
        older.run(_map)
    assert raised.value.reason == "conflict"


def test_a_mapping_that_is_gone_already_is_taken_back() -> None:
    router = Upnp(
        "WANIPConnection:1",
        GetExternalIPAddress=ADDRESS,
        DeletePortMapping=fault(714, "NoSuchEntryInArray"),
        GetSpecificPortMappingEntry=fault(714, "NoSuchEntryInArray"),
    )

    async def ask(host: Host, there: str) -> object:
        found = await igd.find(host, there, "")
        service, control = found.connections[0]
        kept = Mapped("upnp", there, "127.0.0.1", PORT, "", PORT, 0, control=control, service=service)
        await igd.take_back(host, kept)
        return await igd.listed(host, service, control, PORT)

    assert router.run(ask) is None
    assert [name for name, _values in router.calls] == ["DeletePortMapping", "GetSpecificPortMappingEntry"]


SIX = "2a02:8109:1:2::20"
STATUS = says("GetFirewallStatus", FirewallEnabled="1", InboundPinholeAllowed="1")


async def _hole(host: Host, there: str, number: str = "") -> Mapped:
    service, control = await pinhole.find(host, there, "")
    return await pinhole.open_port(host, service, control, "::1", SIX, PORT, pinhole=number)


def test_a_hole_in_the_firewall_for_ipv6_is_asked_for() -> None:
    """By IPv6 nobody answers here, so the service is asked where it was found."""
    router = Upnp("WANIPConnection:2", "WANIPv6FirewallControl:1", GetFirewallStatus=STATUS,
                  AddPinhole=says("AddPinhole", UniqueID="7"))  # fmt: skip
    found = router.run(_hole)
    assert isinstance(found, Mapped)
    assert (found.inner_address, found.outer_port, found.lifetime, found.pinhole) == (SIX, PORT, 7200, "7")
    assert router.calls[-1] == (
        "AddPinhole",
        {"RemoteHost": "", "RemotePort": "0", "InternalClient": SIX, "InternalPort": "51820", "Protocol": "17",
         "LeaseTime": "7200"},
    )  # fmt: skip


def test_a_hole_is_renewed_by_its_number_and_made_anew_where_it_is_gone() -> None:
    router = Upnp("WANIPConnection:2", "WANIPv6FirewallControl:1", GetFirewallStatus=STATUS,
                  UpdatePinhole=[says("UpdatePinhole"), fault(704, "NoSuchEntry")],
                  AddPinhole=says("AddPinhole", UniqueID="8"), DeletePinhole=fault(704, "NoSuchEntry"))  # fmt: skip

    async def ask(host: Host, there: str) -> object:
        first = await _hole(host, there, "7")
        second = await _hole(host, there, "7")
        await pinhole.take_back(host, second)
        return first.pinhole, second.pinhole

    assert router.run(ask) == ("7", "8")
    assert [name for name, _values in router.calls if name != "GetFirewallStatus"] == [
        *("UpdatePinhole", "UpdatePinhole", "AddPinhole", "DeletePinhole")
    ]
    assert router.calls[-1][1] == {"UniqueID": "8"}


@pytest.mark.parametrize(
    ("allowed", "enabled", "added", "reason"),
    [
        ("0", "1", b"", "refused"),
        ("1", "0", b"", "failed"),
        ("1", "1", fault(701, "PinholeSpaceExhausted"), "full"),
        ("1", "1", says("AddPinhole", UniqueID="x"), "malformed"),
    ],
)
def test_how_a_firewall_refuses(allowed: str, enabled: str, added: bytes, reason: str) -> None:
    status = says("GetFirewallStatus", FirewallEnabled=enabled, InboundPinholeAllowed=allowed)
    router = Upnp("WANIPConnection:2", "WANIPv6FirewallControl:1", GetFirewallStatus=status, AddPinhole=added)
    with pytest.raises(RouterError) as raised:
        router.run(_hole)
    assert raised.value.reason == reason

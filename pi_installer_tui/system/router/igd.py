"""A router asked by UPnP: Internet Gateway Device, its services WANIPConnection:1 and :2 and WANPPPConnection:1 (UPnP
Forum's standards of 2001 and 2010)."""

from __future__ import annotations

import ipaddress
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin
from xml.sax.saxutils import escape

from pi_installer_tui.system.host import Host, HostError
from pi_installer_tui.system.router import ssdp, xml
from pi_installer_tui.system.router.mapped import LIFETIME, Mapped, Reason, RouterError

_SERVICES = tuple(
    f"urn:schemas-upnp-org:service:{name}" for name in ("WANIPConnection:2", "WANIPConnection:1", "WANPPPConnection:1")
)
#: what the mapping is called in the router's list
DESCRIPTION = "WireGuard (pi-installer-tui)"
_SECONDS = 4.0
#: of version 2 (WANIPv6FirewallControl:1, 2010)
_FIREWALL = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1"
#: the standards' numbers for errors (2.4.16.3 and tables after it; the firewall's 701 to 709), and 606 of the Device
#: Protection
_REASONS: dict[int, Reason] = {
    401: "unsupported", 402: "failed", 501: "failed", 606: "refused", 714: "failed", 715: "unsupported",
    716: "unsupported", 718: "conflict", 724: "conflict", 725: "permanent", 726: "unsupported", 727: "unsupported",
    728: "full", 729: "conflict", 701: "full", 702: "failed", 703: "refused", 704: "failed", 705: "unsupported",
    706: "unsupported", 707: "unsupported", 708: "unsupported", 709: "failed",
}  # fmt: skip
NO_SUCH_ENTRY, PERMANENT_ONLY = 714, 725


@dataclass(frozen=True, slots=True)
class Igd:
    """A router's service for its connection. connections: all that it has, the best first, each (type, control URL).
    maker, model: as it calls itself. firewalls: of its services for the firewall of IPv6 the same."""

    gateway: str
    connections: tuple[tuple[str, str], ...]
    maker: str = ""
    model: str = ""
    firewalls: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A mapping as the router lists it. lifetime: seconds that are left, 0 for one without an end."""

    inner_address: str
    inner_port: int
    enabled: bool
    description: str
    lifetime: int


def described(data: bytes, url: str, gateway: str) -> Igd:
    """The device's description. Raises RouterError where it has no connection of ours, or none at the gateway."""
    try:
        root = xml.parse(data)
    except xml.XmlError as error:
        raise RouterError("upnp", "malformed", f"the router's description can't be read: {error}") from None
    base = xml.text(root, "URLBase") or url
    base = base if ssdp.at_gateway(base, gateway) else url
    found: list[tuple[str, str]] = []
    firewalls: list[tuple[str, str]] = []
    for service in root.iter("service"):
        kind = xml.text(service, "serviceType")
        try:
            control = urljoin(base, xml.text(service, "controlURL"))
        except ValueError:
            continue
        if kind in _SERVICES and ssdp.at_gateway(control, gateway) and (kind, control) not in found:
            found.append((kind, control))
        elif kind == _FIREWALL and ssdp.at_gateway(control, gateway):
            firewalls.append((kind, control))
    if not found:
        raise RouterError("upnp", "unsupported", "the router speaks UPnP, but not about its connection")
    found.sort(key=lambda one: _SERVICES.index(one[0]))
    device = next(iter(root.iter("device")), root)
    maker, model = (_plain(xml.text(device, name)) for name in ("manufacturer", "modelName"))
    return Igd(gateway, tuple(found[:8]), maker, model, tuple(firewalls[:1]))


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:60]


def envelope(service: str, action: str, arguments: Mapping[str, str]) -> bytes:
    """A call as SOAP wants it (UDA 1.1, 3.2.1)."""
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in arguments.items())
    return (
        '<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
        f'<u:{action} xmlns:u="{service}">{inner}</u:{action}></s:Body></s:Envelope>\r\n'
    ).encode()


def answer(status: int, data: bytes, action: str) -> dict[str, str]:
    """What a call returned. Raises RouterError, with the router's number where it has told one."""
    try:
        root = xml.parse(data)
    except xml.XmlError as error:
        reason: Reason = "malformed" if status == 200 else "failed"
        raise RouterError("upnp", reason, f"the router answers {action} with {status}: {error}", status) from None
    for wrong in root.iter("UPnPError"):
        number = xml.text(wrong, "errorCode")
        code = int(number) if number.isdigit() and len(number) < 6 else 0
        said = f"the router answers {action} by UPnP: {number[:5]} {_plain(xml.text(wrong, 'errorDescription'))}"
        raise RouterError("upnp", _REASONS.get(code, "failed"), said.strip(), code)
    found: ET.Element | None = next(iter(root.iter(f"{action}Response")), None)
    if status != 200 or found is None:
        raise RouterError("upnp", "malformed", f"the router answers {action} with {status}", status)
    return {child.tag: (child.text or "").strip() for child in found}


def outside(values: Mapping[str, str]) -> str:
    """The address in GetExternalIPAddress's answer; "" where the router has none (empty, or all zeros)."""
    text = values.get("NewExternalIPAddress", "")
    if not text:
        return ""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise RouterError("upnp", "malformed", "the router tells an address that isn't one") from None
    return "" if found.is_unspecified else str(found)


def _number(values: Mapping[str, str], name: str, most: int) -> int:
    text = values.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= most):
        raise RouterError("upnp", "malformed", f"the router tells a {name} that isn't one")
    return int(text)


def entry(values: Mapping[str, str]) -> Entry:
    """GetSpecificPortMappingEntry's answer. Raises RouterError."""
    try:
        address = str(ipaddress.ip_address(values.get("NewInternalClient", "")))
    except ValueError:
        raise RouterError("upnp", "malformed", "the router tells a client that isn't one") from None
    lifetime = _number(values, "NewLeaseDuration", 2**32 - 1)
    description = _plain(values.get("NewPortMappingDescription", ""))
    enabled = values.get("NewEnabled", "1") in ("1", "true", "yes")
    return Entry(address, _number(values, "NewInternalPort", 65535), enabled, description, lifetime)


# -- asked -----------------------------------------------------------------------------------------------------------


async def find(host: Host, gateway: str, ours: str, *, targets: Sequence[str] = ssdp.TARGETS) -> Igd:
    """The gateway's service. targets: the versions to ask for. Raises RouterError."""
    url = await ssdp.find(host, gateway, ours, targets=targets)
    try:
        got = await host.fetch(url, seconds=_SECONDS)
    except HostError as error:
        raise RouterError("upnp", "failed", str(error)) from None
    if got.status != 200:
        raise RouterError("upnp", "failed", f"the router's description isn't there: {got.status}", got.status)
    return described(got.body, url, gateway)


async def call(
    host: Host, service: str, control: str, action: str, arguments: Mapping[str, str], *, source: str = ""
) -> dict[str, str]:
    """Calls an action of the router's and returns what it answers. source: the address of ours to ask from. Raises
    RouterError."""
    headers = {"Content-Type": 'text/xml; charset="utf-8"', "SOAPAction": f'"{service}#{action}"'}
    body = envelope(service, action, arguments)
    try:
        got = await host.fetch(control, method="POST", headers=headers, body=body, seconds=_SECONDS, source=source)
    except HostError as error:
        raise RouterError("upnp", "failed", str(error)) from None
    return answer(got.status, got.body, action)


async def outer_address(host: Host, igd: Igd) -> tuple[str, str, str]:
    """The router's address outside ("" where it has none), and the service and URL that told it. Raises RouterError."""
    wrong: RouterError | None = None
    none: tuple[str, str, str] | None = None
    for service, control in igd.connections:
        try:
            found = outside(await call(host, service, control, "GetExternalIPAddress", {}))
        except RouterError as error:
            wrong = wrong or error
            continue
        if found:
            return found, service, control
        none = none or ("", service, control)
    if none is not None:
        return none
    assert wrong is not None  # there is at least one service
    raise wrong


async def map_port(host: Host, igd: Igd, ours: str, port: int, *, outer_port: int, lifetime: int = LIFETIME) -> Mapped:
    """Asks for a port, or again for one that was granted; where the router knows mappings without an end only, for
    such a one. lifetime: seconds. Raises RouterError."""
    address, service, control = await outer_address(host, igd)
    arguments = {
        "NewRemoteHost": "",
        "NewExternalPort": str(outer_port),
        "NewProtocol": "UDP",
        "NewInternalPort": str(port),
        "NewInternalClient": ours,
        "NewEnabled": "1",
        "NewPortMappingDescription": DESCRIPTION,
        "NewLeaseDuration": str(lifetime),
    }
    got = outer_port
    try:
        await call(host, service, control, "AddPortMapping", arguments)
    except RouterError as error:
        if error.reason == "permanent":
            lifetime = 0
            await call(host, service, control, "AddPortMapping", {**arguments, "NewLeaseDuration": "0"})
        elif error.reason == "conflict" and service.endswith("WANIPConnection:2"):
            values = await call(host, service, control, "AddAnyPortMapping", arguments)
            got = _number(values, "NewReservedPort", 65535)
        else:
            raise
    return Mapped("upnp", igd.gateway, ours, port, address, got, lifetime, control=control, service=service)


async def listed(host: Host, service: str, control: str, outer_port: int) -> Entry | None:
    """The router's own entry for a UDP port, None where it has none. Raises RouterError."""
    arguments = {"NewRemoteHost": "", "NewExternalPort": str(outer_port), "NewProtocol": "UDP"}
    try:
        return entry(await call(host, service, control, "GetSpecificPortMappingEntry", arguments))
    except RouterError as error:
        if error.code == NO_SUCH_ENTRY:
            return None
        raise


async def take_back(host: Host, mapped: Mapped) -> None:
    """Gives the port back; that it is gone already is fine. Raises RouterError."""
    if not ssdp.at_gateway(mapped.control, mapped.gateway):
        raise RouterError("upnp", "malformed", "what was kept of the mapping doesn't lead to the router")
    arguments = {"NewRemoteHost": "", "NewExternalPort": str(mapped.outer_port), "NewProtocol": "UDP"}
    try:
        await call(host, mapped.service, mapped.control, "DeletePortMapping", arguments)
    except RouterError as error:
        if error.code != NO_SUCH_ENTRY:
            raise

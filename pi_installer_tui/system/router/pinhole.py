"""A hole in the router's firewall for IPv6, by UPnP (WANIPv6FirewallControl:1, UPnP Forum 2010). Nothing is translated
there: the port is ours, and open to everybody. The router is found by IPv4, as its version 2, and asked by IPv6 from
the address that the hole is for: it grants one to nobody else (miniupnpd's PinholeVerification)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from pi_installer_tui.system.host import Host
from pi_installer_tui.system.router import igd, ssdp
from pi_installer_tui.system.router.mapped import LIFETIME, Mapped, RouterError

_UDP = "17"
NO_SUCH_ENTRY, FIREWALL_OFF = 704, 702


async def find(host: Host, gateway: str, ours: str) -> tuple[str, str]:
    """The service and its control URL at the gateway of IPv4. Raises RouterError where it has none, or where its
    firewall is off or lets nobody ask."""
    found = await igd.find(host, gateway, ours, targets=ssdp.TARGETS[1:])
    if not found.firewalls:
        raise RouterError("upnp", "unsupported", "the router has no firewall for IPv6 that could be asked")
    service, control = found.firewalls[0]
    said = await igd.call(host, service, control, "GetFirewallStatus", {})
    if said.get("FirewallEnabled") in ("0", "false", "no"):
        raise RouterError("upnp", "failed", "the router's firewall for IPv6 is off", FIREWALL_OFF)
    if said.get("InboundPinholeAllowed") in ("0", "false", "no"):
        raise RouterError("upnp", "refused", "the router lets nobody ask for a hole in its firewall for IPv6")
    return service, control


async def open_port(
    host: Host, service: str, control: str, gateway: str, address: str, port: int, *, lifetime: int = LIFETIME,
    pinhole: str = "",
) -> Mapped:  # fmt: skip
    """Asks for a hole to a UDP port of `address`, or for more time for one. gateway: of IPv6; pinhole: its number.
    lifetime: seconds. Raises RouterError."""
    if pinhole:
        try:
            await _call(
                host, service, control, gateway, address, "UpdatePinhole",
                {"UniqueID": pinhole, "NewLeaseTime": str(lifetime)},
            )  # fmt: skip
        except RouterError as error:
            if error.code != NO_SUCH_ENTRY:
                raise
            pinhole = ""
    if not pinhole:
        arguments = {
            "RemoteHost": "",
            "RemotePort": "0",
            "InternalClient": address,
            "InternalPort": str(port),
            "Protocol": _UDP,
            "LeaseTime": str(lifetime),
        }
        said = await _call(host, service, control, gateway, address, "AddPinhole", arguments)
        pinhole = said.get("UniqueID", "")
        if not (pinhole.isascii() and pinhole.isdigit() and len(pinhole) < 6):
            raise RouterError("upnp", "malformed", "the router tells no number of the hole in its firewall")
    return Mapped(
        "upnp", gateway, address, port, address, port, lifetime, control=control, service=service, pinhole=pinhole
    )


async def take_back(host: Host, mapped: Mapped) -> None:
    """Closes the hole; that it is closed already is fine. Raises RouterError."""
    try:
        await _call(
            host, mapped.service, mapped.control, mapped.gateway, mapped.inner_address, "DeletePinhole",
            {"UniqueID": mapped.pinhole},
        )  # fmt: skip
    except RouterError as error:
        if error.code != NO_SUCH_ENTRY:
            raise


async def _call(
    host: Host, service: str, control: str, gateway: str, address: str, action: str, arguments: Mapping[str, str]
) -> dict[str, str]:
    """By IPv6, from the address in question, at the same port and path; by IPv4 where nobody answers there."""
    parts = urlsplit(control)
    six = f"http://[{gateway}]:{parts.port or 80}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    try:
        return await igd.call(host, service, six, action, arguments, source=address)
    except RouterError as error:
        if error.code:  # it has answered
            raise
    return await igd.call(host, service, control, action, arguments)

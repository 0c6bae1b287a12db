"""Which program sets the addresses of which interface: the top of the chain that makes its configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.system import ask
from pi_installer_tui.modules.system.cloud import CloudInit
from pi_installer_tui.modules.system.network import netplan, networkd, networkmanager
from pi_installer_tui.modules.system.network.base import Addressing, Interface, Link
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown

#: programs that are recognised and not written for, by their unit
REFUSED = {"dhcpcd.service": "dhcpcd", "connman.service": "ConnMan", "wicd.service": "wicd"}
IFUPDOWN = "networking.service"
UNITS = (networkmanager.UNIT, networkd.UNIT, IFUPDOWN, *REFUSED)
INTERFACES = "/etc/network/interfaces"

#: what containers, virtual machines and tunnels bring along, by its name
_VIRTUAL = re.compile(r"^(?:docker|br-|veth|virbr|vnet|tun|tap|wg|cni|flannel|cali|podman|dummy|ifb|bond|team|sit)")


async def read(
    host: Host, units: Mapping[str, Mapping[str, str]] | Unknown, cloud_init: CloudInit | Unknown
) -> tuple[dict[str, Interface] | Unknown, str]:
    """The machine's interfaces by name, and the programs that set them up, in words."""
    if isinstance(units, Unknown):
        return units, ""
    links = await _links(host)
    if isinstance(links, Unknown):
        return links, ""
    active = {name for name, unit in units.items() if unit.get("ActiveState") == "active"}
    found: dict[str, Interface] = {}
    if networkd.UNIT in active:
        managed = await networkd.interfaces(host, links)
        if isinstance(managed, Unknown):
            return managed, networkd.NAME
        found |= managed
    if networkmanager.UNIT in active:
        managed = await networkmanager.interfaces(host)
        if isinstance(managed, Unknown):
            return managed, networkmanager.NAME
        found |= managed
    ifupdown = units.get(IFUPDOWN, {}).get("LoadState") == "loaded"
    stanzas = await _ifupdown(host) if ifupdown else {}
    others = [REFUSED[name] for name in REFUSED if name in active]
    for name, link in links.items():
        if name not in found:
            found[name] = _refused(name, link, stanzas.get(name), others)
    defined = await netplan.definitions(host) if await host.which("netplan") else []
    if isinstance(defined, Unknown):
        return defined, netplan.NAME
    for name, below in found.items():
        hardware = links[name].hardware if name in links else ""
        found[name] = await netplan.interface(host, below, defined, hardware, cloud_init) or below
    return dict(sorted(found.items())), ", ".join(sorted({_chain(i) for i in found.values() if i.backend}))


def _chain(interface: Interface) -> str:
    if isinstance(interface.form, netplan.Form) and interface.form.below.backend:
        return f"{interface.backend} ({interface.form.below.backend})"
    return interface.backend


def _refused(name: str, link: Link, stanza: Source | None, others: list[str]) -> Interface:
    backend = "ifupdown" if stanza else others[0] if others else ""
    why = _("its addresses are set by {backend}, which this program doesn't write for").format(backend=backend)
    why = why if backend else _("no network service manages it")
    places = {"method": stanza} if stanza else {}
    connected = isinstance(link.effective, Known)
    return Interface(name, link.kind, connected, backend, Unknown(why), link.effective, "", places, None, why)


async def _links(host: Host) -> dict[str, Link] | Unknown:
    """The machine's ethernet and Wi-Fi links (ip-address(8), ip-route(8))."""
    said = await ask.say(host, "ip", "-json", "address", "show")
    routes = await ask.say(host, "ip", "-json", "-4", "route", "show", "default")
    if isinstance(said, Unknown):
        return said
    if isinstance(routes, Unknown):
        return routes
    try:
        gateways = {r["dev"]: r.get("gateway") for r in reversed(json.loads(routes or "[]")) if "dev" in r}
        return {
            link["ifname"]: Link(
                "wifi" if link["ifname"].startswith("wl") else "ethernet",
                link.get("address", ""),
                _kernel(link, gateways.get(link["ifname"])),
                any(i.get("family") == "inet6" for i in link.get("addr_info", ())),
            )
            for link in json.loads(said)
            if link.get("link_type") == "ether" and not _VIRTUAL.match(link["ifname"])
        }
    except (ValueError, KeyError, TypeError) as error:
        return Unknown(f"ip: {error}")


def _kernel(link: Mapping[str, Any], gateway: str | None) -> Reading[Addressing]:
    if not {"UP", "LOWER_UP"} <= set(link.get("flags", ())):
        return MISSING
    ipv4 = [i for i in link.get("addr_info", ()) if i.get("family") == "inet"]
    return Known(
        Addressing(
            # an address with an end is leased
            method="dhcp" if any(i.get("dynamic") for i in ipv4) else "static" if ipv4 else "off",
            addresses=tuple(IPv4Interface(f"{i['local']}/{i['prefixlen']}") for i in ipv4),
            gateway=IPv4Address(gateway) if gateway else None,
        )
    )


async def _ifupdown(host: Host) -> dict[str, Source]:
    """The interfaces in /etc/network/interfaces (interfaces(5)), with the line of their stanza."""
    found: dict[str, Source] = {}
    files = [INTERFACES, *(f"{INTERFACES}.d/{n}" for n in await host.listdir(f"{INTERFACES}.d"))]
    for path in files:
        content = await ask.text(host, path)
        for number, line in enumerate((content if isinstance(content, str) else "").splitlines(), 1):
            words = line.split()
            if len(words) >= 3 and words[0] == "iface" and words[1] != "lo":
                found.setdefault(words[1], Source(path, number))
    return found

"""What the wizard proposes for the VPN: a tunnel for a machine that is to be a gateway. Who connects is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.base import Claim, Link, Offer
from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.modules.vpn.state import State
from pi_installer_tui.modules.vpn.wanted import REACH, wanted
from pi_installer_tui.system.reading import MISSING

#: bytes: wireguard-tools, and wireguard-go where it serves
MEMORY, DISK = 5_000_000, 6_000_000
TUNNEL = "wg0"
#: UDP port (RFC 1035)
DNS = 53
#: DNS servers for others, which listen at addresses that come later too; what only serves this machine isn't among them
_RESOLVERS = frozenset({"pihole-FTL", "AdGuardHome", "named"})
#: programs that may have a tunnel's port: the kernel itself, or this one
_PROGRAMS = frozenset({"", "wireguard-go"})


def offer(state: State, goals: frozenset[str]) -> Offer:
    """A tunnel, unless there is one."""
    data: dict[str, Any] = {}
    if "vpn-gateway" in goals and not state.by_name:
        data["tunnels"] = {TUNNEL: proposed(state)}
    remark = ""
    if data:
        remark = _("Peers find this machine by its endpoint: a name that stays the same, or an address that does.")
        if "dns" in data["tunnels"][TUNNEL]:
            program = state.ports[DNS]
            remark += " " + _("For names they ask {program}, which runs here.").format(program=program)
    new = state.wg == MISSING
    return Offer(data, ("tunnels",), remark, memory=MEMORY if new else 0, disk=DISK if new else 0)


def proposed(state: State) -> dict[str, Any]:
    """A new tunnel's settings: networks and a port that nobody has, and the DNS server that runs here."""
    found = wanted(state, VpnSettings.model_validate({"tunnels": {TUNNEL: {}}})).tunnels or {}
    address, port = list(found[TUNNEL].address or ()), found[TUNNEL].port
    data = {"enabled": True, "address": address, "port": port, "reach": REACH}
    if dns := _asked_here(state, address):
        data["dns"] = dns
    return data


def own_resolvers(state: State) -> list[str]:
    """Where peers ask the DNS server that runs here: the machine's address in a tunnel. None where none does."""
    if not state.by_name:
        return list(proposed(state).get("dns", ()))
    return [one for tunnel in state.by_name.values() for one in _asked_here(state, tunnel.address)]


def _asked_here(state: State, address: Sequence[str]) -> list[str]:
    return [each.partition("/")[0] for each in address[:1]] if state.ports.get(DNS) in _RESOLVERS else []


def claims(state: State, settings: VpnSettings) -> Sequence[Claim]:
    """The ports and networks of tunnels."""
    found: list[Claim] = []
    try:
        tunnels = wanted(state, settings).tunnels or {}
    except ValueError:
        return ()
    for name, tunnel in tunnels.items():
        if name in (settings.tunnels or {}) and tunnel.enabled is not False:
            title = _("the VPN's tunnel {name}").format(name=name)
            found.append(Claim("port", f"{tunnel.port}/udp", f"tunnels.{name}.port", title, _PROGRAMS))
            found += [Claim("subnet", _net(each), f"tunnels.{name}.address", title) for each in tunnel.address or ()]
    return found


def _net(address: str) -> str:
    from pi_installer_tui.modules.vpn.addresses import net

    return str(net(address))


def links(state: State) -> Sequence[Link]:
    """Where tunnels are reached from outside."""
    found = []
    for name, tunnel in (state.settings.tunnels or {}).items():
        there = state.by_name.get(name)
        if tunnel.endpoint and there is not None and there.live is not None:
            host = f"[{tunnel.endpoint}]" if ":" in tunnel.endpoint else tunnel.endpoint
            address = f"{host}:{tunnel.endpoint_port or tunnel.port}/udp"
            found.append(Link(address, _("the VPN's tunnel {name}, for its peers").format(name=name)))
    return found

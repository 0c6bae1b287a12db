"""What is wanted, whole: what was applied with settings on top, and with what was left out: addresses, the port, what
peers may reach. Pure, and the same each time."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from pi_installer_tui.modules.vpn import addresses, applied, rules
from pi_installer_tui.modules.vpn.settings import PeerSettings, TunnelSettings, VpnSettings
from pi_installer_tui.modules.vpn.state import Peer, State, Tunnel

#: WireGuard's usual port, and where another one is looked for when that is taken
PORT, PORTS = 51820, (*range(51820, 51900),)
#: seconds between what a peer says so that its router's door stays open (wg(8), PersistentKeepalive)
KEEPALIVE = 25
#: of a new tunnel
REACH = "everything"


def wanted(state: State, settings: VpnSettings) -> VpnSettings:
    """All tunnels. A tunnel that others made and that wasn't adopted isn't among them. Raises ValueError where a
    tunnel's network is full."""
    merged = applied.merged(state.settings, settings)
    foreign = {name for name, each in state.by_name.items() if not each.ours}
    found: dict[str, TunnelSettings] = {}
    for name, tunnel in (merged.tunnels or {}).items():
        if name in foreign:
            continue
        named = name in (settings.tunnels or {})
        found[name] = _tunnel(state, name, tunnel, found) if named else tunnel
    return VpnSettings(tunnels=found)


def _tunnel(state: State, name: str, tunnel: TunnelSettings, others: Mapping[str, TunnelSettings]) -> TunnelSettings:
    there = state.by_name.get(name)
    data: dict[str, Any] = {}
    if tunnel.address is None:
        given = there.address if there is not None else ()
        data["address"] = given or addresses.propose(state.seed, name, _taken(state, others))
    if tunnel.port is None:
        data["port"] = (there.port if there is not None else 0) or free_port(state, others)
    if there is None:
        data |= {"reach": tunnel.reach or REACH, "between": bool(tunnel.between)}
        data["enabled"] = True if tunnel.enabled is None else tunnel.enabled
    whole = tunnel.model_copy(update=data)
    return whole.model_copy(update={"peers": _peers(there, whole)})


def _taken(state: State, others: Mapping[str, TunnelSettings]) -> list[str]:
    """Networks that a new tunnel must not meet: those that the machine is in, and those of other tunnels."""
    found = [*state.nets]
    for each in state.by_name.values():
        found += [str(addresses.net(one)) for one in each.address]
    for other in others.values():
        found += [str(addresses.net(one)) for one in other.address or ()]
    return found


def free_port(state: State, others: Mapping[str, TunnelSettings]) -> int:
    """The usual port, or the next one that nobody has."""
    ours = {each.port for each in state.by_name.values()} | {each.port for each in others.values()}
    return next((port for port in PORTS if port not in state.ports and port not in ours), PORT)


def _peers(there: Tunnel | None, tunnel: TunnelSettings) -> dict[str, PeerSettings]:
    """The peers, each with its addresses: those that are set (none at all is a choice, too: a network that was joined
    by its own ones), those that it has, or the next free ones."""
    inside = tunnel.address or ()
    has: dict[str, tuple[str, ...]] = {}
    for name, peer in (tunnel.peers or {}).items():
        found = there.peers.get(name) if there is not None else None
        has[name] = peer.address or ()
        if peer.address is None and found is not None:
            has[name] = own_addresses(found, inside)
    used = [one for each in has.values() for one in each]
    for name, found in (there.peers if there is not None else {}).items():
        used += own_addresses(found, inside) if name not in has else ()
    whole: dict[str, PeerSettings] = {}
    for name, peer in (tunnel.peers or {}).items():
        mine = has[name]
        if not mine and peer.address is None:
            mine = addresses.free(inside, used, six=peer.ipv6 is not False)
            used += mine
        whole[name] = peer.model_copy(update={"address": tuple(mine)})
    return whole


def own_addresses(peer: Peer, inside: Sequence[str]) -> tuple[str, ...]:
    """A peer's addresses in the tunnel, out of what it may send from."""
    nets = [addresses.net(each) for each in inside]
    found = []
    for allowed in peer.allowed:
        one = ipaddress.ip_interface(allowed)
        if addresses.is_single(allowed) and any(one.version == net.version and one.ip in net for net in nets):
            found.append(str(one.ip))
    return tuple(found)


def allowed(peer: PeerSettings) -> tuple[str, ...]:
    """What a peer may send from: its addresses, and the networks behind it (wg(8), AllowedIPs)."""
    return (*(addresses.whole(one) for one in peer.address or ()), *(peer.behind or ()))


def rules_of(state: State, name: str, tunnel: TunnelSettings) -> str:
    """The text of a tunnel's packet rules, "" where they are somebody else's: of one that was adopted and of which
    nobody has said what its peers may reach."""
    if tunnel.reach is None:
        return ""
    there = state.by_name.get(name)
    known_as = dict(tunnel.peers or {})
    for each, peer in (there.peers if there is not None else {}).items():
        if each not in known_as:  # added by hand since
            known_as[each] = PeerSettings(address=own_addresses(peer, tunnel.address or ()))
    return rules.text(
        name,
        tunnel.port or PORT,
        [str(addresses.net(each)) for each in tunnel.address or ()],
        [
            rules.Allowed(allowed(peer), peer.reach or tunnel.reach, tuple(peer.nets or ()))
            for peer in known_as.values()
            if allowed(peer)
        ],
        lan=state.lan,
        between=bool(tunnel.between),
        upstream=tunnel.upstream or "",
    )

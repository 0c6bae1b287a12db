"""The configuration that a peer is given, in wg-quick's form (wg-quick(8)), which the apps of WireGuard's read too.
Pure: whoever has the keys gives them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from pi_installer_tui.modules.vpn.mapping import Kept, kept
from pi_installer_tui.modules.vpn.settings import PeerSettings, Reach, TunnelSettings
from pi_installer_tui.modules.vpn.state import State, Tunnel
from pi_installer_tui.modules.vpn.wanted import KEEPALIVE, PORT, own_addresses
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.wireguard.conf import Conf

#: every address
ALL = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class TunnelView:
    """What a peer has to know of the tunnel. inside: its networks; lan: the networks that the machine is in; endpoint:
    a name or address, "" where none is set; port: as it is reached from outside."""

    name: str
    public_key: str
    endpoint: str
    port: int
    inside: tuple[str, ...]
    lan: tuple[str, ...]
    settings: TunnelSettings


def view(
    name: str, public_key: str, settings: TunnelSettings, lan: Sequence[str], granted: Kept | None = None
) -> TunnelView:
    """The tunnel as its settings have it. granted: what the router gave: another port than the one that was asked for
    is the one that leads here, but to an endpoint that is an address of IPv6, for nothing translates there."""
    nets = tuple(str(ipaddress.ip_interface(each).network) for each in settings.address or ())
    port = settings.endpoint_port or settings.port or PORT
    if granted is not None and not granted.failed and ":" not in (settings.endpoint or ""):
        port = granted.mapped.outer_port if granted.mapped.inner_port == settings.port else port
    return TunnelView(name, public_key, settings.endpoint or "", port, nets, tuple(lan), settings)


def routes(tunnel: TunnelView, peer: PeerSettings) -> tuple[str, ...]:
    """What goes through the tunnel: AllowedIPs on the peer's side."""
    reach: Reach = peer.reach or tunnel.settings.reach or "everything"
    six = any(":" in one for one in peer.address or ())
    four = any("." in one for one in peer.address or ())
    if reach == "everything":
        return ALL  # IPv6 too where the tunnel has none: it would pass beside the tunnel
    nets = [*tunnel.inside]
    if reach == "lan":
        nets += tunnel.lan
        others = (tunnel.settings.peers or {}).values()
        nets += [net for each in others if each.address != peer.address for net in each.behind or ()]
    nets += peer.nets or ()
    return tuple(dict.fromkeys(net for net in nets if (six if ":" in net else four)))


def client(tunnel: TunnelView, peer: PeerSettings, private_key: str, preshared: str) -> str:
    """The file. preshared: "" for none. Raises ValueError where the tunnel has no endpoint or public key, or the peer
    no address."""
    if not tunnel.endpoint or not tunnel.public_key or not peer.address:
        raise ValueError("there is nothing that a peer could connect to")
    lines = ["[Interface]", f"PrivateKey = {private_key}"]
    lines.append("Address = " + ", ".join(str(ipaddress.ip_network(one)) for one in peer.address))
    dns = peer.dns if peer.dns is not None else tunnel.settings.dns
    if dns:
        lines.append("DNS = " + ", ".join(dns))
    if tunnel.settings.mtu is not None:
        lines.append(f"MTU = {tunnel.settings.mtu}")
    host = f"[{tunnel.endpoint}]" if ":" in tunnel.endpoint else tunnel.endpoint
    lines += ["", "[Peer]", f"PublicKey = {tunnel.public_key}"]
    if preshared:
        lines.append(f"PresharedKey = {preshared}")
    lines += [f"AllowedIPs = {', '.join(routes(tunnel, peer))}", f"Endpoint = {host}:{tunnel.port}"]
    keepalive = KEEPALIVE if peer.keepalive is None else peer.keepalive
    if keepalive:
        lines.append(f"PersistentKeepalive = {keepalive}")
    return "\n".join([*lines, ""])


async def preshared(host: Host, tunnel: Tunnel, public_key: str) -> str:
    """A peer's preshared key out of the tunnel's file, "" for none. Raises OSError."""
    found = Conf(await host.text(tunnel.file) or "").peer(public_key)
    return found.one("presharedkey") if found is not None else ""


async def belongs(host: Host, private_key: str, public_key: str) -> bool:
    """Whether these are the halves of one pair: one that waited to be shown may be older, or newer, than the file."""
    try:
        done = await host.run(["wg", "pubkey"], input=f"{private_key}\n".encode())
    except CommandNotFound:
        return False
    return done.ok and done.stdout.strip() == public_key


async def configuration(host: Host, state: State, tunnel: str, peer: str, private_key: str) -> str:
    """What a peer is given, from what is. Raises KeyError for a peer that isn't there, ValueError as `client` does and
    for a key that isn't its own, OSError."""
    there = state.by_name[tunnel]
    found = there.peers[peer]
    if not await belongs(host, private_key, found.public_key):
        raise ValueError("that isn't its private key")
    applied = (state.settings.tunnels or {})[tunnel]
    if not applied.address:
        applied = applied.model_copy(update={"address": there.address})
    mine = (applied.peers or {}).get(peer, PeerSettings())
    if not mine.address:
        mine = mine.model_copy(update={"address": own_addresses(found, applied.address or ())})
    if not applied.port:
        applied = applied.model_copy(update={"port": there.port})
    seen = view(tunnel, there.public_key, applied, state.lan, await kept(host, tunnel))
    return client(seen, mine, private_key, await preshared(host, there, found.public_key))

"""What is: tunnels as their files and the kernel have them, what the machine forwards, and who else is on the port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Reading, Value, known
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.system.wireguard.live import LivePeer, LiveTunnel
from pi_installer_tui.system.wireguard.wg_easy import Server

_NOTHING: Value[bool] = Value(MISSING, MISSING)
_NOWHERE = Seat("unknown")


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer in a tunnel's file. name: from the comment before it, else made of its key; named: it has such a comment,
    title: what that says. paused: its lines are comments (`#[disabled] `, as PiVPN marks them). kept: how its private
    key lies here, "" for not: `plain`, `encrypted`, or `pivpn` among what PiVPN gave to its clients. live: as it runs,
    None while it doesn't. line: where it begins in the file."""

    name: str
    public_key: str
    allowed: tuple[str, ...] = ()
    keepalive: int = 0  # seconds, of the machine's side
    preshared: bool = False
    paused: bool = False
    kept: str = ""
    named: bool = True
    line: int = 0
    live: LivePeer | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A tunnel. address: with networks. has_key: its file has a private key. ours: the program wrote the file (else it
    was made by hand or another program, and can be adopted). file: where; mode: its permission bits. text: the file
    without its keys (`(secret)` in their place)."""

    name: str
    file: str
    mode: int
    address: tuple[str, ...] = ()
    port: int = 0
    mtu: int = 0
    has_key: bool = False
    ours: bool = False
    peers: Mapping[str, Peer] = field(default_factory=dict)  # by name
    enabled: Value[bool] = _NOTHING  # configured: at boot; effective: it runs
    live: LiveTunnel | None = None
    text: str = ""
    public_key: str = ""  # "" while that isn't known


@dataclass(frozen=True, slots=True)
class Uplink:
    """The way to the rest of the world. interface: of the default route; gateway: its address; addresses: the
    interface's own, with their networks. global6: its addresses of IPv6 that aren't of a private range."""

    interface: str = ""
    gateway: str = ""
    addresses: tuple[str, ...] = ()
    global6: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What another program left. kind: `hand`, `pivpn` or `wg-easy`; path: the file that has the peers."""

    kind: str
    tunnel: str
    path: str


@dataclass(frozen=True, slots=True)
class State:
    """wg: WireGuard's version, MISSING where wg(8) isn't there. kernel: the kernel has WireGuard (else wireguard-go
    serves). applied: the settings that were applied last; mode: permission bits of their file. interfaces: names. nets:
    networks that the machine is in, but the tunnels'; lan: the private ones of them that other machines are in too;
    resolvers: the name servers in these that the machine asks.
    ports: UDP ports in use, and by which program ("" unknown). forwards, forwards6: sysctl. firewall: `ufw`,
    `nftables`, `none`, or what else drops. flannel: k3s has WireGuard's port 51820 or 51821. programs: those of ours
    that are installed. rules: texts of the tunnels' packet rules; tables: those in the kernel, of the family inet.
    units: unit files of ours by name; timers: whether they are on and wait. sysctl: our file. slaac: the kernel takes
    its IPv6 address from the router's word (accept_ra 1), which it stops to do as soon as it forwards. seed: text that
    is this machine's alone. found: what other programs left that can be adopted; remembered: what PiVPN's own file
    says; easy: what wg-easy keeps; both are asked for when a tunnel is adopted. seat: where the owner sits. leads: of
    endpoints that are wanted now, by tunnel, in words whether they lead here; asked for when it is planned."""

    wg: Reading[str]
    kernel: Reading[bool]
    applied: Reading[VpnSettings]
    tunnels: Reading[Mapping[str, Tunnel]] = MISSING
    uplink: Reading[Uplink] = MISSING
    interfaces: tuple[str, ...] = ()
    nets: tuple[str, ...] = ()
    lan: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    ports: Mapping[int, str] = field(default_factory=dict)
    forwards: Value[bool] = _NOTHING
    forwards6: Value[bool] = _NOTHING
    firewall: Reading[str] = MISSING
    docker: bool = False
    flannel: bool = False
    programs: frozenset[str] = frozenset()
    rules: Mapping[str, str] = field(default_factory=dict)
    tables: Reading[frozenset[str]] = MISSING
    units: Mapping[str, str] = field(default_factory=dict)
    timers: Mapping[str, bool] = field(default_factory=dict)
    sysctl: str = ""
    slaac: bool = False
    seed: str = ""
    today: date = date.min
    python: str = ""
    mode: int = 0
    found: tuple[Found, ...] = ()
    remembered: Mapping[str, str] = field(default_factory=dict)
    easy: Reading[Server] = MISSING
    seat: Seat = _NOWHERE
    leads: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> VpnSettings:
        """What was applied; nothing where that is unknown."""
        return known(self.applied) or VpnSettings()

    @property
    def by_name(self) -> Mapping[str, Tunnel]:
        """The tunnels; none where that is unknown."""
        return known(self.tunnels) or {}


async def read(host: Host) -> State:
    """The state. Of what only root may see the reason why it isn't known."""
    from pi_installer_tui.modules.vpn import reading

    return await reading.read(host)

"""What the VPN's screens show: tunnels and peers as their files have them, with what runs and how much passes, look by
look. Nothing is drawn here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from pi_installer_tui.system.reading import Known, Missing, Unknown, known

if TYPE_CHECKING:
    from pi_installer_tui.modules.vpn.settings import PeerSettings, TunnelSettings
    from pi_installer_tui.modules.vpn.state import Peer, State, Tunnel
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.system.wireguard.live import LivePeer, LiveTunnel

Standing = Literal["connected", "away", "stale", "never", "paused", "expired", "down", "unknown"]

#: seconds after its handshake that a session's keys are good for (REJECT_AFTER_TIME, WireGuard's paper 6.1): a peer
#: that sends something has had a newer one by then
FRESH = 180
#: seconds after which one is worth a thought
STALE = 30 * 86_400
#: looks that are kept of each peer
LOOKS = 60
MODULE = "vpn"

_RANK: tuple[Standing, ...] = ("connected", "away", "stale", "never", "unknown", "down", "paused", "expired")


class Traffic:
    """How much passes: rates between looks, by tunnel and public key."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[float, int, int]] = {}
        self._rates: dict[tuple[str, str], deque[tuple[float, float]]] = {}

    def add(self, at: float, tunnels: Mapping[str, LiveTunnel]) -> None:
        """Takes a look in. at: seconds of a clock that only goes on."""
        there = {(name, key): peer for name, tunnel in tunnels.items() for key, peer in tunnel.peers.items()}
        for key, peer in there.items():
            before = self._last.get(key)
            if before is not None and at > before[0]:
                # an interface that was made anew counts from nothing again
                gone = [max(0, now - old) for now, old in ((peer.received, before[1]), (peer.sent, before[2]))]
                rates = self._rates.setdefault(key, deque(maxlen=LOOKS))
                rates.append((gone[0] / (at - before[0]), gone[1] / (at - before[0])))
            self._last[key] = (at, peer.received, peer.sent)
        for key in self._last.keys() - there.keys():
            del self._last[key]
            self._rates.pop(key, None)

    def rates(self, tunnel: str, key: str) -> tuple[tuple[float, float], ...]:
        """Bytes a second received and sent, between looks, the newest last."""
        return tuple(self._rates.get((tunnel, key), ()))


@dataclass(frozen=True, slots=True)
class PeerSeen:
    """A peer. age: seconds since its last handshake, None for none. days: until it expires, None: it doesn't. rates:
    bytes a second received and sent, between looks, the newest last."""

    tunnel: str
    name: str
    peer: Peer
    settings: PeerSettings | None
    live: LivePeer | None
    standing: Standing
    age: float | None = None
    days: int | None = None
    rates: tuple[tuple[float, float], ...] = field(default=())

    @property
    def id(self) -> str:
        return f"{self.tunnel}/{self.name}"

    @property
    def rate(self) -> tuple[float, float]:
        """Bytes a second, received and sent, now."""
        return self.rates[-1] if self.rates else (0.0, 0.0)

    @property
    def total(self) -> int:
        """Bytes that went through since the tunnel is up."""
        return self.live.received + self.live.sent if self.live is not None else 0


def applied(state: State, tunnel: str) -> TunnelSettings | None:
    """What was applied of a tunnel."""
    settings = known(state.applied)
    return (settings.tunnels or {}).get(tunnel) if settings is not None else None


def wanted_anew(state: State, tunnel: str = "", peer: str = "") -> dict[str, Any]:
    """What a form has to begin with as wanted, as a setup file has it, since it isn't among what is: tunnels of ours
    that run otherwise than they were set (somebody disabled the unit), as far as their peers are in the file; and this
    peer, where it alone is otherwise, or where nothing was set of it."""
    from pi_installer_tui.modules.vpn.present import present

    shown, found = present(state).tunnels or {}, dict[str, Any]()
    for name, each in (state.settings.tunnels or {}).items():
        if name in state.by_name and name not in shown:
            found[name] = each.model_dump(mode="json", exclude_none=True)
            there = state.by_name[name].peers
            found[name]["peers"] = {one: said for one, said in found[name].get("peers", {}).items() if one in there}
    if peer and peer not in (found.get(tunnel) or {}).get("peers", ()):
        own = applied(state, tunnel)
        given = (own.peers or {}).get(peer) if own is not None else None
        if given is None or peer not in (shown[tunnel].peers or {} if tunnel in shown else ()):
            peers = found.setdefault(tunnel, {}).setdefault("peers", {})
            peers[peer] = given.model_dump(mode="json", exclude_none=True) if given is not None else {}
    return {"tunnels": found} if found else {}


def tunnels(state: State) -> Mapping[str, Tunnel]:
    """The tunnels that there are, none where that isn't known."""
    return known(state.tunnels) or {}


def trouble(state: State) -> str:
    """Why the tunnels can't be read; "" where they can."""
    return state.tunnels.reason if isinstance(state.tunnels, Unknown) else ""


def absent(state: State) -> bool:
    """WireGuard isn't on the machine."""
    return isinstance(state.wg, Missing) and not tunnels(state)


def peers(
    state: State, live: Mapping[str, LiveTunnel] | None, traffic: Traffic, now: float, today: date
) -> list[PeerSeen]:
    """All peers. live: what runs, None where nobody may know. now: seconds since 1970."""
    found = []
    for tunnel in tunnels(state).values():
        settings = applied(state, tunnel.name)
        runs = live.get(tunnel.name) if live is not None else None
        for name, peer in tunnel.peers.items():
            own = (settings.peers or {}).get(name) if settings is not None else None
            at_work = runs.peers.get(peer.public_key) if runs is not None else None
            days = (own.expires - today).days if own is not None and own.expires is not None else None
            age = max(0.0, now - at_work.handshake) if at_work is not None and at_work.handshake else None
            found.append(
                PeerSeen(
                    tunnel.name,
                    name,
                    peer,
                    own,
                    at_work,
                    _standing(peer, at_work, runs is not None, live is None, age, days),
                    age,
                    days,
                    traffic.rates(tunnel.name, peer.public_key),
                )
            )
    return found


def _standing(
    peer: Peer, live: LivePeer | None, runs: bool, hidden: bool, age: float | None, days: int | None
) -> Standing:
    if days is not None and days < 0:
        return "expired"
    if peer.paused:
        return "paused"
    if hidden:
        return "unknown"
    if live is None:
        return "unknown" if runs else "down"
    if age is None:
        return "never"
    return "connected" if age < FRESH else "away" if age < STALE else "stale"


_NO_DAY = 10**6
ORDERS: dict[str, Callable[[PeerSeen], tuple[Any, ...]]] = {
    "name": lambda one: (one.tunnel, one.name),
    "state": lambda one: (_RANK.index(one.standing), one.tunnel, one.name),
    "handshake": lambda one: (one.age if one.age is not None else float("inf"), one.tunnel, one.name),
    "traffic": lambda one: (-one.total, one.tunnel, one.name),
    "expiry": lambda one: (one.days if one.days is not None else _NO_DAY, one.tunnel, one.name),
}


def ordered(found: Iterable[PeerSeen], order: str) -> list[PeerSeen]:
    """The peers in one of ORDERS."""
    return sorted(found, key=ORDERS[order])


async def live(host: Host) -> dict[str, LiveTunnel] | str:
    """What runs, by one call of wg(8); a text: why that isn't known."""
    from pi_installer_tui.system.host import HostError
    from pi_installer_tui.system.wireguard.live import parse

    try:
        done = await host.run(("wg", "show", "all", "dump"))
    except HostError as error:
        return str(error)
    if not done.ok:
        # of several interfaces each is refused with a line of its own
        return (done.stderr.strip().splitlines() or [""])[-1]
    try:
        return parse(done.stdout)
    except ValueError as error:
        return str(error)


def running(found: Mapping[str, LiveTunnel]) -> frozenset[tuple[str, str]]:
    """Who may connect, as tunnels and public keys: when that changes, somebody else has changed something."""
    return frozenset((name, key) for name, tunnel in found.items() for key in tunnel.peers)


async def read(host: Host) -> State:
    """What is, by the module itself. Raises whatever it does."""
    import asyncio

    from pi_installer_tui import modules

    module = await asyncio.to_thread(modules.load, MODULE)
    state: State = await module.read(host)
    return state


def keeping(one: PeerSeen) -> str:
    """What becomes of its private key: `forget` unless the settings say otherwise."""
    return (one.settings.keeping if one.settings is not None else None) or one.peer.kept or "forget"


def is_enabled(tunnel: Tunnel) -> bool | None:
    """Whether it starts with the machine; None: not known."""
    found = tunnel.enabled.configured
    return found.value if isinstance(found, Known) else None

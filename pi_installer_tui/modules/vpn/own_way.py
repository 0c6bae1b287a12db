"""The tunnel by which the owner is here: what could cut that connection is on probation, as changes of the network are.
Whose connection it is says SSH (system/seat.py)."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, cast

from pi_installer_tui.modules.vpn.state import Peer, State, Tunnel
from pi_installer_tui.tasks.steps import InstallPackages, Probation, Step, Unit
from pi_installer_tui.tasks.steps import Tunnel as TunnelFile
from pi_installer_tui.tasks.steps.probation import Place

if TYPE_CHECKING:
    from pi_installer_tui.tasks.steps.probation import Wrapped
    from pi_installer_tui.tasks.steps.wireguard import PeerChange

#: of the interface: what another value of takes the connection away, or moves it (wg-quick(8))
_MOVES = frozenset({"ListenPort", "Address", "PrivateKey"})


def through(state: State) -> tuple[Tunnel, Peer | None] | None:
    """The tunnel of the owner's connection, and the peer that it comes from; None where it comes by another way, or
    where that isn't known."""
    seat = state.seat
    if seat.kind != "ssh":
        return None
    tunnel = next((each for name, each in state.by_name.items() if name in (seat.interface, seat.through)), None)
    if tunnel is None:
        return None
    fits = [(_narrowest(seat.client, peer.allowed), peer) for peer in tunnel.peers.values() if not peer.paused]
    bits, peer = max(fits, key=lambda each: each[0], default=(-1, None))
    return tunnel, peer if bits >= 0 else None


def _narrowest(address: str, allowed: Collection[str]) -> int:
    """The prefix of the narrowest of these networks that has the address; -1 for none of them."""
    one = ipaddress.ip_address(address)
    nets = [ipaddress.ip_network(each, strict=False) for each in allowed]
    return max((net.prefixlen for net in nets if one.version == net.version and one in net), default=-1)


def on_probation(state: State, steps: Sequence[Step]) -> list[Step]:
    """The same steps; where one of them may cut the owner's connection, all but the packages wait for a confirmation,
    for what is remembered and what is opened goes back with the tunnel."""
    found = through(state)
    if found is None or not any(_cuts(state, *found, step) for step in steps):
        return list(steps)
    tunnel, _peer = found
    stay = [step for step in steps if isinstance(step, InstallPackages)]
    cuts = (f"interface:{tunnel.name}",)
    wrapped = [_risky(step, cuts) if _touches(step, tunnel.name) else step for step in steps if step not in stay]
    file = next((step for step in wrapped if isinstance(step, TunnelFile) and step.path == tunnel.file), None)
    moves = dict(file.interface).get("Address") if file is not None else None
    own = _places(tunnel.name, tunnel.address)
    off = any(isinstance(step, Unit) and step.active is False and _touches(step, tunnel.name) for step in wrapped)
    then = () if off else own if moves is None else _places(tunnel.name, moves)
    trial = Probation(
        id=f"vpn.{tunnel.name}.probation",
        setting=f"vpn.tunnels.{tunnel.name}",
        risks=("connection",),
        cuts=cuts,
        peers=(state.seat.client,),
        steps=cast("tuple[Wrapped, ...]", tuple(wrapped)),
        reaches=tuple(each for each in then if each not in own),
        leaves=tuple(each for each in own if each not in then),
    )
    return [*stay, trial]


def _places(tunnel: str, addresses: Collection[str]) -> tuple[Place, ...]:
    found = (str(ipaddress.ip_interface(each)) for each in addresses if "/" in each)
    return tuple(Place(interface=tunnel, address=each) for each in found)


def _touches(step: Step, tunnel: str) -> bool:
    """Whether a step is what the tunnel's interface, or the kernel, takes up."""
    return step.id in (f"vpn.{tunnel}.unit", f"vpn.{tunnel}.sync")


def _risky(step: Step, cuts: tuple[str, ...]) -> Step:
    risks = dict.fromkeys((*step.risks, "connection"))
    return step.model_copy(update={"risks": tuple(risks), "cuts": cuts})


def _cuts(state: State, tunnel: Tunnel, own: Peer | None, step: Step) -> bool:
    if isinstance(step, Unit):
        return _touches(step, tunnel.name) and (step.active is False or step.restart)
    if not isinstance(step, TunnelFile) or step.path != tunnel.file:
        return False
    moves = any(key in _MOVES for key, _values in step.interface)
    return moves or any(_cuts_off(state.seat.client, own, peer) for peer in step.peers)


def _cuts_off(client: str, own: Peer | None, change: PeerChange) -> bool:
    """Whether a change of a peer ends the connection from `client`, which is `own`'s where that is known."""
    if own is not None and change.key != own.public_key:  # another one: it takes the address over
        return not change.gone and _narrowest(client, change.allowed or ()) >= 0
    if not change.key:
        return False
    other = change.preshared is not None or change.private is not None or change.allowed is not None
    return change.gone or bool(change.paused) or other

"""What is wrong with settings on this machine: tunnels of others, networks and ports that are taken, addresses outside
of the tunnel, keys that aren't here."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.vpn import addresses
from pi_installer_tui.modules.vpn.settings import PeerSettings, TunnelSettings, VpnSettings
from pi_installer_tui.modules.vpn.state import State, Tunnel
from pi_installer_tui.modules.vpn.wanted import wanted
from pi_installer_tui.system.reading import Unknown, known
from pi_installer_tui.tasks.plan import Mistake

NAME = "vpn"


def validate(state: State, settings: VpnSettings) -> Sequence[Mistake]:
    """All mistakes."""
    if isinstance(state.applied, Unknown) or isinstance(state.tunnels, Unknown) or not settings.tunnels:
        return ()
    found: list[Mistake] = []
    for name in settings.tunnels:
        there = state.by_name.get(name)
        if there is not None and not there.ours:
            text = _("{file} was made by hand or by another program: adopt it first (`vpn adopt`)")
            found.append(Mistake(f"{NAME}.tunnels.{name}", text.format(file=there.file)))
        elif there is None and name in state.interfaces:
            found.append(Mistake(f"{NAME}.tunnels.{name}", _("there is an interface of this name already")))
    if found:
        return found
    try:
        whole = wanted(state, settings)
    except ValueError as error:
        return (Mistake(f"{NAME}.tunnels", str(error)),)
    for name, given in settings.tunnels.items():
        tunnel = (whole.tunnels or {}).get(name)
        if tunnel is not None:
            found += _networks(state, name, tunnel, whole)
            found += _port(state, name, tunnel)
            before = (state.settings.tunnels or {}).get(name, TunnelSettings())
            found += _peers(state, name, tunnel, given, before)
            found += _doubles(name, tunnel)
    return found


def _networks(state: State, name: str, tunnel: TunnelSettings, whole: VpnSettings) -> Iterator[Mistake]:
    where = f"{NAME}.tunnels.{name}.address"
    there = state.by_name.get(name)
    if there is not None and there.address == tunnel.address:
        return
    for own in tunnel.address or ():
        for net in state.nets:
            if addresses.overlaps(own, net):
                yield Mistake(where, _("{net} is a network that this machine is in").format(net=net))
        for other, each in (whole.tunnels or {}).items():
            if other != name and any(addresses.overlaps(own, one) for one in each.address or ()):
                yield Mistake(where, _("the tunnel {other} has addresses of this network").format(other=other))


def _port(state: State, name: str, tunnel: TunnelSettings) -> Iterator[Mistake]:
    where, port, there = f"{NAME}.tunnels.{name}.port", tunnel.port or 0, state.by_name.get(name)
    if there is not None and there.port == port and (tunnel.enabled is False or _runs(state, there)):
        return
    for other, each in state.by_name.items():
        if other != name and port == each.port:
            yield Mistake(where, _("the tunnel {other} listens there").format(other=other))
            return
    if port in state.ports:
        program = state.ports[port] or (_("flannel of k3s") if state.flannel else _("another program"))
        yield Mistake(where, _("port {port} is taken: {program} listens there").format(port=port, program=program))


def _runs(state: State, there: Tunnel) -> bool:
    """Whether the tunnel itself has its port, as far as is known."""
    return there.live is not None or there.name in state.interfaces or known(there.enabled.effective) is not False


def _peers(
    state: State, name: str, tunnel: TunnelSettings, given: TunnelSettings, before: TunnelSettings
) -> Iterator[Mistake]:
    inside = [addresses.net(each) for each in tunnel.address or ()]
    own = {ipaddress.ip_interface(each).ip for each in tunnel.address or ()}
    there = state.by_name.get(name)
    for peer, said in (given.peers or {}).items():
        where = f"{NAME}.tunnels.{name}.peers.{peer}"
        want = (tunnel.peers or {}).get(peer)
        if want is None:
            continue
        for address in want.address or ():
            one = ipaddress.ip_address(address)
            if not any(one.version == net.version and one in net for net in inside):
                yield Mistake(f"{where}.address", _("{address} isn't in the tunnel's network").format(address=address))
            elif one in own:
                yield Mistake(f"{where}.address", _("{address} is this machine's own").format(address=address))
        yield from _behind(state, where, want, (before.peers or {}).get(peer))
        yield from _keys(peer, where, said, there)
        old = (before.peers or {}).get(peer)
        if said.expires is not None and said.expires < state.today and (old is None or old.expires != said.expires):
            yield Mistake(f"{where}.expires", _("that day is over"))


def _behind(state: State, where: str, want: PeerSettings, before: PeerSettings | None) -> Iterator[Mistake]:
    for net in want.behind or () if before is None or before.behind != want.behind else ():
        for mine in state.nets:
            if addresses.overlaps(net, mine):
                text = _("{net} can't be behind it: this machine is in {mine}")
                yield Mistake(f"{where}.behind", text.format(net=net, mine=mine))


def _keys(peer: str, where: str, said: PeerSettings, there: Tunnel | None) -> Iterator[Mistake]:
    found = there.peers.get(peer) if there is not None else None
    if found is None:
        return
    if said.public_key is not None and said.public_key != found.public_key:
        yield Mistake(f"{where}.public_key", _("it has another key; revoke it first, then add it anew"))
    if said.keeping in ("plain", "encrypted") and found.kept != said.keeping:
        text = _("its private key isn't here any more to be kept so; give it new keys (`vpn rotate {peer}`)")
        yield Mistake(f"{where}.keeping", text.format(peer=peer))


def _doubles(name: str, tunnel: TunnelSettings) -> Iterator[Mistake]:
    """An address, a network behind or a key can only be of one peer: the kernel gives it to the last one."""
    seen: dict[str, str] = {}
    for peer, want in (tunnel.peers or {}).items():
        for one in (*(want.address or ()), *(want.behind or ()), *((want.public_key,) if want.public_key else ())):
            if one in seen:
                where = f"{NAME}.tunnels.{name}.peers.{peer}"
                yield Mistake(where, _("{what} is of {other} already").format(what=one, other=seen[one]))
            seen[one] = peer

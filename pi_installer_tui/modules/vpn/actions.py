"""What is done beside settings: a peer is paused, resumed, revoked, gets new keys; what was kept of its private key
goes; a tunnel that others made is adopted; the port is asked for at the router, or given back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.base import Arguments
from pi_installer_tui.modules.values import Name
from pi_installer_tui.modules.vpn import adopting, applied, keeping, porting, validating
from pi_installer_tui.modules.vpn import needs as asking
from pi_installer_tui.modules.vpn import plan as planning
from pi_installer_tui.modules.vpn.settings import PeerSettings, TunnelSettings, VpnSettings
from pi_installer_tui.modules.vpn.state import State, Tunnel
from pi_installer_tui.modules.vpn.values import TunnelName
from pi_installer_tui.system.reading import MISSING, Known, Unknown
from pi_installer_tui.system.wireguard.wg_easy import Server
from pi_installer_tui.tasks.plan import Asked, Blocked, Mistake, OpenPort, Others, Plan
from pi_installer_tui.tasks.steps import ImportTunnel, InstallPackages, Probation, Probe, RunCommand, Step, WriteFile
from pi_installer_tui.tasks.steps import Tunnel as TunnelFile
from pi_installer_tui.tasks.steps.wireguard import PeerChange

NAME = "vpn"

#: peers that are named to whom names none of them
_NAMED = 10
#: what wg-easy's tunnel becomes where nobody names it
_EASY = "wg0"

_TUNNEL: Any = Field(
    default="",
    title=N_("Tunnel"),
    description=N_("It needn't be named where there is one only."),
    json_schema_extra={"choices": "tunnels"},
)


class OfPeer(Arguments):
    """vpn pause|resume|revoke|rotate|forget"""

    peer: Name = Field(title=N_("Peer"), description=N_("Its name."), json_schema_extra={"choices": "peers"})
    tunnel: TunnelName | Literal[""] = _TUNNEL


class Rename(OfPeer):
    """vpn rename"""

    to: Name = Field(title=N_("New name"), description=N_("Small letters, digits, _ and -."))


class OfTunnel(Arguments):
    """vpn unmap"""

    tunnel: TunnelName | Literal[""] = _TUNNEL


class Map(OfTunnel):
    """vpn map"""

    how: Literal["auto", "pcp", "nat-pmp", "upnp"] = Field(
        default="auto", title=N_("How"), description=N_("auto: by PCP, else NAT-PMP, else UPnP.")
    )


class Adopt(Arguments):
    """vpn adopt"""

    tunnel: TunnelName | Literal[""] = Field(
        default="",
        title=N_("Tunnel"),
        description=N_("It needn't be named where there is one only."),
        json_schema_extra={"choices": "foreign"},
    )
    path: Annotated[str, Field(pattern=r"^(/[^\x00\n]*)?$", max_length=4096)] = Field(
        default="",
        title=N_("wg-easy's file"),
        description=N_("wg0.json or wg-easy.db, where wg-easy's container has its volume; else left out."),
    )


ARGUMENTS: Mapping[str, type[Arguments]] = {
    "pause": OfPeer,
    "resume": OfPeer,
    "revoke": OfPeer,
    "rotate": OfPeer,
    "forget": OfPeer,
    "rename": Rename,
    "adopt": Adopt,
    "map": Map,
    "unmap": OfTunnel,
}
#: what an action is as settings of a peer
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "pause": {"paused": True},
    "resume": {"paused": False},
    "revoke": {"state": "absent"},
    "rotate": {},
    "forget": {"keeping": "forget"},
}


def validate(state: State, action: str, told: Arguments) -> Sequence[Mistake]:
    """A tunnel or peer that isn't there, or that was made by others."""
    if isinstance(state.tunnels, Unknown) or isinstance(state.applied, Unknown):
        return ()
    return tuple(_wrong(state, action, told))


def _not_imported(state: State, told: Adopt) -> Iterator[Mistake]:
    """Why wg-easy's tunnel can't come here."""
    name, easy = told.tunnel or _EASY, state.easy
    if name in state.by_name or name in state.interfaces:
        yield Mistake("tunnel", _("there is a tunnel {name} here already; name another one").format(name=name))
    if easy == MISSING:
        yield Mistake("path", _("there is no such file"))
    elif isinstance(easy, Unknown):
        yield Mistake("path", easy.reason)
    elif isinstance(easy, Known):
        yield from _too_much(state, name, easy.value)


def _too_much(state: State, name: str, server: Server) -> Iterator[Mistake]:
    try:
        then, settings = adopting.imported(state, name, server)
    except ValueError:
        yield Mistake("path", _("its addresses don't fit together"))
        return
    if server.port in state.ports:
        text = _("port {port} is taken: stop wg-easy's container first").format(port=server.port)
        yield Mistake("path", text)
    yield from validating.validate(then, settings)


def _wrong(state: State, action: str, told: Arguments) -> Iterator[Mistake]:
    if isinstance(told, Adopt) and told.path:
        yield from _not_imported(state, told)
        return
    adopts = action == "adopt"
    possible = [name for name, each in state.by_name.items() if each.ours is not adopts]
    named: str = getattr(told, "tunnel", "")
    if not named and len(possible) != 1:
        text = _("name one of: {names}") if possible else _("there is no such tunnel")
        yield Mistake("tunnel", text.format(names=", ".join(possible)))
    elif named and named not in possible:
        there = state.by_name.get(named)
        foreign = there is not None and not there.ours
        text = _("was made by hand or by another program: adopt it first") if foreign else _("there is no such tunnel")
        yield Mistake("tunnel", _("it is adopted already") if adopts and there is not None else text)
    elif isinstance(told, OfPeer):
        tunnel = state.by_name[named or possible[0]]
        if told.peer not in tunnel.peers:
            names = ", ".join((*tunnel.peers,)[:_NAMED]) + (", ..." if len(tunnel.peers) > _NAMED else "") or _("none")
            yield Mistake("peer", _("there is no such peer; there are: {names}").format(names=names))
        elif isinstance(told, Rename) and told.to in tunnel.peers:
            yield Mistake("to", _("there is a peer of this name already"))
        elif action == "forget" and not tunnel.peers[told.peer].kept:
            yield Mistake("peer", _("nothing of its private key is kept here"))


def plan(state: State, action: str, told: Arguments) -> Plan:
    """What an action does: the same as the settings that it stands for. Raises KeyError."""
    setting = f"{NAME}.{action}"
    for reading in (state.applied, state.tunnels):
        if isinstance(reading, Unknown):
            return Plan(modules=(NAME,), blocked=(Blocked(setting=setting, why=reading.reason),))
    if isinstance(told, Adopt) and told.path:
        return _imported(state, told)
    tunnel = _tunnel(state, action, told)
    if isinstance(told, Adopt):
        made = planning.plan(adopting.taken_over(state, tunnel.name), adopting.settings(state, tunnel.name), Others())
    elif isinstance(told, Rename):
        made = _renamed(state, tunnel, told)
    elif isinstance(told, OfTunnel):
        made = porting.plan(state, tunnel.name, told.how if isinstance(told, Map) else "none")
    elif isinstance(told, OfPeer):
        peers = {told.peer: _SETTINGS[action]}
        settings = VpnSettings.model_validate({"tunnels": {tunnel.name: {"peers": peers}}})
        rotate = {(tunnel.name, told.peer)} if action == "rotate" else set()
        made = planning.plan(state, settings, Others(), rotate=rotate)
    else:
        raise KeyError(action)
    steps = tuple(_served(step, setting) for step in made.steps)
    checks = tuple(check.model_copy(update={"setting": setting}) for check in made.checks)
    told_of = {**told.model_dump(mode="json"), "tunnel": tunnel.name}
    asked = Asked(module=NAME, action=action, arguments=told_of)
    return made.model_copy(update={"settings": {}, "steps": steps, "checks": checks, "asked": asked})


def _served(step: Step, setting: str) -> Step:
    """The step, and those that it wraps, for this setting."""
    served = step.model_copy(update={"setting": setting})
    if not isinstance(served, Probation):
        return served
    inner = tuple(each.model_copy(update={"setting": setting}) for each in served.steps)
    return served.model_copy(update={"steps": inner})


def _imported(state: State, told: Adopt) -> Plan:
    setting, name = f"{NAME}.adopt", told.tunnel or _EASY
    if not isinstance(state.easy, Known):
        why = state.easy.reason if isinstance(state.easy, Unknown) else _("there is no such file")
        return Plan(modules=(NAME,), blocked=(Blocked(setting=setting, why=why),))
    then, settings = adopting.imported(state, name, state.easy.value)
    made = planning.plan(then, settings, Others())
    path = f"/etc/wireguard/{name}.conf"
    first = tuple(step for step in made.steps if isinstance(step, InstallPackages))
    come = ImportTunnel(id=f"{NAME}.{name}.import", needs=tuple(s.id for s in first), path=path, source=told.path)
    rest = [step.model_copy(update={"needs": (*step.needs, come.id)}) for step in made.steps if step not in first]
    steps = tuple(step.model_copy(update={"setting": setting}) for step in (*first, come, *rest))
    checks = tuple(check.model_copy(update={"setting": setting}) for check in made.checks)
    asked = Asked(module=NAME, action="adopt", arguments={"tunnel": name, "path": told.path})
    return made.model_copy(update={"settings": {}, "steps": steps, "checks": checks, "asked": asked})


def needs(state: State, told: Arguments) -> Sequence[OpenPort]:
    """What a tunnel that comes from wg-easy needs of the firewall; others have what they need."""
    if not isinstance(told, Adopt) or not told.path or not isinstance(state.easy, Known):
        return ()
    return asking.needs(*adopting.imported(state, told.tunnel or _EASY, state.easy.value))


def _renamed(state: State, tunnel: Tunnel, told: Rename) -> Plan:
    """Another name in the file, in what is remembered, and of the file with its private key. Nothing else knows it."""
    peer = tunnel.peers[told.peer]
    waits, becomes = (keeping.secret(tunnel.name, name) for name in (told.peer, told.to))
    change = PeerChange(name=told.to, key=peer.public_key, waits=waits, becomes=becomes)
    steps: list[Step] = [TunnelFile(id=f"{NAME}.{tunnel.name}.file", path=tunnel.file, peers=(change,))]
    tunnels = dict(state.settings.tunnels or {})
    applied_ = tunnels.get(tunnel.name, TunnelSettings())
    peers = {told.to if name == told.peer else name: each for name, each in (applied_.peers or {}).items()}
    peers.setdefault(told.to, PeerSettings())
    tunnels[tunnel.name] = applied_.model_copy(update={"peers": peers})
    text = applied.dump(VpnSettings(tunnels=tunnels))
    steps.append(WriteFile(id=f"{NAME}.config", path=applied.PATH, content=text, mode=0o600))
    if peer.kept in ("plain", "encrypted"):
        old, new = (keeping.path(tunnel.name, name, peer.kept) for name in (told.peer, told.to))
        move = RunCommand(
            id=f"{NAME}.{tunnel.name}.key",
            argv=("mv", "--no-clobber", "--", old, new),
            probe=Probe(argv=("test", "-e", new)),
            touches=(old, new),
            sensitive=True,
        )
        steps.append(move)
    return Plan(modules=(NAME,), steps=tuple(steps))


def _tunnel(state: State, action: str, told: Arguments) -> Tunnel:
    adopts, named = action == "adopt", getattr(told, "tunnel", "")
    return next(each for name, each in state.by_name.items() if each.ours is not adopts and named in ("", name))

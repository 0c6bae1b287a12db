"""What runs of a tunnel: it is started, stopped, and follows its files without dropping anybody; or it goes. Pure."""

from __future__ import annotations

import ipaddress
from typing import Any

from pi_installer_tui.modules.vpn import checks, keeping, rules
from pi_installer_tui.modules.vpn.planning import NAME, Planning, enabled, nets
from pi_installer_tui.modules.vpn.reading import unit
from pi_installer_tui.modules.vpn.settings import TunnelSettings
from pi_installer_tui.modules.vpn.state import Tunnel
from pi_installer_tui.system.reading import Known, Unknown, known
from pi_installer_tui.tasks.plan import Blocked
from pi_installer_tui.tasks.steps import RemoveFile, SyncTunnel, Unit


def stops(made: Planning, name: str, tunnel: TunnelSettings) -> None:
    """It is stopped by the file that it was started with, and what takes that back starts it by that one."""
    now = enabled(made.state.by_name.get(name))
    if tunnel.enabled is False and isinstance(now, Known) and any(now.value):
        cuts = (f"interface:{name}",)
        made.add(_unit(name, f"{NAME}.tunnels.{name}", enabled=False, active=False, cuts=cuts))


def runs(made: Planning, name: str, tunnel: TunnelSettings) -> None:
    there, setting = made.state.by_name.get(name), f"{NAME}.tunnels.{name}"
    now = enabled(there)
    if isinstance(now, Unknown):
        made.part.blocked.append(Blocked(setting=f"{setting}.enabled", why=now.reason))
        return
    configured, effective = now.value
    needs = made.there(f"{NAME}.{name}.file", f"{NAME}.{name}.rules")
    cuts = (f"interface:{name}",)
    if tunnel.enabled is False:
        return
    if tunnel.enabled and not (configured and effective):
        made.add(_unit(name, setting, needs=needs, enabled=True, active=True))
        made.part.checks += checks.runs(name, tunnel, setting)
    elif effective and there is not None:
        if _restarts(there, tunnel) or _tells_docker(made, name):
            made.add(_unit(name, setting, needs=needs, active=True, restart=True, cuts=cuts))
            made.part.checks += checks.runs(name, tunnel, setting)
        elif needs or _drifted(made, name, there, tunnel):
            sync = SyncTunnel(
                id=f"{NAME}.{name}.sync",
                setting=setting,
                needs=needs,
                interface=name,
                rules=rules.path(name),
                table=rules.table(name),
                cuts=cuts if _takes_away(made, name) else (),
                routes=_routes(made, name, there),
            )
            made.add(sync)
            made.part.checks += checks.runs(name, tunnel, setting)
    if effective or tunnel.enabled:
        made.part.checks += checks.peers(name, tunnel, made.file_step(name), setting)


def remove(made: Planning, name: str) -> None:
    there, setting = made.state.by_name.get(name), f"{NAME}.tunnels.{name}"
    needs: tuple[str, ...] = ()
    now = enabled(there)
    if isinstance(now, Unknown):
        made.part.blocked.append(Blocked(setting=setting, why=now.reason))
        return
    if any(now.value):
        cuts = (f"interface:{name}",)
        made.add(_unit(name, setting, enabled=False, active=False, cuts=cuts))
        needs = made.part.ids()[-1:]
    if there is not None:
        step = f"{NAME}.{name}.gone"
        waits = tuple(keeping.secret(name, peer) for peer in there.peers)
        made.add(RemoveFile(id=step, setting=setting, needs=needs, path=there.file, sensitive=True, waits=waits))
        for peer in (each for each in there.peers.values() if each.kept):
            path = keeping.path(name, peer.name, peer.kept, peer.title)
            gone = f"{NAME}.{name}.key.{peer.name}.gone"
            made.add(RemoveFile(id=gone, setting=setting, needs=needs, path=path, sensitive=True))
    if name in made.state.rules:
        step = f"{NAME}.{name}.rules.gone"
        made.add(RemoveFile(id=step, setting=setting, needs=needs, path=rules.path(name)))


def _routes(made: Planning, name: str, there: Tunnel) -> tuple[str, ...] | None:
    """The networks behind peers as they are now, where the step before changes what peers may send from."""
    step = made.file_step(name)
    if step is None or not any(peer.gone or peer.allowed is not None or peer.paused is not None for peer in step.peers):
        return None
    own = [ipaddress.ip_interface(each).network for each in there.address]
    nets = [
        ipaddress.ip_network(each, strict=False) for p in there.peers.values() if not p.paused for each in p.allowed
    ]
    outer = [net for net in nets if not any(net.version == o.version and net.subnet_of(o) for o in own)]  # type: ignore[arg-type]
    return tuple(dict.fromkeys(str(net) for net in outer if net.prefixlen))


def _tells_docker(made: Planning, name: str) -> bool:
    """Docker's packet filter is told by lines that only a start runs."""
    step = made.file_step(name)
    return step is not None and any("FORWARD" in value for _key, value in step.lines)


def _takes_away(made: Planning, name: str) -> bool:
    """Whether somebody who is connected may be cut off."""
    step = made.file_step(name)
    before, now = (made.state.settings.tunnels or {}).get(name, TunnelSettings()), (made.wanted.tunnels or {})[name]
    if (before.reach, before.between, before.upstream) != (now.reach, now.between, now.upstream):
        return True
    was, now_peers = before.peers or {}, now.peers or {}
    if any(
        (was[peer].reach, was[peer].nets) != (now_peers[peer].reach, now_peers[peer].nets)
        for peer in was.keys() & now_peers.keys()
    ):
        return True
    changed = step.peers if step is not None else ()
    return any(peer.gone or peer.paused or peer.private for peer in changed if peer.key)


def _drifted(made: Planning, name: str, there: Tunnel, tunnel: TunnelSettings) -> bool:
    """What runs isn't what the file says, or its packet rules have gone."""
    running = there.live.peers if there.live is not None else {}
    files = {p.public_key: nets(p.allowed) for p in there.peers.values() if not p.paused}
    if there.live is not None and files != {key: nets(peer.allowed) for key, peer in running.items()}:
        return True
    tables = known(made.state.tables)
    return tunnel.reach is not None and tables is not None and rules.table(name) not in tables


def _restarts(there: Tunnel, tunnel: TunnelSettings) -> bool:
    """What only a new start of the interface changes."""
    return there.address != tuple(tunnel.address or ()) or (tunnel.mtu is not None and there.mtu != tunnel.mtu)


def _unit(tunnel: str, setting: str, **fields: Any) -> Unit:
    return Unit(id=f"{NAME}.{tunnel}.unit", setting=setting, name=unit(tunnel), **fields)

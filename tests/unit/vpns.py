"""States of the VPN, made by hand: a machine without WireGuard, and what is on it after a plan has run."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import date
from typing import Any

from pi_installer_tui.modules.vpn import applied, keeping, timers
from pi_installer_tui.modules.vpn.plan import plan
from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.modules.vpn.state import Peer, State, Tunnel, Uplink
from pi_installer_tui.system.reading import MISSING, Known, Value, known
from pi_installer_tui.system.wireguard.conf import Conf, names
from pi_installer_tui.system.wireguard.live import LivePeer, LiveTunnel
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.steps import RemoveFile, SecretFile, Unit, WriteFile
from pi_installer_tui.tasks.steps import Tunnel as TunnelFile
from pi_installer_tui.tasks.steps.wireguard import Keys


def key(name: str) -> str:
    """A key that belongs to a name."""
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


def bare(**fields: Any) -> State:
    """A machine on a home's LAN, without WireGuard."""
    state = State(
        wg=MISSING,
        kernel=Known(True),
        applied=MISSING,
        tunnels=Known({}),
        uplink=Known(Uplink("eth0", "192.168.1.1", ("192.168.1.7/24",))),
        interfaces=("lo", "eth0"),
        nets=("192.168.1.0/24", "172.17.0.0/16"),
        lan=("192.168.1.0/24",),
        forwards=Value(MISSING, Known(False)),
        forwards6=Value(MISSING, Known(False)),
        firewall=Known("none"),
        programs=frozenset({"nft"}),
        tables=Known(frozenset()),
        seed="a machine",
        today=date(2026, 11, 27),
        python="/opt/pi-installer-tui/current/bin/python",
    )
    return replace(state, **fields)


def wanted(tunnel: dict[str, Any], name: str = "wg0") -> VpnSettings:
    return VpnSettings.model_validate({"tunnels": {name: tunnel}})


def planned(state: State, settings: VpnSettings, **more: Any) -> Plan:
    return plan(state, settings, Others(), **more)


def after(state: State, made: Plan) -> State:
    """The machine when a plan has run, as `read` would find it; private keys are their names."""
    files = {name: each.text for name, each in state.by_name.items()}
    rules, units = dict(state.rules), dict(state.units)
    waits, on = dict(state.timers), {n: known(t.enabled.configured) for n, t in state.by_name.items()}
    config, mode, sysctl, secrets = state.applied, state.mode, state.sysctl, set[str]()
    for tunnel in state.by_name.values():
        secrets |= {keeping.secret(tunnel.name, p.name) for p in tunnel.peers.values() if p.kept}
    for step in made.steps:
        match step:
            case TunnelFile():
                name = step.path.rpartition("/")[2].removesuffix(".conf")
                keys = {n: key(f"{p.name} of {p.key}") for n, p in enumerate(step.peers)}
                hidden = Keys("(secret)", keys, dict.fromkeys(keys, "(secret)"))
                files[name] = step.edited(Conf(files.get(name, "")), hidden).text
            case WriteFile(path=path) if path.endswith(".nft"):
                rules[path.rpartition("/")[2].removesuffix(".nft")] = step.content
            case WriteFile(path=applied.PATH):
                config, mode = Known(applied.load(step.content)), step.mode or 0
            case WriteFile(path=path) if path.startswith(timers.FOLDER):
                units[path.rpartition("/")[2]] = step.content
            case WriteFile():
                sysctl = step.content
            case SecretFile():
                secrets.add(step.name)
            case RemoveFile(path=path) if path.endswith(".conf") and "sysctl" not in path:
                files.pop(path.rpartition("/")[2].removesuffix(".conf"), None)
            case RemoveFile(path=path) if path.endswith(".nft"):
                rules.pop(path.rpartition("/")[2].removesuffix(".nft"), None)
            case RemoveFile(path=applied.PATH):
                config, mode = MISSING, 0
            case RemoveFile(path=path) if path.startswith(keeping.SECRETS):
                secrets.discard(path.rpartition("/")[2])
            case RemoveFile(path=path):
                units.pop(path.rpartition("/")[2], None)
                sysctl = "" if "sysctl" in path else sysctl
            case Unit(name=name) if name.startswith("wg-quick@"):
                on[name.removeprefix("wg-quick@").removesuffix(".service")] = step.enabled
            case Unit():
                waits[step.name] = bool(step.enabled)
    ours = (known(config) or VpnSettings()).tunnels or {}
    tunnels = {
        name: _tunnel(name, text, on=bool(on.get(name)), ours=name in ours, secrets=secrets)
        for name, text in files.items()
    }
    forwards: Value[bool] = Value(MISSING, Known(bool(sysctl)))
    return replace(
        state,
        wg=Known("1.0"),
        applied=config,
        mode=mode,
        tunnels=Known(tunnels),
        rules=rules,
        tables=Known(frozenset(f"pi_installer_tui_{name}" for name in rules if on.get(name))),
        units=units,
        timers=waits,
        sysctl=sysctl,
        forwards=forwards,
        forwards6=forwards,
    )


def _tunnel(name: str, text: str, *, on: bool, ours: bool, secrets: set[str]) -> Tunnel:
    conf = Conf(text)
    own = conf.interface
    assert own is not None
    live = {p.public_key: LivePeer(p.public_key, allowed=p.get("allowedips")) for p in conf.peers if not p.paused}
    peers = {
        peer: Peer(
            name=peer,
            public_key=each.public_key,
            allowed=each.get("allowedips"),
            preshared=bool(each.one("presharedkey")),
            paused=each.paused,
            named=each.named,
            kept="plain" if keeping.secret(name, peer) in secrets else "",
            live=live.get(each.public_key) if on else None,
        )
        for peer, each in names(conf).items()
    }
    return Tunnel(
        name=name,
        file=f"/etc/wireguard/{name}.conf",
        mode=0o600,
        address=own.get("address"),
        port=int(own.one("listenport") or 0),
        mtu=int(own.one("mtu") or 0),
        has_key=True,
        ours=ours,
        peers=peers,
        enabled=Value(Known(on), Known(on)),
        live=LiveTunnel(name, key(name), int(own.one("listenport") or 0), live) if on else None,
        text=text,
        public_key=key(name),
    )

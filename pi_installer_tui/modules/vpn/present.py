"""The state for people and programs: as settings, as lines to show, as JSON."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.modules.base import Fact
from pi_installer_tui.modules.vpn import forwarding, offer, timers
from pi_installer_tui.modules.vpn.plan import plan
from pi_installer_tui.modules.vpn.settings import PeerSettings, TunnelSettings, VpnSettings
from pi_installer_tui.modules.vpn.state import Peer, State, Tunnel
from pi_installer_tui.modules.vpn.wanted import rules_of, wanted
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown, Value, known, reading_json, value_json
from pi_installer_tui.tasks.plan import Others

#: seconds after its last handshake in which a peer counts as connected: a new one is made every two minutes while
#: something passes (WireGuard's protocol, REKEY_AFTER_TIME), and the old keys end after three (REJECT_AFTER_TIME)
CONNECTED = 180


def present(state: State) -> VpnSettings:
    """What was applied, as far as the machine is so: a peer that somebody took out by hand is left out. A file of ours
    that another version of the program wrote, or for another network, hides nothing: the next plan writes it anew."""
    state = _renewed(state)
    found: dict[str, TunnelSettings] = {}
    for name, tunnel in (state.settings.tunnels or {}).items():
        if name not in state.by_name:
            continue
        if _is_so(state, name, tunnel):
            found[name] = tunnel
            continue
        bare = tunnel.model_copy(update={"peers": None})
        if _is_so(state, name, bare):
            peers = {
                peer: each
                for peer, each in (tunnel.peers or {}).items()
                if _is_so(state, name, TunnelSettings(peers={peer: each}))
            }
            found[name] = bare.model_copy(update={"peers": peers})
    return VpnSettings(tunnels=found) if found else VpnSettings()


def _renewed(state: State) -> State:
    """The machine as if the files that are wholly ours were as this program writes them now; one that is lacking
    lacks."""
    units = timers.units(state.settings, state.python)
    rules: dict[str, str] = {}
    for name in state.rules.keys() & (state.settings.tunnels or {}).keys() & state.by_name.keys():
        try:
            tunnel = (wanted(state, VpnSettings(tunnels={name: TunnelSettings()})).tunnels or {}).get(name)
        except ValueError:
            continue
        if tunnel is not None:
            rules[name] = rules_of(state, name, tunnel) or state.rules[name]
    return replace(
        state,
        units={file: text for file, text in units.items() if file in state.units},
        rules={**state.rules, **rules},
        sysctl=(forwarding.text(state, state.settings) or state.sysctl) if state.sysctl else "",
    )


def _is_so(state: State, name: str, tunnel: TunnelSettings) -> bool:
    made = plan(state, VpnSettings(tunnels={name: tunnel}), Others())
    return not made.steps and not made.blocked


def connected(peer: Peer, now: float) -> bool:
    """Whether it has shaken hands lately. now: seconds since 1970."""
    return peer.live is not None and 0 <= now - peer.live.handshake <= CONNECTED


def summary(state: State, now: float | None = None) -> str:
    """`wg0, 3 of 5 peers connected`; of several tunnels one after the other."""
    if isinstance(state.tunnels, Unknown):
        return _("unknown")
    if not state.by_name:
        return _("no tunnel")
    at = time.time() if now is None else now
    return "; ".join(_tunnel(each, at) for each in state.by_name.values())


def _tunnel(tunnel: Tunnel, now: float) -> str:
    if known(tunnel.enabled.effective) is False:
        return _("{tunnel} is off").format(tunnel=tunnel.name)
    count = len(tunnel.peers)
    on = sum(connected(peer, now) for peer in tunnel.peers.values())
    text = ngettext("{tunnel}, {n} of {count} peer connected", "{tunnel}, {n} of {count} peers connected", count)
    return text.format(tunnel=tunnel.name, n=on, count=count)


def facts(state: State) -> Sequence[Fact]:
    """What is, a line a value."""
    tunnels: Reading[str] = (
        state.tunnels if isinstance(state.tunnels, Unknown) else Known(", ".join(state.by_name) or _("none"))
    )
    lines = [Fact("tunnels", _("Tunnels"), Value(tunnels, tunnels))]
    for name, each in state.by_name.items():
        address = Known(", ".join(each.address) or _("none"))
        port = Known(str(each.port or _("none")))
        effective: Reading[str] = Known(str(each.live.port)) if each.live is not None else MISSING
        lines += [
            Fact("", _("{tunnel}: addresses").format(tunnel=name), Value(address, address)),
            Fact("", _("{tunnel}: port").format(tunnel=name), Value(port, effective)),
            Fact("", _("{tunnel}: peers").format(tunnel=name), _single(str(len(each.peers)))),
        ]
        if not each.ours:
            lines.append(Fact("", name, _single(_("made by hand or by another program; it can be adopted"))))
    lines.append(Fact("", _("Passes on IPv4"), _yes(state.forwards)))
    lines.append(Fact("", _("Passes on IPv6"), _yes(state.forwards6)))
    wg: Reading[str] = state.wg if state.wg != MISSING else Known(_("not installed"))
    lines.append(Fact("", "WireGuard", Value(wg, wg)))
    return lines


def _single(text: str) -> Value[Any]:
    return Value(Known(text), Known(text))


def _yes(value: Value[bool]) -> Value[str]:
    def one(reading: Reading[bool]) -> Reading[str]:
        if isinstance(reading, Known):
            return Known(_("yes") if reading.value else _("no"), reading.source)
        return reading

    return Value(one(value.configured), one(value.effective))


def state_json(state: State) -> dict[str, Any]:
    """What is, for programs. No key but public ones; times in seconds since 1970, amounts in bytes."""
    return {
        "wireguard": reading_json(state.wg),
        "kernel": reading_json(state.kernel),
        "settings": reading_json(state.applied, lambda c: c.model_dump(mode="json", exclude_none=True)),
        "tunnels": reading_json(state.tunnels, lambda found: {n: _tunnel_json(state, t) for n, t in found.items()}),
        "forwards": value_json(state.forwards),
        "forwards6": value_json(state.forwards6),
        "firewall": reading_json(state.firewall),
    }


def _tunnel_json(state: State, tunnel: Tunnel) -> dict[str, Any]:
    applied = (state.settings.tunnels or {}).get(tunnel.name, TunnelSettings())
    return {
        "address": list(tunnel.address),
        "port": tunnel.port,
        "mtu": tunnel.mtu or None,
        "public_key": tunnel.public_key or None,
        "ours": tunnel.ours,
        "enabled": value_json(tunnel.enabled),
        "peers": {name: _peer_json(each, applied.peers or {}) for name, each in tunnel.peers.items()},
    }


def _peer_json(peer: Peer, applied: Mapping[str, PeerSettings]) -> dict[str, Any]:
    said, live = applied.get(peer.name, PeerSettings()), peer.live
    return {
        "public_key": peer.public_key,
        "allowed": list(peer.allowed),
        "paused": peer.paused,
        "preshared": peer.preshared,
        "kept": peer.kept or None,
        "expires": said.expires.isoformat() if said.expires is not None else None,
        "note": said.note,
        "endpoint": (live.endpoint if live is not None else "") or None,
        "handshake": (live.handshake if live is not None else 0) or None,
        "received": live.received if live is not None else None,
        "sent": live.sent if live is not None else None,
    }


def choices(state: State, name: str) -> Sequence[str]:
    """The choices that fields name."""
    match name:
        case "interfaces":
            return tuple(each for each in state.interfaces if each != "lo")
        case "resolvers":
            return (*offer.own_resolvers(state), *state.resolvers)
        case "tunnels":
            return tuple(state.by_name)
        case "peers":
            return tuple(dict.fromkeys(peer for each in state.by_name.values() for peer in each.peers))
        case "foreign":
            return tuple(each.tunnel for each in state.found)
    return ()

"""Tunnels that others made. By hand, or by PiVPN, whose setupVars.conf says what wg-quick's file doesn't: they are
adopted as they are, the same keys, addresses and rules of their own, and nobody is dropped. wg-easy's comes out of its
container: the same keys and addresses, in a file of wg-quick's."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from pi_installer_tui.modules.base import Arguments
from pi_installer_tui.modules.values import is_host
from pi_installer_tui.modules.vpn import addresses, wanted
from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.modules.vpn.state import Peer, State, Tunnel
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown, Value, known
from pi_installer_tui.system.wireguard import wg_easy
from pi_installer_tui.system.wireguard.conf import Conf, names

PIVPN = "/etc/pivpn/wireguard/setupVars.conf"


async def is_pivpn(host: Host) -> bool:
    """Whether PiVPN has set up WireGuard here."""
    try:
        return await host.stat(PIVPN) is not None
    except OSError:
        return False


def variables(text: str) -> Mapping[str, str]:
    """The variables of setupVars.conf, lines of NAME=value as a shell has them; others are left out."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and name.isidentifier():
            try:
                words = shlex.split(value, comments=True)
            except ValueError:
                continue
            found[name] = words[0] if words else ""
    return found


async def ask(host: Host, state: State, told: Arguments) -> State:
    """The state with what PiVPN or wg-easy remembers."""
    if source := getattr(told, "path", ""):
        return replace(state, easy=await _easy(host, source))
    try:
        text = await host.text(PIVPN) if await is_pivpn(host) else None
    except OSError:
        text = None
    return replace(state, remembered=variables(text or ""))


async def _easy(host: Host, source: str) -> Reading[wg_easy.Server]:
    """What wg-easy keeps, its keys left out of what is shown (they aren't in a repr)."""
    try:
        return Known(await wg_easy.read(host, source))
    except FileNotFoundError:
        return MISSING
    except (OSError, ValueError) as error:
        return Unknown(str(error.strerror) if isinstance(error, OSError) else str(error))


def imported(state: State, name: str, server: wg_easy.Server) -> tuple[State, VpnSettings]:
    """The machine as it will be when wg-easy's tunnel is there as a file, and its settings."""
    conf = Conf(wg_easy.written(server))
    known_as = names(conf)
    peers = {
        peer: Peer(peer, each.public_key, each.get("allowedips"), paused=each.paused, title=each.name)
        for peer, each in known_as.items()
    }
    tunnel = Tunnel(
        name=name,
        file=f"/etc/wireguard/{name}.conf",
        mode=0o600,
        address=server.address,
        port=server.port,
        mtu=server.mtu,
        has_key=True,
        ours=True,
        peers=peers,
        enabled=Value(Known(False), Known(False)),
        text=conf.redacted,
    )
    then = replace(state, tunnels=Known({**state.by_name, name: tunnel}), remembered={})
    data = settings(then, name).model_dump(mode="json", exclude_none=True)["tunnels"][name]
    ends = dict(zip(known_as, (each.expires for each in server.clients), strict=False))
    for peer, said in data["peers"].items():
        if _is_day(ends.get(peer, "")):
            said["expires"] = ends[peer]
    endpoint: dict[str, Any] = {"endpoint": server.endpoint} if is_host(server.endpoint) else {}
    if server.endpoint_port not in (0, server.port):
        endpoint["endpoint_port"] = server.endpoint_port
    whole = {**data, **endpoint, "enabled": True, "reach": wanted.REACH, "between": True}
    return then, VpnSettings.model_validate({"tunnels": {name: whole}})


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def taken_over(state: State, tunnel: str) -> State:
    """The same machine as if the tunnel were ours."""
    ours = replace(state.by_name[tunnel], ours=True)
    return replace(state, tunnels=Known({**state.by_name, tunnel: ours}))


def settings(state: State, tunnel: str) -> VpnSettings:
    """The tunnel as it is, as settings."""
    there, said = state.by_name[tunnel], state.remembered
    inside = _of_each_kind(each for each in there.address if "/" in each and addresses.net(each).num_addresses >= 4)
    data: dict[str, Any] = {"port": there.port or wanted.PORT, "peers": {}}
    if inside == there.address:
        data["address"] = inside
    if (running := known(there.enabled.effective)) is not None:
        data["enabled"] = running and known(there.enabled.configured) is not False
    if there.mtu:
        data["mtu"] = there.mtu
    if is_host(said.get("pivpnHOST", "")):
        data["endpoint"] = said["pivpnHOST"]
    dns = [one for key in ("pivpnDNS1", "pivpnDNS2") if is_host(one := said.get(key, ""))]
    if dns:
        data["dns"] = dns
    for name, peer in there.peers.items():
        own = _of_each_kind(wanted.own_addresses(peer, inside))
        behind = [str(addresses.net(each)) for each in peer.allowed if each.partition("/")[0] not in own]
        each: dict[str, Any] = {"address": own, "behind": behind}
        data["peers"][name] = {**each, "paused": True} if peer.paused else each
    return VpnSettings.model_validate({"tunnels": {tunnel: data}})


def _of_each_kind(found: Iterable[str]) -> tuple[str, ...]:
    """The first address of IPv4, and the first of IPv6."""
    kinds: dict[bool, str] = {}
    for each in found:
        kinds.setdefault(":" in each, each)
    return tuple(kinds.values())

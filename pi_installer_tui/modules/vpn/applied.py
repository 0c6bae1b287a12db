"""What was applied last: /etc/pi-installer-tui/vpn.yaml, root's and 0600, and what it becomes with settings on top. It
has the form of the key `vpn` of a setup file, and holds what a tunnel's own file can't: what peers may reach, when they
expire, what they are told."""

from __future__ import annotations

from typing import Any

from pi_installer_tui.modules.applied import Applied
from pi_installer_tui.modules.vpn.settings import TunnelSettings, VpnSettings
from pi_installer_tui.system.paths import ETC

_FILE = Applied(
    f"{ETC}/vpn.yaml",
    VpnSettings,
    "# Made by pi-installer-tui: the tunnels and who connects. Keys lie in files of their own.\n",
)
PATH, load, dump, read = _FILE.path, _FILE.load, _FILE.dump, _FILE.read


def merged(now: VpnSettings, settings: VpnSettings) -> VpnSettings:
    """What is applied, changed as the settings say: named tunnels and peers are added and updated, absent ones go."""
    tunnels = dict(now.tunnels or {})
    for name, given in (settings.tunnels or {}).items():
        if given.state == "absent":
            tunnels.pop(name, None)
            continue
        tunnels[name] = _tunnel(tunnels.get(name, TunnelSettings()), given)
    return VpnSettings(tunnels=tunnels)


def _tunnel(old: TunnelSettings, given: TunnelSettings) -> TunnelSettings:
    data = {**_plain(old), **_plain(given)}
    peers: dict[str, Any] = {name: _plain(peer) for name, peer in (old.peers or {}).items()}
    for name, peer in (given.peers or {}).items():
        if peer.state == "absent":
            peers.pop(name, None)
        else:
            peers[name] = {**peers.get(name, {}), **_plain(peer)}
    return TunnelSettings.model_validate({**data, "peers": peers})


def _plain(settings: Any) -> dict[str, Any]:
    """Without `state: present`, which says nothing."""
    data: dict[str, Any] = settings.model_dump(exclude_none=True, exclude={"peers", "state"})
    return data

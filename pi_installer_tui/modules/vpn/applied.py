"""What was applied last: /etc/pi-installer-tui/vpn.yaml, root's and 0600, and what it becomes with settings on top. It
has the form of the key `vpn` of a setup file, and holds what a tunnel's own file can't: what peers may reach, when they
expire, what they are told."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import ValidationError

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.vpn.settings import TunnelSettings, VpnSettings
from pi_installer_tui.system.paths import ETC

PATH = f"{ETC}/vpn.yaml"
VERSION = 1
_HEAD = "# Made by pi-installer-tui: the tunnels and who connects. Keys lie in files of their own.\n"


def load(text: str) -> VpnSettings:
    """The settings in the file. Raises ValueError, without what stands in it."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError(_("isn't YAML")) from None
    if not isinstance(data, dict) or data.pop("version", None) != VERSION:
        raise ValueError(_("isn't a file of this version"))
    try:
        return VpnSettings.model_validate_json(_json(data))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _json(data: Any) -> str:
    import json

    return json.dumps(data, default=str)


def dump(settings: VpnSettings) -> str:
    """The file's text."""
    data = {"version": VERSION, **settings.model_dump(mode="json", exclude_none=True)}
    return _HEAD + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


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

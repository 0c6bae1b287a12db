"""Whether an address that is wanted is free: somebody else's is a mistake that is found before anything changes."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address
from pathlib import Path

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.system.network import arp
from pi_installer_tui.modules.system.network.base import setting_of
from pi_installer_tui.modules.system.settings import Static, SystemSettings
from pi_installer_tui.modules.system.state import State
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import Unknown, known
from pi_installer_tui.tasks.plan import Mistake


async def taken(host: Host, state: State, settings: SystemSettings) -> list[Mistake]:
    """The addresses that somebody else answers for. The machine's own are never asked about, nor is an interface
    without a link; where it can't be asked (no permission) nothing is claimed."""
    if isinstance(state.network, Unknown):
        return []
    effective = (known(i.effective) for i in state.network.values())
    own: set[IPv4Address] = {a.ip for e in effective if e for a in e.addresses}
    wrong: list[Mistake] = []
    for name, wanted in (settings.network or {}).items():
        found = state.network.get(name)
        if not isinstance(wanted, Static) or found is None or not found.connected or wanted.address.ip in own:
            continue
        address = str(wanted.address.ip)
        try:
            done = await host.run((sys.executable, "-I", str(Path(arp.__file__)), name, address))
        except CommandNotFound:
            continue
        if done.ok:
            message = _("{address} is taken: {who} answers for it").format(address=address, who=done.stdout.strip())
            wrong.append(Mistake(f"{setting_of(name)}.address", message))
    return wrong

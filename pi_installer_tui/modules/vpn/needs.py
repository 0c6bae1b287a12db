"""What tunnels need of the firewall: that packets come in at the port, and that what comes through the tunnel may come
in and be passed on (what each peer may reach is up to the tunnel's own rules)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pi_installer_tui.modules.vpn.own_way import through
from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.modules.vpn.state import State
from pi_installer_tui.modules.vpn.wanted import wanted
from pi_installer_tui.system.reading import known
from pi_installer_tui.tasks.plan import OpenPort


def needs(state: State, settings: VpnSettings) -> Sequence[OpenPort]:
    """Of the tunnels that these settings name: granted while a tunnel runs, taken back when it goes."""
    try:
        tunnels = wanted(state, settings).tunnels or {}
    except ValueError:
        return ()
    found: list[OpenPort] = []
    way = through(state)
    for name in settings.tunnels or {}:
        there, tunnel = state.by_name.get(name), tunnels.get(name)
        own = way is not None and way[0].name == name  # what is changed may go back: nothing is taken back before
        if tunnel is None:
            port = there.port if there is not None and there.ours else 0
            found += _of(name, port, on=False) if port and not own else ()
            continue
        was = known(there.enabled.configured) if there is not None else True
        if tunnel.reach is None:  # adopted, with rules of its own
            continue
        on = tunnel.enabled if tunnel.enabled is not None else was is not False
        if on or not own:
            found += _of(name, tunnel.port or 0, on=on)
        if on and own and there is not None and there.port not in (0, tunnel.port):
            old = f"vpn-{name}-before"  # the rule of the old port goes with the next change
            found.append(OpenPort(old, f"vpn.tunnels.{name}", protocol="udp", port=there.port))
    return found


def _of(name: str, port: int, *, on: bool) -> Iterator[OpenPort]:
    setting = f"vpn.tunnels.{name}"
    yield OpenPort(f"vpn-{name}", setting, protocol="udp", port=port, on=on)
    yield OpenPort(f"vpn-{name}-machine", setting, interface=name, on=on)
    yield OpenPort(f"vpn-{name}-out", setting, interface=name, passed_on=True, on=on)

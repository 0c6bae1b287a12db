"""What proves a tunnel: it listens, its rules are in the kernel, peers may connect or may not."""

from __future__ import annotations

from collections.abc import Iterator

from pi_installer_tui.modules.vpn import rules
from pi_installer_tui.modules.vpn.reading import unit
from pi_installer_tui.modules.vpn.settings import TunnelSettings
from pi_installer_tui.modules.vpn.wanted import allowed
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.steps import Tunnel


def hooks(tunnel: str, *, docker: bool) -> tuple[tuple[str, str], ...]:
    """The lines by which wg-quick(8) loads the rules when the tunnel starts, and takes them away when it stops. Docker
    sets the policy of forwarded packets to DROP; its rules are another table's, so it has to be told apart."""
    found = [
        ("PostUp", f"nft -f {rules.path(tunnel)}"),
        ("PostDown", f"nft delete table inet {rules.table(tunnel)}"),
    ]
    for way in ("-i", "-o") if docker else ():
        for program in ("iptables", "ip6tables"):
            found += [
                ("PostUp", f"{program} -w 5 -I FORWARD {way} {tunnel} -j ACCEPT"),
                ("PostDown", f"{program} -w 5 -D FORWARD {way} {tunnel} -j ACCEPT"),
            ]
    return tuple(found)


def runs(name: str, tunnel: TunnelSettings, setting: str) -> Iterator[CommandSays]:
    """It is active, and listens at its port; its rules are there."""
    asks = ("systemctl", "is-active", unit(name))
    yield CommandSays(id=f"vpn.{name}.active", setting=setting, argv=asks, line="active", within=10)
    port = ("wg", "show", name, "listen-port")
    yield CommandSays(id=f"vpn.{name}.port", setting=setting, argv=port, line=str(tunnel.port), within=10)
    if tunnel.reach is not None:
        listed = ("nft", "list", "table", "inet", rules.table(name))
        yield CommandSays(id=f"vpn.{name}.rules", setting=setting, argv=listed, line="chain peers {", within=10)


def peers(name: str, tunnel: TunnelSettings, step: Tunnel | None, setting: str) -> Iterator[CommandSays]:
    """Those that were added or resumed may connect with their addresses, those that were revoked or paused may not."""
    asks = ("wg", "show", name, "allowed-ips")
    for number, change in enumerate(step.peers if step is not None else ()):
        where = f"{setting}.peers.{change.name}" if change.name in (tunnel.peers or {}) else setting
        if change.key and (change.gone or change.paused or change.private):
            yield CommandSays(
                id=f"vpn.{name}.cut-{number}", setting=where, argv=("wg", "show", name, "peers"), without=change.key
            )
        elif change.name in (tunnel.peers or {}) and not (tunnel.peers or {})[change.name].paused:
            first = allowed((tunnel.peers or {})[change.name])[:1]
            for one in first:
                yield CommandSays(id=f"vpn.{name}.peer-{number}", setting=where, argv=asks, contains=one)

"""What happens by itself: peers that expire are paused, and the port at the router is asked for again. systemd's timers
and services, which call the command line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from pi_installer_tui.modules.interpreter import quoted
from pi_installer_tui.modules.vpn.settings import VpnSettings

FOLDER = "/etc/systemd/system"
PREFIX = "pi-installer-tui-vpn-"
EXPIRY, MAPPING = f"{PREFIX}expiry", f"{PREFIX}mapping"
#: minutes after which the router is asked again: well before the half of the two hours that are asked for is over
#: (RFC 6886, 3.3; RFC 6887, 11.2.1), for a router may grant less
RENEWAL = 30


#: the step that gives the ports back when nobody asks for them any more
BACK = "vpn.mapping.back"


def verb(interpreter: str) -> tuple[str, ...]:
    """How our command line is called, to the word `vpn`."""
    return interpreter, "-I", "-m", "pi_installer_tui", "vpn"


def units(settings: VpnSettings, interpreter: str) -> dict[str, str]:
    """The unit files by their names, as far as these settings need them."""
    found: dict[str, str] = {}
    tunnels = (settings.tunnels or {}).values()
    ends = sorted({peer.expires for each in tunnels for peer in (each.peers or {}).values() if peer.expires})
    if ends:
        found[f"{EXPIRY}.service"] = _service("Peers of the VPN that have expired are paused", interpreter, "expire")
        found[f"{EXPIRY}.timer"] = _timer("When peers of the VPN expire", _ends(ends))
    if any(each.mapping not in (None, "none") for each in tunnels):
        text = _service("The VPN's port is asked for at the router", interpreter, "map --renew")
        found[f"{MAPPING}.service"] = text
        when = ("OnActiveSec=1s", "OnBootSec=1min", f"OnUnitActiveSec={RENEWAL}min")
        found[f"{MAPPING}.timer"] = _timer("When the VPN's port is asked for at the router", when)
    return found


def over(expires: date) -> date:
    """The day on which a peer can't connect any more: it may until the end of the day that its settings name."""
    return expires + timedelta(days=1)


def _ends(days: Iterable[date]) -> tuple[str, ...]:
    """systemd.time(7). Persistent: what was missed while the machine was off is made up for."""
    return (*(f"OnCalendar={over(day).isoformat()} 00:00:00" for day in days), "Persistent=true", "AccuracySec=1s")


def _service(title: str, interpreter: str, words: str) -> str:
    """systemd.service(5). CollectMode (systemd.unit(5)): one that failed is forgotten as soon as its timer goes."""
    return f"""# Made by pi-installer-tui.
[Unit]
Description={title} (pi-installer-tui)
After=network-online.target time-sync.target
Wants=network-online.target
CollectMode=inactive-or-failed

[Service]
Type=oneshot
ExecStart={quoted(interpreter)} -I -m pi_installer_tui vpn {words}
WorkingDirectory=/
"""


def _timer(title: str, lines: Iterable[str]) -> str:
    """systemd.timer(5)."""
    said = "\n".join(lines)
    return f"""# Made by pi-installer-tui.
[Unit]
Description={title} (pi-installer-tui)

[Timer]
{said}

[Install]
WantedBy=timers.target
"""

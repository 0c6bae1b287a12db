"""What the wizard proposes for monitoring, and the port that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.base import Claim, Link, Offer
from pi_installer_tui.modules.monitoring.settings import MonitoringSettings
from pi_installer_tui.modules.monitoring.state import State
from pi_installer_tui.modules.monitoring.usual import LOGIN
from pi_installer_tui.system.reading import known

#: bytes that the collector takes, and that its history of a year does
MEMORY, DISK = 20_000_000, 40_000_000


def offer(state: State, goals: frozenset[str]) -> Offer:
    """The collector with the usual rules, told to who logs in."""
    wanted: dict[str, Any] = {}
    if goals:
        wanted = {"enabled": True, "usual_rules": True}
        config = known(state.config)
        if config is None or not config.channels:
            wanted["channels"] = {LOGIN.name: {"by": LOGIN.by}}
    asked = ("enabled", "usual_rules", "channels")
    return Offer(wanted=wanted, asked=asked, memory=0 if state.runs else MEMORY, disk=0 if state.runs else DISK)


def claims(state: State, settings: MonitoringSettings) -> Sequence[Claim]:
    """The exporter's port, where there will be one."""
    now, wants = known(state.config), settings.exporter
    listens = now.exporter if now is not None else None
    if wants is not None and wants.enabled is False:
        return []
    if listens is None and not (wants is not None and wants.enabled):
        return []
    port = (wants.port if wants is not None else None) or (listens.port if listens is not None else 9105)
    return [
        Claim("port", f"{port}/tcp", "exporter.port", _("metrics for Prometheus"), frozenset({"python", "python3"}))
    ]


def links(state: State) -> Sequence[Link]:
    """Where the metrics can be fetched."""
    config = known(state.config)
    if not state.runs or config is None or config.exporter is None:
        return []
    address = config.exporter.address
    host = "{host}" if address in ("0.0.0.0", "::") else f"[{address}]" if ":" in address else address
    return [Link(f"http://{host}:{config.exporter.port}/metrics", _("metrics for Prometheus"))]

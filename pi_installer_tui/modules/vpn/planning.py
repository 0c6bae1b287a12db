"""One plan, as its parts are made: what they share."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass, field

from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.modules.vpn.state import State, Tunnel
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.tasks.steps import Step
from pi_installer_tui.tasks.steps import Tunnel as TunnelFile

NAME = "vpn"
#: the step that brings packages
PACKAGES = f"{NAME}.packages"
#: mode of files with keys
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Planning:
    """settings: what is asked for; wanted: with what was applied before, whole. rotate: tunnels and peers that get new
    keys. part: the steps so far."""

    state: State
    settings: VpnSettings
    wanted: VpnSettings
    rotate: Collection[tuple[str, str]] = frozenset()
    part: Part = field(default_factory=lambda: Part(NAME))

    def add(self, step: Step) -> None:
        """The next step."""
        self.part.steps.append(step)

    def there(self, *ids: str) -> tuple[str, ...]:
        """Those of these steps that are in the plan."""
        return tuple(each for each in self.part.ids() if each in ids)

    def file_step(self, name: str) -> TunnelFile | None:
        """The step that changes a tunnel's file, None where it stays."""
        return next((s for s in self.part.steps if isinstance(s, TunnelFile) and s.id == f"{NAME}.{name}.file"), None)


def nets(allowed: Collection[str]) -> frozenset[str]:
    """Networks in the form in which they can be compared."""
    return frozenset(str(ipaddress.ip_network(each, strict=False)) for each in allowed)


def enabled(there: Tunnel | None) -> Known[tuple[bool, bool]] | Unknown:
    """Whether it starts at boot, and whether it runs."""
    if there is None:
        return Known((False, False))
    found: list[bool] = []
    for reading in (there.enabled.configured, there.enabled.effective):
        if isinstance(reading, Unknown):
            return reading
        found.append(isinstance(reading, Known) and reading.value)
    return Known((found[0], found[1]))

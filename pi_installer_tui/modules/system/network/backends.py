"""The backends that are written for, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pi_installer_tui.modules.system.network import netplan, networkd, networkmanager
from pi_installer_tui.modules.system.network.base import Addressing, Interface
from pi_installer_tui.tasks.plan import Blocked
from pi_installer_tui.tasks.steps import Step

Steps = Callable[[Interface, Addressing], tuple[list[Step], list[Blocked]]]

BACKENDS: Mapping[str, Steps] = {
    netplan.NAME: netplan.steps,
    networkmanager.NAME: networkmanager.steps,
    networkd.NAME: networkd.steps,
}

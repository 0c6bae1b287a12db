"""What the wizard asks of the system, and which subnets are in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.base import Claim, Offer
from pi_installer_tui.modules.system.settings import Static, SystemSettings
from pi_installer_tui.modules.system.state import State
from pi_installer_tui.system.reading import Unknown, known

ASKED = ("hostname", "timezone", "locale", "keyboard.layout", "network")


def offer(state: State, goals: frozenset[str]) -> Offer:
    """The clock is set from the network on every machine: certificates and updates need the right time."""
    wanted = {} if known(state.ntp.best) is True or state.ntp_hindered else {"ntp": True}
    return Offer(wanted=wanted, asked=ASKED)


def claims(state: State, settings: SystemSettings) -> Sequence[Claim]:
    """The subnets in which the machine is, or will be."""
    found: dict[str, Claim] = {}
    named: Mapping[str, Any] = settings.network or {}
    if not isinstance(state.network, Unknown):
        for name, interface in state.network.items():
            wanted = named.get(name)
            if isinstance(wanted, Static):
                continue  # below
            effective = known(interface.effective)
            for address in effective.addresses if effective is not None else ():
                _claim(found, name, str(address.network))
    for name, wanted in named.items():
        if isinstance(wanted, Static) and wanted.address is not None:
            _claim(found, name, str(wanted.address.network))
    return tuple(found.values())


def _claim(found: dict[str, Claim], name: str, subnet: str) -> None:
    title = _("the network at {interface}").format(interface=name)
    found.setdefault(subnet, Claim("subnet", subnet, f"network.{name}.address", title))

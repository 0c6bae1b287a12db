"""How an interface gets its addresses, in words that no backend has for itself."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from pi_installer_tui.system.reading import Known, Reading, Source, known

if TYPE_CHECKING:
    from pi_installer_tui.modules.system.settings import Dhcp, Static
    from pi_installer_tui.tasks.steps import Step
    from pi_installer_tui.tasks.steps.probation import Wrapped

IPV6_METHODS = ("auto", "link-local", "disabled")
EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Addressing:
    """How an interface gets its addresses.

    method: dhcp, static, off, or the backend's own word for what can't be set here (`shared`).
    addresses: fixed IPv4 addresses (effective: all of them). ipv6: one of IPV6_METHODS, the backend's own word, or ""
    where it isn't known.
    """

    method: str
    addresses: tuple[IPv4Interface, ...] = ()
    gateway: IPv4Address | None = None
    dns: tuple[IPv4Address | IPv6Address, ...] = ()
    search: tuple[str, ...] = ()
    ipv6: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as the kernel has it: effective is Missing where there is no cable or network. ipv6: it has an
    IPv6 address, which every interface with IPv6 has."""

    kind: str
    hardware: str
    effective: Reading[Addressing]
    ipv6: bool


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of the machine.

    kind: ethernet or wifi, or what the backend calls it. connected: it has a link and is set up.
    backend: who sets its addresses, "" where nobody does. owner: who writes the backend's file, "" where a person does.
    places: file and line of each field of `configured`. form: what the backend's `steps` need to know.
    refused: why nothing can be changed here, in words; "" where it can. pending: what its owner will write at the next
    boot, None where that is what is configured.
    """

    name: str
    kind: str
    connected: bool
    backend: str
    configured: Reading[Addressing]
    effective: Reading[Addressing]
    owner: str = ""
    places: Mapping[str, Source] = field(default_factory=lambda: EMPTY)
    form: Any = None
    refused: str = ""
    pending: Reading[Addressing] | None = None


def wanted(setting: Dhcp | Static, interface: Interface) -> Addressing:
    """What is configured now with what is wanted on top. What the setting leaves out stays, as far as it belongs to
    the method: an address doesn't outlive the change to DHCP."""
    from pi_installer_tui.modules.system.settings import Static

    now = known(interface.configured) or Addressing("", ipv6="auto")
    same = now if setting.method == now.method else replace(now, addresses=(), gateway=None)
    method, addresses, gateway = setting.method, same.addresses, same.gateway
    if isinstance(setting, Static):
        if setting.address not in addresses:
            addresses = (setting.address, *addresses[1:])
        gateway = setting.gateway or gateway
    return Addressing(
        method=method,
        addresses=addresses,
        gateway=gateway,
        dns=now.dns if setting.dns is None else setting.dns,
        search=now.search if setting.search is None else setting.search,
        ipv6=setting.ipv6 or now.ipv6,
    )


def in_effect(want: Addressing, interface: Interface) -> bool:
    """Whether the interface runs as wanted. One without a link does: what is configured waits for the cable."""
    if not interface.connected or not isinstance(interface.effective, Known):
        return True
    now = interface.effective.value
    if now.method != want.method or not set(want.dns) <= set(now.dns):
        return False
    if now.ipv6 and want.ipv6 and (now.ipv6 == "disabled") != (want.ipv6 == "disabled"):
        return False
    if want.method == "static":
        left_over = {d for d in now.dns if d.version == 4} - set(want.dns)
        return set(now.addresses) == set(want.addresses) and now.gateway == want.gateway and not left_over
    return True


def on_probation(
    steps: Sequence[Step], found: Mapping[str, Interface], settings: Mapping[str, Dhcp | Static]
) -> list[Step]:
    """The same steps; those that may cut a connection, with all of their interface's, wait for a confirmation at the
    end. Addresses that go stay beside the new ones until then."""
    from pi_installer_tui.tasks.steps import KeepAddress, Probation
    from pi_installer_tui.tasks.steps.probation import Place

    risky = {step.setting for step in steps if "connection" in step.risks}
    names = [name for name in settings if setting_of(name) in risky]
    if not names:
        return list(steps)
    reaches: list[Place] = []
    leaves: list[Place] = []
    for name in names:
        now, will = known(found[name].effective) or Addressing("off"), wanted(settings[name], found[name])
        reaches += [Place(interface=name, address=str(a)) for a in will.addresses if a not in now.addresses]
        if will.method != "dhcp" or now.method != "dhcp":
            reaches += [Place(interface=name)] if will.method == "dhcp" else []
            gone = [a for a in now.addresses if a not in will.addresses]
            leaves += [Place(interface=name, address=str(a)) for a in gone]
    wrapped = [step for step in steps if step.setting in risky]
    stay = [
        KeepAddress(
            id=step_id(place.interface, f"keep-{number}"),
            setting=setting_of(place.interface),
            interface=place.interface,
            address=place.address,
        )
        for number, place in enumerate(leaves, 1)
    ]
    trial = Probation(
        id="system.network.probation",
        setting="system.network",
        risks=("connection",),
        cuts=tuple(f"interface:{name}" for name in names),
        steps=tuple(cast("list[Wrapped]", [*wrapped, *stay])),
        reaches=tuple(reaches),
        leaves=tuple(leaves),
    )
    return [*(step for step in steps if step not in wrapped), trial]


def step_id(interface: str, what: str) -> str:
    """A step's id for an interface; names that differ in case only don't meet."""
    lower = interface.lower()
    if lower != interface:
        lower += f"-{zlib.crc32(interface.encode()):08x}"
    return f"system.network.{lower}.{what}"


def setting_of(interface: str) -> str:
    """Where an interface stands in a setup file."""
    return f"system.network.{interface}"

"""What proves the system's settings: the tools that own them are asked."""

from __future__ import annotations

from pi_installer_tui.modules.system.network.base import Addressing, setting_of, step_id
from pi_installer_tui.tasks.checks import AddressUp, Check, CommandSays, UnitActive


def hostname(name: str) -> list[Check]:
    """systemd-hostnamed and the kernel both call it that."""
    setting = "system.hostname"
    return [
        CommandSays(id="system.hostname.static", setting=setting, argv=("hostnamectl", "--static"), line=name),
        CommandSays(id="system.hostname.kernel", setting=setting, argv=("hostname",), line=name),
    ]


def timezone(zone: str) -> list[Check]:
    """systemd-timedated has the zone."""
    argv = ("timedatectl", "show", "--property=Timezone", "--value")
    return [CommandSays(id="system.timezone.is", setting="system.timezone", argv=argv, line=zone)]


def ntp(unit: str, on: bool) -> list[Check]:
    """The service that sets the clock runs, or doesn't."""
    return [UnitActive(id="system.ntp.is", setting="system.ntp", name=unit, active=on, within=10)]


def locale(name: str, built_as: str) -> list[Check]:
    """It is built, and systemd-localed hands it out."""
    setting = "system.locale"
    return [
        CommandSays(id="system.locale.built", setting=setting, argv=("locale", "-a"), line=built_as),
        CommandSays(
            id="system.locale.is", setting=setting, argv=("localectl", "status"), contains=f"LANG={name}", within=5
        ),
    ]


def keyboard(layout: str) -> list[Check]:
    """systemd-localed has the layout."""
    argv = ("localectl", "status")
    return [CommandSays(id="system.keyboard.is", setting="system.keyboard", argv=argv, contains=layout, within=5)]


def interface(name: str, want: Addressing) -> list[Check]:
    """The kernel has the address, and the way out goes over the gateway."""
    return [
        AddressUp(
            id=step_id(name, "up"),
            setting=setting_of(name),
            interface=name,
            address=str(want.addresses[0]) if want.method == "static" and want.addresses else "",
            gateway=str(want.gateway or ""),
            within=30,
        )
    ]

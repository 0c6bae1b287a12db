"""What proves the system's settings: the tools that own them are asked."""

from __future__ import annotations

from pi_installer_tui.modules.system.network import networkmanager
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


def interface(name: str, want: Addressing, by: str) -> list[Check]:
    """The kernel has the address, the way out goes over the gateway, and the backend that runs it (`by`) has the DNS
    servers."""
    setting = setting_of(name)
    found: list[Check] = [
        AddressUp(
            id=step_id(name, "up"),
            setting=setting,
            interface=name,
            address=str(want.addresses[0]) if want.method == "static" and want.addresses else "",
            gateway=str(want.gateway or ""),
            within=30,
        )
    ]
    if by == networkmanager.NAME:
        argv = ("nmcli", "--get-values", "IP4.DNS", "device", "show", name)
        found += [
            CommandSays(id=step_id(name, f"dns-{n}"), setting=setting, argv=argv, contains=str(server), within=30)
            for n, server in enumerate((d for d in want.dns if d.version == 4), 1)
        ]
    return found

"""Whether updates come by themselves: what apt's configuration says when all its files are read (apt-config(8)), and
whether the timers that act on it run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pi_installer_tui.i18n import _
from pi_installer_tui.system.formats import FormatError, get
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, Value, known

FOLDER = "/etc/apt/apt.conf.d"
PERIODIC = f"{FOLDER}/20auto-upgrades"
OWN = f"{FOLDER}/99pi-installer-tui-updates"
TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")

#: read by the files that debsums has in /etc/cron.daily, cron.weekly and cron.monthly
DEBSUMS = "/etc/default/debsums"
CHECK = "CRON_CHECK"

#: what the setting is called in apt's configuration (apt.conf(5), unattended-upgrades' 50unattended-upgrades)
LISTS = "APT::Periodic::Update-Package-Lists"
UPGRADE = "APT::Periodic::Unattended-Upgrade"
ORIGINS = "Unattended-Upgrade::Origins-Pattern"
OLD_ORIGINS = "Unattended-Upgrade::Allowed-Origins"
REBOOT = "Unattended-Upgrade::Automatic-Reboot"
REBOOT_TIME = "Unattended-Upgrade::Automatic-Reboot-Time"
REBOOT_USERS = "Unattended-Upgrade::Automatic-Reboot-WithUsers"
MAIL = "Unattended-Upgrade::Mail"
MAIL_WHEN = "Unattended-Upgrade::MailReport"


@dataclass(frozen=True, slots=True)
class Updates:
    """values: apt's configuration as it is when all files are read, names as above in lower case; a list has several.
    timers: whether each of TIMERS is enabled and active. automatic: all of it together. own: what our file sets.
    package_check: how often debsums is run (daily, weekly, monthly, never); MISSING: it isn't installed. cron: whether
    there is a cron to run it (every Debian package of one has a crontab(1))."""

    installed: bool
    values: Reading[Mapping[str, tuple[str, ...]]]
    timers: Mapping[str, Value[bool]] = field(default_factory=lambda: MappingProxyType({}))
    places: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    own: tuple[tuple[str, str], ...] = ()
    package_check: Reading[str] = MISSING
    cron: bool = False

    def says(self, name: str) -> Reading[tuple[str, ...]]:
        """A setting's values; MISSING where it isn't set."""
        if not isinstance(self.values, Known):
            return self.values
        found = self.values.value.get(name.lower())
        return MISSING if found is None else Known(found, self.places.get(name.lower()))

    @property
    def origins(self) -> Reading[tuple[str, ...]]:
        """Where updates are taken from: patterns, and the older form of them."""
        if not isinstance(self.values, Known):
            return self.values
        found = (known(self.says(ORIGINS)) or ()) + (known(self.says(OLD_ORIGINS)) or ())
        return Known(found) if found else MISSING

    @property
    def automatic(self) -> Reading[bool]:
        """Whether updates really come by themselves: installed, both periods set, origins named, timers at work."""
        if not self.installed:
            return Known(False)
        if not isinstance(self.values, Known):
            return self.values
        for timer in self.timers.values():
            if isinstance(timer.effective, Unknown):
                return timer.effective
        periods = period(self.says(LISTS)) and period(self.says(UPGRADE))
        at_work = all(t.configured == Known(True) == t.effective for t in self.timers.values())
        named = isinstance(self.origins, Known)
        return Known(periods and named and at_work and len(self.timers) == len(TIMERS))


def period(reading: Reading[tuple[str, ...]]) -> bool:
    """A period in days, or with a unit (apt.systemd.daily); 0 is never."""
    values = known(reading) or ("0",)
    return re.fullmatch(r"0*[1-9][0-9]*[smhd]?|always", values[-1]) is not None


async def read(host: Host) -> Updates:
    """What apt's configuration says, and what the timers do."""
    timers, values = await asyncio.gather(_timers(host), _values(host))
    places = {}
    for name in await host.listdir(FOLDER):
        try:
            text = await host.text(f"{FOLDER}/{name}") or ""
        except OSError:
            continue
        for key in (LISTS, UPGRADE, REBOOT, REBOOT_TIME, REBOOT_USERS, MAIL, MAIL_WHEN, ORIGINS):
            for number, line in enumerate(text.splitlines(), 1):
                if line.lstrip().lower().startswith(key.lower()):
                    places[key.lower()] = Source(f"{FOLDER}/{name}", number)
    own = re.findall(r'^([A-Za-z:-]+) "(.*)";$', await host.text(OWN) or "", re.MULTILINE)
    installed = await host.which("unattended-upgrade") is not None
    check, cron = await _package_check(host), await host.which("crontab") is not None
    return Updates(installed, values, timers, places, tuple((name, value) for name, value in own), check, cron)


async def _package_check(host: Host) -> Reading[str]:
    """What /etc/default/debsums says, which its files in /etc/cron.* read."""
    if await host.which("debsums") is None:
        return MISSING
    try:
        entry = get("keyvalue", await host.text(DEBSUMS) or "", (CHECK,))
    except (FormatError, OSError) as error:
        return Unknown(f"{DEBSUMS}: {error}")
    return Known("never") if entry is None else Known(str(entry.value), Source(DEBSUMS, entry.line))


async def _timers(host: Host) -> Mapping[str, Value[bool]]:
    try:
        said = await host.run(["systemctl", "show", "--property=Id,UnitFileState,ActiveState", *TIMERS])
    except CommandNotFound as error:
        return dict.fromkeys(TIMERS, Value(Unknown(str(error)), Unknown(str(error))))
    units = [
        dict(line.split("=", 1) for line in part.splitlines() if "=" in line) for part in said.stdout.split("\n\n")
    ]
    found = {unit.get("Id", ""): unit for unit in units}
    return {
        name: Value(
            Known(found.get(name, {}).get("UnitFileState") in ("enabled", "static")),
            Known(found.get(name, {}).get("ActiveState") == "active"),
        )
        for name in TIMERS
    }


async def _values(host: Host) -> Reading[Mapping[str, tuple[str, ...]]]:
    """`apt-config dump`: a line `Name "value";`, of a list `Name:: "value";`."""
    try:
        answer = await host.run(["apt-config", "dump"])
    except CommandNotFound as error:
        return Unknown(str(error))
    if not answer.ok:
        return Unknown(_("`apt-config dump` fails"))
    found: dict[str, tuple[str, ...]] = {}
    for line in answer.stdout.splitlines():
        parsed = re.fullmatch(r'(\S+) "(.*)";', line)
        if parsed is None:
            continue
        name = parsed[1].lower()
        if name.endswith("::"):
            found[name.removesuffix("::")] = (*found.get(name.removesuffix("::"), ()), parsed[2])
        elif parsed[2]:
            found[name] = (parsed[2],)
    return Known(MappingProxyType(found))

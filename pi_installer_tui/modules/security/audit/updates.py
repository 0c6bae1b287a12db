"""Updates: what apt knows to be pending, and whether they come by themselves. Nothing is asked of the network."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security import updates as automatic
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.base import Check, Finding
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown, known

UPGRADE = ("apt-get", "--simulate", "-qq", "--option=Debug::NoLocking=true", "dist-upgrade")
POLICY = ("apt-cache", "policy")
CONFIG = ("apt-config", "dump")
LISTS = "/var/lib/apt/lists"
#: apt's lists are believed for so long
FRESH = 7 * 24 * 3600  # seconds

PENDING = Check(
    "updates.security",
    "updates",
    10,
    N_("Are all security updates installed that apt knows of?"),
    N_("What they mend is public, and it is tried everywhere within days."),
    N_("apt update && apt full-upgrade"),
)
SOURCE = Check(
    "updates.source",
    "updates",
    8,
    N_("Does apt ask where the security updates are?"),
    N_("Without that source no security update ever comes."),
    N_("Add the distribution's security archive to /etc/apt/sources.list.d"),
)
AUTOMATIC = Check(
    "updates.automatic",
    "updates",
    7,
    N_("Do security updates come by themselves, every day?"),
    N_("Updates that somebody has to think of come late."),
    N_("Install unattended-upgrades and switch it on in /etc/apt/apt.conf.d/20auto-upgrades"),
    "security.updates",
)
CHECKS = (PENDING, SOURCE, AUTOMATIC)

#: labels and origins of archives that bring security updates: Debian's own archive, and those that have no other
#: one for them (Raspbian, Raspberry Pi)
SECURITY = re.compile(r"(?:^|[, ])(Debian-Security|Raspbian|Ubuntu:[^/ ,]*/[^/ ,]*-security)[:/]")
_INST = re.compile(r"^Inst (\S+)(?: \[[^]]*\])? \((\S+) (.*?)(?: \[[^]]*\])?\)")


@dataclass(frozen=True, slots=True)
class Update:
    """A package that apt would upgrade. sources: `Debian-Security:13/stable-security`."""

    package: str
    version: str
    sources: str

    @property
    def security(self) -> bool:
        return SECURITY.search(self.sources) is not None


@dataclass(frozen=True, slots=True)
class Updates:
    """age: of apt's lists in seconds; None: there are none. archives: labels and origins that apt asks."""

    pending: tuple[Update, ...] | Unknown
    age: float | None
    archives: tuple[Mapping[str, str], ...] | Unknown
    automatic: automatic.Updates


def parse_upgrade(output: str) -> tuple[Update, ...]:
    """The lines `Inst NAME [OLD] (NEW ARCHIVE, ARCHIVE [ARCH])` of a simulation."""
    return tuple(Update(*found.groups()) for line in output.splitlines() if (found := _INST.match(line)))


def parse_policy(output: str) -> tuple[Mapping[str, str], ...]:
    """The `release` lines of apt-cache policy, each as its letters: o origin, l label, a archive, n codename."""
    found = []
    for line in output.splitlines():
        word, _blank, rest = line.strip().partition(" ")
        if word == "release":
            found.append({key: value for key, _e, value in (part.partition("=") for part in rest.split(","))})
    return tuple(found)


async def read(host: Host) -> Updates:
    """Asks apt about its own lists."""
    upgrade, policy, by_themselves = await asyncio.gather(
        base.say(host, *UPGRADE), base.say(host, *POLICY), automatic.read(host)
    )
    lists = await base.names(host, LISTS)
    partial = await host.stat(f"{LISTS}/partial")
    age: float | None = None
    files = [] if isinstance(lists, Unknown) else [n for n in lists if n.endswith(("InRelease", "Release"))]
    if files:
        stats = [partial, *[await host.stat(f"{LISTS}/{name}") for name in files]]
        # an update that brings nothing new still works in partial/
        age = max(0.0, time.time() - max(s.mtime_ns for s in stats if s is not None) / 1e9)
    return Updates(
        upgrade if isinstance(upgrade, Unknown) else parse_upgrade(upgrade),
        age,
        policy if isinstance(policy, Unknown) else parse_policy(policy),
        by_themselves,
    )


def judge(facts: Updates) -> tuple[Finding, ...]:
    """The findings on updates."""
    return _pending(facts), _source(facts), _automatic(facts)


def _pending(facts: Updates) -> Finding:
    if isinstance(facts.pending, Unknown):
        return base.unknown(PENDING, facts.pending)
    due = [u for u in facts.pending if u.security]
    lines = [f"{u.package} {u.version} {u.sources}" for u in due] or [_("no security update")]
    receipt = base.evidence(UPGRADE, lines)
    if due:
        return base.found(PENDING, (u.package for u in due), receipt)
    if facts.age is None:
        return base.unknown(PENDING, _("apt has no lists yet: apt update"))
    if facts.age > FRESH:
        days = int(facts.age // 86400)
        return base.unknown(PENDING, _("apt's lists are {n} days old: apt update").format(n=days), receipt)
    if _source(facts).verdict != "good":
        return base.unknown(PENDING, _("apt doesn't ask where security updates are"), receipt)
    return base.found(PENDING, (), receipt)


def _source(facts: Updates) -> Finding:
    if isinstance(facts.archives, Unknown):
        return base.unknown(SOURCE, facts.archives)
    if facts.age is None:
        return base.unknown(SOURCE, _("apt has no lists yet: apt update"))
    lines = dict.fromkeys(
        f"o={a.get('o', '')},l={a.get('l', '')},a={a.get('a', '')}" for a in facts.archives if "o" in a
    )
    ours = [
        a
        for a in facts.archives
        if a.get("l") == "Debian-Security" or a.get("o") == "Raspbian" or a.get("a", "").endswith("-security")
    ]
    receipt = base.evidence(POLICY, lines)
    return base.found(SOURCE, () if ours else ("Debian-Security",), receipt)


def _automatic(facts: Updates) -> Finding:
    of = facts.automatic
    if isinstance(of.values, Unknown):
        return base.unknown(AUTOMATIC, of.values)
    doubt = next((t.effective for t in of.timers.values() if isinstance(t.effective, Unknown)), None)
    if doubt is not None:
        return base.unknown(AUTOMATIC, doubt)
    missing: list[str] = [] if of.installed else ["unattended-upgrades"]
    settings = {name: known(of.says(name)) or () for name in (automatic.LISTS, automatic.UPGRADE, ENABLE)}
    missing += [name for name in (automatic.LISTS, automatic.UPGRADE) if (settings[name] or ("0",))[-1] == "0"]
    missing += [ENABLE] if settings[ENABLE][-1:] == ("0",) else []
    origins = known(of.origins) or ()
    if of.installed and not any("security" in each.lower() or "raspbian" in each.lower() for each in origins):
        missing.append(automatic.ORIGINS)
    timers = {name: known(timer.effective) is True for name, timer in of.timers.items()}
    missing += [name for name, runs in timers.items() if not runs]
    if not missing and known(of.automatic) is not True:
        missing.append("unattended-upgrades")
    lines = [f'{name} "{value}"' for name, values in settings.items() for value in values]
    lines += [f'{automatic.ORIGINS} "{value}"' for value in origins]
    state = [f"{name}: {'active' if runs else 'inactive'}" for name, runs in timers.items()]
    return base.found(
        AUTOMATIC, missing, base.evidence(CONFIG, lines), base.evidence(("systemctl", "is-active", *timers), state)
    )


#: the switch above all others (apt.systemd.daily)
ENABLE = "APT::Periodic::Enable"

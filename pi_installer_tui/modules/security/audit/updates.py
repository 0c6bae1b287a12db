"""Updates: what apt knows to be pending, and whether they come by themselves. Nothing is asked of the network."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.base import Check, Evidence, Finding
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown

UPGRADE = ("apt-get", "--simulate", "-qq", "--option=Debug::NoLocking=true", "dist-upgrade")
POLICY = ("apt-cache", "policy")
CONFIG = ("apt-config", "dump", "--no-empty")
LISTS = "/var/lib/apt/lists"
TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
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
    """age: of apt's lists in seconds; None: there are none. archives: labels and origins that apt asks. config: of
    apt, by lower-case name. units: of the timers."""

    pending: tuple[Update, ...] | Unknown
    age: float | None
    archives: tuple[Mapping[str, str], ...] | Unknown
    config: tuple[tuple[str, str], ...] | Unknown
    units: Mapping[str, Mapping[str, str]] | Unknown
    installed: bool  # unattended-upgrades


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


def parse_config(output: str) -> tuple[tuple[str, str], ...]:
    """`Name "value";` lines; a list's entries all have the name `Name::`."""
    lines = (re.fullmatch(r'(\S+) "(.*)";', line) for line in output.splitlines())
    return tuple((line[1].lower(), line[2]) for line in lines if line)


async def read(host: Host) -> Updates:
    """Asks apt about its own lists."""
    upgrade, policy, config, shown = await asyncio.gather(
        base.say(host, *UPGRADE),
        base.say(host, *POLICY),
        base.say(host, *CONFIG),
        base.say(host, "systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState", "--", *TIMERS),
    )
    lists = await base.names(host, LISTS)
    partial = await host.stat(f"{LISTS}/partial")
    program = await host.which("unattended-upgrade")
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
        config if isinstance(config, Unknown) else parse_config(config),
        shown if isinstance(shown, Unknown) else base.properties(shown),
        program is not None,
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
    if isinstance(facts.config, Unknown):
        return base.unknown(AUTOMATIC, facts.config)
    if isinstance(facts.units, Unknown):
        return base.unknown(AUTOMATIC, facts.units)
    single = dict(facts.config)
    missing: list[str] = []
    if not facts.installed:
        missing.append("unattended-upgrades")
    for name in ("Update-Package-Lists", "Unattended-Upgrade"):
        value = single.get(f"apt::periodic::{name.lower()}", "0")
        if value in ("0", ""):
            missing.append(f"APT::Periodic::{name}")
    if single.get("apt::periodic::enable", "1") == "0":
        missing.append("APT::Periodic::Enable")
    patterns = [v for n, v in facts.config if n.startswith("unattended-upgrade::") and n.endswith("::")]
    origins = [v for v in patterns if "security" in v.lower() or "raspbian" in v.lower()]
    if facts.installed and not origins:
        missing.append("Unattended-Upgrade::Origins-Pattern")
    for timer in TIMERS:
        if facts.units.get(timer, {}).get("ActiveState") != "active":
            missing.append(timer)
    wanted = ("apt::periodic::", "unattended-upgrade::origins-pattern", "unattended-upgrade::allowed-origins")
    lines = [f'{name} "{value}"' for name, value in facts.config if name.startswith(wanted) and value]
    units = [f"{timer}: {facts.units.get(timer, {}).get('ActiveState', 'not-found')}" for timer in TIMERS]
    return base.found(
        AUTOMATIC,
        missing,
        base.evidence(CONFIG, lines),
        Evidence("systemctl show " + " ".join(TIMERS), "\n".join(units)),
    )

"""The whole audit: all facts, all findings, and the score that is made of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.security.audit import (
    accounts,
    exposure,
    files,
    firewall,
    kernel,
    lynis,
    mounts,
    permissions,
    services,
    sshd,
    sudo,
    updates,
)
from pi_installer_tui.modules.security.audit.base import AREAS, Check, Finding, Verdict
from pi_installer_tui.modules.security.audit.exposure import Exposure
from pi_installer_tui.modules.security.audit.files import Scan
from pi_installer_tui.modules.security.audit.lynis import Lynis
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Reading, Unknown

#: every check, in the order of the areas
CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (
            *firewall.CHECKS,
            *sshd.CHECKS,
            *updates.CHECKS,
            *accounts.CHECKS,
            *sudo.CHECKS,
            *permissions.CHECKS,
            *files.CHECKS,
            *services.CHECKS,
            *mounts.CHECKS,
            *kernel.CHECKS,
        ),
        key=lambda check: list(AREAS).index(check.area),
    )
)


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found. findings: one of each check, in the order of CHECKS."""

    findings: tuple[Finding, ...]
    exposure: Exposure
    scan: Scan | Unknown
    lynis: Reading[Lynis] = field(default=MISSING)

    @property
    def score(self) -> int | None:
        """The weight of the good checks, of 100. Unknown ones and those that don't arise count neither way; None:
        nothing is known at all."""
        return score(self.findings)

    def of(self, *verdicts: Verdict) -> tuple[Finding, ...]:
        """The findings with such a verdict."""
        return tuple(f for f in self.findings if f.verdict in verdicts)

    def gain(self, finding: Finding) -> int:
        """The points that mending a bad one would bring."""
        mended = [replace(f, verdict="good") if f is finding else f for f in self.findings]
        return (score(mended) or 0) - (self.score or 0)


def score(findings: tuple[Finding, ...] | list[Finding]) -> int | None:
    """100 times the weight of what is good by the weight of what is good or bad, rounded down: 100 is all good."""
    good = sum(f.check.weight for f in findings if f.verdict == "good")
    bad = sum(f.check.weight for f in findings if f.verdict == "bad")
    return 100 * good // (good + bad) if good + bad else None


async def look(host: Host, scanned: Scan | Unknown, opinion: Reading[Lynis] | None = None) -> Report:
    """Looks at the machine, with what a walk through its files found (`files.scan`, `files.kept`) and what Lynis says
    (None: its last report). Never raises for what the machine lacks."""
    mounted = await mounts.read(host)
    boot, ssh, pending, who, sudoers = await asyncio.gather(
        firewall.read(host), sshd.read(host), updates.read(host), accounts.read(host), sudo.read(host)
    )
    exposed, secrets, units, values, second = await asyncio.gather(
        exposure.read(host),
        permissions.read(host),
        services.read(host, mounted),
        kernel.read(host),
        lynis.read(host),
    )
    findings: Mapping[str, Finding] = {
        finding.check.id: finding
        for area in (
            firewall.judge(boot, exposed),
            sshd.judge(ssh),
            updates.judge(pending),
            accounts.judge(who),
            sudo.judge(sudoers),
            permissions.judge(secrets),
            files.judge(scanned),
            services.judge(units),
            mounts.judge(mounted),
            kernel.judge(values),
        )
        for finding in area
    }
    return Report(tuple(findings[c.id] for c in CHECKS), exposed, scanned, second if opinion is None else opinion)


async def scan(host: Host) -> Scan | Unknown:
    """Walks through the files."""
    return await files.scan(host, await mounts.read(host))


def verdict(finding: Finding) -> str:
    """A verdict as a word."""
    return {
        "good": _("good"),
        "bad": _("bad"),
        "unknown": _("unknown"),
        "not-here": _("not here"),
    }[finding.verdict]

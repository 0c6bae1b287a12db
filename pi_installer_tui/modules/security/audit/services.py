"""Services: those that talk in clear text, those that nothing on this machine needs, and those that protect it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.base import Check, Evidence, Finding
from pi_installer_tui.modules.security.audit.mounts import Mount
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown

CLEAR = Check(
    "services.clear-text",
    "services",
    7,
    N_("Does no service run that sends passwords in clear text, or asks for none?"),
    N_("Everybody on the way can read the passwords, or needs none."),
    N_("systemctl disable --now UNIT; SSH does what they do"),
)
NEEDLESS = Check(
    "services.needless",
    "services",
    3,
    N_("Does no service run that nothing on this machine uses?"),
    N_("Every service has faults that somebody finds one day; one that nobody uses is all risk."),
    N_("systemctl disable --now UNIT"),
)
FAIL2BAN = Check(
    "services.fail2ban",
    "ssh",
    4,
    N_("Are addresses shut out that keep guessing passwords?"),
    N_("Robots try thousands of passwords a day."),
    N_("Install fail2ban with a jail for sshd"),
    "security.fail2ban",
)
AUDITD = Check(
    "services.auditd",
    "kernel",
    2,
    N_("Is it written down who changes accounts, sudo and the clock?"),
    N_("After a break-in nothing would tell what was done."),
    N_("Install auditd, with rules"),
    "security.auditd",
)
CHECKS = (CLEAR, NEEDLESS, FAIL2BAN, AUDITD)

#: units of services in clear text, or that trust whoever asks
CLEAR_UNITS = (
    "inetd.service",
    "openbsd-inetd.service",
    "inetutils-inetd.service",
    "xinetd.service",
    "telnet.socket",
    "telnetd.service",
    "rsh.socket",
    "rlogin.socket",
    "rexec.socket",
    "rsh-server.service",
    "tftpd-hpa.service",
    "atftpd.service",
    "vsftpd.service",
    "proftpd.service",
    "pure-ftpd.service",
    "ypserv.service",
    "nis.service",
    "finger.socket",
    "fingerd.service",
)
RPCBIND, CUPS, BLUETOOTH = ("rpcbind.socket", "rpcbind.service"), ("cups.service", "cups.socket"), "bluetooth.service"
NFS_SERVER = "nfs-server.service"
FAIL2BAN_UNIT, AUDITD_UNIT = "fail2ban.service", "auditd.service"
PRINTERS = "/etc/cups/printers.conf"
UNITS = (*CLEAR_UNITS, *RPCBIND, *CUPS, BLUETOOTH, NFS_SERVER, FAIL2BAN_UNIT, AUDITD_UNIT)
SHOW = ("systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState", "--")
JAIL = ("fail2ban-client", "status", "sshd")


@dataclass(frozen=True, slots=True)
class Services:
    """nfs: something is mounted over NFS. printers: cups has one. adapters: of Bluetooth. jail: what
    fail2ban says of sshd's. audit_rules: how many auditd has. container: its kernel is another machine's."""

    units: Mapping[str, Mapping[str, str]] | Unknown
    nfs: bool | Unknown
    printers: bool | Unknown
    adapters: tuple[str, ...] | Unknown
    jail: str | Unknown
    audit_rules: str | Unknown
    container: bool
    ssh: bool


def _active(units: Mapping[str, Mapping[str, str]], name: str) -> bool:
    return units.get(name, {}).get("ActiveState") in ("active", "activating", "reloading")


async def read(host: Host, mounts: tuple[Mount, ...] | Unknown, *, container: bool) -> Services:
    """Asks systemd about all of them at once, and of each that runs what would need it."""
    shown, printers, adapters, sshd = await asyncio.gather(
        base.say(host, *SHOW, *UNITS),
        base.text(host, PRINTERS),
        base.names(host, "/sys/class/bluetooth"),
        host.which("sshd"),
    )
    units = shown if isinstance(shown, Unknown) else base.properties(shown)
    jail: str | Unknown = Unknown("")
    rules: str | Unknown = Unknown("")
    if not isinstance(units, Unknown):
        if _active(units, FAIL2BAN_UNIT):
            jail = await base.say(host, *JAIL)
        if _active(units, AUDITD_UNIT):
            rules = await base.say(host, "auditctl", "-l")
    return Services(
        units,
        mounts if isinstance(mounts, Unknown) else any(m.kind in ("nfs", "nfs4") for m in mounts),
        printers if isinstance(printers, Unknown) else "<Printer " in (printers or ""),
        adapters,
        jail,
        rules,
        container,
        sshd is not None,
    )


def judge(facts: Services) -> tuple[Finding, ...]:
    """The findings on services."""
    if isinstance(facts.units, Unknown):
        return tuple(base.unknown(check, facts.units) for check in CHECKS)
    return (
        _clear(facts.units),
        _needless(facts, facts.units),
        _fail2ban(facts, facts.units),
        _auditd(facts, facts.units),
    )


def _receipt(units: Mapping[str, Mapping[str, str]], names: tuple[str, ...]) -> Evidence:
    there = [n for n in names if units.get(n, {}).get("LoadState") not in (None, "not-found")]
    lines = [f"{n}: {units[n].get('ActiveState')}, {units[n].get('UnitFileState') or '-'}" for n in there]
    return base.evidence(
        "systemctl show --property=Id,ActiveState,UnitFileState", lines or [_("none of them is installed")]
    )


def _clear(units: Mapping[str, Mapping[str, str]]) -> Finding:
    return base.found(CLEAR, (n for n in CLEAR_UNITS if _active(units, n)), _receipt(units, CLEAR_UNITS))


def _needless(facts: Services, units: Mapping[str, Mapping[str, str]]) -> Finding:
    receipt = _receipt(units, (*RPCBIND, *CUPS, BLUETOOTH, NFS_SERVER))
    bad: list[str] = []
    doubts: list[Unknown] = []
    cases = (
        (RPCBIND, False if _active(units, NFS_SERVER) else _not(facts.nfs)),
        (CUPS, _not(facts.printers)),
        ((BLUETOOTH,), facts.adapters if isinstance(facts.adapters, Unknown) else not facts.adapters),
    )
    for names, needless in cases:
        running = [n for n in names if _active(units, n)]
        if running and isinstance(needless, Unknown):
            doubts.append(needless)
        elif running and needless:
            bad += running
    if doubts and not bad:
        return base.unknown(NEEDLESS, doubts[0], receipt)
    return base.found(NEEDLESS, bad, receipt)


def _not(found: bool | Unknown) -> bool | Unknown:
    return found if isinstance(found, Unknown) else not found


def _fail2ban(facts: Services, units: Mapping[str, Mapping[str, str]]) -> Finding:
    if not facts.ssh:
        return base.not_here(FAIL2BAN, _("{program} is not installed").format(program="sshd"))
    state = _receipt(units, (FAIL2BAN_UNIT,))
    if not _active(units, FAIL2BAN_UNIT):
        return base.found(FAIL2BAN, (FAIL2BAN_UNIT,), state)
    if isinstance(facts.jail, Unknown):
        missing = "does not exist" in facts.jail.reason
        receipt = Evidence(" ".join(JAIL), facts.jail.reason)
        return base.found(FAIL2BAN, ("sshd",), receipt) if missing else base.unknown(FAIL2BAN, facts.jail, state)
    return base.found(FAIL2BAN, (), state, base.evidence(JAIL, facts.jail))


def _auditd(facts: Services, units: Mapping[str, Mapping[str, str]]) -> Finding:
    receipt = _receipt(units, (AUDITD_UNIT,))
    if facts.container:
        return base.not_here(AUDITD, _("a container has its host's kernel, which does the auditing"), receipt)
    if not _active(units, AUDITD_UNIT):
        return base.found(AUDITD, (AUDITD_UNIT,), receipt)
    if isinstance(facts.audit_rules, Unknown):
        return base.unknown(AUDITD, facts.audit_rules, receipt)
    lines = [line for line in facts.audit_rules.splitlines() if line.startswith("-")]
    return base.found(AUDITD, () if lines else ("rules",), base.evidence(("auditctl", "-l"), facts.audit_rules))

"""Services: those that talk in clear text, those that nothing on this machine needs, and those that protect it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security import auditd, fail2ban
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.base import Check, Evidence, Finding
from pi_installer_tui.modules.security.audit.mounts import Mount
from pi_installer_tui.modules.security.auditd import Auditd
from pi_installer_tui.modules.security.fail2ban import Fail2ban
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown, known

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
    "security.bans",
)
AUDITD = Check(
    "services.auditd",
    "kernel",
    2,
    N_("Is it written down who changes accounts, sudo and the clock?"),
    N_("After a break-in nothing would tell what was done."),
    N_("Install auditd, with rules"),
    "security.audit_log",
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
PRINTERS = "/etc/cups/printers.conf"
UNITS = (*CLEAR_UNITS, *RPCBIND, *CUPS, BLUETOOTH, NFS_SERVER)
SHOW = ("systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState", "--")


@dataclass(frozen=True, slots=True)
class Services:
    """nfs: something is mounted over NFS. printers: cups has one. adapters: of Bluetooth."""

    units: Mapping[str, Mapping[str, str]] | Unknown
    nfs: bool | Unknown
    printers: bool | Unknown
    adapters: tuple[str, ...] | Unknown
    fail2ban: Fail2ban
    auditd: Auditd
    ssh: bool


def _active(units: Mapping[str, Mapping[str, str]], name: str) -> bool:
    return units.get(name, {}).get("ActiveState") in ("active", "activating", "reloading")


async def read(host: Host, mounts: tuple[Mount, ...] | Unknown) -> Services:
    """Asks systemd about all of them at once."""
    shown, printers, adapters = await asyncio.gather(
        base.say(host, *SHOW, *UNITS), base.text(host, PRINTERS), base.names(host, "/sys/class/bluetooth")
    )
    bans, log = await asyncio.gather(fail2ban.read(host), auditd.read(host))
    return Services(
        shown if isinstance(shown, Unknown) else base.properties(shown),
        mounts if isinstance(mounts, Unknown) else any(m.kind in ("nfs", "nfs4") for m in mounts),
        printers if isinstance(printers, Unknown) else "<Printer " in (printers or ""),
        adapters,
        bans,
        log,
        await host.which("sshd") is not None,
    )


def judge(facts: Services) -> tuple[Finding, ...]:
    """The findings on services."""
    protecting = _fail2ban(facts), _auditd(facts.auditd)
    if isinstance(facts.units, Unknown):
        return (*(base.unknown(check, facts.units) for check in (CLEAR, NEEDLESS)), *protecting)
    return _clear(facts.units), _needless(facts, facts.units), *protecting


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


def _fail2ban(facts: Services) -> Finding:
    if not facts.ssh:
        return base.not_here(FAIL2BAN, _("{program} is not installed").format(program="sshd"))
    of = facts.fail2ban
    runs = of.enabled.effective
    if isinstance(runs, Unknown):
        return base.unknown(FAIL2BAN, runs)
    state = "not installed" if not of.installed else "active" if known(runs) else "not active"
    receipt = base.evidence(("systemctl", "is-active", fail2ban.SERVICE), [state])
    if not known(runs):
        return base.found(FAIL2BAN, (fail2ban.SERVICE,), receipt)
    if isinstance(of.jails, Unknown):
        return base.unknown(FAIL2BAN, of.jails, receipt)
    jails = known(of.jails) or ()
    lines = [f"{jail.name}: {jail.failed} failed, {len(jail.banned)} banned" for jail in jails]
    ssh = () if any(jail.name == "sshd" for jail in jails) else ("sshd",)
    return base.found(FAIL2BAN, ssh, receipt, base.evidence("fail2ban-client status", lines or [_("no jail")]))


def _auditd(of: Auditd) -> Finding:
    if not of.here:
        return base.not_here(AUDITD, _("a container has its host's kernel, which does the auditing"))
    runs = of.enabled.effective
    if isinstance(runs, Unknown):
        return base.unknown(AUDITD, runs)
    state = "not installed" if not of.installed else "active" if known(runs) else "not active"
    receipt = base.evidence(("systemctl", "is-active", auditd.SERVICE), [state])
    if not known(runs):
        return base.found(AUDITD, (auditd.SERVICE,), receipt)
    if isinstance(of.loaded, Unknown):
        return base.unknown(AUDITD, of.loaded, receipt)
    rules = known(of.loaded) or ()
    return base.found(AUDITD, () if rules else ("auditctl -l",), receipt, base.evidence(("auditctl", "-l"), rules))

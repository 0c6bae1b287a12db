"""Settings of the kernel, as /proc/sys has them."""

from __future__ import annotations

from collections.abc import Mapping

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security import sysctl
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.base import Check, Finding
from pi_installer_tui.modules.security.sysctl import Sysctl
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Known, Unknown

NETWORK = Check(
    "kernel.network",
    "kernel",
    4,
    N_("Does the kernel refuse forged routes and redirects?"),
    N_("Somebody in the same network could lead this machine's traffic over theirs."),
    N_("Set what is named in /etc/sysctl.d, then `sysctl --system`"),
    "security.kernel",
)
MEMORY = Check(
    "kernel.memory",
    "kernel",
    4,
    N_("Does the kernel hide its addresses and place programs at random?"),
    N_("Faults in programs become break-ins more easily."),
    N_("Set what is named in /etc/sysctl.d, then `sysctl --system`"),
    "security.kernel",
)
LINKS = Check(
    "kernel.links",
    "kernel",
    4,
    N_("Does the kernel guard links and pipes in folders where everybody may write?"),
    N_("Another account could lead a program of root's to a file of its choice."),
    N_("Set what is named in /etc/sysctl.d, then `sysctl --system`"),
    "security.kernel",
)
CHECKS = (NETWORK, MEMORY, LINKS)

#: by check: name and the values that are good (Documentation/admin-guide/sysctl, networking/ip-sysctl)
WANTED: Mapping[str, Mapping[str, frozenset[str]]] = {
    NETWORK.id: {
        "net.ipv4.conf.all.accept_redirects": frozenset("0"),
        "net.ipv4.conf.all.accept_source_route": frozenset("0"),
        "net.ipv4.tcp_syncookies": frozenset("12"),
        "net.ipv6.conf.all.accept_redirects": frozenset("0"),
        "net.ipv6.conf.all.accept_source_route": frozenset(("0", "-1")),
    },
    MEMORY.id: {
        "kernel.randomize_va_space": frozenset("2"),
        "kernel.kptr_restrict": frozenset("12"),
        "kernel.dmesg_restrict": frozenset("1"),
    },
    LINKS.id: {
        "fs.protected_hardlinks": frozenset("1"),
        "fs.protected_symlinks": frozenset("1"),
        "fs.protected_fifos": frozenset("12"),
        "fs.protected_regular": frozenset("12"),
    },
}


async def read(host: Host) -> Sysctl:
    """Reads the values; starts no program."""
    return await sysctl.read(host, [name for names in WANTED.values() for name in names])


def judge(facts: Sysctl) -> tuple[Finding, ...]:
    """The findings on the kernel."""
    return tuple(_one(check, facts) for check in CHECKS)


def _one(check: Check, facts: Sysctl) -> Finding:
    wanted = WANTED[check.id]
    here = {name: facts.values[name].effective for name in wanted if facts.values[name].effective != MISSING}
    values = {name: found.value for name, found in here.items() if isinstance(found, Known)}
    receipt = base.evidence(("sysctl", *wanted), (f"{name} = {value}" for name, value in values.items()))
    if not here:
        return base.not_here(check, _("this kernel has none of these settings"))
    if values and not any(facts.writable[name] for name in values):
        return base.not_here(check, _("a container has its host's kernel"), receipt)
    bad = [name for name, value in values.items() if value not in wanted[name]]
    doubt = next((found for found in here.values() if isinstance(found, Unknown)), None)
    if doubt is not None and not bad:
        return base.unknown(check, doubt, receipt)
    return base.found(check, bad, receipt)

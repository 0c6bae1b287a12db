"""Settings of the kernel, as /proc/sys has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.base import Check, Finding
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown

NETWORK = Check(
    "kernel.network",
    "kernel",
    4,
    N_("Does the kernel refuse forged routes and redirects?"),
    N_("Somebody in the same network could lead this machine's traffic over theirs."),
    N_("Set what is named in /etc/sysctl.d, then `sysctl --system`"),
    "security.sysctl",
)
MEMORY = Check(
    "kernel.memory",
    "kernel",
    4,
    N_("Does the kernel hide its addresses and place programs at random?"),
    N_("Faults in programs become break-ins more easily."),
    N_("Set what is named in /etc/sysctl.d, then `sysctl --system`"),
    "security.sysctl",
)
LINKS = Check(
    "kernel.links",
    "kernel",
    4,
    N_("Does the kernel guard links and pipes in folders where everybody may write?"),
    N_("Another account could lead a program of root's to a file of its choice."),
    N_("Set what is named in /etc/sysctl.d, then `sysctl --system`"),
    "security.sysctl",
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


@dataclass(frozen=True, slots=True)
class Kernel:
    """values: by name; None: this kernel hasn't got it. container: all but the network is another machine's."""

    values: Mapping[str, str | Unknown | None]
    container: bool


def path(name: str) -> str:
    """Where the kernel shows it (sysctl(8))."""
    return "/proc/sys/" + name.replace(".", "/")


async def read(host: Host, *, container: bool) -> Kernel:
    """Reads the values; starts no program."""
    values: dict[str, str | Unknown | None] = {}
    for names in WANTED.values():
        for name in names:
            found = await base.text(host, path(name))
            values[name] = found.strip() if isinstance(found, str) else found
    return Kernel(values, container)


def judge(facts: Kernel) -> tuple[Finding, ...]:
    """The findings on the kernel."""
    return tuple(_one(check, facts) for check in CHECKS)


def _one(check: Check, facts: Kernel) -> Finding:
    wanted = WANTED[check.id]
    if facts.container and check is not NETWORK:
        return base.not_here(check, _("a container has its host's kernel"))
    lines: list[str] = []
    bad: list[str] = []
    doubt: Unknown | None = None
    for name, good in wanted.items():
        value = facts.values.get(name)
        if isinstance(value, Unknown):
            doubt = value
        elif value is not None:
            lines.append(f"{name} = {value}")
            if value not in good:
                bad.append(name)
    receipt = base.evidence(("sysctl", *wanted), lines)
    if doubt is not None and not bad:
        return base.unknown(check, doubt, receipt)
    if not lines:
        return base.not_here(check, _("this kernel has none of these settings"))
    return base.found(check, bad, receipt)

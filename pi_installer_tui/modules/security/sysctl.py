"""Kernel and network settings: what the kernel has, what it will have after a reboot (sysctl.d(5): the files in the
order of their names, the last value counting), and which it lets nobody change here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, Value

#: in the order in which they outrank each other (sysctl.d(5))
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")
OLD = "/etc/sysctl.conf"
OWN = "/etc/sysctl.d/99-zz-pi-installer-tui.conf"

#: what hardening sets, and to what (Documentation/admin-guide/sysctl, networking/ip-sysctl)
HARDENED: Mapping[str, str] = {
    "fs.protected_fifos": "2",
    "fs.protected_hardlinks": "1",
    "fs.protected_regular": "2",
    "fs.protected_symlinks": "1",
    "fs.suid_dumpable": "0",
    "kernel.dmesg_restrict": "1",
    "kernel.kptr_restrict": "2",
    "kernel.unprivileged_bpf_disabled": "2",
    "kernel.yama.ptrace_scope": "1",
    "net.core.bpf_jit_harden": "2",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.accept_redirects": "0",
    "net.ipv4.conf.default.accept_source_route": "0",
    "net.ipv4.icmp_echo_ignore_broadcasts": "1",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv6.conf.all.accept_redirects": "0",
    "net.ipv6.conf.all.accept_source_route": "0",
    "net.ipv6.conf.default.accept_redirects": "0",
}


@dataclass(frozen=True, slots=True)
class Sysctl:
    """values: each name with what the files set and what the kernel has; MISSING: this kernel doesn't have it.
    writable: whether it can be set here (a container has its host's kernel). own: what our file sets."""

    values: Mapping[str, Value[str]]
    writable: Mapping[str, bool]
    own: Mapping[str, str] = field(default_factory=dict)


async def read(host: Host, names: Iterable[str] = tuple(HARDENED)) -> Sysctl:
    """What the files and the kernel say of these names."""
    wanted = tuple(names)
    files = await _files(host)
    values: dict[str, Value[str]] = {}
    writable = {}
    for name in wanted:
        path = f"/proc/sys/{name.replace('.', '/')}"
        effective: Reading[str] = MISSING
        try:
            text = await host.text(path)
            effective = MISSING if text is None else Known(" ".join(text.split()), Source(path))
        except PermissionError:
            effective = Unknown(_("no permission for {path}").format(path=path))
        except OSError as error:
            effective = Unknown(f"{path}: {error.strerror}")
        configured = files if isinstance(files, Unknown) else files.get(name, MISSING)
        values[name] = Value(configured, effective)
        writable[name] = isinstance(effective, Known) and await _writable(host, path)
    return Sysctl(
        values, writable, dict(re.findall(r"^([a-z0-9_.]+) = (.*)$", await host.text(OWN) or "", re.MULTILINE))
    )


async def _writable(host: Host, path: str) -> bool:
    """Whether what lies below /proc/sys here may be written at all: in a container much of it is mounted read-only."""
    mounts = await host.text("/proc/mounts") or ""
    best = ("", "")
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) > 3 and f"{path}/".startswith(f"{fields[1].rstrip('/')}/") and len(fields[1]) >= len(best[0]):
            best = (fields[1], fields[3])
    return "ro" not in best[1].split(",")


async def _files(host: Host) -> dict[str, Reading[str]] | Unknown:
    """What systemd-sysctl sets at boot."""
    chosen: dict[str, str] = {}
    try:
        for folder in FOLDERS:
            for name in await host.listdir(folder):
                if name.endswith(".conf"):
                    chosen.setdefault(name, f"{folder}/{name}")
        found: dict[str, Reading[str]] = {}
        for _name, path in sorted(chosen.items()):
            for number, line in enumerate((await host.text(path) or "").splitlines(), 1):
                parsed = re.fullmatch(r"\s*-?([A-Za-z0-9_./*-]+)\s*=\s*(.*?)\s*", line)
                if parsed is not None and not line.lstrip().startswith(("#", ";")):
                    found[parsed[1].replace("/", ".")] = Known(" ".join(parsed[2].split()), Source(path, number))
    except PermissionError as error:
        return Unknown(_("no permission for {path}").format(path=error.filename or FOLDERS[0]))
    return found

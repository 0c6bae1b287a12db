"""Kernel and network settings: what the kernel has, what it will have after a reboot (sysctl.d(5): the files in the
order of their names, the last value counting), and which it lets nobody change here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, Value

#: in the order in which they outrank each other (sysctl.d(5))
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")
OLD = "/etc/sysctl.conf"
OWN = "/etc/sysctl.d/99-zz-pi-installer-tui.conf"

#: what hardening sets, and to what (Documentation/admin-guide/sysctl, networking/ip-sysctl)
HARDENED: Mapping[str, str] = {
    "dev.tty.ldisc_autoload": "0",
    "fs.protected_fifos": "2",
    "fs.protected_hardlinks": "1",
    "fs.protected_regular": "2",
    "fs.protected_symlinks": "1",
    "fs.suid_dumpable": "0",
    "kernel.dmesg_restrict": "1",
    "kernel.kptr_restrict": "2",
    "kernel.perf_event_paranoid": "3",
    "kernel.randomize_va_space": "2",
    "kernel.unprivileged_bpf_disabled": "2",
    "kernel.yama.ptrace_scope": "1",
    "net.core.bpf_jit_harden": "2",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.accept_redirects": "0",
    "net.ipv4.conf.default.accept_source_route": "0",
    "net.ipv4.icmp_echo_ignore_broadcasts": "1",
    "net.ipv4.icmp_ignore_bogus_error_responses": "1",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv6.conf.all.accept_redirects": "0",
    "net.ipv6.conf.all.accept_source_route": "0",
    "net.ipv6.conf.default.accept_redirects": "0",
    "net.ipv6.conf.default.accept_source_route": "0",
}


@dataclass(frozen=True, slots=True)
class Sysctl:
    """values: each name with what the files set and what the kernel has; MISSING, or not there: this kernel doesn't
    have it. writable: whether it can be set here (a container has its host's kernel). own: what our file sets.
    others: whether `values` has all names; Unknown: only those that were asked for, and why."""

    values: Mapping[str, Value[str]]
    writable: Mapping[str, bool]
    own: Mapping[str, str] = field(default_factory=dict)
    others: Reading[bool] = MISSING


async def read(host: Host, names: Iterable[str] = tuple(HARDENED), *, everything: bool = False) -> Sysctl:
    """What the files and the kernel say of these names; everything: and of all others, as far as sysctl(8) tells."""
    files = await _files(host)
    mounts = await host.text("/proc/mounts") or ""
    values: dict[str, Value[str]] = {}
    writable = {}
    for name in names:
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
        writable[name] = isinstance(effective, Known) and _writable(mounts, path)
    others: Reading[bool] = MISSING
    if everything:
        rest = await _everything(host)
        others = rest if isinstance(rest, Unknown) else Known(True)
        for name, value in ({} if isinstance(rest, Unknown) else rest).items():
            path = f"/proc/sys/{name.replace('.', '/')}"
            configured = files if isinstance(files, Unknown) else files.get(name, MISSING)
            values.setdefault(name, Value(configured, value))
            writable.setdefault(name, _writable(mounts, path))
    own = dict(re.findall(r"^([A-Za-z0-9_.-]+) = (.*)$", await host.text(OWN) or "", re.MULTILINE))
    return Sysctl(values, writable, own, others)


async def _everything(host: Host) -> dict[str, Reading[str]] | Unknown:
    """All that the kernel tells; of a setting of several lines the last one. What only root may read is unknown."""
    try:
        said = await host.run(["sysctl", "-a"])
    except CommandNotFound as error:
        return Unknown(str(error))
    found: dict[str, Reading[str]] = {}
    for line in said.stdout.splitlines():
        name, equals, value = line.partition(" = ")
        if equals and "/" not in name:
            found[name] = Known(" ".join(value.split()), Source(f"/proc/sys/{name.replace('.', '/')}"))
    for name in re.findall(r"^sysctl: .*[\"']([A-Za-z0-9_.-]+)[\"'].*$", said.stderr, re.MULTILINE):
        found.setdefault(name, Unknown(_("`sysctl` says it to root only")))
    return found


def _writable(mounts: str, path: str) -> bool:
    """Whether what lies below /proc/sys here may be written at all: in a container much of it is mounted read-only."""
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

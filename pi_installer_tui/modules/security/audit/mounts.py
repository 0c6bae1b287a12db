"""/tmp and /dev/shm: places where everybody may write."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security.audit import base
from pi_installer_tui.modules.security.audit.base import Check, Evidence, Finding
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Unknown

MOUNTS = "/proc/self/mountinfo"
#: noexec isn't asked for: apt and many installers run their scripts from /tmp
WANTED = ("nosuid", "nodev")

TMP = Check(
    "mounts.tmp",
    "kernel",
    3,
    N_("Is /tmp a file system of its own where set-uid programs and devices don't work?"),
    N_("Everybody writes there: it can fill the root file system, and a set-uid program left there would work."),
    N_("systemctl enable --now tmp.mount; or in /etc/fstab: tmpfs /tmp tmpfs nosuid,nodev,mode=1777 0 0"),
)
SHM = Check(
    "mounts.shm",
    "kernel",
    3,
    N_("Do set-uid programs and devices not work in /dev/shm?"),
    N_("Everybody writes there, and a set-uid program left there would work."),
    N_("mount -o remount,nosuid,nodev /dev/shm; and the same options in /etc/fstab, if it is named there"),
)
CHECKS = (TMP, SHM)


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of mountinfo. options: of the mount point."""

    point: str
    options: frozenset[str]
    kind: str
    source: str
    line: str


def parse(text: str) -> tuple[Mount, ...]:
    """The mounts in the order they were made; of two on one point the later one counts. Source:
    proc_pid_mountinfo(5); blanks in a path are written \\040."""
    found: list[Mount] = []
    for line in text.splitlines():
        head, dash, tail = line.partition(" - ")
        parts, rest = head.split(" "), tail.split(" ")
        if not dash or len(parts) < 6 or len(rest) < 2:
            raise ValueError(line)
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), parts[4])
        shown = f"{parts[4]} {parts[5]} - {rest[0]} {rest[1]}"
        found.append(Mount(point, frozenset(parts[5].split(",")), rest[0], rest[1], shown))
    return tuple(found)


async def read(host: Host) -> tuple[Mount, ...] | Unknown:
    """What is mounted."""
    text = await base.text(host, MOUNTS)
    if not isinstance(text, str):
        return text or Unknown(_("{path} is missing").format(path=MOUNTS))
    try:
        return parse(text)
    except ValueError:
        return Unknown(_("{path} can't be read").format(path=MOUNTS))


def judge(mounts: tuple[Mount, ...] | Unknown) -> tuple[Finding, ...]:
    """The findings on mounts."""
    return _one(TMP, "/tmp", mounts), _one(SHM, "/dev/shm", mounts)


def _one(check: Check, point: str, mounts: tuple[Mount, ...] | Unknown) -> Finding:
    if isinstance(mounts, Unknown):
        return base.unknown(check, mounts)
    last = next((m for m in reversed(mounts) if m.point == point), None)
    if last is None:
        if check is not TMP:
            return base.not_here(check, _("{path} isn't mounted").format(path=point))
        says = _("{path} isn't a file system of its own").format(path=point)
        return base.found(check, (point,), Evidence(MOUNTS, says))
    missing = [option for option in WANTED if option not in last.options]
    return base.found(check, (f"{point}: {option}" for option in missing), Evidence(MOUNTS, last.line))

"""The file systems that are asked for their space: on disks of this machine, each once, and none whose answer may never
come."""

from __future__ import annotations

import re

#: file systems on disks. Others are memory, on a network, or a process of somebody's that may hang (FUSE).
KINDS = frozenset({"ext2", "ext3", "ext4", "btrfs", "xfs", "f2fs", "vfat", "exfat", "ntfs3", "zfs", "bcachefs",
                   "nilfs2", "jfs", "overlay"})  # fmt: skip
#: those whose path to a mount point may hang as well
_SLOW = re.compile(r"nfs4?|cifs|smb3|afs|ceph|9p|glusterfs|lustre|ocfs2|gfs2|autofs|fuse.*|virtiofs|davfs")


def mount_points(mountinfo: str) -> list[str]:
    """Where to ask, from /proc/self/mountinfo (proc_pid_mountinfo(5)), / first. Of several mounts of one device the one
    that shows its top counts, else the one with the shortest path. Overlays other than / (containers' layers) don't
    count, nor what is mounted below a file system that may hang."""
    found: dict[str, tuple[bool, int, str]] = {}
    slow: list[str] = []
    covered: dict[str, str] = {}
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        words, kind = before.split(), after.split(" ", 1)[0]
        if not dash or len(words) < 5:
            continue
        device, top, place = words[2], words[3], _unescaped(words[4])
        covered[place] = device  # a later mount at the same place hides the earlier one
        if _SLOW.fullmatch(kind):
            slow.append(place.rstrip("/") + "/")
        elif kind in KINDS and (kind != "overlay" or place == "/"):
            known = found.get(device)
            mine = (top != "/", len(place), place)
            if known is None or mine < known:
                found[device] = mine
    places = [
        place
        for device, (_part, _length, place) in found.items()
        if covered[place] == device and not any((place + "/").startswith(hung) for hung in slow)
    ]
    return sorted(places)


def _unescaped(word: str) -> str:
    r"""Blanks and backslashes in a path stand as \040 and the like."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)

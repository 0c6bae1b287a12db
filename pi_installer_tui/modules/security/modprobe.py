"""Kernel modules that hardly anybody uses, and that the kernel loads for whoever opens a socket, mounts a medium or
plugs something in: which can't be loaded, and which are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown

#: by setting, as modprobe(8) writes them (with _, whatever the file has)
GROUPS: Mapping[str, tuple[str, ...]] = {
    # each has had faults by which anybody on the machine became root (CVE-2017-6074, CVE-2021-43267, ...)
    "rare_protocols": ("dccp", "rds", "sctp", "tipc"),
    # old formats that a planted stick may have; not squashfs, udf and hfsplus, which snaps, DVDs and Macs use
    "rare_filesystems": ("cramfs", "freevxfs", "hfs", "jffs2"),
    # whatever is plugged in there may read the whole memory (Documentation/core-api/debugging-via-ohci1394)
    "firewire": ("firewire_core", "firewire_ohci", "firewire_sbp2"),
}
#: those that show by being loaded that they are needed: a mounted file system, a disk on FireWire
NEEDED: Mapping[str, tuple[str, ...]] = {
    "rare_protocols": (),
    "rare_filesystems": GROUPS["rare_filesystems"],
    "firewire": ("firewire_net", "firewire_sbp2"),
}
ALL = frozenset(name for names in (*GROUPS.values(), *NEEDED.values()) for name in names)
OWN = "/etc/modprobe.d/pi-installer-tui.conf"
#: what modprobe(8) runs in place of loading a module
REFUSAL = "/bin/false"


@dataclass(frozen=True, slots=True)
class Modprobe:
    """refused: those of ALL that modprobe doesn't load. loaded: those that are. own: those that our file refuses."""

    refused: Reading[frozenset[str]] = MISSING
    loaded: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()


async def read(host: Host) -> Modprobe:
    """What modprobe says of its files, and what the kernel has loaded."""
    loaded = {line.partition(" ")[0] for line in (await host.text("/proc/modules") or "").splitlines()}
    own = _refusals(await host.text(OWN) or "")
    return Modprobe(await _refused(host), frozenset(loaded & ALL), own)


async def _refused(host: Host) -> Reading[frozenset[str]]:
    try:
        said = await host.run(["modprobe", "--showconfig"])
    except CommandNotFound as error:
        return Unknown(str(error))
    if not said.ok:
        return Unknown(_("`modprobe --showconfig` fails"))
    return Known(_refusals(said.stdout))


def _refusals(text: str) -> frozenset[str]:
    found = re.findall(r"^install (\S+) (?:/usr)?/bin/(?:false|true)\s*$", text, re.MULTILINE)
    return frozenset(name.replace("-", "_") for name in found) & ALL

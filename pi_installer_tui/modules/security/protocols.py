"""Network protocols that hardly anybody uses, and that the kernel loads for whoever opens a socket of them: which can't
be loaded, and which are."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown

#: each has had faults by which anybody on the machine became root (CVE-2017-6074, CVE-2021-43267, ...)
RARE = ("dccp", "rds", "sctp", "tipc")
OWN = "/etc/modprobe.d/pi-installer-tui.conf"
#: what modprobe(8) runs in place of loading a module
REFUSAL = "/bin/false"


@dataclass(frozen=True, slots=True)
class Protocols:
    """refused: those of RARE that modprobe doesn't load. loaded: those that are. own: whether our file is there."""

    refused: Reading[frozenset[str]] = MISSING
    loaded: frozenset[str] = frozenset()
    own: bool = False


async def read(host: Host) -> Protocols:
    """What modprobe says of its files, and what the kernel has loaded."""
    modules = {line.partition(" ")[0] for line in (await host.text("/proc/modules") or "").splitlines()}
    own = await host.text(OWN) is not None
    return Protocols(await _refused(host), frozenset(modules & set(RARE)), own)


async def _refused(host: Host) -> Reading[frozenset[str]]:
    try:
        said = await host.run(["modprobe", "--showconfig"])
    except CommandNotFound as error:
        return Unknown(str(error))
    if not said.ok:
        return Unknown(_("`modprobe --showconfig` fails"))
    found = re.findall(r"^install (\S+) (?:/usr)?/bin/(?:false|true)\s*$", said.stdout, re.MULTILINE)
    return Known(frozenset(found) & frozenset(RARE))

"""Core dumps: whether files of ours keep the memory of crashed programs from being written.

Sources: limits.conf(5), pam_limits(8), coredump.conf(5); of both folders the file that sorts last counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown

#: for who logs in; systemd's services have a limit of 0 as it is. root isn't among * (limits.conf(5))
LIMITS = "/etc/security/limits.d/zz-pi-installer-tui.conf"
#: for systemd-coredump, which takes dumps in spite of a limit
COREDUMP = "/etc/systemd/coredump.conf.d/zz-pi-installer-tui.conf"
_HEAD = "# Made by pi-installer-tui. Of what is set twice the file that sorts last counts.\n"
FILES: Mapping[str, str] = {
    LIMITS: f"{_HEAD}* hard core 0\nroot hard core 0\n",
    COREDUMP: f"{_HEAD}[Coredump]\nStorage=none\nProcessSizeMax=0\n",
}


@dataclass(frozen=True, slots=True)
class Dumps:
    """own: our files that are there, by path, as they are; MISSING: neither is."""

    own: Reading[Mapping[str, str]] = MISSING


async def read(host: Host) -> Dumps:
    """Our files."""
    found: dict[str, str] = {}
    for path in FILES:
        try:
            text = await host.text(path)
        except OSError as error:
            return Dumps(Unknown(_("{path}: {reason}").format(path=path, reason=error.strerror or error)))
        if text is not None:
            found[path] = text
    return Dumps(Known(found) if found else MISSING)

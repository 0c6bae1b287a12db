"""Pending security updates, as apt knows them: once a day, and when its lists or the installed packages change. Nothing
is asked of the network."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pi_installer_tui.alerts.child import Child
from pi_installer_tui.alerts.config import Rule
from pi_installer_tui.alerts.watch import Kept, Reading, Readings
from pi_installer_tui.alerts.watch.changed import Changed

DAY = 24 * 3600.0
AGAIN = 3600.0
LIMIT = 300.0  # a Pi Zero needs most of a minute
FILES = ("/var/lib/apt/lists", "/var/lib/dpkg/status")
ARGV = (
    *("nice", "-n", "19"),
    *("apt-get", "--simulate", "-qq", "--option=Debug::NoLocking=true", "dist-upgrade"),
)
#: as modules/security/audit/updates.py: Debian's archive of them, and distributions that have none of its own
_SECURITY = re.compile(r"(?:^|[, ])(?:(?:Debian-Security|Raspbian)[:/]|Ubuntu:[^/ ,]*/[^/ ,]*-security(?:$|[, ]))")
_INST = re.compile(r"^Inst (\S+)(?: \[[^]]*\])? \((\S+) (.*?)(?: \[[^]]*\])?\)")


def pending(output: str) -> list[str]:
    """The packages with a security update, of a simulation's lines `Inst NAME [OLD] (NEW ARCHIVE, ARCHIVE [ARCH])`."""
    found = (_INST.match(line) for line in output.splitlines())
    return [each[1] for each in found if each and _SECURITY.search(each[3])]


class Updates:
    """Rules on pending updates."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.pace = DAY
        self._files = Changed(*FILES)
        self._due = 0.0
        self._child: Child | None = None
        self._kept = Kept(self.pace)

    def look(self, at: float, now: float) -> None:
        if self._child is not None and (ended := self._child.look(now)) is not None:
            self._child = None
            if ended.status == 0:
                names = pending(ended.output)
                self._kept.put(Reading(float(len(names)), " ".join(names)[:500]), now)
            else:
                self._due = min(self._due, now + AGAIN)
                self._kept.put(Reading(None, ended.error.strip()[-300:]), now)
        if self._child is None and (self._files.look(now) or now >= self._due):
            self._due = now + self.pace
            self._child = Child(ARGV, now, LIMIT, env={"LC_ALL": "C.UTF-8"})

    def readings(self, rule: Rule, at: float, now: float) -> Readings | None:
        reading = self._kept.get(now)
        return None if reading is None else {"apt": reading}

    def close(self) -> None:
        if self._child is not None:
            self._child.stop()

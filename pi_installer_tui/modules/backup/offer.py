"""What the wizard proposes for backup: one job, every night, out of what is worth keeping here. Where to is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.state import State
from pi_installer_tui.modules.base import Offer
from pi_installer_tui.system.reading import MISSING

#: bytes: restic's memory with a small repository, and its package with the cache
MEMORY, DISK = 100_000_000, 120_000_000
NIGHT = "03:00"
#: kept of the nights, weeks and months
KEEP = {"daily": 7, "weekly": 4, "monthly": 6}
#: what every machine has, where nobody may look
_ALWAYS = ("system", "home", "state")


def offer(state: State, goals: frozenset[str]) -> Offer:
    """A job of all that is worth keeping, unless there is one."""
    wanted: dict[str, Any] = {}
    if goals and not state.applied.jobs:
        wanted["jobs"] = {
            "nightly": {
                "what": list(whats(state)),
                "schedule": {"times": [NIGHT], "enabled": True},
                "keep": KEEP,
            }
        }
    remark = ""
    if goals and not state.applied.places:
        remark = _("Without a place nothing is backed up: a USB disk, another machine, a bucket.")
    new = state.restic == MISSING
    return Offer(wanted, ("places", "jobs"), remark, memory=MEMORY if new else 0, disk=DISK if new else 0)


def whats(state: State) -> Sequence[str]:
    """What is worth keeping here, as a job's settings name it; what lies in another one of them is in that already."""
    return tuple(dict.fromkeys(each.what for each in state.worthwhile if not each.why and not each.within)) or _ALWAYS

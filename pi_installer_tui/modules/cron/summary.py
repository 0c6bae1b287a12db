"""What is scheduled, in a line for Home."""

from __future__ import annotations

from pi_installer_tui.i18n import ngettext
from pi_installer_tui.modules.cron.listing import rows
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.system.reading import Known, Unknown


def summary(state: State) -> str:
    """`12 jobs, 9 timers`: those of cron, and the system's that wait; more where something is wrong."""
    found = rows(state)
    jobs = sum(row.kind in ("crontab", "system", "script") for row in found)
    parts = [ngettext("{n} job", "{n} jobs", jobs).format(n=jobs)]
    timers = sum(timer.active and not timer.owner for timer in state.timers.timers)
    if isinstance(state.waiting, Known):
        timers = len(state.waiting.value)
    if not isinstance(state.waiting, Unknown):
        parts.append(ngettext("{n} timer", "{n} timers", timers).format(n=timers))
    if broken := sum(1 for row in found if row.refused and row.kind in ("crontab", "system")):
        parts.append(ngettext("{n} is ignored", "{n} are ignored", broken).format(n=broken))
    return ", ".join(parts)

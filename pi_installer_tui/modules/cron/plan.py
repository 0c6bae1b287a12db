"""The way from what is to what is wanted."""

from __future__ import annotations

from pi_installer_tui.modules.cron.settings import CronSettings
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.plan import Others, Plan


async def look_further(host: Host, state: State, settings: CronSettings) -> State:
    """The state with what the plan says of it besides."""
    return state


def plan(state: State, settings: CronSettings, others: Others) -> Plan:
    """Empty where all is as wanted."""
    return Plan(modules=("cron",))

"""What actions do: each is read for, looked over and planned by what it is about."""

from __future__ import annotations

from collections.abc import Sequence

from pi_installer_tui.modules.base import Arguments
from pi_installer_tui.modules.cron import state as state_
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.plan import Mistake, Plan


async def read(host: Host, action: str, told: Arguments | None) -> State:
    """What is, with what only an action has to know."""
    return await state_.read(host)


def validate(state: State, action: str, told: Arguments) -> Sequence[Mistake]:
    """Mistakes that only this machine shows."""
    return ()


def plan(state: State, action: str, told: Arguments) -> Plan:
    """What an action does."""
    raise KeyError(action)

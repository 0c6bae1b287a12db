"""The way from the machine as it is to what is wanted of its security. Pure: all it knows is the state and the
settings."""

from __future__ import annotations

from collections.abc import Sequence

from pi_installer_tui.modules.security.settings import SecuritySettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.tasks.plan import Mistake, Others, Plan

NAME = "security"


def plan(state: State, settings: SecuritySettings, _others: Others) -> Plan:
    """The whole plan."""
    return Plan(modules=(NAME,), settings={NAME: settings.model_dump(mode="json", exclude_none=True)})


def validate(state: State, settings: SecuritySettings) -> Sequence[Mistake]:
    """What only this machine's state shows."""
    return ()

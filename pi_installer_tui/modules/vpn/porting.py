"""The port at the router as an action: asked for before anything else is done, so that a router that refuses leaves all
as it was; or given back."""

from __future__ import annotations

from typing import Literal

from pi_installer_tui.modules.vpn import timers
from pi_installer_tui.modules.vpn.plan import plan as planned
from pi_installer_tui.modules.vpn.settings import TunnelSettings, VpnSettings
from pi_installer_tui.modules.vpn.state import State
from pi_installer_tui.tasks.plan import Others, Plan
from pi_installer_tui.tasks.steps import RunCommand, Step

How = Literal["auto", "pcp", "nat-pmp", "upnp", "none"]


def plan(state: State, tunnel: str, how: How) -> Plan:
    """The setting `mapping` of a tunnel, and the router asked now. how: none gives the port back."""
    settings = VpnSettings(tunnels={tunnel: TunnelSettings(mapping=how)})
    made = planned(state, settings, Others())
    if made.blocked:
        return made
    asks, back = _verb(state, tunnel, "--how", how), _verb(state, tunnel, "--back")
    step = RunCommand(id=f"vpn.{tunnel}.port", argv=asks, probe="repeatable", undo_argv=back)
    steps: tuple[Step, ...] = (step, *made.steps)
    if how == "none":  # the way back is the timer, which asks for it again
        step = step.model_copy(update={"argv": back, "undo_argv": (), "covered": True})
        steps = (*(each for each in made.steps if each.id != timers.BACK), step)
    elif _wanted(state, tunnel):
        steps = (step.model_copy(update={"undo_argv": (), "covered": True}), *made.steps)
    return made.model_copy(update={"steps": steps})


def _wanted(state: State, tunnel: str) -> bool:
    """Whether it is asked for already, so that an undo needn't give it back."""
    return (state.settings.tunnels or {}).get(tunnel, TunnelSettings()).mapping not in (None, "none")


def _verb(state: State, tunnel: str, *words: str) -> tuple[str, ...]:
    return (*timers.verb(state.python), "map", "--tunnel", tunnel, *words)

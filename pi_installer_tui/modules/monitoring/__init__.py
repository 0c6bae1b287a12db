"""Monitoring: the collector, which keeps a history of what the machine does and sends alerts.

settings.py   what can be wanted: rules.py, channels.py, and in values.py the narrow forms of single values
wanted.py     what the collector is told by them, and the way back; usual.py the rules from the start
state.py      what is                       plan.py      the way from one to the other, and what is wrong
service.py    the systemd unit              past.py      rules tried against the history
trial.py      a test by a channel           offer.py     for the wizard
actions.py    what is done to services      cutting.py   what that does to who asks for it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi_installer_tui.modules.base import Claim, Fact, Link, Module, Offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi_installer_tui.modules.base import Arguments
    from pi_installer_tui.modules.monitoring.settings import MonitoringSettings
    from pi_installer_tui.modules.monitoring.state import State
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.plan import Mistake, Others, Plan

__all__ = ["MODULE", "Monitoring"]


class Monitoring(Module["State", "MonitoringSettings"]):
    """The module Monitoring; its verbs load what they need."""

    name = "monitoring"

    @property
    def settings(self) -> type[MonitoringSettings]:
        from pi_installer_tui.modules.monitoring.settings import MonitoringSettings

        return MonitoringSettings

    async def read(self, host: Host) -> State:
        from pi_installer_tui.modules.monitoring import state

        return await state.read(host)

    def present(self, state: State) -> MonitoringSettings:
        from pi_installer_tui.modules.monitoring.present import present

        return present(state)

    def facts(self, state: State) -> Sequence[Fact]:
        from pi_installer_tui.modules.monitoring.present import facts

        return facts(state)

    def summary(self, state: State) -> str:
        from pi_installer_tui.modules.monitoring.present import summary

        return summary(state)

    def state_json(self, state: State) -> dict[str, Any]:
        from pi_installer_tui.modules.monitoring.present import state_json

        return state_json(state)

    def choices(self, state: State, name: str) -> Sequence[str]:
        from pi_installer_tui.modules.monitoring.present import choices

        return state.board.services if name == "services" else choices(state, name)

    def offer(self, state: State, goals: frozenset[str]) -> Offer:
        from pi_installer_tui.modules.monitoring.offer import offer

        return offer(state, goals)

    def claims(self, state: State, settings: MonitoringSettings) -> Sequence[Claim]:
        from pi_installer_tui.modules.monitoring.offer import claims

        return claims(state, settings)

    def links(self, state: State) -> Sequence[Link]:
        from pi_installer_tui.modules.monitoring.offer import links

        return links(state)

    def validate(self, state: State, settings: MonitoringSettings) -> Sequence[Mistake]:
        from pi_installer_tui.modules.monitoring.plan import validate

        return validate(state, settings)

    def plan(self, state: State, settings: MonitoringSettings, others: Others) -> Plan:
        from pi_installer_tui.modules.monitoring.plan import plan

        return plan(state, settings, others)

    def arguments(self, action: str) -> type[Arguments]:
        from pi_installer_tui.modules.monitoring.actions import ARGUMENTS

        return ARGUMENTS[action]

    async def read_for(self, host: Host, action: str, told: Arguments | None = None) -> State:
        from dataclasses import replace

        from pi_installer_tui.modules.monitoring import actions

        return replace(await self.read(host), board=await actions.read(host))

    def validate_action(self, state: State, action: str, arguments: Arguments) -> Sequence[Mistake]:
        from pi_installer_tui.modules.monitoring.actions import validate

        return validate(state.board, action, arguments)

    def plan_action(self, state: State, action: str, arguments: Arguments) -> Plan:
        from pi_installer_tui.modules.monitoring.actions import plan

        return plan(state.board, action, arguments)


MODULE = Monitoring()

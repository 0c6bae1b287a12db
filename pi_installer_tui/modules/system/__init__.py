"""System: the machine's name, time, language, keyboard and addresses.

settings.py   what can be wanted            state.py   what is, with cloud.py and network/ for their owners
plan.py       the way from one to the other checks.py  what proves it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi_installer_tui.modules.base import Claim, Fact, Module, Offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi_installer_tui.modules.system.settings import SystemSettings
    from pi_installer_tui.modules.system.state import State
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.plan import Mistake, Others, Plan

__all__ = ["MODULE", "System"]


class System(Module["State", "SystemSettings"]):
    """The module System; its verbs load what they need."""

    name = "system"

    @property
    def settings(self) -> type[SystemSettings]:
        from pi_installer_tui.modules.system.settings import SystemSettings

        return SystemSettings

    async def read(self, host: Host) -> State:
        from pi_installer_tui.modules.system import state

        return await state.read(host)

    def present(self, state: State) -> SystemSettings:
        from pi_installer_tui.modules.system.present import present

        return present(state)

    def facts(self, state: State) -> Sequence[Fact]:
        from pi_installer_tui.modules.system.present import facts

        return facts(state)

    def summary(self, state: State) -> str:
        from pi_installer_tui.modules.system.present import summary

        return summary(state)

    def state_json(self, state: State) -> dict[str, Any]:
        from pi_installer_tui.modules.system.present import state_json

        return state_json(state)

    def choices(self, state: State, name: str) -> Sequence[str]:
        from pi_installer_tui.modules.system.present import choices

        return choices(state, name)

    def offer(self, state: State, goals: frozenset[str]) -> Offer:
        from pi_installer_tui.modules.system.offer import offer

        return offer(state, goals)

    def claims(self, state: State, settings: SystemSettings) -> Sequence[Claim]:
        from pi_installer_tui.modules.system.offer import claims

        return claims(state, settings)

    def validate(self, state: State, settings: SystemSettings) -> Sequence[Mistake]:
        from pi_installer_tui.modules.system.plan import validate

        return validate(state, settings)

    async def probe(self, host: Host, state: State, settings: SystemSettings) -> Sequence[Mistake]:
        from pi_installer_tui.modules.system.network.probe import taken

        return await taken(host, state, settings)

    def plan(self, state: State, settings: SystemSettings, others: Others) -> Plan:
        from pi_installer_tui.modules.system.plan import plan

        return plan(state, settings, others)


MODULE = System()

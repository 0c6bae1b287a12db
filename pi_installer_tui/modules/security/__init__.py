"""Security: how one gets in, what gets in, and what is done against what shouldn't.

state.py      what is, out of a reader for each area: sshd.py, ufw.py, fail2ban.py, updates.py, sysctl.py, modprobe.py,
              dumps.py, issue.py, auditd.py; accounts.py reads who can get in and change the machine
settings/     what can be wanted, a file for each area; profiles.py sets of it with a name
audit/        checks with receipts, a score, and who reaches what listens
plans/        the way from one to the other, a file for each area
actions.py    what is done beside settings
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi_installer_tui.modules.base import Claim, Fact, Link, Module, Offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi_installer_tui.modules.base import Arguments
    from pi_installer_tui.modules.security.settings import SecuritySettings
    from pi_installer_tui.modules.security.state import State
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.plan import Mistake, Others, Plan

__all__ = ["MODULE", "Security"]


class Security(Module["State", "SecuritySettings"]):
    """The module Security; its verbs load what they need."""

    name = "security"

    @property
    def settings(self) -> type[SecuritySettings]:
        from pi_installer_tui.modules.security.settings import SecuritySettings

        return SecuritySettings

    async def read(self, host: Host) -> State:
        from pi_installer_tui.modules.security import state

        return await state.read(host)

    def present(self, state: State) -> SecuritySettings:
        from pi_installer_tui.modules.security.present import present

        return present(state)

    def facts(self, state: State) -> Sequence[Fact]:
        from pi_installer_tui.modules.security.present import facts

        return facts(state)

    def summary(self, state: State) -> str:
        from pi_installer_tui.modules.security.present import summary

        return summary(state)

    def state_json(self, state: State) -> dict[str, Any]:
        from pi_installer_tui.modules.security.present import state_json

        return state_json(state)

    def choices(self, state: State, name: str) -> Sequence[str]:
        from pi_installer_tui.modules.security.present import choices

        return choices(state, name)

    def offer(self, state: State, goals: frozenset[str]) -> Offer:
        from pi_installer_tui.modules.security.offer import offer

        return offer(state, goals)

    def claims(self, state: State, settings: SecuritySettings) -> Sequence[Claim]:
        from pi_installer_tui.modules.security.offer import claims

        return claims(state, settings)

    def links(self, state: State) -> Sequence[Link]:
        from pi_installer_tui.modules.security.offer import links

        return links(state)

    def validate(self, state: State, settings: SecuritySettings) -> Sequence[Mistake]:
        from pi_installer_tui.modules.security.plan import validate

        return validate(state, settings)

    def plan(self, state: State, settings: SecuritySettings, others: Others) -> Plan:
        from pi_installer_tui.modules.security.plan import plan

        return plan(state, settings, others)

    def arguments(self, action: str) -> type[Arguments]:
        from pi_installer_tui.modules.security.actions import ARGUMENTS

        return ARGUMENTS[action]

    def validate_action(self, state: State, action: str, arguments: Arguments) -> Sequence[Mistake]:
        from pi_installer_tui.modules.security.actions import validate

        return validate(state, arguments)

    def plan_action(self, state: State, action: str, arguments: Arguments) -> Plan:
        from pi_installer_tui.modules.security.actions import plan

        return plan(state, arguments)


MODULE = Security()

"""Users: people's accounts, who can log in and how, with keys, groups and sudo.

settings.py   what can be wanted            state.py   what is; keys.py takes authorized_keys apart
plan.py       the way from one to the other checks.py  what proves it
policy.py     the rules for passwords       probe.py   what only ssh-keygen and pwscore can say
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi_installer_tui.modules.base import Fact, Module, Offer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pi_installer_tui.modules.users.settings import UsersSettings
    from pi_installer_tui.modules.users.state import State
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.plan import Mistake, Others, Plan

__all__ = ["MODULE", "Users"]


class Users(Module["State", "UsersSettings"]):
    """The module Users; its verbs load what they need."""

    name = "users"

    @property
    def settings(self) -> type[UsersSettings]:
        from pi_installer_tui.modules.users.settings import UsersSettings

        return UsersSettings

    async def read(self, host: Host) -> State:
        from pi_installer_tui.modules.users import state

        return await state.read(host)

    def present(self, state: State) -> UsersSettings:
        from pi_installer_tui.modules.users.present import present

        return present(state)

    def facts(self, state: State) -> Sequence[Fact]:
        from pi_installer_tui.modules.users.present import facts

        return facts(state)

    def summary(self, state: State) -> str:
        from pi_installer_tui.modules.users.present import summary

        return summary(state)

    def state_json(self, state: State) -> dict[str, Any]:
        from pi_installer_tui.modules.users.present import state_json

        return state_json(state)

    def choices(self, state: State, name: str) -> Sequence[str]:
        from pi_installer_tui.modules.users.present import choices

        return choices(state, name)

    async def complete(self, host: Host, settings: UsersSettings) -> tuple[UsersSettings, Sequence[Mistake]]:
        from pi_installer_tui.modules.users.probe import complete

        return await complete(host, settings)

    def offer(self, state: State, goals: frozenset[str]) -> Offer:
        from pi_installer_tui.modules.users.offer import offer

        return offer(state, goals)

    def validate(self, state: State, settings: UsersSettings) -> Sequence[Mistake]:
        from pi_installer_tui.modules.users.plan import validate

        return validate(state, settings)

    async def probe(self, host: Host, state: State, settings: UsersSettings) -> Sequence[Mistake]:
        from pi_installer_tui.modules.users.probe import probe

        return await probe(host, state, settings)

    async def judge(
        self, host: Host, state: State, settings: UsersSettings, secrets: Mapping[str, str]
    ) -> Sequence[Mistake]:
        from pi_installer_tui.modules.users.probe import judge

        return await judge(host, state, settings, secrets)

    def plan(self, state: State, settings: UsersSettings, others: Others) -> Plan:
        from pi_installer_tui.modules.users.plan import plan

        return plan(state, settings, others)


MODULE = Users()

"""Backup: what is kept, where, when, and whether it can be had back.

settings.py   what can be wanted: jobs; places.py where to; values.py the narrow forms of single values
applied.py    what was applied, and with settings on top; usual.py what a job leaves out; validating.py what is wrong
keys.py       keys that lie in files, and new ones
placing.py    a place as restic is told it                    timers.py   when jobs run by themselves
state.py      what is; asking.py what only an action asks     plan.py     the way from one to the other; checks.py
actions.py    what is done beside settings                    offer.py    for the wizard
proposing.py  what a job can name on this machine
proof.py      what the runs so far prove                      due.py      what the collector watches
discovery/    what is worth keeping on this machine
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi_installer_tui.modules.base import Fact, Module, Offer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pi_installer_tui.modules.backup.settings import BackupSettings
    from pi_installer_tui.modules.backup.state import State
    from pi_installer_tui.modules.base import Arguments
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.plan import Mistake, Others, Plan

__all__ = ["MODULE", "Backup"]


class Backup(Module["State", "BackupSettings"]):
    """The module Backup; its verbs load what they need."""

    name = "backup"

    @property
    def settings(self) -> type[BackupSettings]:
        from pi_installer_tui.modules.backup.settings import BackupSettings

        return BackupSettings

    async def read(self, host: Host) -> State:
        from pi_installer_tui.modules.backup import state

        return await state.read(host)

    async def read_summary(self, host: Host) -> State:
        from pi_installer_tui.modules.backup import state

        return await state.read_summary(host)

    def present(self, state: State) -> BackupSettings:
        from pi_installer_tui.modules.backup.present import present

        return present(state)

    def facts(self, state: State) -> Sequence[Fact]:
        from pi_installer_tui.modules.backup.present import facts

        return facts(state)

    def summary(self, state: State) -> str:
        from pi_installer_tui.modules.backup.present import summary

        return summary(state)

    def state_json(self, state: State) -> dict[str, Any]:
        from pi_installer_tui.modules.backup.present import state_json

        return state_json(state)

    def choices(self, state: State, name: str) -> Sequence[str]:
        from pi_installer_tui.modules.backup.present import choices

        return choices(state, name)

    def offer(self, state: State, goals: frozenset[str]) -> Offer:
        from pi_installer_tui.modules.backup.offer import offer

        return offer(state, goals)

    def validate(self, state: State, settings: BackupSettings) -> Sequence[Mistake]:
        from pi_installer_tui.modules.backup.validating import validate

        return validate(state, settings)

    async def judge(
        self, host: Host, state: State, settings: BackupSettings, secrets: Mapping[str, str]
    ) -> Sequence[Mistake]:
        from pi_installer_tui.modules.backup.keys import complete

        return (await complete(host, settings.places or {}, secrets))[1]

    def plan(self, state: State, settings: BackupSettings, others: Others) -> Plan:
        from pi_installer_tui.modules.backup.plan import plan

        return plan(state, settings, others)

    def arguments(self, action: str) -> type[Arguments]:
        from pi_installer_tui.modules.backup.actions import ARGUMENTS

        return ARGUMENTS[action]

    async def read_for(self, host: Host, action: str, told: Arguments | None = None) -> State:
        from dataclasses import replace

        from pi_installer_tui.modules.backup.asking import ask

        state = await self.read(host)
        return state if told is None else replace(state, asked=await ask(host, state.applied, action, told))

    def validate_action(self, state: State, action: str, arguments: Arguments) -> Sequence[Mistake]:
        from pi_installer_tui.modules.backup.actions import validate

        return validate(state, action, arguments)

    def plan_action(self, state: State, action: str, arguments: Arguments) -> Plan:
        from pi_installer_tui.modules.backup.actions import plan

        return plan(state, action, arguments)


MODULE = Backup()

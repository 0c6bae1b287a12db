"""Scheduled jobs: crontabs, folders of scripts, anacron, systemd's timers and at's jobs in one list, edited line by
line.

settings.py   what can be wanted; values.py the narrow forms of single values
state.py      what is                          listing.py  the same as one list, next and last runs
present.py    what is as settings, facts, JSON           summary.py  in a line
plan.py       from settings to steps           validating.py  what is wrong
drafts.py     crontabs as they will be         checks.py  what proves them
recording.py  what a record needs
actions.py    what actions are told            acting.py  what they do: lines.py, timers.py, several.py, running.py
environments.py  cron's environment beside a login's
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi_installer_tui.modules.base import Fact, Module, Offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi_installer_tui.modules.base import Arguments
    from pi_installer_tui.modules.cron.settings import CronSettings
    from pi_installer_tui.modules.cron.state import State
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.plan import Mistake, Others, Plan

__all__ = ["MODULE", "Cron"]


class Cron(Module["State", "CronSettings"]):
    """The module Scheduled jobs; its verbs load what they need."""

    name = "cron"

    @property
    def settings(self) -> type[CronSettings]:
        from pi_installer_tui.modules.cron.settings import CronSettings

        return CronSettings

    async def read(self, host: Host) -> State:
        from pi_installer_tui.modules.cron import state

        return await state.read(host)

    async def read_summary(self, host: Host) -> State:
        from pi_installer_tui.modules.cron import state

        return await state.read_summary(host)

    def present(self, state: State) -> CronSettings:
        from pi_installer_tui.modules.cron.present import present

        return present(state)

    def facts(self, state: State) -> Sequence[Fact]:
        from pi_installer_tui.modules.cron.present import facts

        return facts(state)

    def summary(self, state: State) -> str:
        from pi_installer_tui.modules.cron.summary import summary

        return summary(state)

    def state_json(self, state: State) -> dict[str, Any]:
        from pi_installer_tui.modules.cron.present import state_json

        return state_json(state)

    def choices(self, state: State, name: str) -> Sequence[str]:
        from pi_installer_tui.modules.cron.present import choices

        return choices(state, name)

    def offer(self, state: State, goals: frozenset[str]) -> Offer:
        # nothing is proposed: what is to run is nobody's to guess
        return Offer(asked=("jobs", "timers"))

    def validate(self, state: State, settings: CronSettings) -> Sequence[Mistake]:
        from pi_installer_tui.modules.cron.validating import validate

        return validate(state, settings)

    async def probe(self, host: Host, state: State, settings: CronSettings) -> Sequence[Mistake]:
        from pi_installer_tui.modules.cron.validating import probe

        return await probe(host, settings)

    async def look_further(self, host: Host, state: State, settings: CronSettings) -> State:
        from pi_installer_tui.modules.cron.plan import look_further

        return await look_further(host, state, settings)

    def plan(self, state: State, settings: CronSettings, others: Others) -> Plan:
        from pi_installer_tui.modules.cron.plan import plan

        return plan(state, settings, others)

    def arguments(self, action: str) -> type[Arguments]:
        from pi_installer_tui.modules.cron.actions import ARGUMENTS

        return ARGUMENTS[action]

    async def read_for(self, host: Host, action: str, told: Arguments | None = None) -> State:
        from pi_installer_tui.modules.cron.acting import read

        return await read(host, action, told)

    def given(self, state: State, secrets: frozenset[str]) -> State:
        from pi_installer_tui.modules.cron.recording import given

        return given(state, secrets)

    def validate_action(self, state: State, action: str, arguments: Arguments) -> Sequence[Mistake]:
        from pi_installer_tui.modules.cron.acting import validate

        return validate(state, action, arguments)

    def plan_action(self, state: State, action: str, arguments: Arguments) -> Plan:
        from pi_installer_tui.modules.cron.acting import plan

        return plan(state, action, arguments)


MODULE = Cron()

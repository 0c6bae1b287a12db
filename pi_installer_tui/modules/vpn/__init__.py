"""VPN: WireGuard, its tunnels and peers, and whether they can be reached.

settings.py   what can be wanted; values.py the narrow forms of single values
applied.py    what was applied; wanted.py that with settings on top, and with what was left out; addresses.py
state.py      what is; reading.py reads it, surroundings.py what is around the tunnels
plan.py       the way from one to the other: planning.py what its parts share, files.py a tunnel's files, running.py
              what runs, units.py timers and services; own_way.py what the owner's connection stands on;
              checks.py, notices.py what to know of it
rules.py      packet rules        forwarding.py  what the kernel passes on        timers.py  what happens by itself
validating.py what is wrong       keeping.py     where peers' keys lie            offer.py   for the wizard
actions.py    what is done beside settings; adopting.py tunnels that others made
handover.py   the configuration that a peer is given
mapping.py, pinholes.py, porting.py  the port at the router     verdict.py, doctor.py, waiting.py  what is in the way;
leading.py     whether an endpoint leads here, before it is agreed to
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi_installer_tui.modules.base import Fact, Module, Offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi_installer_tui.modules.base import Arguments, Claim, Link
    from pi_installer_tui.modules.vpn.settings import VpnSettings
    from pi_installer_tui.modules.vpn.state import State
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.plan import Mistake, OpenPort, Others, Plan

__all__ = ["MODULE", "Vpn"]


class Vpn(Module["State", "VpnSettings"]):
    """The module VPN; its verbs load what they need."""

    name = "vpn"

    @property
    def settings(self) -> type[VpnSettings]:
        from pi_installer_tui.modules.vpn.settings import VpnSettings

        return VpnSettings

    async def read(self, host: Host) -> State:
        from pi_installer_tui.modules.vpn import state

        return await state.read(host)

    def present(self, state: State) -> VpnSettings:
        from pi_installer_tui.modules.vpn.present import present

        return present(state)

    def facts(self, state: State) -> Sequence[Fact]:
        from pi_installer_tui.modules.vpn.present import facts

        return facts(state)

    def summary(self, state: State) -> str:
        from pi_installer_tui.modules.vpn.present import summary

        return summary(state)

    def state_json(self, state: State) -> dict[str, Any]:
        from pi_installer_tui.modules.vpn.present import state_json

        return state_json(state)

    def choices(self, state: State, name: str) -> Sequence[str]:
        from pi_installer_tui.modules.vpn.present import choices

        return choices(state, name)

    def offer(self, state: State, goals: frozenset[str]) -> Offer:
        from pi_installer_tui.modules.vpn.offer import offer

        return offer(state, goals)

    def claims(self, state: State, settings: VpnSettings) -> Sequence[Claim]:
        from pi_installer_tui.modules.vpn.offer import claims

        return claims(state, settings)

    def links(self, state: State) -> Sequence[Link]:
        from pi_installer_tui.modules.vpn.offer import links

        return links(state)

    def needs(self, state: State, settings: VpnSettings) -> Sequence[OpenPort]:
        from pi_installer_tui.modules.vpn.needs import needs

        return needs(state, settings)

    def validate(self, state: State, settings: VpnSettings) -> Sequence[Mistake]:
        from pi_installer_tui.modules.vpn.validating import validate

        return validate(state, settings)

    async def look_further(self, host: Host, state: State, settings: VpnSettings) -> State:
        from pi_installer_tui.modules.vpn.leading import ask

        return await ask(host, state, settings)

    def plan(self, state: State, settings: VpnSettings, others: Others) -> Plan:
        from pi_installer_tui.modules.vpn.plan import plan

        return plan(state, settings, others)

    def arguments(self, action: str) -> type[Arguments]:
        from pi_installer_tui.modules.vpn.actions import ARGUMENTS

        return ARGUMENTS[action]

    async def read_for(self, host: Host, action: str, told: Arguments | None = None) -> State:
        state = await self.read(host)
        if action != "adopt" or told is None:
            return state
        from pi_installer_tui.modules.vpn.adopting import ask

        return await ask(host, state, told)

    def validate_action(self, state: State, action: str, arguments: Arguments) -> Sequence[Mistake]:
        from pi_installer_tui.modules.vpn.actions import validate

        return validate(state, action, arguments)

    def action_needs(self, state: State, action: str, arguments: Arguments) -> Sequence[OpenPort]:
        from pi_installer_tui.modules.vpn.actions import needs

        return needs(state, arguments)

    def plan_action(self, state: State, action: str, arguments: Arguments) -> Plan:
        from pi_installer_tui.modules.vpn.actions import plan

        return plan(state, action, arguments)


MODULE = Vpn()

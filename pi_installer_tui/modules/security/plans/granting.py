"""What other modules need of the firewall is granted while it filters: rules of their names. Nobody can be kept out by
them, so where nothing else of the firewall changes they aren't on probation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.plans import ufw
from pi_installer_tui.modules.security.plans.rules import Table, rule_of
from pi_installer_tui.modules.security.settings import FirewallSettings, RuleSettings, SecuritySettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import Known
from pi_installer_tui.tasks.plan import OpenPort


def with_grants(
    state: State, settings: SecuritySettings, needs: Sequence[OpenPort]
) -> tuple[SecuritySettings, list[Part]]:
    """The settings with what is needed among their rules; or, where they aren't about the firewall, a part of the plan
    beside them."""
    firewall = settings.firewall
    rules = grants(state, firewall or FirewallSettings(), needs)
    if not rules:
        return settings, []
    if firewall is not None:
        whole = firewall.model_copy(update={"rules": {**(firewall.rules or {}), **rules}})
        return settings.model_copy(update={"firewall": whole}), []
    part = ufw.plan(state, FirewallSettings(rules=rules))
    setting = needs[0].setting
    part.setting = setting
    part.steps = [step.model_copy(update={"setting": setting}) for step in part.steps]
    part.checks = [check.model_copy(update={"setting": setting}) for check in part.checks]
    part.blocked = [each.model_copy(update={"setting": setting}) for each in part.blocked]
    return settings, [part]


def grants(state: State, firewall: FirewallSettings, needs: Sequence[OpenPort]) -> Mapping[str, RuleSettings]:
    """The rules by their names: those that are lacking, and as absent those that aren't needed any more. One that a
    person made for the same stays theirs."""
    filters = state.ufw.enabled.effective == Known(True) if firewall.enabled is None else firewall.enabled
    table = Table(state.ufw)
    theirs = {rule_of(name, rule).about for name, rule in (firewall.rules or {}).items()}
    found: dict[str, RuleSettings] = {}
    names = {need.name for need in needs}
    for need in needs:
        rule = _rule(need)
        there = table.find(rule_of(need.name, rule))
        ours = there is not None and there.comment == need.name
        granted = (
            there is None or there.comment in names
        )  # one rule may serve two needs: it stays while one of them does
        if need.on and filters and rule_of(need.name, rule).about not in theirs and granted:
            found[need.name] = rule
        elif not need.on and ours:
            found[need.name] = rule.model_copy(update={"state": "absent"})
    return found


def _rule(need: OpenPort) -> RuleSettings:
    return RuleSettings(
        action="allow",
        direction="route" if need.passed_on else None,
        protocol="udp" if need.protocol == "udp" else "tcp" if need.protocol else None,
        port=str(need.port) if need.port else None,
        interface=need.interface or None,
    )

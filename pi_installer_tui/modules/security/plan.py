"""The way from the machine as it is to what is wanted of its security. Pure: all it knows is the state and the
settings. What could keep its owner out is on probation until somebody has logged in anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.plans import auditd, fail2ban, protocols, sshd, sysctl, ufw, updates
from pi_installer_tui.modules.security.profiles import resolved
from pi_installer_tui.modules.security.settings import SecuritySettings, SshSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.tasks.plan import Mistake, Others, Plan
from pi_installer_tui.tasks.steps import InstallPackages, Probation, Step
from pi_installer_tui.tasks.steps.probation import NewLogin, Wrapped

NAME = "security"


def plan(state: State, settings: SecuritySettings, _others: Others) -> Plan:
    """The whole plan."""
    wanted = resolved(settings)
    parts = list(parts_of(state, wanted))
    steps = [s for p in parts for s in p.steps]
    return Plan(
        modules=(NAME,),
        settings={NAME: settings.model_dump(mode="json", exclude_none=True)},
        steps=tuple(on_probation(state, wanted, steps)),
        checks=tuple(c for p in parts for c in p.checks if p.steps),
        blocked=tuple(b for p in parts for b in p.blocked),
        notices=tuple(n for p in parts for n in p.notices if p.steps),
    )


def parts_of(state: State, settings: SecuritySettings) -> Iterable[Part]:
    """Each area that is wanted with its part of the plan, in the order they run: what needs the network before what
    narrows it."""
    if settings.updates is not None:
        yield updates.plan(state, settings.updates)
    if settings.kernel is not None:
        yield sysctl.plan(state, settings.kernel)
        yield protocols.plan(state, settings.kernel)
    if settings.audit_log is not None:
        yield auditd.plan(state, settings.audit_log)
    if settings.bans is not None:
        yield fail2ban.plan(state, settings.bans)
    if settings.firewall is not None:
        yield ufw.plan(state, settings.firewall)
    if settings.ssh is not None:
        yield sshd.plan(state, settings.ssh)


def on_probation(state: State, settings: SecuritySettings, steps: Sequence[Step]) -> Sequence[Step]:
    """The same steps; those that could keep somebody out wait, at the end, for a new login of the one who started this
    or of another who may do everything."""
    risky = (sshd.SETTING, ufw.SETTING)
    wrapped = [step for step in steps if step.setting in risky and not isinstance(step, InstallPackages)]
    if not wrapped:
        return steps
    who = [name for name in sshd.keepers(state, settings.ssh or SshSettings()) if name != state.starter]
    users = [state.starter, *who] if state.starter else who
    trial = Probation(
        id="security.probation",
        setting=wrapped[0].setting,
        risks=("connection",),
        cuts=tuple(f"port:{port}" for port in state.sshd.ports),
        steps=tuple(cast("list[Wrapped]", wrapped)),
        login=NewLogin(users=tuple(users)) if users else None,
    )
    return [*(step for step in steps if step not in wrapped), trial]


def validate(state: State, settings: SecuritySettings) -> Sequence[Mistake]:
    """What only this machine's state shows."""
    settings = resolved(settings)
    found = list(ufw.validate(state, settings.firewall)) if settings.firewall is not None else []
    return [*found, *(sshd.validate(state, settings.ssh) if settings.ssh is not None else ())]

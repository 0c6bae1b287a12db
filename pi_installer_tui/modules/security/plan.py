"""The way from the machine as it is to what is wanted of its security. Pure: all it knows is the state and the
settings. What could keep its owner out is on probation until somebody has logged in anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.fail2ban import OWN, SERVICE
from pi_installer_tui.modules.security.plans import (
    auditd,
    dumps,
    fail2ban,
    granting,
    issue,
    modprobe,
    port,
    sshd,
    sysctl,
    ufw,
    updates,
)
from pi_installer_tui.modules.security.profiles import resolved
from pi_installer_tui.modules.security.settings import FirewallSettings, SecuritySettings, SshSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import Known
from pi_installer_tui.tasks.plan import Mistake, Others, Plan
from pi_installer_tui.tasks.steps import InstallPackages, Probation, Step, Unit, WriteFile
from pi_installer_tui.tasks.steps.probation import NewLogin, Wrapped

NAME = "security"


def plan(state: State, settings: SecuritySettings, others: Others) -> Plan:
    """The whole plan."""
    wanted = resolved(settings)
    wanted, grants = granting.with_grants(state, wanted, others.open_ports)
    parts = [*parts_of(state, wanted), *grants]
    steps = [s for p in parts for s in p.steps]
    blocked = any(part.blocked for part in parts if part.setting in (port.SETTING, sshd.SETTING))
    ports = port.change(state.sshd, wanted.ssh) if not blocked else None
    after = list(afterwards(state, wanted, ports)) if ports is not None else []
    last = in_turn(after, [s.id for s in steps if s.setting in (sshd.SETTING, port.SETTING)])
    return Plan(
        modules=(NAME,),
        settings={NAME: settings.model_dump(mode="json", exclude_none=True)},
        steps=(*on_probation(state, wanted, steps, ports), *last),
        checks=tuple(c for p in (*parts, *after) for c in p.checks if p.steps),
        blocked=tuple(b for p in parts for b in p.blocked),
        notices=tuple(n for p in parts for n in p.notices if p.steps),
    )


def parts_of(state: State, settings: SecuritySettings) -> Iterable[Part]:
    """Each area that is wanted with its part of the plan, in the order they run: what needs the network before what
    narrows it, and what lets a port in before what listens there."""
    ssh, ports = settings.ssh, port.change(state.sshd, settings.ssh)
    if settings.updates is not None:
        yield updates.plan(state, settings.updates)
    if settings.kernel is not None:
        yield sysctl.plan(state, settings.kernel)
        yield modprobe.plan(state, settings.kernel)
        yield dumps.plan(state, settings.kernel)
    if settings.audit_log is not None:
        yield auditd.plan(state, settings.audit_log)
    if settings.bans is not None:
        yield fail2ban.plan(listening(state, ports.both) if ports is not None else state, settings.bans)
    why = port.hindrance(state.sshd) if ports is not None else ""
    if settings.firewall is not None or (ports is not None and not why):
        closes = ports.closes if ports is not None and not why else ()
        part = ufw.plan(state, settings.firewall or FirewallSettings(), _kept(state, settings), closes)
        if part.blocked and not why:
            why = part.blocked[0].why
        yield part if settings.firewall is not None or not part.blocked else Part(ufw.SETTING)
    if ports is not None and ssh is not None and why:
        yield Part(port.SETTING).block(why)
        ssh = ssh.model_copy(update={"port": None})
    if ssh is not None:
        yield issue.plan(state, ssh)
        yield sshd.plan(state, ssh)


def afterwards(state: State, settings: SecuritySettings, ports: port.Change) -> Iterable[Part]:
    """What comes when somebody has logged in over a new port: sshd leaves the old ones, the firewall shuts them, and
    bans are about the new ones."""
    yield sshd.afterwards(state.sshd, settings.ssh or SshSettings(), ports)
    yield ufw.close(state, settings.firewall or FirewallSettings(), ports.both, ports.closes)
    yield _bans(state, settings, ports)


def in_turn(parts: Iterable[Part], needs: Sequence[str]) -> Sequence[Step]:
    """The steps of these parts, each of which needs all of the parts before and `needs`, the steps on probation: they
    come after it, and go with it, whatever else a plan is made of (tasks/plan.py, merge and without)."""
    found: list[Step] = []
    before = [*needs]
    for part in parts:
        for step in part.steps:
            found.append(step.model_copy(update={"needs": tuple(dict.fromkeys((*before, *step.needs)))}))
        before += part.ids()
    return found


def listening(state: State, ports: Sequence[int]) -> State:
    """The same machine with its sshd on these ports."""
    return replace(state, sshd=replace(state.sshd, listening=Known(tuple(ports))))


def _kept(state: State, settings: SecuritySettings) -> Sequence[int]:
    """The ports of SSH that the firewall lets in: those that sshd listens on, and those that it will."""
    ports = port.change(state.sshd, settings.ssh)
    return ports.both if ports is not None and not port.hindrance(state.sshd) else state.sshd.ports


def _bans(state: State, settings: SecuritySettings, ports: port.Change) -> Part:
    """fail2ban's jail follows the ports; one that isn't named in this run, too."""
    part = Part(fail2ban.SETTING)
    text = state.fail2ban.own
    if settings.bans is not None and settings.bans.enabled:
        before = fail2ban.content(listening(state, ports.both), settings.bans)
        text = fail2ban.content(listening(state, ports.wanted), settings.bans)
    elif settings.bans is None:
        before, text = text, port.in_jail(text, ports.wanted)
    else:
        return part
    if text != before:
        unit = Unit(id="security.bans.ports-reload", setting=fail2ban.SETTING, name=SERVICE, reload=True)
        part.steps += [
            WriteFile(id="security.bans.ports", setting=fail2ban.SETTING, path=OWN, content=text),
            unit.model_copy(update={"needs": ("security.bans.ports",)}),
        ]
    return part


def on_probation(
    state: State, settings: SecuritySettings, steps: Sequence[Step], ports: port.Change | None
) -> Sequence[Step]:
    """The same steps; those that could keep somebody out wait, at the end, for a new login of the one who started this
    or of another who may do everything, over a new port where there is one."""
    risky = (sshd.SETTING, port.SETTING, ufw.SETTING)
    wrapped = [step for step in steps if step.setting in risky and not isinstance(step, InstallPackages)]
    if not wrapped:
        return steps
    who = [name for name in sshd.keepers(state, settings.ssh or SshSettings()) if name != state.starter]
    users = [state.starter, *who] if state.starter else who
    over = (ports.opens or ports.wanted) if ports is not None else ()
    back = (ports.closes or ports.now) if ports is not None else ()
    trial = Probation(
        id="security.probation",
        setting=wrapped[0].setting,
        risks=("connection",),
        cuts=tuple(f"port:{number}" for number in state.sshd.ports),
        steps=tuple(cast("list[Wrapped]", wrapped)),
        login=NewLogin(users=tuple(users), ports=over, back=back) if users else None,
    )
    return [*(step for step in steps if step not in wrapped), trial]


def validate(state: State, settings: SecuritySettings) -> Sequence[Mistake]:
    """What only this machine's state shows."""
    settings = resolved(settings)
    found: list[Mistake] = []
    if settings.firewall is not None or port.change(state.sshd, settings.ssh) is not None:
        found += ufw.validate(state, settings.firewall or FirewallSettings(), _kept(state, settings))
    return [*found, *(sshd.validate(state, settings.ssh) if settings.ssh is not None else ())]

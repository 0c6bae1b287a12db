"""The way from what is to what is wanted: packages, a tunnel's file and rules, what the kernel forwards, what is
remembered, the unit, timers. What runs follows without dropping anybody. Pure."""

from __future__ import annotations

from collections.abc import Collection

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.vpn import applied, files, forwarding, own_way, running, units
from pi_installer_tui.modules.vpn.planning import NAME, PACKAGES, PRIVATE, Planning
from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.modules.vpn.state import State
from pi_installer_tui.modules.vpn.wanted import wanted
from pi_installer_tui.system.reading import MISSING, Known, Unknown
from pi_installer_tui.tasks.plan import Blocked, Others, Plan
from pi_installer_tui.tasks.steps import InstallPackages, Probation, RemoveFile, WriteFile

_CONFIG = f"{NAME}.config"


def plan(
    state: State, settings: VpnSettings, others: Others, *, rotate: Collection[tuple[str, str]] = frozenset()
) -> Plan:
    """The whole plan. rotate: tunnels and peers that get new keys."""
    return _part(state, settings, rotate).plan(settings)


def _part(state: State, settings: VpnSettings, rotate: Collection[tuple[str, str]]) -> Part:
    if not settings.tunnels:
        return Part(NAME)
    for reading in (state.applied, state.tunnels, state.wg):
        if isinstance(reading, Unknown):
            return Part(NAME).block(reading.reason)
    try:
        made = Planning(state, settings, wanted(state, settings), rotate)
    except ValueError as error:
        return Part(NAME).block(str(error))
    tunnels = made.wanted.tunnels or {}
    named = [name for name in settings.tunnels if _is_ours(made, name)]
    _packages(made, [name for name in named if name in tunnels])
    for name in named:
        if name not in tunnels:
            running.remove(made, name)
        else:
            running.stops(made, name, tunnels[name])
            files.steps(made, name, tunnels[name], settings.tunnels[name])
    made.part.steps += forwarding.steps(state, made.wanted)
    _remember(made)
    for name in (each for each in named if each in tunnels):
        running.runs(made, name, tunnels[name])
    units.steps(made)
    _confirmed(made)
    made.part.checks += forwarding.checks(made.part.steps)
    return made.part


def _is_ours(made: Planning, name: str) -> bool:
    there = made.state.by_name.get(name)
    if there is None or there.ours:
        return True
    why = _("{file} was made by hand or by another program: adopt it first").format(file=there.file)
    made.part.blocked.append(Blocked(setting=f"{NAME}.tunnels.{name}", why=why))
    return False


def _packages(made: Planning, tunnels: Collection[str]) -> None:
    state, wants = made.state, [(made.wanted.tunnels or {})[name] for name in tunnels]
    lacking = ["wireguard-tools"] if tunnels and state.wg == MISSING else []
    if tunnels and state.kernel == Known(False) and "wireguard-go" not in state.programs:
        lacking.append("wireguard-go")
    if any(each.reach is not None for each in wants) and "nft" not in state.programs:
        lacking.append("nftables")
    keeps = {peer.keeping for each in wants for peer in (each.peers or {}).values()}
    if "encrypted" in keeps and "gpg" not in state.programs:
        lacking.append("gpg")
    if lacking:
        step = InstallPackages(id=PACKAGES, setting=NAME, risks=("download",), packages=tuple(lacking))
        made.add(step)


def _remember(made: Planning) -> None:
    state = made.state
    if not made.wanted.tunnels and not state.settings.tunnels:
        return
    if not made.wanted.tunnels:
        made.add(RemoveFile(id=_CONFIG, setting=NAME, path=applied.PATH))
    elif made.wanted != state.settings or state.mode & 0o077:
        text = applied.dump(made.wanted)
        made.add(WriteFile(id=_CONFIG, setting=NAME, path=applied.PATH, content=text, mode=PRIVATE))


def _confirmed(made: Planning) -> None:
    """What could cut off the owner, who is here through a tunnel, waits for a confirmation."""
    made.part.steps = own_way.on_probation(made.state, made.part.steps)
    for trial in (step for step in made.part.steps if isinstance(step, Probation)):
        name = trial.setting.rpartition(".")[2]
        text = _("your connection comes through {tunnel}: the change goes back unless it is confirmed")
        made.part.notice(text.format(tunnel=name))
        if made.state.firewall == Known("ufw"):
            text = _("what the firewall lets through for {tunnel} stays until the next change: this one may go back")
            made.part.notice(text.format(tunnel=name))

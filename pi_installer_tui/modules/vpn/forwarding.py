"""What the kernel passes on: a file of sysctl.d(5) of ours, and the kernel told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pi_installer_tui.modules.vpn.reading import SYSCTL
from pi_installer_tui.modules.vpn.settings import VpnSettings
from pi_installer_tui.modules.vpn.state import State
from pi_installer_tui.modules.vpn.surroundings import FORWARD, FORWARD6
from pi_installer_tui.system.reading import Known, known
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.steps import Probe, RemoveFile, RunCommand, Step, WriteFile

SETTING = "vpn.tunnels"
_ID = "vpn.forwarding"
_HEAD = "# Made by pi-installer-tui: this machine passes on what comes from its VPN.\n"


def wanted(state: State, settings: VpnSettings) -> Mapping[str, str]:
    """The values by their names; the one of IPv6 after what keeps the machine's own address there."""
    tunnels = [each for each in (settings.tunnels or {}).values() if each.reach is not None]
    if not tunnels:
        return {}
    found = {FORWARD: "1"}
    if any(":" in address for each in tunnels for address in each.address or ()):
        name = f"net/ipv6/conf/{uplink.interface}/accept_ra" if (uplink := known(state.uplink)) else ""
        if name and (state.slaac or f"{name} =" in state.sysctl):
            found[name] = "2"
        found[FORWARD6] = "1"
    return found


def text(state: State, settings: VpnSettings) -> str:
    """What our file says, "" where it isn't needed."""
    values = wanted(state, settings)
    return _HEAD + "".join(f"{name} = {value}\n" for name, value in values.items()) if values else ""


def steps(state: State, settings: VpnSettings) -> list[Step]:
    """The steps to it. What isn't wanted any more is as it was when nobody else wants it: Docker forwards too."""
    found: list[Step] = []
    values, content = wanted(state, settings), text(state, settings)
    if content and content != state.sysctl:
        found.append(WriteFile(id=f"{_ID}.file", setting=SETTING, path=SYSCTL, content=content, mode=0o644))
    elif not content and state.sysctl:
        found.append(RemoveFile(id=f"{_ID}.file", setting=SETTING, path=SYSCTL))
    for name, value in values.items():
        if name not in (FORWARD, FORWARD6):
            if state.slaac:
                found.append(_tell(name, value, "1"))
        elif known((state.forwards if name == FORWARD else state.forwards6).effective) is False:
            found.append(_tell(name, value, "0"))
    if not content and state.sysctl and not state.docker:
        found += _back(state)
    return found


def _back(state: State) -> Iterator[Step]:
    for name, value in ((FORWARD6, state.forwards6), (FORWARD, state.forwards)):
        source = value.configured.source if isinstance(value.configured, Known) else None
        if known(value.effective) is True and source is not None and source.path == SYSCTL:
            yield _tell(name, "0", "1")
    for line in state.sysctl.splitlines():
        key, _equals, said = line.partition(" = ")
        if key.endswith("/accept_ra") and said == "2":
            yield _tell(key, "1", "2")


def _tell(name: str, value: str, was: str) -> RunCommand:
    step = name.replace("/", ".").lower()
    return RunCommand(
        id=f"{_ID}.{step}",
        setting=SETTING,
        argv=("sysctl", "-w", f"{name}={value}"),
        probe=Probe(argv=("sysctl", "-n", name), output=value),
        undo_argv=("sysctl", "-w", f"{name}={was}"),
    )


def checks(made: Sequence[Step]) -> Iterator[CommandSays]:
    """What the kernel says of each that it was told."""
    for step in made:
        if isinstance(step, RunCommand) and step.id.startswith(f"{_ID}.") and isinstance(step.probe, Probe):
            value = step.probe.output or ""
            yield CommandSays(id=step.id, setting=SETTING, argv=step.probe.argv, line=value)

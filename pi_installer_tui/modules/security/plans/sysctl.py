"""Kernel settings: a file of ours that is read last, and the kernel told at once where it can be here."""

from __future__ import annotations

from collections.abc import Mapping

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.settings import KernelSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.modules.security.sysctl import HARDENED, OWN, Sysctl
from pi_installer_tui.system.reading import MISSING, Missing, Unknown, Value, known
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.steps import Probe, RunCommand, WriteFile

SETTING = "security.kernel"
_NOTHING: Value[str] = Value(MISSING, MISSING)
_HEAD = "# Made by pi-installer-tui. This file is read last, and of a setting the last value counts.\n"


def plan(state: State, settings: KernelSettings) -> Part:
    """The steps to what is wanted. What the kernel doesn't have is left out, and named."""
    part = Part(SETTING)
    now = state.sysctl
    missing: list[str] = []
    elsewhere: list[str] = []
    write: dict[str, str] = {}
    tell: dict[str, str] = {}
    was: dict[str, str] = {}
    for name, value in HARDENED.items() if settings.hardened else ():
        found = now.values.get(name, _NOTHING)
        if isinstance(found.effective, Missing):
            missing.append(name)
            continue
        for reading in (found.configured, found.effective):
            if isinstance(reading, Unknown):
                return part.block(reading.reason)
        effective: str | None = known(found.effective)
        configured: str | None = known(found.configured)
        right = effective == value
        if configured != value and not (right and isinstance(found.configured, Missing)):
            write[name] = value
        if not right and not now.writable[name]:
            elsewhere.append(name)
        elif not right:
            tell[name], was[name] = value, effective or ""
    if write:
        part.steps.append(WriteFile(id="security.kernel.file", setting=SETTING, path=OWN, content=content(now, write)))
    for name, value in tell.items():
        part.steps.append(
            RunCommand(
                id=f"security.kernel.{name}",
                setting=SETTING,
                argv=("sysctl", "-w", f"{name}={value}"),
                probe=Probe(argv=("sysctl", "-n", name), output=value),
                undo_argv=("sysctl", "-w", f"{name}={was[name]}"),
            )
        )
        part.checks.append(
            CommandSays(id=f"security.kernel.{name}", setting=SETTING, argv=("sysctl", "-n", name), line=value)
        )
    if elsewhere:
        text = _("not here: the kernel is the host's; written for a machine of its own: {names}")
        part.notice(text.format(names=", ".join(elsewhere)))
    if missing:
        part.notice(_("this kernel doesn't have {names}").format(names=", ".join(missing)))
    return part


def content(now: Sysctl, values: Mapping[str, str]) -> str:
    """Our file: what it says already, with these values."""
    return _HEAD + "".join(f"{name} = {value}\n" for name, value in sorted({**now.own, **values}.items()))

"""Kernel settings: a file of ours that is read last, and the kernel told at once where it can be here."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.settings import KernelSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.modules.security.sysctl import HARDENED, OWN, Sysctl
from pi_installer_tui.system.reading import MISSING, Missing, Unknown, Value, known
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.plan import Blocked
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
    singles = settings.values or {}
    gone = {name for name, single in singles.items() if single.state == "absent" and name in now.own}
    for name, value in wanted(settings).items():
        if name not in now.values and isinstance(now.others, Unknown):
            return part.block(now.others.reason)
        found = now.values.get(name, _NOTHING)
        if isinstance(found.effective, Missing):
            if name in singles:
                why = _("this kernel doesn't have it")
                part.blocked.append(Blocked(setting=f"{SETTING}.values.{name}", why=why))
            else:
                missing.append(name)
            continue
        for reading in (found.configured, found.effective):
            if isinstance(reading, Unknown):
                return part.block(reading.reason)
        effective: str | None = known(found.effective)
        configured: str | None = known(found.configured)
        right = effective == value
        usual = right and isinstance(found.configured, Missing) and name not in singles
        if configured != value and not usual:
            write[name] = value
        if not right and not now.writable[name]:
            elsewhere.append(name)
        elif not right:
            tell[name], was[name] = value, effective or ""
    if write or gone:
        text = content(now, write, gone)
        part.steps.append(WriteFile(id="security.kernel.file", setting=SETTING, path=OWN, content=text))
    for name in sorted(gone):
        part.notice(_("{name} stays as it is until the next boot").format(name=name))
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


def wanted(settings: KernelSettings) -> Mapping[str, str]:
    """What is wanted of the kernel, by name; a single setting outranks the list."""
    singles = settings.values or {}
    named = {name: single.value for name, single in singles.items() if single.value is not None}
    listed = {n: v for n, v in HARDENED.items() if n not in singles} if settings.hardened else {}
    return {**listed, **named}


def content(now: Sysctl, values: Mapping[str, str], gone: Collection[str] = ()) -> str:
    """Our file: what it says already, with these values and without what is gone."""
    lines = sorted({**{n: v for n, v in now.own.items() if n not in gone}, **values}.items())
    return _HEAD + "".join(f"{name} = {value}\n" for name, value in lines)

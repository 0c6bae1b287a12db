"""Kernel modules that are rarely used: a file of ours by which modprobe refuses to load them."""

from __future__ import annotations

from collections.abc import Collection

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.modprobe import GROUPS, NEEDED, OWN, REFUSAL, Modprobe
from pi_installer_tui.modules.security.settings import KernelSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import Unknown, known
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.plan import Blocked
from pi_installer_tui.tasks.steps import RemoveFile, WriteFile

SETTING = "security.kernel"
STEP = "security.modprobe.file"
_HEAD = "# Made by pi-installer-tui. What nothing here uses isn't loaded for whoever asks.\n"


def lines(modules: Collection[str]) -> tuple[str, ...]:
    """What modprobe is told, in the order of GROUPS."""
    return tuple(f"install {name} {REFUSAL}" for names in GROUPS.values() for name in names if name in modules)


def content(modules: Collection[str]) -> str:
    """Our file."""
    return _HEAD + "".join(f"{line}\n" for line in lines(modules))


def plan(state: State, settings: KernelSettings) -> Part:
    """The steps to what is wanted."""
    wanted = {name: on for name in GROUPS if (on := getattr(settings, name)) is not None}
    part = Part(f"{SETTING}.{next(iter(wanted))}" if len(wanted) == 1 else SETTING)
    now = state.modprobe
    if not wanted:
        return part
    if isinstance(now.refused, Unknown):
        return part.block(now.refused.reason)
    refuse, load = _changes(part, now, wanted)
    after = (now.own | refuse) - load
    if after != now.own:
        step = RemoveFile(id=STEP, setting=part.setting, path=OWN)
        if not after:
            part.steps.append(step)
            return part
        part.steps.append(WriteFile(id=STEP, setting=part.setting, path=OWN, content=content(after)))
    if refuse:
        asks = ("modprobe", "--showconfig")
        part.checks.append(CommandSays(id=STEP, setting=part.setting, argv=asks, lines=lines(refuse)))
    if loaded := sorted(refuse & now.loaded):
        text = _("loaded now, and so there until the next boot: {names}")
        part.notice(text.format(names=", ".join(loaded)))
    return part


def _changes(part: Part, now: Modprobe, wanted: dict[str, bool]) -> tuple[frozenset[str], frozenset[str]]:
    """The modules that are to be refused and aren't, and those of our file that may be loaded again. What is in use is
    blocked by its name: without it a disk could be missing at the next boot."""
    refuse, load = set[str](), set[str]()
    for setting, on in wanted.items():
        group = frozenset(GROUPS[setting])
        if on:
            load |= group & now.own
        elif not (known(now.refused) or frozenset()) >= group:
            if used := sorted(now.loaded & set(NEEDED[setting])):
                why = _("in use here: {names}").format(names=", ".join(used))
                part.blocked.append(Blocked(setting=f"{SETTING}.{setting}", why=why))
            else:
                refuse |= group
    return frozenset(refuse), frozenset(load)

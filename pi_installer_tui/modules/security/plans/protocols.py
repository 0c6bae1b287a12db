"""Rare network protocols: a file of ours by which modprobe refuses to load them."""

from __future__ import annotations

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.protocols import OWN, RARE, REFUSAL
from pi_installer_tui.modules.security.settings import KernelSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import Unknown, known
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.steps import RemoveFile, WriteFile

SETTING = "security.kernel.rare_protocols"
LINES = tuple(f"install {name} {REFUSAL}" for name in RARE)
CONTENT = "# Made by pi-installer-tui. Protocols that nothing here uses aren't loaded for whoever asks.\n" + "".join(
    f"{line}\n" for line in LINES
)


def plan(state: State, settings: KernelSettings) -> Part:
    """The steps to what is wanted."""
    part = Part(SETTING)
    now = state.protocols
    if settings.rare_protocols is None:
        return part
    if isinstance(now.refused, Unknown):
        return part.block(now.refused.reason)
    if settings.rare_protocols:
        if now.own:
            part.steps.append(RemoveFile(id="security.protocols.file", setting=SETTING, path=OWN))
        return part
    if (known(now.refused) or frozenset()) >= set(RARE):
        return part
    part.steps.append(WriteFile(id="security.protocols.file", setting=SETTING, path=OWN, content=CONTENT))
    asks = ("modprobe", "--showconfig")
    part.checks.append(CommandSays(id="security.protocols.file", setting=SETTING, argv=asks, lines=LINES))
    if now.loaded:
        text = _("loaded now, and so there until the next boot: {names}")
        part.notice(text.format(names=", ".join(sorted(now.loaded))))
    return part

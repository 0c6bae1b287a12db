"""Core dumps: two files of ours, one for who logs in and one for systemd-coredump."""

from __future__ import annotations

from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.dumps import COREDUMP, FILES, LIMITS
from pi_installer_tui.modules.security.settings import KernelSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import Unknown, known
from pi_installer_tui.tasks.checks import CommandSays, FileValue
from pi_installer_tui.tasks.steps import RemoveFile, WriteFile

SETTING = "security.kernel.core_dumps"
_IDS = {LIMITS: "security.dumps.limits", COREDUMP: "security.dumps.systemd"}
#: the limit that pam_limits(8) gives to who logs in; runuser(1) opens a session as a login does
_LIMIT = ("runuser", "-u", "nobody", "--", "prlimit", "--core", "--noheadings", "--output=HARD")


def plan(state: State, settings: KernelSettings) -> Part:
    """The steps to what is wanted. Who is logged in keeps the limit that he has."""
    part = Part(SETTING)
    own = state.dumps.own
    if settings.core_dumps is None:
        return part
    if isinstance(own, Unknown):
        return part.block(own.reason)
    there = known(own) or {}
    for path, text in FILES.items():
        if settings.core_dumps and path in there:
            part.steps.append(RemoveFile(id=_IDS[path], setting=SETTING, path=path))
        elif not settings.core_dumps and there.get(path) != text:
            part.steps.append(WriteFile(id=_IDS[path], setting=SETTING, path=path, content=text))
    if part.steps and not settings.core_dumps:
        part.checks += [
            CommandSays(id=_IDS[LIMITS], setting=SETTING, argv=_LIMIT, line="0"),
            FileValue(
                id=_IDS[COREDUMP],
                setting=SETTING,
                path=COREDUMP,
                format="ini",
                key=("Coredump", "Storage"),
                value="none",
            ),
        ]
    return part

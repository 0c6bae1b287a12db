"""The notice before the login: on the console above what stands there, over SSH by sshd's Banner (plans/sshd.py)."""

from __future__ import annotations

import re

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.part import Part
from pi_installer_tui.modules.security.issue import CONSOLE, NETWORK, NOTICE
from pi_installer_tui.modules.security.settings import SshSettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import Unknown, known
from pi_installer_tui.tasks.checks import CommandSays
from pi_installer_tui.tasks.steps import WriteFile

SETTING = "security.ssh.notice"
_ABOVE = f"{NOTICE}\n"
#: what Debian puts there, which would tell everybody the version
_RELEASE = re.compile(r"(?:Debian|Raspbian) GNU/Linux [0-9a-z/.]+\s*")


def console(text: str, notice: bool) -> str:
    """/etc/issue with the notice above what stands there, or without it."""
    rest = text.removeprefix(_ABOVE)
    return _ABOVE + rest if notice else rest


def network(text: str, notice: bool) -> str:
    """/etc/issue.net with the notice above what its owner wrote there, or without it."""
    rest = text.removeprefix(NOTICE)
    return NOTICE + ("" if _RELEASE.fullmatch(rest) else rest) if notice else rest


def plan(state: State, settings: SshSettings) -> Part:
    """The steps to what is wanted of the two files."""
    part = Part(SETTING)
    if settings.notice is None:
        return part
    for path, now, change in ((CONSOLE, state.issue.console, console), (NETWORK, state.issue.network, network)):
        if isinstance(now, Unknown):
            return part.block(now.reason)
        text = known(now) or ""
        wanted = change(text, settings.notice)
        if wanted == text:
            continue
        identity = "security.issue.console" if path == CONSOLE else "security.issue.network"
        part.steps.append(WriteFile(id=identity, setting=SETTING, path=path, content=wanted))
        if settings.notice:
            lines = tuple(NOTICE.splitlines())
            part.checks.append(CommandSays(id=identity, setting=SETTING, argv=("cat", path), lines=lines))
    if part.steps and settings.notice:
        part.notice(_("programs that log in by SSH get the notice too, among their error messages"))
    return part

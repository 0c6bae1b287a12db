"""Becoming root by sudo, once, before the screens open.

sudo clears the environment. What the screens need of it is handed over as arguments, each checked against a pattern on
both sides: whoever may run us by sudo may run us with any arguments, so the checking in the root process is the one
that counts. The command that sudo starts is absolute, and Python runs it isolated: neither PYTHONPATH nor the current
folder has a say in what root imports.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, MutableMapping, Sequence

_WORD = r"[A-Za-z0-9_.+@:-]{1,64}"
_ADDRESS = r"[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9_.-]{1,15})?"

#: the variables that are handed over, and what their values may look like
HANDED: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "TERM": _WORD,
        "COLORTERM": _WORD,
        "NO_COLOR": _WORD,
        "LANG": _WORD,
        "LANGUAGE": _WORD,
        "LC_ALL": _WORD,
        "LC_CTYPE": _WORD,
        "LC_MESSAGES": _WORD,
        "LC_TIME": _WORD,
        "LINES": r"[0-9]{1,4}",
        "COLUMNS": r"[0-9]{1,4}",
        "SSH_CONNECTION": rf"{_ADDRESS} [0-9]{{1,5}} {_ADDRESS} [0-9]{{1,5}}",  # sshd(8), ENVIRONMENT
        "SSH_TTY": r"/dev/(pts/[0-9]{1,6}|tty[A-Za-z0-9]{1,16})",
        "PI_INSTALLER_TUI_CONSOLE": r"[a-z0-9=,]{1,80}",
    }.items()
}

#: sudo itself ends with 1 when it refuses (sudo(8), EXIT VALUE), so a program that it started ends with this instead
FAILED_AS_ROOT = 70


def handed(environ: Mapping[str, str]) -> list[str]:
    """The options that hand an environment over. What doesn't look right stays behind."""
    options = []
    for name, pattern in HANDED.items():
        value = environ.get(name, "")
        if name == "NO_COLOR" and value:
            value = "1"  # any value means the same (no-color.org)
        if value and pattern.fullmatch(value):
            options.append(f"--handed={name}={value}")
    return options


def take(options: Sequence[str], environ: MutableMapping[str, str]) -> None:
    """Puts handed values into the environment, in the process that sudo started. Raises ValueError for a value that is
    not one of HANDED's."""
    for option in options:
        name, _, value = option.partition("=")
        if name not in HANDED or not HANDED[name].fullmatch(value):
            raise ValueError(name)
        environ[name] = value


def sudo_argv(sudo: str, arguments: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """The command line that starts this program again as root. arguments: ours, without the program's name."""
    program = [os.path.abspath(sys.executable), "-I", "-m", "pi_installer_tui"]  # noqa: PTH100  (keeps a venv's link)
    return [sudo, "--", *program, *handed(environ), *arguments]


def as_root(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int | None:
    """Runs this program again as root, in this terminal, and returns its exit status; None where there is no sudo or it
    refused. sudo asks for the password itself."""
    from pi_installer_tui.system import host  # it costs 3 ms, which --demo and root needn't spend

    sudo = shutil.which("sudo", path=host.PATH)
    if sudo is None:
        return None
    # Ctrl-C belongs to sudo and to what it starts; we only wait
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        done = subprocess.run(sudo_argv(sudo, arguments, environ), check=False, preexec_fn=_default_sigint)
    finally:
        signal.signal(signal.SIGINT, before)
    if done.returncode == 1:
        return None
    return 1 if done.returncode == FAILED_AS_ROOT else done.returncode


def _default_sigint() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

"""A fault of ours: one line for the person, and in a file of their own where it was raised. Never a value, so no
message either."""

from __future__ import annotations

import errno
import os
import tempfile
import traceback

from pi_installer_tui.i18n import _
from pi_installer_tui.system.paths import STATE


def report(error: BaseException) -> str:
    """Keeps the traceback and returns the sentence to print. A full disk is no fault of ours, and has its own."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        text = _("no space is left for {path}: make room, and try again; what wasn't begun is as it was")
        return text.format(path=error.filename or STATE)
    lines = _places(error)
    folder = str(STATE) if os.geteuid() == 0 and STATE.is_dir() else None
    try:
        # mkstemp: 0600, and never somebody else's file
        number, path = tempfile.mkstemp(prefix="pi-installer-tui-crash-", suffix=".log", dir=folder)
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(lines)
    except OSError:
        path = _("nowhere: no file could be written")
    return _("this is a fault of the program ({name}); the details are in {path}").format(
        name=type(error).__name__, path=path
    )


def _places(error: BaseException) -> list[str]:
    """A traceback without messages: they quote values, and a value may be a secret. The first cause comes first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.insert(0, current)
        current = current.__cause__ or current.__context__
    lines: list[str] = []
    for each in chain:
        lines += [*traceback.format_tb(each.__traceback__), f"{type(each).__module__}.{type(each).__qualname__}\n"]
    return lines

"""A fault of ours: one line for the person, the traceback (never local variables) in a file of their own."""

from __future__ import annotations

import os
import tempfile
import traceback

from pi_installer_tui.i18n import _
from pi_installer_tui.system.paths import STATE


def report(error: BaseException) -> str:
    """Keeps the traceback and returns the sentence to print."""
    lines = traceback.TracebackException.from_exception(error, capture_locals=False).format()
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

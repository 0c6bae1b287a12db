"""Who is at work: for the history, and for whoever waits behind a job."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping


def caller(environ: Mapping[str, str] = os.environ) -> str:
    """A user's name: the one that sudo was called by, else the process's own."""
    name = environ.get("SUDO_USER", "") if os.geteuid() == 0 else ""
    if not re.fullmatch(r"[A-Za-z0-9_.@\\-]{1,64}\$?", name):
        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            name = str(os.getuid())
    return name

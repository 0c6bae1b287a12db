"""Who is at work: for the history, and for whoever waits behind a job."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping


def caller(environ: Mapping[str, str] = os.environ) -> str:
    """A user's name: the one that sudo was called by, else the process's own."""
    name = environ.get("SUDO_USER", "") if os.geteuid() == 0 else ""
    return name if re.fullmatch(r"[A-Za-z0-9_.@\\-]{1,64}\$?", name) else called(os.getuid())


def called(uid: int) -> str:
    """The name of a user's number, the number itself where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)

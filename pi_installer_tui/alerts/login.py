"""The login message (pam_motd(8)): what fires now, for whoever logs in."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

#: beside those of system/paths.py
MOTD = Path("/run/motd.d/52-pi-installer-tui-alerts")
_MOST = 10  # lines


def tell(lines: Sequence[str], path: Path = MOTD) -> None:
    """Makes these lines the login message; without any it goes. Raises OSError."""
    if not lines:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return
    with contextlib.suppress(FileExistsError):
        path.parent.mkdir(parents=True)
        path.parent.chmod(0o755)  # a service's umask would keep it from whoever logs in
    shown = list(lines[:_MOST]) + (["..."] if len(lines) > _MOST else [])
    beside = path.with_name(f".{path.name}.new")
    # what a rule found may come from anybody: nothing of it steers a terminal
    beside.write_text("".join(f"pi-installer-tui: {_plain(line)}\n" for line in shown), "utf-8")
    beside.chmod(0o644)
    beside.replace(path)


def _plain(line: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in line)

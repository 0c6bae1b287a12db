"""The terminals that people are logged in on. There is no utmp on Debian 13, and logind doesn't know the terminals of
SSH sessions, so the leaders of the sessions that have one are looked for. Source: proc_pid_stat(5)."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

#: what waits for a login on a terminal, or stands behind one
_NOBODY = frozenset({"agetty", "getty", "login"})
#: what draws a terminal itself; those who look at it have a terminal inside of it
_DRAWS = frozenset({"tmux: client", "screen"})
_OURS = re.compile(rb"(^|[/\0])pi[-_]installer[-_]tui(\0|$)")
_TERMINAL = re.compile(r"/dev/(pts/[0-9]+|tty[A-Za-z]*[0-9]+|hvc[0-9]+|console)")


def logged_in() -> list[str]:
    """The terminals with a session on them that this program doesn't draw on, as paths. Raises nothing: processes come
    and go."""
    leaders: dict[int, str] = {}
    drawn: set[int] = set()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError):
            said = Path(entry.path, "stat").read_text("utf-8", "replace")
            name, _paren, rest = said.partition("(")[2].rpartition(")")
            session, terminal = (int(number) for number in rest.split()[3:5])
            if not terminal:
                continue
            if name in _DRAWS or _OURS.search(Path(entry.path, "cmdline").read_bytes()):
                drawn.add(terminal)
            if session == int(entry.name) and name not in _NOBODY:
                path = os.readlink(f"{entry.path}/fd/0")  # noqa: PTH115  (a number of them; no Path each)
                if _TERMINAL.fullmatch(path):
                    leaders[terminal] = path
    return sorted(path for terminal, path in leaders.items() if terminal not in drawn)


def tell(text: str) -> None:
    """Writes a text to each of those terminals, as wall(1) does. One that doesn't take it at once is left out."""
    data = ("\r\n" + text.replace("\n", "\r\n") + "\r\n").encode("ascii", "replace")
    for path in logged_in():
        with contextlib.suppress(OSError):
            terminal = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(terminal, data)
            finally:
                os.close(terminal)

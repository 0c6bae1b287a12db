"""What a service says to systemd, by hand: datagrams to a socket (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

#: seconds that a listener who doesn't read is waited for: it must neither hold up a look nor an end
PATIENCE = 1.0


class Notifier:
    """Says it, where somebody listens. The socket is that of $NOTIFY_SOCKET. every: seconds within which `WATCHDOG=1`
    is due, by half of $WATCHDOG_USEC (sd_watchdog_enabled(3)); infinite where there is no watchdog."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        limit = environ.get("WATCHDOG_USEC", "")
        self.every = max(0.1, int(limit) / 2_000_000) if limit.isdecimal() else float("inf")
        self._address = environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = f"\0{self._address[1:]}"

    def say(self, *lines: str) -> None:
        """`READY=1`, `STATUS=...`. What can't be said, or isn't taken for a second, is left unsaid."""
        if self._address:
            with (
                contextlib.suppress(OSError),
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link,
            ):
                link.settimeout(PATIENCE)
                link.sendto("\n".join(lines).encode(), self._address)

"""Hosts and ports that don't answer: a ping, or a TCP connection that is closed again."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable

from pi_installer_tui.alerts.child import Child, Ended
from pi_installer_tui.alerts.config import Rule
from pi_installer_tui.alerts.watch import Reading, Readings

PACE = 60.0  # seconds
ANSWER = 10  # seconds within which an answer must come
#: what ping says of a host that can't be reached now, where it ends with 2 (ping(8), "other error")
_AWAY = ("not known", "name resolution", "unreachable", "no address", "No route")


def target(of: str) -> tuple[str, int | None]:
    """Host and port of `host`, `host:port`, `[address]:port`; the port is None for a ping. Raises ValueError."""
    if of.startswith("["):
        host, bracket, rest = of[1:].partition("]")
        if not bracket or not host or (rest and not rest.startswith(":")):
            raise ValueError(of)
        port = rest[1:]
    elif of.count(":") == 1:
        host, _colon, port = of.partition(":")
    else:
        host, port = of, ""
    if not host or host.startswith("-") or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise ValueError(of)
    return host, int(port) if port else None


def pinged(ended: Ended) -> Reading:
    """0: it answered; 1: it didn't."""
    said = (ended.error.strip() or ended.output.strip()).splitlines()
    last = said[-1][:300] if said else ""
    if ended.status == 0:
        return Reading(0.0)
    if ended.status == 1 or (ended.status == 2 and any(word in ended.error for word in _AWAY)):
        return Reading(1.0, last)
    if ended.status is None and not ended.error:  # a name that isn't answered for
        return Reading(1.0, "no answer")
    return Reading(None, last)


class _Connection(threading.Thread):
    """One try. A resolver or a host that never answers holds this thread and nothing else."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(daemon=True, name="reach")
        self._to = (host, port)
        self.result: Reading | None = None

    def run(self) -> None:
        try:
            with socket.create_connection(self._to, timeout=ANSWER):
                self.result = Reading(0.0)
        except OSError as error:
            self.result = Reading(1.0, error.strerror or str(error) or "no answer")


class _Target:
    def __init__(self, of: str) -> None:
        self.reading: Reading | None = None
        self.ping: Child | None = None
        self.connection: _Connection | None = None
        self.began = 0.0
        try:
            self.host, self.port = target(of)
        except ValueError:
            self.host, self.port = "", None
            self.reading = Reading(None, "not a host")

    @property
    def busy(self) -> bool:
        return self.ping is not None or self.connection is not None

    def begin(self, now: float) -> None:
        self.began = now
        if self.port is None:
            argv = ["ping", "-n", "-q", "-c", "1", "-w", str(ANSWER), "--", self.host]
            self.ping = Child(argv, now, 2 * ANSWER, env={"LC_ALL": "C.UTF-8"})
        else:
            self.connection = _Connection(self.host, self.port)
            self.connection.start()

    def look(self, now: float) -> None:
        if self.ping is not None and (ended := self.ping.look(now)) is not None:
            self.ping = None
            self.reading = pinged(ended)
        elif self.connection is not None:
            if self.connection.result is not None:
                self.reading, self.connection = self.connection.result, None
            elif now - self.began > 3 * ANSWER:
                # its thread still waits for the resolver; no second one is made
                self.reading = Reading(1.0, "no answer")


class Reach:
    """Rules on hosts and ports. The value is 0 where it answers, 1 where it doesn't."""

    def __init__(self, rules: Iterable[Rule], pace: float = PACE) -> None:
        self.pace = pace
        self._targets = {of: _Target(of) for of in {rule.of for rule in rules}}
        self._due = 0.0

    def look(self, at: float, now: float) -> None:
        begin = now >= self._due
        if begin:
            self._due = now + self.pace
        for each in self._targets.values():
            each.look(now)
            if begin and not each.busy and each.host:
                each.begin(now)

    def readings(self, rule: Rule, at: float, now: float) -> Readings | None:
        each = self._targets.get(rule.of)
        return None if each is None or each.reading is None else {rule.of: each.reading}

    def close(self) -> None:
        for each in self._targets.values():
            if each.ping is not None:
                each.ping.stop()

"""What is to be sent: it goes out through a process of its own, is kept until a server has taken it, and tried again
later and later where none does, for seven days.

A message arrives once per channel as long as the sending process lives while the server takes it and until that is
written down (an fsync). A power cut right there, or SIGKILL, sends it a second time, with the same id: Message-ID of a
mail, `Idempotency-Key` and the JSON's `id` of a request. Servers can't be asked whether they have it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pi_installer_tui.alerts.child import Child, Ended
from pi_installer_tui.alerts.config import Channel, QuietHours
from pi_installer_tui.alerts.hours import quiet
from pi_installer_tui.alerts.ledger import Ledger

ARGV = (sys.executable, "-I", "-m", "pi_installer_tui.alerts.deliver")
FIRST, LONGEST = 30.0, 3600.0  # seconds until the second try; between two tries at most
KEPT = 7 * 24 * 3600.0  # seconds
#: before so many tries nothing is given up, since a clock that jumps makes a message old at once
LEAST_TRIES = 24
#: what one process sends
BATCH = 20
#: seconds; the process ends itself a little earlier
LIMIT = 130.0
MOST = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message. said: what the server answered (`250 2.0.0 Ok`), or why none did."""

    taken: bool
    said: str


@dataclass(slots=True)
class Message:
    """One message on its way by one channel. waits: not sent in the quiet hours; due: monotonic."""

    id: str
    alert: int
    channel: str
    made: float
    waits: bool
    facts: Mapping[str, Any]
    tries: int = 0
    said: str = ""
    due: float = 0.0


@dataclass(slots=True)
class _Delivery:
    child: Child
    messages: list[Message] = field(default_factory=list)


class Outbox:
    """What waits, in the order it came. Memory is what counts while the collector runs, the ledger after a restart."""

    def __init__(self, ledger: Ledger, channels: Mapping[str, Channel], hours: QuietHours | None) -> None:
        self._ledger = ledger
        self._channels = channels
        self._hours = hours
        self._running: dict[str, _Delivery] = {}
        self.given_up = 0
        self.waiting = [
            Message(
                row["id"],
                row["alert"],
                row["channel"],
                row["made"],
                bool(row["waits"]),
                json.loads(row["facts"]),
                row["tries"],
                row["said"],
            )
            for row in ledger.rows("SELECT * FROM outbox WHERE sent IS NULL AND given_up IS NULL ORDER BY made, id")
        ]

    def put(self, alert: int, channel: str, facts: Mapping[str, Any], at: float, *, waits: bool) -> None:
        """A message to send. One that only repeats is left out while an earlier one of its alert waits."""
        if facts["kind"] == "repeated" and any(m.alert == alert and m.channel == channel for m in self.waiting):
            return
        message = Message(f"{int(at):x}.{os.urandom(6).hex()}", alert, channel, at, waits, facts)
        self.waiting.append(message)
        self._ledger.do(
            "INSERT OR REPLACE INTO outbox (id, alert, channel, made, waits, facts) VALUES (?, ?, ?, ?, ?, ?)",
            message.id,
            alert,
            channel,
            at,
            int(waits),
            json.dumps(facts, ensure_ascii=False),
        )
        for old in self.waiting[:-MOST]:
            self._give_up(old, at, "too many wait")

    def take(self, at: float, now: float) -> None:
        """What the processes have done. at: seconds since 1970; now: monotonic."""
        for name, delivery in list(self._running.items()):
            ended = delivery.child.look(now)
            if ended is not None:
                del self._running[name]
                self._ended(delivery, ended, at, now)

    def send(self, at: float, now: float) -> None:
        """Begins to send what is due, each channel in a process of its own. The ledger has been flushed before."""
        for message in list(self.waiting):
            if message.channel not in self._channels:
                self._give_up(message, at, "the channel was removed")
        hushed = quiet(self._hours, at)
        for name, channel in self._channels.items():
            if name in self._running:
                continue
            due = self._due(name, now, hushed)
            if due:
                given = request(channel, [{**m.facts, "id": m.id} for m in due], self._ledger.path)
                self._running[name] = _Delivery(Child(ARGV, now, LIMIT, given=given), due)

    def _due(self, channel: str, now: float, hushed: bool) -> list[Message]:
        """What goes now, in order; what waits holds up the later messages of its alert."""
        due: list[Message] = []
        held: set[int] = set()
        for message in self.waiting:
            if message.channel == channel and message.alert not in held:
                if message.due <= now and not (hushed and message.waits):
                    due.append(message)
                else:
                    held.add(message.alert)
        return due[:BATCH]

    def _ended(self, delivery: _Delivery, ended: Ended, at: float, now: float) -> None:
        answers = parse(ended.output)
        missing = "it took too long" if ended.status is None and not ended.error else "the sending process died"
        for message in delivery.messages:
            self.answered(message, answers.get(message.id, Answer(False, missing)), at, now)

    def answered(self, message: Message, answer: Answer, at: float, now: float) -> None:
        """What became of a message that was tried: it is done, is tried again later, or is given up."""
        message.tries += 1
        message.said = answer.said
        if answer.taken:
            self._drop(message)
            for other in self.waiting:  # whoever answers again gets the rest too
                if other.channel == message.channel:
                    other.due = min(other.due, now)
            change = "UPDATE outbox SET tries = ?, said = ?, sent = coalesce(sent, ?) WHERE id = ?"
            self._ledger.do(change, message.tries, message.said, at, message.id)
        elif at - message.made > KEPT and message.tries >= LEAST_TRIES:
            self._give_up(message, at, message.said)
        else:
            message.due = now + min(FIRST * 2 ** min(message.tries - 1, 20), LONGEST)
            change = "UPDATE outbox SET tries = ?, said = ? WHERE id = ?"
            self._ledger.do(change, message.tries, message.said, message.id)

    def _give_up(self, message: Message, at: float, said: str) -> None:
        if message in self.waiting:
            self.given_up += 1
            self._drop(message)
            change = "UPDATE outbox SET tries = ?, said = ?, given_up = ? WHERE id = ?"
            self._ledger.do(change, message.tries, said, at, message.id)

    def _drop(self, message: Message) -> None:
        self.waiting = [each for each in self.waiting if each is not message]

    def close(self) -> None:
        """Lets what is being sent end by itself: it writes down what a server has taken."""
        for delivery in self._running.values():
            delivery.child.leave()
        self._running.clear()


def request(channel: Channel, messages: list[dict[str, Any]], ledger: Path | None = None) -> str:
    """What `deliver` is given on its standard input. No secret is in it, only the name of its file."""
    return json.dumps(
        {"channel": asdict(channel), "messages": messages, "ledger": None if ledger is None else str(ledger)}
    )


def parse(output: str) -> dict[str, Answer]:
    """What `deliver` printed, by the message's id; a line that isn't whole is left out."""
    found = {}
    for line in output.splitlines():
        try:
            told = json.loads(line)
            found[str(told["id"])] = Answer(told["taken"] is True, str(told["said"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def trial_request(channel: Channel, host: str, at: float) -> str:
    """A test message for `deliver`: run ARGV with it as standard input, and `trial_answer` reads what it prints. host:
    this machine's name; at: seconds since 1970."""
    facts = {"id": f"test.{os.urandom(6).hex()}", "kind": "test", "host": host, "at": at, "severity": "info"}
    return request(channel, [facts])


def trial_answer(output: str) -> Answer:
    """What became of the test message."""
    return next(iter(parse(output).values()), Answer(False, "the sending process died"))

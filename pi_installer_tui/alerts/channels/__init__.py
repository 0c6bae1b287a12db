"""The ways out. Each is a function `send(channel, secret, message) -> str`: it says what the server answered, raises
Refused where that was no, and OSError where nobody answered. Only `deliver` imports them, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pi_installer_tui.alerts.config import By, Channel, Severity


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. id: the same each time it is tried; facts: what programs read (a webhook)."""

    id: str
    title: str
    text: str
    severity: Severity
    kind: str
    at: float
    facts: dict[str, object]


class Refused(Exception):
    """A server answered, and didn't take it; the text is its answer."""


Send = Callable[[Channel, str, Message], str]


def way(by: By) -> Send:
    """The function that sends by a channel."""
    if by == "mail":
        from pi_installer_tui.alerts.channels.mail import send
    elif by == "ntfy":
        from pi_installer_tui.alerts.channels.ntfy import send
    elif by == "webhook":
        from pi_installer_tui.alerts.channels.webhook import send
    elif by == "telegram":
        from pi_installer_tui.alerts.channels.telegram import send
    elif by == "gotify":
        from pi_installer_tui.alerts.channels.gotify import send
    else:
        raise Refused("nothing is sent by this channel")
    return send

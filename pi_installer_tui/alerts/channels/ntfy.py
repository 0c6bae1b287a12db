"""ntfy (docs.ntfy.sh/publish): the text is the body, the rest are headers. The secret is a token, or with a user the
user's password."""

from __future__ import annotations

import base64
from email.header import Header

from pi_installer_tui.alerts.channels import Message
from pi_installer_tui.alerts.channels.http import request
from pi_installer_tui.alerts.config import Channel

_PRIORITIES = {"critical": "5", "warning": "4", "info": "3"}
_TAGS = {"critical": "rotating_light", "warning": "warning", "info": "information_source"}


def send(channel: Channel, secret: str, message: Message) -> str:
    well = message.kind in ("recovered", "test")
    headers = {
        "Title": _header(message.title),
        "Priority": "3" if well else _PRIORITIES[message.severity],
        "Tags": "white_check_mark" if well else _TAGS[message.severity],
        "X-Alert-Id": message.id,
        "Content-Type": "text/plain; charset=utf-8",
    }
    if secret and channel.user:
        pair = base64.b64encode(f"{channel.user}:{secret}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    elif secret:
        headers["Authorization"] = f"Bearer {secret}"
    return request("POST", channel.url, headers, message.text.encode())


def _header(text: str) -> str:
    """ntfy reads encoded words (RFC 2047) where a header isn't ASCII."""
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=10_000).encode()

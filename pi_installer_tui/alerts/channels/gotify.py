"""Gotify (gotify.net/docs/pushmsg): the secret is an application's token."""

from __future__ import annotations

from pi_installer_tui.alerts.channels import Message
from pi_installer_tui.alerts.channels.http import post_json
from pi_installer_tui.alerts.config import Channel

_PRIORITIES = {"critical": 8, "warning": 5, "info": 2}


def send(channel: Channel, secret: str, message: Message) -> str:
    document = {
        "title": message.title,
        "message": message.text or message.title,
        "priority": 2 if message.kind in ("recovered", "test") else _PRIORITIES[message.severity],
        "extras": {"pi-installer-tui::alert": {"id": message.id}},
    }
    return post_json(channel.url, document, {"X-Gotify-Key": secret}, more="/message")

"""Telegram's bot API (core.telegram.org/bots/api#sendmessage): the secret is the bot's token, which is part of the
path."""

from __future__ import annotations

import re

from pi_installer_tui.alerts.channels import Message, Refused
from pi_installer_tui.alerts.channels.http import post_json
from pi_installer_tui.alerts.config import Channel

URL = "https://api.telegram.org"
_LONGEST = 4096  # characters of one message
_TOKEN = re.compile(r"[A-Za-z0-9:_-]+")


def send(channel: Channel, secret: str, message: Message) -> str:
    if not _TOKEN.fullmatch(secret):
        raise Refused("the token isn't one")
    text = f"{message.title}\n{message.text}".strip()[:_LONGEST]
    quietly = message.kind == "recovered" or message.severity == "info"
    document = {"chat_id": channel.chat, "text": text, "disable_notification": quietly}
    return post_json(channel.url or URL, document, more=f"/bot{secret}/sendMessage")

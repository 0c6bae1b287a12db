"""A webhook: a POST of JSON. The secret goes in the place of `{secret}` in the URL, or where that has none as a
bearer's token (RFC 6750)."""

from __future__ import annotations

from urllib.parse import quote

from pi_installer_tui.alerts.channels import Message
from pi_installer_tui.alerts.channels.http import post_json
from pi_installer_tui.alerts.config import Channel

PLACE = "{secret}"


def send(channel: Channel, secret: str, message: Message) -> str:
    url, headers = channel.url, {"Idempotency-Key": message.id}
    if PLACE in url:
        url = url.replace(PLACE, quote(secret, safe="/"))
    elif secret:
        headers["Authorization"] = f"Bearer {secret}"
    # `text` is what Slack, Mattermost, Rocket.Chat show, `content` what Discord does
    said = f"{message.title}\n{message.text}".strip()
    document = {**message.facts, "id": message.id, "title": message.title, "text": said, "content": said[:2000]}
    return post_json(url, document, headers)

"""Channels as settings: a table by name, of six kinds. Passwords and tokens are names of secrets."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.monitoring.values import Chat, Mail, Mails, SecretName, Severity, Webhook
from pi_installer_tui.modules.values import HostName, Port, State, Url, Words, whatever
from pi_installer_tui.tasks.frozen import Frozen

_LEAST: Any = Field(
    default=None,
    title=N_("From"),
    description=N_("Less severe alerts aren't sent by it; info: all are."),
    json_schema_extra={"usual": "info"},
)
_STATE: Any = Field(
    default=None, title=N_("State"), description=N_("absent: the channel goes away, and its password or token.")
)


class _Channel(Frozen):
    """What all channels have."""

    @model_validator(mode="after")
    def _alone(self) -> _Channel:
        if getattr(self, "state", None) == "absent" and self.model_dump(exclude_none=True).keys() - {"state", "by"}:
            raise ValueError(_("an absent channel has no other settings"))
        return self


_BY: Any = Field(
    title=N_("By"),
    description=N_(
        "mail (SMTP), ntfy, webhook (JSON to a URL), telegram, gotify, or login-message: what everybody reads who "
        "logs in here."
    ),
)


class MailChannel(_Channel):
    """Mail, over a server that takes it (SMTP)."""

    by: Literal["mail"] = _BY
    host: HostName | None = Field(
        default=None, title=N_("Server"), description=N_("The mail server that takes it: smtp.example.org.")
    )
    port: Port | None = Field(
        default=None, title=N_("Port"), description=N_("587 when left out; 465 is usual with tls, 25 with none.")
    )
    tls: Literal["starttls", "tls", "none"] | None = Field(
        default=None,
        title=N_("Encrypted by"),
        description=N_(
            "starttls (so it is when left out), tls from the first byte, or none: only for a server on this machine."
        ),
    )
    user: Words | None = Field(
        default=None, title=N_("User"), description=N_("Whom the server knows; not always asked.")
    )
    password: SecretName | None = Field(
        default=None,
        title=N_("Password"),
        description=N_("The name of a secret: the user's password. It is kept here, root's, and never shown again."),
        json_schema_extra={"widget": "secret"},
    )
    sender: Mail | None = Field(default=None, title=N_("From whom"), description=N_("The sender's address."))
    to: Mails | None = Field(default=None, title=N_("To"), description=N_("Who gets it."))
    least: Severity | None = _LEAST
    state: State | None = _STATE


_TOKEN = N_("The name of a secret: the token. It is kept here, root's, and never shown again.")


class NtfyChannel(_Channel):
    """ntfy."""

    by: Literal["ntfy"] = _BY
    url: Url | None = Field(
        default=None, title=N_("URL"), description=N_("The server with the topic: https://ntfy.sh/my-topic.")
    )
    user: Words | None = Field(
        default=None, title=N_("User"), description=N_("Where the server knows users: the token is its password then.")
    )
    token: SecretName | None = Field(
        default=None, title=N_("Token"), description=_TOKEN, json_schema_extra={"widget": "secret"}
    )
    least: Severity | None = _LEAST
    state: State | None = _STATE


class WebhookChannel(_Channel):
    """JSON, sent to a URL."""

    by: Literal["webhook"] = _BY
    url: Webhook | None = Field(
        default=None,
        title=N_("URL"),
        description=N_("Where the JSON is sent to (POST). {secret} in it stands for the token, which is hidden so."),
    )
    token: SecretName | None = Field(
        default=None, title=N_("Token"), description=_TOKEN, json_schema_extra={"widget": "secret"}
    )
    least: Severity | None = _LEAST
    state: State | None = _STATE


class TelegramChannel(_Channel):
    """A bot of Telegram."""

    by: Literal["telegram"] = _BY
    chat: Chat | None = Field(
        default=None, title=N_("Chat"), description=N_("The chat's number in quotes, or @channel.")
    )
    token: SecretName | None = Field(
        default=None, title=N_("Token"), description=_TOKEN, json_schema_extra={"widget": "secret"}
    )
    url: Url | None = Field(default=None, title=N_("Server"), description=N_("https://api.telegram.org when left out."))
    least: Severity | None = _LEAST
    state: State | None = _STATE


class GotifyChannel(_Channel):
    """Gotify."""

    by: Literal["gotify"] = _BY
    url: Url | None = Field(default=None, title=N_("URL"), description=N_("The server: https://gotify.example.org."))
    token: SecretName | None = Field(
        default=None, title=N_("Token"), description=_TOKEN, json_schema_extra={"widget": "secret"}
    )
    least: Severity | None = _LEAST
    state: State | None = _STATE


class LoginChannel(_Channel):
    """What is read by who logs in on this machine."""

    by: Literal["login-message"] = _BY
    least: Severity | None = _LEAST
    state: State | None = _STATE


ChannelSettings: TypeAlias = MailChannel | NtfyChannel | WebhookChannel | TelegramChannel | GotifyChannel | LoginChannel
AnyChannel = Annotated[ChannelSettings, Field(discriminator="by"), whatever("by", "login-message")]

"""What can be wanted of the way in by SSH."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from pi_installer_tui.i18n import N_
from pi_installer_tui.modules.security.settings.values import Names, SshPorts
from pi_installer_tui.tasks.frozen import Frozen

RootLogin = Literal["no", "prohibit-password", "yes"]


class SshSettings(Frozen):
    """How one logs in by SSH."""

    port: SshPorts | None = Field(
        default=None,
        title=N_("Ports"),
        description=N_(
            "Where sshd listens: 22, or several. The old port stays open until somebody has logged in over the new one."
        ),
    )
    root_login: RootLogin | None = Field(
        default=None,
        title=N_("Root login"),
        description=N_("no: nobody logs in as root. prohibit-password: by key only. yes: by password too."),
    )
    password_login: StrictBool | None = Field(
        default=None,
        title=N_("Password login"),
        description=N_(
            "Whether a password lets one in. It can be switched off only while a key lets someone in who may use sudo."
        ),
    )
    key_login: StrictBool | None = Field(
        default=None, title=N_("Key login"), description=N_("Whether a key lets one in.")
    )
    users: Names | None = Field(
        default=None,
        title=N_("Allowed users"),
        description=N_("Only these log in by SSH. You have to be among them."),
        json_schema_extra={"choices": "logins"},
    )
    groups: Names | None = Field(
        default=None,
        title=N_("Allowed groups"),
        description=N_("Only members of one of these groups log in by SSH."),
    )
    max_auth_tries: Annotated[int, Field(ge=1, le=20)] | None = Field(
        default=None,
        title=N_("Tries to log in"),
        description=N_("How often one connection may try; each key that is offered counts."),
    )
    idle_timeout: Annotated[int, Field(ge=60, le=86400)] | None = Field(
        default=None,
        title=N_("Idle timeout"),
        description=N_("After so many seconds without a key pressed or anything printed a session is closed."),
        json_schema_extra={"unit": "s"},
    )
    tcp_forwarding: Literal["no", "local", "yes"] | None = Field(
        default=None,
        title=N_("Port forwarding"),
        description=N_("no, only from the one who connects (local), or both ways (yes)."),
    )
    agent_forwarding: StrictBool | None = Field(
        default=None,
        title=N_("Agent forwarding"),
        description=N_("Whether keys of one's own machine serve here."),
    )
    x11_forwarding: StrictBool | None = Field(
        default=None, title=N_("X11 forwarding"), description=N_("Whether windows of programs here may open there.")
    )
    algorithms: Literal["modern"] | None = Field(
        default=None,
        title=N_("Algorithms"),
        description=N_(
            "modern: those out of date (SHA-1, 64-bit MACs, CBC, NIST curves) are taken away; all others stay."
        ),
    )
    max_sessions: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        title=N_("Sessions"),
        description=N_(
            "How many shells and transfers share one connection; 10 where nothing is set. Some editors need several."
        ),
    )
    keepalive: Annotated[int, Field(ge=10, le=3600)] | None = Field(
        default=None,
        title=N_("Keepalive"),
        description=N_(
            "After so many seconds of silence sshd asks whether the other side is still there, encrypted; unanswered "
            "twice, the connection is closed, that of a laptop that sleeps too."
        ),
        json_schema_extra={"unit": "s"},
    )
    log_level: Literal["info", "verbose"] | None = Field(
        default=None,
        title=N_("Log"),
        description=N_("verbose: the log also says by which key somebody logged in, and which keys were refused."),
    )
    notice: StrictBool | None = Field(
        default=None,
        title=N_("Notice"),
        description=N_(
            "Whether a line says before the login that this is a private system and that logins are logged, by SSH and "
            "on the console. Scripts see it too, as an error output."
        ),
    )

"""What can be wanted of the machine's security. None leaves a setting alone.

Every text ends up in a file or an argument list, so each has a narrow form: no blank, quote, control character or
leading dash gets past this file.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.base import Settings
from pi_installer_tui.tasks.frozen import Frozen

#: what useradd(8) of Debian takes, capitals too, which older accounts may have
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(_("isn't the name of a user or group: up to 32 letters, digits, _, . and -"))
    return name


def _no_doubles(values: tuple[Any, ...]) -> tuple[Any, ...]:
    seen: set[Hashable] = set()
    for value in values:
        if value in seen:
            raise ValueError(_("{value} is there twice").format(value=value))
        seen.add(value)
    return values


Name = Annotated[str, AfterValidator(_name)]
Names = Annotated[tuple[Name, ...], Field(min_length=1, max_length=64), AfterValidator(_no_doubles)]
RootLogin = Literal["no", "prohibit-password", "yes"]


class SshSettings(Frozen):
    """How one logs in by SSH."""

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


class SecuritySettings(Settings):
    """The key `security` of a setup file."""

    ssh: SshSettings | None = Field(
        default=None, title=N_("SSH"), description=N_("How one logs in by SSH. What isn't named here is left alone.")
    )

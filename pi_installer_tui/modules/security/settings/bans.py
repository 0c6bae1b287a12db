"""What can be wanted of bans (fail2ban)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.security.fail2ban import FILTERS, SSHD
from pi_installer_tui.modules.security.settings.values import Net
from pi_installer_tui.modules.values import no_doubles
from pi_installer_tui.tasks.frozen import Frozen

JAILS = (SSHD, *FILTERS)


def _jail(name: str) -> str:
    if name not in JAILS:
        raise ValueError(_("isn't one of {jails}").format(jails=", ".join(JAILS)))
    return name


JailName = Annotated[str, AfterValidator(_jail)]


class JailSettings(Frozen):
    """One jail: who fails at one service."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Jail"),
        description=N_("Whether who fails at this service is shut out. A service that isn't here gets no jail."),
    )
    tries: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, title=N_("Tries"), description=N_("After so many failures one is banned.")
    )
    within: Annotated[int, Field(ge=10, le=604800)] | None = Field(
        default=None,
        title=N_("Within"),
        description=N_("The time in which the failures count together."),
        json_schema_extra={"unit": "s"},
    )
    ban_time: Annotated[int, Field(ge=10, le=31536000)] | None = Field(
        default=None, title=N_("Ban"), description=N_("How long a ban lasts."), json_schema_extra={"unit": "s"}
    )


class BanSettings(Frozen):
    """fail2ban, which shuts out for a while who keeps failing to log in."""

    enabled: StrictBool | None = Field(
        default=None,
        title=N_("Bans"),
        description=N_("Whether who fails to log in too often is shut out for a while. Your own network never is."),
    )
    tries: Annotated[int, Field(ge=2, le=100)] | None = Field(
        default=None, title=N_("Tries"), description=N_("After so many failures one is banned.")
    )
    within: Annotated[int, Field(ge=10, le=604800)] | None = Field(
        default=None,
        title=N_("Within"),
        description=N_("The time in which the failures count together."),
        json_schema_extra={"unit": "s"},
    )
    ban_time: Annotated[int, Field(ge=10, le=31536000)] | None = Field(
        default=None, title=N_("Ban"), description=N_("How long a ban lasts."), json_schema_extra={"unit": "s"}
    )
    never: Annotated[tuple[Net, ...], Field(max_length=64), AfterValidator(no_doubles)] | None = Field(
        default=None,
        title=N_("Never banned"),
        description=N_("Addresses and networks beside the machine's own ones that are never banned."),
    )
    jails: Mapping[JailName, JailSettings] | None = Field(
        default=None,
        title=N_("Jails"),
        description=N_(
            "sshd and each service that fail2ban knows has one, where it is installed; here is what one of them has of "
            "its own."
        ),
        json_schema_extra={"choices": "jails", "key_title": N_("Jail")},
    )

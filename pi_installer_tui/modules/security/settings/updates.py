"""What can be wanted of updates that come by themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool

from pi_installer_tui.i18n import N_
from pi_installer_tui.modules.security.settings.values import ClockTime, Mail, Origin
from pi_installer_tui.modules.values import no_doubles
from pi_installer_tui.tasks.frozen import Frozen


class UpdateSettings(Frozen):
    """unattended-upgrades, which installs updates by itself."""

    enabled: StrictBool | None = Field(
        default=None, title=N_("Automatic updates"), description=N_("Whether updates are installed every day.")
    )
    origins: Annotated[tuple[Origin, ...], Field(min_length=1, max_length=64), AfterValidator(no_doubles)] | None = (
        Field(
            default=None,
            title=N_("Origins"),
            description=N_("What may be updated, as patterns: origin=Debian,codename=trixie-security."),
        )
    )
    reboot: StrictBool | None = Field(
        default=None, title=N_("Reboot"), description=N_("Whether the machine reboots when an update needs it.")
    )
    reboot_time: ClockTime | None = Field(
        default=None, title=N_("Reboot at"), description=N_("When it may reboot: 04:00.")
    )
    mail: Mail | None = Field(
        default=None, title=N_("Mail to"), description=N_("Who is told what was updated. The machine must send mail.")
    )
    mail_when: Literal["always", "only-on-error", "on-change"] | None = Field(
        default=None, title=N_("Mail when"), description=N_("always, only when something failed, or on a change.")
    )
    package_check: Literal["daily", "weekly", "monthly", "never"] | None = Field(
        default=None,
        title=N_("Package check"),
        description=N_(
            "How often the programs here are compared with those that were installed (debsums); what differs gets into "
            "the journal. Reads them all: a few minutes on a Pi."
        ),
    )

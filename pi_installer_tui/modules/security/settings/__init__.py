"""What can be wanted of the machine's security, a file for each area. None leaves a setting alone."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pi_installer_tui.i18n import N_
from pi_installer_tui.modules.base import Settings
from pi_installer_tui.modules.security.settings.bans import JAILS, BanSettings, JailSettings
from pi_installer_tui.modules.security.settings.firewall import FirewallSettings, RuleSettings
from pi_installer_tui.modules.security.settings.kernel import AuditLogSettings, KernelSettings, SysctlSettings
from pi_installer_tui.modules.security.settings.ssh import SshSettings
from pi_installer_tui.modules.security.settings.updates import UpdateSettings
from pi_installer_tui.modules.security.settings.values import Net

__all__ = [
    "JAILS",
    "AuditLogSettings",
    "BanSettings",
    "FirewallSettings",
    "JailSettings",
    "KernelSettings",
    "Net",
    "RuleSettings",
    "SecuritySettings",
    "SshSettings",
    "SysctlSettings",
    "UpdateSettings",
]


class SecuritySettings(Settings):
    """The key `security` of a setup file."""

    profile: Literal["home", "internet", "ci"] | None = Field(
        default=None,
        title=N_("Profile"),
        description=N_(
            "A set of the settings below: home (behind a router), internet (reachable from everywhere), ci (builds). "
            "What is set below outranks it."
        ),
    )

    firewall: FirewallSettings | None = Field(
        default=None, title=N_("Firewall"), description=N_("What gets in and out. What isn't named is left alone.")
    )
    ssh: SshSettings | None = Field(
        default=None, title=N_("SSH"), description=N_("How one logs in by SSH. What isn't named here is left alone.")
    )
    bans: BanSettings | None = Field(
        default=None, title=N_("Bans"), description=N_("Who keeps failing to log in is shut out for a while.")
    )
    updates: UpdateSettings | None = Field(
        default=None, title=N_("Updates"), description=N_("Updates that are installed without anybody asking.")
    )
    kernel: KernelSettings | None = Field(
        default=None, title=N_("Kernel"), description=N_("Settings of the kernel and its network.")
    )
    audit_log: AuditLogSettings | None = Field(
        default=None, title=N_("Audit log"), description=N_("What is written down of changes that matter.")
    )

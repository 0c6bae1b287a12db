"""What can be wanted of the machine's security. None leaves a setting alone."""

from __future__ import annotations

from pi_installer_tui.modules.base import Settings


class SecuritySettings(Settings):
    """The key `security` of a setup file."""

"""Sets of settings with a name. A profile is nothing but settings: what it does to a machine is the plan's diff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pi_installer_tui.modules.security.settings import SecuritySettings

PROFILES: Mapping[str, Mapping[str, Any]] = {
    "home": {
        "firewall": {"enabled": True, "incoming": "deny", "outgoing": "allow"},
        "ssh": {"root_login": "no", "x11_forwarding": False, "algorithms": "modern"},
        "updates": {"enabled": True},
        "kernel": {"hardened": True, "rare_protocols": False},
    },
    "internet": {
        "firewall": {"enabled": True, "incoming": "deny", "outgoing": "allow"},
        "ssh": {
            "root_login": "no",
            "password_login": False,
            "key_login": True,
            "max_auth_tries": 4,
            "tcp_forwarding": "local",
            "agent_forwarding": False,
            "x11_forwarding": False,
            "algorithms": "modern",
            "keepalive": 300,
            "log_level": "verbose",
            "notice": True,
        },
        "bans": {"enabled": True, "tries": 5, "within": 600, "ban_time": 3600},
        "updates": {"enabled": True, "reboot": True, "reboot_time": "04:00", "package_check": "weekly"},
        "kernel": {
            "hardened": True,
            "rare_protocols": False,
            "rare_filesystems": False,
            "firewire": False,
            "core_dumps": False,
        },
        "audit_log": {"enabled": True, "rules": "baseline"},
    },
    "ci": {
        "firewall": {"enabled": True, "incoming": "deny", "outgoing": "allow"},
        "ssh": {"root_login": "no", "password_login": False, "key_login": True, "algorithms": "modern"},
        "updates": {"enabled": True},
    },
}


def resolved(settings: SecuritySettings) -> SecuritySettings:
    """The settings with those of their profile below them: what is set itself outranks the profile."""
    if settings.profile is None:
        return settings
    own = settings.model_dump(mode="json", exclude_none=True)
    merged: dict[str, Any] = {}
    for area in {**PROFILES[settings.profile], **own}:
        ours, profiles = own.get(area), PROFILES[settings.profile].get(area)
        merged[area] = {**profiles, **ours} if isinstance(ours, dict) and profiles is not None else ours or profiles
    return SecuritySettings.model_validate({**merged, "profile": None})

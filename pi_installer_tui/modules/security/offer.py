"""What the wizard proposes for a machine's security, and the ports that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.base import Claim, Link, Offer
from pi_installer_tui.modules.security.plans import port
from pi_installer_tui.modules.security.profiles import resolved
from pi_installer_tui.modules.security.settings import SecuritySettings
from pi_installer_tui.modules.security.state import State
from pi_installer_tui.system.reading import known

ASKED = (
    "profile",
    "firewall.enabled",
    "ssh.root_login",
    "ssh.password_login",
    "bans.enabled",
    "updates.enabled",
    "updates.reboot",
)
#: goals with which the machine is reached from everywhere
_PUBLIC = frozenset({"vpn-gateway", "web-server", "mail-server"})
#: who may listen on sshd's ports: sshd, and systemd in its place (ssh.socket)
_SSHD = frozenset({"sshd", "systemd"})


def offer(state: State, goals: frozenset[str]) -> Offer:
    """A profile, by where the machine will be reached from."""
    profile = "internet" if goals & _PUBLIC else "ci" if goals == {"ci-runner"} else "home" if goals else ""
    wanted: Mapping[str, Any] = {"profile": profile} if profile else {}
    return Offer(wanted=wanted, asked=ASKED)


def claims(state: State, settings: SecuritySettings) -> Sequence[Claim]:
    """The ports of sshd: those that it has, and those that it is meant to have."""
    change = port.change(state.sshd, resolved(settings).ssh)
    ports = change.both if change is not None else state.sshd.ports
    return [Claim("port", f"{number}/tcp", "ssh.port", _("SSH"), _SSHD) for number in ports]


def links(state: State) -> Sequence[Link]:
    """How one logs in."""
    ports = known(state.sshd.listening) or ()
    option = f"-p {ports[0]} " if ports and 22 not in ports else ""
    return [Link(f"ssh {option}{{user}}@{{host}}", _("log in by SSH"))] if ports else []

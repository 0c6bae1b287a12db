"""What a machine can be for. A goal is there when the modules it needs are; which others serve it, and with what
values, each module says itself (`Listed.goals`, `Module.offer`)."""

from __future__ import annotations

from dataclasses import dataclass

from pi_installer_tui import modules
from pi_installer_tui.i18n import N_


@dataclass(frozen=True, slots=True)
class Goal:
    """name: as in a setup file's `goals`. brings: in a sentence, what the machine is afterwards.
    needs: the modules without which it can't be offered."""

    name: str
    title: str
    brings: str
    needs: tuple[str, ...]

    @property
    def coming(self) -> bool:
        """Not yet: a module that it needs isn't there."""
        return not set(self.needs) <= set(modules.names())


GOALS: tuple[Goal, ...] = (
    Goal(
        name="home-server",
        title=N_("Home server"),
        brings=N_("A name and an address that stay, your own account, a firewall, updates that install themselves."),
        needs=("system", "users", "security"),
    ),
    Goal(
        name="vpn-gateway",
        title=N_("VPN gateway"),
        brings=N_("WireGuard: your phone and laptop reach your network from everywhere."),
        needs=("vpn",),
    ),
    Goal(
        name="development",
        title=N_("Development box"),
        brings=N_("Languages, editors, git and containers to build things with."),
        needs=("development",),
    ),
    Goal(
        name="web-server",
        title=N_("Web server"),
        brings=N_("Sites with certificates that renew themselves."),
        needs=("web",),
    ),
    Goal(
        name="mail-server",
        title=N_("Mail server"),
        brings=N_("Mail for your domain: DNS, TLS and a filter against spam."),
        needs=("mail",),
    ),
    Goal(
        name="smart-home",
        title=N_("Smart home"),
        brings=N_("Home Assistant, and Mosquitto for what speaks MQTT."),
        needs=("smart_home",),
    ),
    Goal(
        name="ci-runner",
        title=N_("CI runner"),
        brings=N_("A runner that builds for GitHub or GitLab."),
        needs=("runners",),
    ),
)


def goal(name: str) -> Goal:
    """A goal. Raises KeyError."""
    for each in GOALS:
        if each.name == name:
            return each
    raise KeyError(name)


def serving(goals: tuple[str, ...]) -> tuple[str, ...]:
    """The modules that serve any of these goals, in the order they are applied; without a goal those of every machine
    (`Listed.always`)."""
    needed = {name for each in goals for name in goal(each).needs}
    return tuple(m.name for m in modules.MODULES if m.always or m.name in needed or not set(goals).isdisjoint(m.goals))

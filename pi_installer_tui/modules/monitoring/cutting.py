"""What starting, stopping or switching a service may do to the person who asks for it: whether it takes away the way
by which they, or anybody, get in; what can come back by itself; and what is refused because it can't."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.system.reading import Known, Reading, Unknown
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.system.services import Service

Verb = Literal["start", "stop", "restart", "enable", "disable"]


@dataclass(frozen=True, slots=True)
class Board:
    """The machine's units by name, where the person sits, and who they are."""

    units: Reading[Mapping[str, Service]] = field(default_factory=lambda: Unknown(""))
    seat: Seat = field(default_factory=lambda: Seat("unknown"))
    starter: str = ""

    @property
    def found(self) -> Mapping[str, Service]:
        """The units that are known."""
        return self.units.value if isinstance(self.units, Known) else {}

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the services among them."""
        return tuple(name for name, unit in self.found.items() if unit.kind == "service")


@dataclass(frozen=True, slots=True)
class Effect:
    """text: what it does, in words. way: what becomes of the plan: nothing but the warning, on probation, or refused,
    since it couldn't come back. cuts: connections that it may cut, as a step has them. login: only a new login shows
    that all is well."""

    text: str
    way: Literal["warn", "probation", "refuse"] = "warn"
    cuts: tuple[str, ...] = ()
    login: bool = False


#: what units are for, by patterns of their names (Debian's packages)
ROLES: Mapping[str, tuple[str, ...]] = {
    "login": ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket", "dropbear.service", "dropbear.socket"),
    "connection": ("ssh@*.service", "sshd@*.service", "dropbear@*.service"),
    "wireless": ("wpa_supplicant.service", "wpa_supplicant@*.service", "netplan-wpa-*.service", "iwd.service"),
    "network": (
        *("NetworkManager.service", "systemd-networkd.service", "systemd-networkd.socket", "networking.service"),
        *("ifup@*.service", "dhcpcd.service", "dhcpcd@*.service", "connman.service", "netplan-*.service"),
    ),
    "tunnel": (
        *("wg-quick@*.service", "tailscaled.service", "zerotier-one.service", "openvpn.service"),
        *("openvpn@*.service", "openvpn-client@*.service", "openvpn-server@*.service"),
    ),
    "firewall": (
        *("ufw.service", "nftables.service", "netfilter-persistent.service", "iptables.service"),
        *("ip6tables.service", "firewalld.service"),
    ),
    "bus": ("dbus.service", "dbus-broker.service", "dbus.socket"),
    "sessions": ("systemd-logind.service",),
    "gate": ("systemd-user-sessions.service",),
    "terminal": ("getty@*.service", "serial-getty@*.service", "console-getty.service", "autovt@*.service"),
    "desktop": ("lightdm.service", "gdm.service", "gdm3.service", "sddm.service", "greetd.service", "labwc*.service"),
    "person": ("user@*.service",),
    "journal": ("systemd-journald.service", "systemd-journald.socket"),
    "job": ("pi-installer-tui-job-*.service",),
}

#: interfaces of the tunnels that have no name of their own in the unit's name
_TUNNELS = {"tailscaled": "tailscale", "zerotier-one": "zt", "openvpn": "tun", "openvpn-client": "tun",
            "openvpn-server": "tun"}  # fmt: skip

_AT_THE_MACHINE = N_("Do it at the machine itself, with keyboard and screen or over a serial cable.")


def role(name: str) -> str:
    """What a unit is for, as far as it matters here; "" for all others."""
    return next((r for r, patterns in ROLES.items() if any(fnmatchcase(name, each) for each in patterns)), "")


def effects(board: Board, name: str, verb: Verb) -> tuple[Effect, ...]:
    """What a verb does to who asks for it, by the unit itself and by those that are stopped with it; each once."""
    unit = board.found.get(name)
    if unit is None:
        return ()
    found = [*_of(board, unit, verb)]
    if verb in ("stop", "restart"):
        for each in unit.takes_along:
            other = board.found.get(each)
            if other is not None and other.runs:
                found += _of(board, other, verb)
    return tuple(dict.fromkeys(found))


def _of(board: Board, unit: Service, verb: Verb) -> Iterator[Effect]:
    match role(unit.name):
        case "login":
            yield from _login(board, unit, verb)
        case "connection" if verb == "stop":
            text = _("{unit} is somebody's SSH connection, and may be yours.").format(unit=unit.name)
            yield Effect(text, "warn" if board.seat.at_the_machine else "refuse")
        case "network":
            yield from _network(board, unit, verb)
        case "wireless" if _wireless(board.seat):
            yield from _network(board, unit, verb)
        case "tunnel" if _comes_through(board.seat, unit.name):
            yield from _network(board, unit, verb)
        case "firewall":
            yield from _firewall(board, unit, verb)
        case "bus" if verb in ("stop", "restart") and unit.runs:
            text = _(
                "Everything talks over {unit}, systemd too: without it nothing can be started again but by a reboot."
            )
            yield Effect(text.format(unit=unit.name), "refuse")
        case "sessions" if verb == "stop" and unit.runs:
            text = _("{unit} makes the sessions: without it logins and sudo hang.").format(unit=unit.name)
            yield Effect(text, "refuse")
        case "sessions" if verb == "restart":
            yield Effect(_("Whoever logs in while {unit} restarts has to wait a moment.").format(unit=unit.name))
        case "gate" if verb == "stop" and unit.runs:
            text = _("Without {unit} nobody but root can log in any more.").format(unit=unit.name)
            yield Effect(text, "warn" if board.seat.at_the_machine else "refuse")
        case "terminal" if verb in ("stop", "restart") and unit.runs and board.seat.at_the_machine:
            text = _("{unit} is the login of a terminal, and may be that of yours: your session would end, and this "
                     "program's screens with it.")  # fmt: skip
            yield Effect(text.format(unit=unit.name), "probation" if verb == "stop" else "warn")
        case "terminal" if verb == "disable":
            yield Effect(_("After the next start there is no login on this terminal."))
        case "desktop" if verb in ("stop", "restart") and unit.runs:
            text = _("The sessions on the machine's screen end, with all that is open in them.")
            yield Effect(text)
        case "person" if verb in ("stop", "restart") and unit.runs:
            yield Effect(_("All that this user's session started in the background ends."))
        case "journal" if verb in ("stop", "restart") and unit.runs:
            yield Effect(_("Messages may be lost until {unit} runs again.").format(unit=unit.name))
        case "job" if verb in ("stop", "restart", "disable"):
            text = _("{unit} is a job of this program: cancel it in the history.").format(unit=unit.name)
            yield Effect(text, "refuse")


def _login(board: Board, unit: Service, verb: Verb) -> Iterator[Effect]:
    cuts = (f"port:{board.seat.server_port}",) if board.seat.kind == "ssh" else ()
    if verb == "restart" and unit.runs:
        yield Effect(_("Connections stay. For a moment nobody can log in by SSH."), cuts=cuts)
    if verb == "stop" and unit.runs:
        others = [each for each in _logins(board, unit) if each.runs and each.name not in unit.takes_along]
    elif verb == "disable" and unit.at_boot:
        others = [each for each in _logins(board, unit) if each.at_boot]
    else:
        return
    if others:
        text = _("SSH stays open by {others}.").format(others=", ".join(each.name for each in others))
        yield Effect(text, cuts=cuts)
        return
    if verb == "stop":
        text = _("Nobody can log in by SSH any more; connections stay until they end.")
    else:
        text = _("After the next start nobody can log in by SSH.")
    why = _("A new login is the only proof that one still gets in, and there would be none.")
    yield from _at_the_machine(board, text, why, cuts)


def _network(board: Board, unit: Service, verb: Verb) -> Iterator[Effect]:
    seat = board.seat
    cuts = (f"interface:{seat.interface}",) if seat.kind == "ssh" and seat.interface else ()
    if verb == "stop" and unit.runs:
        text = _("{unit} holds the network up: the machine may not be reachable any more.").format(unit=unit.name)
        yield Effect(text, "probation", cuts)
    elif verb == "restart" and unit.runs:
        text = _("{unit} holds the network up: connections may break off for some seconds.").format(unit=unit.name)
        yield Effect(text, cuts=cuts)
    elif verb == "disable" and unit.at_boot:
        text = _("After the next start {unit} doesn't hold the network up.").format(unit=unit.name)
        others = [o for o in board.found.values() if role(o.name) == "network" and o.at_boot and o.name != unit.name]
        if others and role(unit.name) == "network":
            text += " " + _("Whether {others} does can't be said.").format(others=", ".join(o.name for o in others))
        yield from _at_the_machine(board, text, _("Only the next start would show whether one still gets in."), cuts)
    elif verb == "start" and not unit.runs and role(unit.name) == "network":
        others = [o for o in board.found.values() if role(o.name) == "network" and o.runs and o.kind == "service"]
        if others:
            text = _("{others} holds the network up already: two may fight over an interface.")
            yield Effect(text.format(others=", ".join(o.name for o in others)), "probation", cuts)


def _firewall(board: Board, unit: Service, verb: Verb) -> Iterator[Effect]:
    cuts = (f"port:{board.seat.server_port}",) if board.seat.kind == "ssh" else ()
    if verb == "stop" and unit.runs:
        yield Effect(_("Without the firewall everything that listens can be reached."))
    elif verb == "disable" and unit.at_boot:
        yield Effect(_("After the next start there is no firewall: everything that listens can be reached."))
    elif verb == "restart" and unit.runs:
        text = _("The firewall loads its rules anew, from its files. If they don't let you in, you are out.")
        yield Effect(text, "probation", cuts, login=True)
    elif verb in ("start", "restart") and not unit.runs:
        text = _("The firewall starts to refuse what its rules don't let in: if they don't let you in, you are out.")
        yield Effect(text, "probation", cuts, login=True)


def _at_the_machine(board: Board, text: str, why: str, cuts: tuple[str, ...]) -> Iterator[Effect]:
    """What can't come back by itself is refused to who would be cut off by it."""
    if board.seat.at_the_machine:
        yield Effect(text)
    else:
        yield Effect(f"{text} {why} {_(_AT_THE_MACHINE)}", "refuse", cuts)


def _logins(board: Board, unit: Service) -> list[Service]:
    return [each for each in board.found.values() if role(each.name) == "login" and each.name != unit.name]


def _wireless(seat: Seat) -> bool:
    """Whether the connection comes over the air; where it isn't known, it may."""
    return not seat.at_the_machine and (not seat.interface or seat.interface.startswith("wl"))


def _comes_through(seat: Seat, name: str) -> bool:
    """Whether the connection comes through a tunnel that this unit makes; where it isn't known, it may."""
    if seat.at_the_machine:
        return False
    if not seat.interface:
        return True
    base, _at, instance = re.sub(r"\.service$", "", name).partition("@")
    if base == "wg-quick":
        return seat.interface == instance
    return seat.interface.startswith(_TUNNELS.get(base, "\0"))

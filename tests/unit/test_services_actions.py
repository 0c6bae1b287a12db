"""What is done to a service, and what is never done because whoever asked for it couldn't get back in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pi_installer_tui import modules
from pi_installer_tui.modules.monitoring.actions import ARGUMENTS, OfService, plan, validate
from pi_installer_tui.modules.monitoring.cutting import Board, Verb, effects
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.system.services import Service
from pi_installer_tui.tasks.checks import UnitActive
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import Probation, RunCommand, Unit

SSH = Seat("ssh", "192.0.2.9", 50000, "192.0.2.1", 22, "eth0")
CONSOLE, NOWHERE = Seat("console"), Seat("unknown")


def running(name: str, **fields: Any) -> Service:
    return Service(name, **{"active": "active", "sub": "running", "enabled": "enabled", **fields})


def stopped(name: str, **fields: Any) -> Service:
    return Service(name, **{"enabled": "disabled", **fields})


UNITS = (
    running("ssh.service", aliases=("sshd.service",)),
    stopped("ssh.socket"),
    running("NetworkManager.service"),
    running("wpa_supplicant.service"),
    running("wg-quick@wg0.service"),
    running("tailscaled.service"),
    running("nftables.service", sub="exited", type="oneshot", remains=True),
    running("dbus.service", enabled="static"),
    running("systemd-logind.service", enabled="static"),
    running("systemd-user-sessions.service", enabled="static", sub="exited"),
    running("getty@tty1.service"),
    running("ssh@3-192.0.2.1:22-192.0.2.9:50000.service", enabled="static"),
    running("pi-installer-tui-job-20261127-150000-abcd.service", enabled="transient"),
    running("nginx.service"),
    running("cups.service", triggered_by=("cups.socket",)),
    running("cups.socket", sub="listening"),
    running("base.service", takes_along=("NetworkManager.service", "gone.service")),
    stopped("ufw.service"),
    stopped("systemd-networkd.service"),
    stopped("backup.service", enabled="static", type="oneshot"),
    stopped("shut.service", enabled="masked", load="masked"),
    Service("sick.service", active="failed", sub="failed", enabled="disabled"),
    running("stale.service", stale=True),
)


def board(seat: Seat = SSH, *more: Service) -> Board:
    return Board(Known({unit.name: unit for unit in (*UNITS, *more)}), seat, "maria")


def planned(verb: str, unit: str, on: Board | None = None) -> Plan:
    on = on or board()
    told = OfService(unit=unit)
    assert not validate(on, verb, told), validate(on, verb, told)
    return plan(on, verb, told)


def refused(verb: str, unit: str, on: Board) -> str:
    return " ".join(mistake.message for mistake in validate(on, verb, OfService(unit=unit)))


# what is done ---------------------------------------------------------------------------------------------------

ORDINARY: list[tuple[str, str, dict[str, Any]]] = [
    ("stop", "nginx", {"active": False}),
    ("restart", "nginx", {"restart": True}),
    ("disable", "nginx", {"enabled": False}),
    ("start", "backup", {"active": True}),
    ("start", "sick", {"active": True}),
    ("restart", "sick", {"active": True, "restart": True}),
    ("enable", "sick", {"enabled": True}),
    ("stop", "sshd", {"active": False}),
]


@pytest.mark.parametrize(("verb", "unit", "wanted"), ORDINARY)
def test_a_service_is_changed_by_one_step_that_can_be_taken_back(verb: str, unit: str, wanted: dict[str, Any]) -> None:
    (step,) = planned(verb, unit, board(CONSOLE)).steps
    assert isinstance(step, Unit)
    name = "ssh.service" if unit == "sshd" else f"{unit}.service"
    given = {key: getattr(step, key) for key in ("enabled", "active", "restart", "reload")}
    assert (step.name, given) == (name, {"enabled": None, "active": None, "restart": False, "reload": False, **wanted})


@pytest.mark.parametrize(
    ("verb", "unit"), [("start", "nginx"), ("stop", "sick"), ("stop", "ufw"), ("enable", "nginx"), ("disable", "ufw")]
)
def test_what_is_so_already_gives_an_empty_plan(verb: str, unit: str) -> None:
    assert planned(verb, unit) == Plan(modules=("monitoring",))


def test_what_systemd_would_refuse_is_refused_before_with_the_reason() -> None:
    for verb, unit, why in (
        ("enable", "backup", "no switch"),
        ("disable", "dbus", "no switch"),
        ("start", "shut", "masked"),
        ("enable", "shut", "masked"),
        ("start", "nothing", "no such service"),
    ):
        assert why in refused(verb, unit, board(CONSOLE)), (verb, unit)
    hand = replace(running("hand.service"), can_stop=False)
    assert "by hand" in refused("stop", "hand", board(SSH, hand))


def test_it_is_proven_by_what_the_service_is() -> None:
    (check,) = planned("start", "backup").checks
    assert check.kind == "command-says" and check.line == "success", "it does its work and ends"
    (check,) = planned("stop", "nginx").checks
    assert isinstance(check, UnitActive) and not check.active
    (check,) = planned("disable", "nginx").checks
    assert check.kind == "command-says" and check.line == "disabled" and check.argv[-1] == "nginx.service"


def test_what_goes_with_it_and_what_starts_it_again_is_said() -> None:
    def said(verb: str, unit: str) -> str:
        return " ".join(notice.text for notice in planned(verb, unit).notices)

    assert "Stopped with it: NetworkManager.service." in said("stop", "base")
    stopped = [step.name for step in planned("stop", "base").flat if isinstance(step, Unit)]
    assert stopped == ["NetworkManager.service", "base.service"], "so that an undo starts both again"
    assert "started again when it is needed, by cups.socket" in said("stop", "cups")
    assert "runs again" in said("stop", "nginx"), "it is enabled"
    assert "goes on running" in said("disable", "nginx")
    assert "read anew" in said("restart", "stale")


def test_from_what_is_unknown_nothing_is_planned() -> None:
    made = plan(Board(Unknown("systemd doesn't run here")), "stop", OfService(unit="ssh"))
    assert not made.steps and made.blocked[0].why == "systemd doesn't run here"


# what would lock out --------------------------------------------------------------------------------------------

#: verb, unit, the seat, and what becomes of it
CUTTING: list[tuple[str, str, Seat, str]] = [
    ("stop", "ssh", SSH, "refuse"),
    ("stop", "ssh", NOWHERE, "refuse"),
    ("stop", "ssh", CONSOLE, "warn"),
    ("disable", "ssh", SSH, "refuse"),
    ("disable", "ssh", CONSOLE, "warn"),
    ("restart", "ssh", SSH, "warn"),
    ("stop", "NetworkManager", SSH, "probation"),
    ("stop", "NetworkManager", CONSOLE, "probation"),
    ("disable", "NetworkManager", SSH, "refuse"),
    ("disable", "NetworkManager", CONSOLE, "warn"),
    ("restart", "NetworkManager", SSH, "warn"),
    ("start", "systemd-networkd", SSH, "probation"),
    ("stop", "base", SSH, "probation"),
    ("stop", "wpa_supplicant", SSH, ""),
    ("stop", "wpa_supplicant", replace(SSH, interface="wlan0"), "probation"),
    ("stop", "wpa_supplicant", NOWHERE, "probation"),
    ("stop", "wg-quick@wg0", SSH, ""),
    ("stop", "wg-quick@wg0", replace(SSH, interface="wg0"), "probation"),
    ("disable", "wg-quick@wg0", replace(SSH, interface="wg0"), "refuse"),
    ("stop", "tailscaled", SSH, ""),
    ("stop", "tailscaled", replace(SSH, interface="tailscale0"), "probation"),
    ("disable", "tailscaled", replace(SSH, interface="tailscale0"), "refuse"),
    ("stop", "nftables", SSH, "warn"),
    ("restart", "nftables", SSH, "probation"),
    ("start", "ufw", SSH, "probation"),
    ("stop", "dbus", CONSOLE, "refuse"),
    ("restart", "dbus", CONSOLE, "refuse"),
    ("stop", "systemd-logind", CONSOLE, "refuse"),
    ("restart", "systemd-logind", SSH, "warn"),
    ("stop", "systemd-user-sessions", SSH, "refuse"),
    ("stop", "getty@tty1", CONSOLE, "probation"),
    ("stop", "getty@tty1", SSH, ""),
    ("disable", "getty@tty1", CONSOLE, "warn"),
    ("stop", "ssh@3-192.0.2.1:22-192.0.2.9:50000", SSH, "refuse"),
    ("stop", "pi-installer-tui-job-20261127-150000-abcd", CONSOLE, "refuse"),
    ("stop", "nginx", SSH, ""),
    ("restart", "nginx", SSH, ""),
]


@pytest.mark.parametrize(("verb", "unit", "seat", "way"), CUTTING)
def test_what_could_lock_out_is_on_probation_or_refused(verb: Verb, unit: str, seat: Seat, way: str) -> None:
    on, told = board(seat), OfService(unit=unit)
    ways = [each.way for each in effects(on, told.unit, verb)]
    assert ways == ([way] if way else [])
    assert bool(validate(on, verb, told)) == (way == "refuse")
    if way == "refuse":
        return
    made = plan(on, verb, told)
    assert bool(made.trials) == (way == "probation")
    if way:
        assert effects(on, told.unit, verb)[0].text in [notice.text for notice in made.notices]


def test_ssh_may_stop_where_something_else_lets_one_in() -> None:
    socket = replace(running("ssh.socket"), sub="listening")
    made = planned("stop", "ssh", board(SSH, socket))
    assert isinstance(made.steps[0], Unit) and "by ssh.socket" in made.notices[0].text
    dropbear = running("dropbear.service")
    assert planned("disable", "ssh", board(SSH, dropbear)).steps
    along = replace(running("ssh.service"), takes_along=("dropbear.service",))
    assert refused("stop", "ssh", board(SSH, dropbear, along)), "it would go with it"


def test_a_restart_of_ssh_is_preceded_by_its_own_test_of_its_files() -> None:
    test, restart = planned("restart", "ssh").steps
    assert isinstance(test, RunCommand) and test.argv == ("sshd", "-t")
    assert isinstance(restart, Unit) and restart.needs == (test.id,)
    assert SSH.cut_by(restart.cuts)


def test_stopping_the_network_is_taken_back_by_starting_it_and_touches_the_own_connection() -> None:
    (trial,) = planned("stop", "NetworkManager").steps
    assert isinstance(trial, Probation) and trial.login is None, "who is still connected confirms it"
    assert SSH.cut_by(trial.cuts) and SSH.cut_by(trial.steps[0].cuts)

    class Kept:
        def get(self, name: str) -> Any:
            return {"active": "active"}.get(name)

    (back,) = trial.steps[0].way_back(Kept())  # type: ignore[arg-type]
    assert back.argv == ("systemctl", "start", "NetworkManager.service")  # type: ignore[union-attr]


def test_a_firewall_is_confirmed_by_a_new_login_and_its_restart_taken_back_by_stopping_it() -> None:
    (trial,) = planned("start", "ufw").steps
    assert isinstance(trial, Probation) and trial.login is not None and trial.login.users == ("maria",)
    made = planned("restart", "nftables")
    (trial,) = made.steps
    assert isinstance(trial, Probation) and isinstance(trial.steps[0], RunCommand)
    assert trial.steps[0].undo_argv == ("systemctl", "stop", "nftables.service")
    assert "stops nftables.service" in made.notices[-1].text


def test_every_verb_is_an_action_of_the_module_and_the_other_way_round() -> None:
    listed = {action.name for action in modules.listed("monitoring").actions}
    assert set(get_args(Verb)) == set(ARGUMENTS) <= listed
    assert modules.load("monitoring").arguments("stop") is OfService


# what it is told ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "-H", "--now", "a b", "x;id", "getty@.service", "/etc/x", "a\n", ".service", "é"])
def test_what_is_no_unit_is_no_argument(name: str) -> None:
    with pytest.raises(ValidationError):
        OfService(unit=name)


@given(st.text(max_size=80))
def test_no_text_gets_into_a_command_as_anything_but_one_unit(name: str) -> None:
    try:
        told = OfService(unit=name)
    except ValidationError:
        return
    assert told.unit.endswith((".service", ".socket", ".timer")) and not told.unit.startswith("-")
    on = board(CONSOLE, running(told.unit))
    if told.unit in on.found and not validate(on, "stop", told):
        for step in plan(on, "stop", told).flat:
            assert isinstance(step, Probation) or (isinstance(step, Unit) and step.name == told.unit)

"""Who is here through a tunnel: what could cut that off is on probation, all else isn't."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pi_installer_tui.modules.vpn.actions import OfPeer, Rename
from pi_installer_tui.modules.vpn.actions import plan as act
from pi_installer_tui.modules.vpn.needs import needs
from pi_installer_tui.modules.vpn.own_way import through
from pi_installer_tui.modules.vpn.state import State
from pi_installer_tui.system.reading import Known
from pi_installer_tui.system.seat import Seat
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.probation import activations
from pi_installer_tui.tasks.steps import Probation
from pi_installer_tui.tasks.steps.probation import Confirmation

from .vpns import after, bare, planned, wanted

PEERS: dict[str, Any] = {"phone": {}, "laptop": {"reach": "lan"}, "cabin": {"behind": ["192.168.40.0/24"]}}
WANTED = wanted({"endpoint": "home.example.org", "address": ["10.9.0.1/24"], "mapping": "auto", "peers": PEERS})
THERE = after(bare(), planned(bare(), WANTED))


def at(client: str = "10.9.0.2", interface: str = "wg0", through: str = "wg0") -> State:
    return replace(THERE, seat=Seat("ssh", client, 50000, "10.9.0.1", 22, interface, through))


def on_probation(made: Plan) -> list[str]:
    return [step.id for trial in made.trials for step in trial.inner()]


def test_whose_connection_it_is() -> None:
    def who(state: State) -> tuple[str, str] | None:
        found = through(state)
        return (found[0].name, found[1].name if found[1] is not None else "") if found is not None else None

    assert who(at()) == ("wg0", "phone")
    assert who(at("10.9.0.3", "eth0")) == ("wg0", "laptop"), "by the tunnel to the address in the LAN"
    assert who(at("192.168.40.7")) == ("wg0", "cabin") and who(at("10.9.0.99")) == ("wg0", "")
    assert who(at(interface="eth0", through="eth0")) is None
    assert who(replace(THERE, seat=Seat("console"))) is None and who(THERE) is None


@pytest.mark.parametrize(
    "change",
    [
        {"port": 51999},
        {"address": ["10.9.7.1/24"], "peers": {"phone": {"address": ["10.9.7.2"]}}},
        {"mtu": 1380},
        {"enabled": False},
        {"state": "absent"},
        {"peers": {"phone": {"state": "absent"}}},
        {"peers": {"phone": {"paused": True}}},
        {"peers": {"phone": {"preshared": False}}},
        {"peers": {"phone": {"address": ["10.9.0.77"]}}},
        {"peers": {"laptop": {"behind": ["10.9.0.2/32"]}}},
    ],
)
def test_what_could_cut_the_owner_off_goes_back_by_itself(change: dict[str, Any]) -> None:
    made = planned(at(), wanted(change))
    plain = planned(THERE, wanted(change))
    assert not plain.trials and on_probation(made) == [step.id for step in plain.steps], "what is remembered too"
    (trial,) = made.trials
    assert trial.cuts == ("interface:wg0",) and trial.risks == ("connection",)
    assert any("connection" in step.risks for step in trial.steps), "the review marks what does it"
    assert [each.text for each in made.notices if "your connection" in each.text]
    assert Plan.model_validate_json(made.model_dump_json()) == made
    told = made.to_be_confirmed(Confirmation(by="auto"))
    assert isinstance(told.steps[0], Probation) and told.steps[0].peers == ("10.9.0.2",)
    assert on_probation(made.to_be_confirmed(Confirmation(by="none"))) == []


@pytest.mark.parametrize(
    "change",
    [
        {"dns": ["9.9.9.9"]},
        {"reach": "machine"},
        {"peers": {"tablet": {}}},
        {"peers": {"laptop": {"state": "absent"}}},
        {"peers": {"laptop": {"paused": True}}},
        {"peers": {"phone": {"note": "mine"}}},
    ],
)
def test_what_leaves_the_owners_connection_alone_waits_for_nobody(change: dict[str, Any]) -> None:
    made = planned(at(), wanted(change))
    assert made.steps and not made.trials


def test_actions_are_on_probation_too() -> None:
    for action in ("pause", "revoke", "rotate"):
        (trial,) = act(at(), action, OfPeer(peer="phone")).trials
        assert {step.setting for step in (trial, *trial.inner())} == {f"vpn.{action}"}
        assert not act(at(), action, OfPeer(peer="laptop")).trials
    assert not act(at(), "rename", Rename(peer="phone", to="mobile")).trials
    unknown = at("10.9.0.99")
    assert act(unknown, "revoke", OfPeer(peer="laptop")).trials, "it may be anybody's"


def test_addresses_that_go_are_named() -> None:
    (trial,) = planned(at(), wanted({"address": ["10.9.7.1/24"], "peers": {}})).trials
    assert [place.address for place in trial.leaves] == ["10.9.0.1/24"]
    assert [place.address for place in trial.reaches] == ["10.9.7.1/24"]
    (trial,) = planned(at(), wanted({"state": "absent"})).trials
    assert [place.address for place in trial.leaves] == ["10.9.0.1/24"] and not trial.reaches


def test_the_way_back_needs_no_program_of_ours() -> None:
    (trial,) = planned(at(), wanted({"peers": {"cabin": {"state": "absent"}, "phone": {"paused": True}}})).trials
    commands = [run.argv for run in activations(trial.steps)]
    assert [argv[4:] for argv in commands if argv[0] == "sh"] == [
        ("wg0", "/etc/wireguard/wg0.nft", "pi_installer_tui_wg0")
    ]
    assert ("ip", "-4", "route", "replace", "192.168.40.0/24", "dev", "wg0") in commands, "what was behind the cabin"
    (trial,) = planned(at(), wanted({"port": 51999})).trials
    assert not [run for run in activations(trial.steps) if run.argv[0] == "ip"]


def test_the_old_port_stays_open_until_the_new_one_is_confirmed() -> None:
    change = wanted({"port": 51999})
    assert {(each.name, each.port) for each in needs(at(), change) if each.port} == {
        ("vpn-wg0", 51999),
        ("vpn-wg0-before", 51820),
    }
    assert {each.port for each in needs(THERE, change) if each.port} == {51999}
    for gone in ({"state": "absent"}, {"enabled": False}):
        assert needs(THERE, wanted(gone)) and not needs(at(), wanted(gone)), (
            "it may come back, and needs its rules then"
        )
    said = planned(replace(at(), firewall=Known("ufw")), change).notices
    assert [each for each in said if "firewall" in each.text]

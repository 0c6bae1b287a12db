"""The doctor on a real machine: what is broken is found, and what it offers mends it."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

from .machine import Machine
from .program import says, tui, until
from .vpn_net import setup_of

SERVICE = "pi-installer-tui-vpn-mapping"
OWN = "table inet own { chain on { type filter hook forward priority 10; policy drop; ct state established accept; }; }"


def examined(machine: Machine) -> dict[str, Any]:
    found = json.loads(tui(machine, "vpn", "doctor", "--json").stdout)["findings"]
    return {one["id"]: one for one in found}


def private_key(machine: Machine) -> str:
    found = re.search(r"PrivateKey = (\S+)", machine.read("/etc/wireguard/wg0.conf").decode())
    assert found is not None
    return found[1]


def applied(machine: Machine, setup: str) -> None:
    done = json.loads(tui(machine, "apply", "-", "--yes", "--json", setup=setup).stdout)
    assert done["outcome"] == "done", done


@pytest.mark.long
@pytest.mark.parametrize("case", ["broken", "firewall", "router"])
def test_what_is_wrong_is_found_and_mended(installed: Machine, case: str) -> None:
    applied(installed, setup_of({"endpoint": "198.51.100.1", "mapping": "none", "peers": {"phone": {}}}))
    CASES[case](installed)


def _broken(machine: Machine) -> None:
    healthy = examined(machine)
    wrong = {name for name, one in healthy.items() if one["verdict"] == "wrong"}
    # the clock and the way out are the host's, the endpoint is an example's
    assert wrong <= {"clock", "wg0.endpoint", "wg0.mtu"}, {name: healthy[name] for name in wrong}
    assert private_key(machine) not in json.dumps(healthy)
    breaking = {
        "wg0.forwarding4": ["sysctl", "-qw", "net.ipv4.ip_forward=0"],
        "wg0.nat": ["nft", "delete", "table", "inet", "pi_installer_tui_wg0"],
        "wg0.mode": ["chmod", "644", "/etc/wireguard/wg0.conf"],
        "wg0.unit": ["systemctl", "stop", "wg-quick@wg0"],
    }
    for argv in breaking.values():
        machine.run(argv)
    broken = examined(machine)
    for name in breaking:
        assert broken[name]["verdict"] == "wrong" and broken[name]["evidence"], broken[name]
    applied(machine, json.dumps({"version": 1, **broken["wg0.unit"]["settings"]}))
    mended = examined(machine)
    assert {name: mended[name]["verdict"] for name in breaking} == dict.fromkeys(breaking, "ok")


def _firewall(machine: Machine) -> None:
    """Rules of somebody else's: the command that the doctor shows lets the packets through."""
    machine.run(["nft", "-f", "-"], stdin=OWN)
    found = examined(machine)
    assert found["wg0.firewall-on"]["verdict"] == "wrong" and found["wg0.firewall-back"]["verdict"] == "ok"
    assert "inet own on" in found["wg0.firewall-on"]["evidence"][0]["answer"]
    said = " ".join(tui(machine, "vpn", "doctor").stdout.split())
    command = re.search(r"nft insert rule inet own on .*? accept", said)
    assert command is not None
    machine.run(["nft", *(f'"{word}"' if word == "wg0" else word for word in shlex.split(command[0])[1:])])
    assert examined(machine)["wg0.firewall-on"]["verdict"] == "ok"


def _router(machine: Machine) -> None:
    """The router of the test's network can't be asked: the timer's service says so, and goes without a trace."""
    applied(machine, setup_of({"mapping": "auto"}))
    asked = ["systemctl", "show", "--property=Result", "--value", f"{SERVICE}.service"]
    until(lambda: says(machine, *asked) == "exit-code", 60)
    assert examined(machine)["wg0.mapping"]["verdict"] == "wrong"
    applied(machine, setup_of({"mapping": "none"}))
    assert says(machine, "systemctl", "list-units", "--all", "--plain", "--no-legend", f"{SERVICE}.*") == ""


CASES = {"broken": _broken, "firewall": _firewall, "router": _router}

"""The packet rules of a tunnel: nobody reaches what nobody was allowed."""

from __future__ import annotations

import pytest

from pi_installer_tui.modules.vpn.rules import Allowed, text
from pi_installer_tui.modules.vpn.settings import Reach

INSIDE, LAN = ("10.86.0.0/24", "fd86:1:2::/64"), ("192.168.1.0/24",)


def accepted(*peers: Allowed, between: bool = False) -> list[str]:
    """What the chain of the peers accepts."""
    lines = text("wg0", 51820, INSIDE, peers, lan=LAN, between=between).splitlines()
    return [line.strip() for line in lines[lines.index("\tchain peers {", 9) :] if line.strip().endswith("accept")]


@pytest.mark.parametrize("others", [(), ("everything",)])
def test_where_no_peer_may_reach_the_lan_none_does(others: tuple[Reach, ...]) -> None:
    peers = [Allowed((f"10.86.0.{n}/32",), reach) for n, reach in enumerate(("machine", *others), 2)]
    found = accepted(*peers)
    assert not any("192.168.1.0/24" in rule for rule in found)
    assert not any("10.86.0.2" in rule for rule in found)
    assert all(" saddr " in rule for rule in found if "ct state" not in rule)


def test_where_all_may_reach_the_machine_alone_what_is_behind_one_isnt_reached() -> None:
    found = accepted(Allowed(("10.86.0.2/32", "192.168.30.0/24"), "machine"), Allowed(("10.86.0.3/32",), "machine"))
    assert found == ["ct direction reply ct state established,related accept"]

"""What is typed behind `vpn add` is what the settings take."""

from __future__ import annotations

from datetime import date

import pytest

from pi_installer_tui.cli.arguments import CHANGING, in_full, parse
from pi_installer_tui.cli.vpn import typed_settings
from pi_installer_tui.modules.vpn.settings import PeerSettings


def test_settings_are_typed_as_a_person_types_them() -> None:
    told = [
        "behind=192.168.40.0/24,10.20.0.0/16",
        "paused=true",
        "keepalive=0",
        "expires=2099-01-01",
        "note=5",
        "dns=9.9.9.9",
    ]
    args = parse(["vpn", "add", "phone", *told])
    found = PeerSettings.model_validate(typed_settings(args.told))
    assert found.behind == ("192.168.40.0/24", "10.20.0.0/16") and found.paused is True and found.keepalive == 0
    assert found.expires == date(2099, 1, 1) and found.note == "5" and found.dns == ("9.9.9.9",)


def test_what_changes_something_needs_root_and_what_looks_does_not() -> None:
    for words in (["add", "x"], ["pause", "x"], ["rename", "x", "y"], ["expire"], ["show", "x"]):
        assert in_full(parse(["vpn", *words])) in CHANGING
    for words in ([], ["list"]):
        assert in_full(parse(["vpn", *words])) not in CHANGING


@pytest.mark.parametrize("name", ["", "-x", "A", "a b", "../x", "x" * 41])
def test_a_peers_name_is_narrow(name: str) -> None:
    with pytest.raises(SystemExit):
        parse(["vpn", "show", name])

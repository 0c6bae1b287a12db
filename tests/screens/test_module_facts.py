"""What stands beside a field: the truth about one value, in a phrase."""

from __future__ import annotations

from typing import Any

import pytest

from pi_installer_tui.modules.base import Fact
from pi_installer_tui.screens.facts import lines, note, unset
from pi_installer_tui.system.reading import MISSING, Known, Source, Unknown, Value

HERE = Source("/etc/hostname", 1)
NO_TOOL = Unknown("hostnamectl is not installed")


def fact(value: Value[Any], setting: str = "hostname") -> Fact:
    return Fact(setting, "Hostname", value)


BESIDE: list[tuple[Value[Any], str, str]] = [
    (Value(Known("attic", HERE), Known("attic")), "/etc/hostname:1", "quiet"),
    (Value(Known("attic", HERE), Known("attic"), owner="cloud-init"), "cloud-init: /etc/hostname:1", "quiet"),
    (Value(Known("attic", HERE), Known("cellar")), "! in effect: cellar", "warn"),
    (Value(Known("attic", HERE), Known("attic2")), "! in effect: attic2", "warn"),
    (Value(Known("attic", HERE), Known("attic"), Known("pi")), "! after a reboot: pi", "warn"),
    (Value(Known("attic", HERE), Known("attic"), Known("attic")), "/etc/hostname:1", "quiet"),
    (Value(Known("DHCP", HERE), Known("DHCP 192.168.1.23/24")), "DHCP 192.168.1.23/24", "quiet"),
    (Value(Known(True, HERE), Known(False)), "! in effect: off", "warn"),
    (Value(NO_TOOL, NO_TOOL), "? unknown: hostnamectl is not installed", "warn"),
    (Value(Known("attic", HERE), NO_TOOL), "/etc/hostname:1", "quiet"),
    (Value(MISSING, MISSING), "", "quiet"),
]


@pytest.mark.parametrize(("value", "words", "tone"), BESIDE)
def test_what_stands_beside_a_field(value: Value[Any], words: str, tone: str) -> None:
    beside = note(fact(value))
    assert (beside.text, beside.tone) == (words, tone)


def test_all_forms_are_listed_where_they_differ() -> None:
    said = [
        cell.text for cell in lines([fact(Value(Known("attic", HERE), Known("cellar"), Known("pi"), "cloud-init"))])
    ]
    assert said == [
        "Hostname",
        "  configured: attic  (/etc/hostname:1)",
        "  in effect: cellar",
        "  after a reboot: pi",
        "  kept by cloud-init",
    ]


def test_an_effect_that_is_unknown_is_said() -> None:
    said = [cell.text for cell in lines([fact(Value(Known("attic"), NO_TOOL))])]
    assert said == ["Hostname", "  configured: attic", "  in effect: unknown: hostnamectl is not installed"]


def test_facts_without_a_field_stand_above_the_form() -> None:
    said = "".join(
        cell.text for cell in unset([fact(Value(Known("x"), Known("y")), ""), fact(Value(MISSING, MISSING))])
    )
    assert said == "Hostname y"


def test_what_the_machine_says_moves_no_cursor() -> None:
    evil = fact(Value(Known("a\x1b[2J\nb"), Unknown("\x1b]0;t\x07")))
    assert all(cell.text.isprintable() for cell in lines([evil]))
    assert note(evil).text.isprintable()

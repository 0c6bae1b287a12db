"""Numbers as people read them, and the machine at a glance in the room there is."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from pi_installer_tui.console.glyphs import GLYPHS
from pi_installer_tui.screens.glance import lines
from pi_installer_tui.screens.signs import span
from pi_installer_tui.system.machine import Address, Architecture, Disk, Load, Machine, Memory, Power
from pi_installer_tui.system.reading import MISSING, Known, Unknown
from pi_installer_tui.tasks.words import size


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_345_678, "2.3 MB"), (-534_900_000, "535 MB"), (30.9e9, "30.9 GB"),
     (270.6e9, "271 GB"), (4e12, "4000 GB")],
)  # fmt: skip
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.9, "59 s"), (60, "1 min"), (3600, "1 h 0 min"), (90_061, "1 d 1 h")]
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


FULL: dict[str, Any] = {
    "model": Known("Raspberry Pi 4 Model B Rev 1.5"),
    "release": Known("Raspberry Pi OS 13 (trixie)"),
    "kernel": Known("6.12.47+rpt-rpi-v8"),
    "architecture": Known(Architecture("armhf", "aarch64")),
    "uptime": Known(90_061.0),
    "addresses": Known((Address("eth0", "192.168.1.23", 24), Address("eth0", "2001:db8::23", 64))),
    "temperature": Known(81.2),
    "power": Known(Power(("under-voltage",), ())),
    "memory": Known(Memory(4_000_000_000, 200_000_000, 0, 0)),
    "disks": Known((Disk("/", "/dev/mmcblk0p2", "ext4", 31_000_000_000, 30_000_000_000, 900_000_000, True),)),
    "load": Known(Load((0.25, 0.2, 0.1), 4)),
}


def drawn(machine: Machine, width: int) -> list[str]:
    return ["".join(cell.text for cell in line) for line in lines(machine, width, GLYPHS["ascii"])]


def test_what_is_worth_a_look_has_a_sign() -> None:
    text = "\n".join(drawn(Machine(**FULL), 78))
    for said in ("! 81  C", "! under-voltage", "! 3.8 GB of 4.0 GB", "read-only", "armhf (aarch64)", "up 1 d 1 h"):
        assert said in text


def test_before_anything_is_read_there_is_room_for_it() -> None:
    assert drawn(Machine(), 78)[0] == "reading ..."
    assert len(drawn(Machine(), 78)) == len(drawn(Machine(**FULL), 78)) == 4


def test_what_a_board_lacks_is_not_shown_and_what_cant_be_read_says_why() -> None:
    machine = Machine(**{**FULL, "model": MISSING, "temperature": MISSING, "power": MISSING,
                         "addresses": Unknown("ip is not installed")})  # fmt: skip
    text = drawn(machine, 78)
    assert text[0].startswith("Raspberry Pi OS 13")
    assert "? ip is not installed" in text[2]
    assert "C " not in text[0]


@pytest.mark.parametrize("width", [78, 118])
def test_the_lines_fit(width: int) -> None:
    machine = Machine(**{**FULL, "power": Known(Power((), ())), "disks": MISSING})
    assert all(cell_len(line) <= width for line in drawn(machine, width)[:3])
    assert ("2001:db8::23" in "\n".join(drawn(machine, width))) == (width > 100)

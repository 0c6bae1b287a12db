"""A terminal that is photographed: what stands on it as a picture, and what a QR reader finds in that."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from PIL import Image
from pyte.screens import Char

from tests.terminal.line import Screen, Stream

from .machine import Machine

#: what says which console it is: the terminal's name, and what else is in its environment
CONSOLES = {
    "ssh": {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    "hdmi": {"TERM": "linux"},
    "serial": {"TERM": "vt220"},
}
#: what the program says that it found, on Home
_FOUND = {"ssh": "ssh: true colour, utf8", "hdmi": "hdmi: 16 colours, ", "serial": "serial: no colour, ascii"}
#: a cell in pixels
_WIDE, _HIGH = 8, 16
#: the halves of a cell that are in the colour of the text, the upper one first
_HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
_NEEDS = re.compile(r"needs (\d+)x(\d+) cells, here are (\d+)x(\d+)")


class Photographed:
    """The program of root's on one of CONSOLES, 80x24. Its terminal answers, as each does."""

    def __init__(self, machine: Machine, console: str) -> None:
        self.console, self.columns, self.rows = console, 80, 24
        environment = CONSOLES[console]
        self.terminal = machine.tty(["pi-installer-tui"], term=environment["TERM"], env=environment)
        self.screen = Screen(self.columns, self.rows)
        self.screen.write_process_input = lambda data: self.terminal.type(data)  # type: ignore[method-assign]
        self.terminal.play(self.screen, Stream(self.screen))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.terminal.close()

    def key(self, keys: str, until: str) -> str:
        """Types, and waits until something is seen."""
        self.terminal.type(keys)
        return self.terminal.wait_for(until)

    def hand_over(self, peer: str) -> None:
        """From Home to where a peer gets its configuration."""
        self.terminal.wait_for(_FOUND[self.console])
        self.terminal.wait_for("commands")
        self.key(":", "a module or a command")
        self.key("vpn", "VPN: adopt a tunnel")
        self.key("\r", "by name")
        self.key("/", "a part of a name")
        self.key(f"{peer}\r", f"only {peer}")
        self.terminal.wait_for("x hand over")  # the list has the keys again, not the field
        self.key("x", f"Hand over: {peer}")
        self.terminal.wait_for("Its private key is ")

    def enlarge(self) -> None:
        """As large as the screen says that its code needs it."""
        needs = _NEEDS.search(self.terminal.wait_for("the QR code needs"))
        assert needs is not None, self.terminal.text
        columns, rows, has_columns, has_rows = (int(number) for number in needs.groups())
        self.columns += max(0, columns - has_columns)
        self.rows += max(0, rows - has_rows)
        self.terminal.resize(self.columns, self.rows)

    def code(self, folder: Path) -> str:
        """What a QR reader finds on the screen, once there is something."""
        end = time.monotonic() + 60
        picture = folder / "screen.png"
        while True:
            self.terminal.read(0.3)
            self.photograph().save(picture)
            argv = ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(picture)]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.removesuffix("\n")
            assert time.monotonic() < end, f"no code is found on the screen:\n{self.terminal.text}"

    def photograph(self) -> Image.Image:
        """The screen, light text on a dark ground."""
        picture = Image.new("L", (_WIDE * self.columns, _HIGH * self.rows), 0)
        for y in range(self.rows):
            for x in range(self.columns):
                cell = self.screen.buffer[y][x]
                ink, paper = _colours(cell)
                for half, inked in enumerate(_HALVES.get(cell.data, (0, 0))):
                    top = _HIGH * y + half * _HIGH // 2
                    box = (_WIDE * x, top, _WIDE * (x + 1), top + _HIGH // 2)
                    picture.paste(ink if inked else paper, box)
        return picture


def _colours(cell: Char) -> tuple[int, int]:
    """How light the text is, and what is behind it."""
    ink, paper = _light(cell.fg, 170), _light(cell.bg, 0)
    return (paper, ink) if cell.reverse else (ink, paper)


def _light(colour: str, default: int) -> int:
    """0 to 255, of one of pyte's colours: a name, or six hexadecimal digits."""
    names = {"default": default, "black": 0, "white": 170, "brightblack": 85, "brightwhite": 255}
    if colour in names:
        return names[colour]
    if re.fullmatch("[0-9a-f]{6}", colour):
        return sum(bytes.fromhex(colour)) // 3
    return 128


def compact(text: str) -> dict[str, str]:
    """The keys and values of a configuration, however it is spaced."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): re.sub(r"\s*,\s*", ",", value.strip()) for key, _equals, value in pairs}


def skip_without_reader() -> None:
    """For a test that needs one."""
    if shutil.which("zbarimg") is None:
        pytest.skip("zbarimg (Debian's package zbar-tools) reads the picture")

"""The driver's promise, on random screens: at every quiet moment the terminal shows cell for cell what Textual drew,
after the profile's mapping, through changes, scrolls, screens over screens and resizes, on every kind of console."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

import pyte.graphics
import pytest

from pi_installer_tui.console.cells import BLINK, BOLD, ITALIC, REVERSE, STRIKE, UNDERLINE
from tests.terminal.line import Line

APP = Path(__file__).with_name("random_app.py")
ROOT = Path(__file__).parents[2]

CONSOLES = {
    "serial": {"TERM": "vt220"},
    "serial-vt100": {"TERM": "vt100"},
    "serial-dec": {"TERM": "vt220", "PI_INSTALLER_TUI_CONSOLE": "serial,glyphs=dec,colours=8"},
    "serial-linux": {"TERM": "linux", "PI_INSTALLER_TUI_CONSOLE": "serial"},
    "hdmi": {"TERM": "linux"},
    "hdmi-lat15": {"TERM": "linux", "PI_INSTALLER_TUI_CONSOLE": "hdmi,glyphs=lat15,colours=8"},
    "ssh-true": {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    "ssh-256": {"TERM": "tmux-256color"},
    "ssh-screen": {"TERM": "screen", "COLORTERM": ""},
    "ssh-plain": {"TERM": "xterm-256color", "NO_COLOR": "1"},
}
STEPS = 24
#: another screen, one over it, back, scroll, other texts, hide, redraw
KEYS = "nnnmbsssscccdr"

Cells = list[list[tuple[Any, ...]]]


def colour(value: Any, base: int) -> str:
    """A colour as pyte names it."""
    if value is None:
        return "default"
    if isinstance(value, list):
        return "".join(f"{part:02x}" for part in value)
    if value < 8:
        return (pyte.graphics.FG_ANSI if base == 30 else pyte.graphics.BG_ANSI)[base + value]
    if value < 16:
        return (pyte.graphics.FG_AIXTERM if base == 30 else pyte.graphics.BG_AIXTERM)[base + 52 + value]
    return str(pyte.graphics.FG_BG_256[value])


def drawn(line: Line, target: Path) -> tuple[int, bool, Cells]:
    """How many keys the app has taken, whether it is at rest, and what Textual has on its screen, in the emulator's
    terms."""
    target.unlink(missing_ok=True)
    os.kill(line.pid, signal.SIGUSR1)
    end = time.monotonic() + 20.0
    while not target.exists():
        assert time.monotonic() < end and line.ended(0) is None, line.text
        line.read(0.02)
    found = json.loads(target.read_text())
    flags = (BOLD, ITALIC, UNDERLINE, STRIKE, REVERSE, BLINK)
    return (
        found["number"],
        found["rest"],
        [
            [
                (char, colour(fg, 30), colour(bg, 40), *(bool(bits & flag) for flag in flags))
                for char, (fg, bg, bits) in row
            ]
            for row in found["rows"]
        ],
    )


def shown(line: Line) -> Cells:
    """What is on the terminal. (DIM isn't compared: pyte doesn't know it.)"""
    screen = line.screen
    return [
        [
            (
                unicodedata.normalize("NFC", c.data),
                *(c.fg, c.bg, c.bold, c.italics, c.underscore, c.strikethrough, c.reverse, c.blink),
            )
            for c in (screen.buffer[y][x] for x in range(screen.columns))
        ]
        for y in range(screen.lines)
    ]


def assert_same(line: Line, target: Path, pressed: int, what: str) -> None:
    """Waits for the moment at which every key was taken, all was drawn and nothing is sent any more, and compares."""
    end = time.monotonic() + 30.0
    while True:
        line.settle(0.15)
        number, rest, want = drawn(line, target)
        quiet = line.settle(0.15) == 0 and number == pressed and rest and drawn(line, target) == (number, rest, want)
        have = shown(line)
        quiet = quiet and [len(row) for row in want] == [len(row) for row in have]  # it has heard of its size
        if quiet or time.monotonic() > end:
            break
    sizes = f"{len(want[0])}x{len(want)} on {len(have[0])}x{len(have)}"
    assert quiet, f"{what}: it never came to rest, {number} of {pressed} keys, {rest}, {sizes}"
    assert len(want) == len(have), what
    for y, (row, other) in enumerate(zip(want, have, strict=True)):
        assert len(row) == len(other), f"{what}, row {y}: {''.join(cell[0] for cell in row)!r}"
        differing = [x for x, (a, b) in enumerate(zip(row, other, strict=True)) if a != b]
        assert not differing, f"{what}, row {y}, cell {differing[0]}: {row[differing[0]]} is {other[differing[0]]}"


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 10))])
@pytest.mark.parametrize("console", CONSOLES)
def test_at_every_quiet_moment_the_terminal_shows_what_textual_drew(console: str, seed: int, tmp_path: Path) -> None:
    noise = random.Random(f"{console} {seed}")
    target = tmp_path / "drawn.json"
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "SAMPLE_DUMP": str(target),
        "RANDOM_SEED": f"{console} {seed}",
        **CONSOLES[console],
    }
    with Line([sys.executable, str(APP)], environ, utf8="dec" not in console) as line:
        while not target.exists():
            assert line.ended(0) is None, line.text
            line.read(0.05)
        history = ""
        for step in range(STEPS):
            key = "n" if step == 0 else noise.choice(KEYS)
            history += key
            line.send(key)
            if noise.random() < 0.2:
                size = noise.choice([80, 81, 100, 132]), noise.choice([24, 25, 40])
                history += f" {size[0]}x{size[1]} "
                line.resize(*size)
            line.read(noise.choice([0.0, 0.01, 0.05]))
            if noise.random() < 0.4 or step == STEPS - 1:
                assert_same(line, target, step + 1, f"{console} {seed}: {history}")

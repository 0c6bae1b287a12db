"""The driver on a terminal of ours: what the emulator shows is what Textual drew, nothing forbidden is ever sent, and
the terminal is left as it was found."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pyte.graphics
import pytest

from pi_installer_tui.console.probe import look
from tests.terminal.line import Line

APP = Path(__file__).with_name("sample_app.py")
ROOT = Path(__file__).parents[2]

CONSOLES = {
    "serial": {"TERM": "vt220"},
    "serial-dec": {"TERM": "vt220", "PI_INSTALLER_TUI_CONSOLE": "serial,glyphs=dec,colours=8"},
    "hdmi": {"TERM": "linux"},
    "ssh": {"TERM": "screen-256color", "COLORTERM": "truecolor"},
}
#: all that a VT220 or the Linux console may be sent: CUP, CUF, EL, ED, SGR, DECTCEM, and at the start the questions
ALLOWED = re.compile(
    rb"\x1b\[[0-9;]*[HCKJm]|\x1b\[\?25[hl]|\x1b\[6n|\x1b\[c|\x1b[78]|\x1b\)0|[\x08\x0a\x0d\x0e\x0f]|[\x20-\x7e]|[\xc2-\xe2][\x80-\xbf]+"
)


def environment(console: str, tmp_path: Path, seed: int = 1) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "SAMPLE_DUMP": str(tmp_path / "drawn.json"),
        "SAMPLE_SEED": str(seed),
        **CONSOLES[console],
    }


def start(console: str, tmp_path: Path, **how: Any) -> Line:
    return Line([sys.executable, str(APP)], environment(console, tmp_path), utf8="dec" not in console, **how)


def colour(value: Any, names: dict[int, str], bright: dict[int, str], base: int) -> str:
    if value is None:
        return "default"
    if isinstance(value, list):
        return "".join(f"{part:02x}" for part in value)
    if value < 16:
        return names[base + value] if value < 8 else bright[base + 60 + value - 8]
    return str(pyte.graphics.FG_BG_256[value])


def drawn(line: Line, tmp_path: Path) -> list[list[tuple[Any, ...]]]:
    """What Textual has drawn by now, in the emulator's terms."""
    target = tmp_path / "drawn.json"
    target.unlink(missing_ok=True)
    os.kill(line.pid, signal.SIGUSR1)
    for _ in range(200):
        line.read(0.02)
        if target.exists():
            break
    rows = []
    for row in json.loads(target.read_text()):
        rows.append(
            [
                (
                    char,
                    colour(fg, pyte.graphics.FG_ANSI, pyte.graphics.FG_AIXTERM, 30),
                    colour(bg, pyte.graphics.BG_ANSI, pyte.graphics.BG_AIXTERM, 40),
                    bool(flags & 1),
                    bool(flags & 32),
                    bool(flags & 8),
                )
                for char, (fg, bg, flags) in row
            ]
        )
    return rows


def shown(line: Line) -> list[list[tuple[Any, ...]]]:
    screen = line.screen
    return [
        [
            (c.data, c.fg, c.bg, c.bold, c.reverse, c.underscore)
            for c in (screen.buffer[y][x] for x in range(screen.columns))
        ]
        for y in range(screen.lines)
    ]


def highlighted(line: Line) -> list[bool]:
    return [line.screen.buffer[y][0].reverse for y in range(1, 13)]


def compare(line: Line, tmp_path: Path) -> None:
    want = drawn(line, tmp_path)
    line.settle(0.15)
    have = shown(line)
    assert len(want) == len(have)
    for y, (row, other) in enumerate(zip(want, have, strict=True)):
        assert row == other, f"row {y}: {''.join(c[0] for c in other)!r}"


@pytest.mark.long
@pytest.mark.parametrize("console", CONSOLES)
def test_the_terminal_shows_cell_for_cell_what_was_drawn(console: str, tmp_path: Path) -> None:
    keys = ["\x1b[B", "\x1b[A", "\t", "f", "\x1b", "x", "l", "\x1b[6~", "\x7f", "ä"]
    for seed in range(2):
        noise = random.Random(seed)
        with start(console, tmp_path) as line:
            line.until("Quit")
            for step in range(14):
                if noise.random() < 0.15:
                    line.resize(noise.choice([80, 100, 132]), noise.choice([24, 25, 40]))
                key = noise.choice(keys)
                line.send(key)
                line.settle(0.02 if noise.random() < 0.5 else 0.6, most=1.0)
                if step % 5 == 4:
                    os.kill(line.pid, signal.SIGUSR2)
                    line.settle(0.8, most=5.0)
                    compare(line, tmp_path)


@pytest.mark.parametrize("console", ["serial", "hdmi"])
def test_a_console_is_never_sent_what_it_does_not_know(console: str, tmp_path: Path) -> None:
    with start(console, tmp_path) as line:
        line.until("Quit")
        for key in ("\x1b[B", "f", "\t", "\x1b", "l", "\x1b[6~", "l", "q"):
            line.send(key)
            line.settle(0.2, most=1.0)
        line.ended()
        assert ALLOWED.sub(b"", bytes(line.received)) == b""
        assert line.status == 0


@pytest.mark.long
@pytest.mark.parametrize("console", ["serial", "hdmi"])
def test_no_screen_of_the_program_sends_a_console_what_it_does_not_know(console: str, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pi_installer_tui", "--demo"]
    with Line(argv, environment(console, tmp_path) | {"PI_INSTALLER_TUI_DEMO_PACE": "0"}) as line:
        line.until("NetworkManager", 30.0)
        for keys, shown in (
            ("?", "The machine at a glance"),
            ("q", "Last changes"),
            (":", "a module or a command"),
            ("\x1b", "Last changes"),
            ("\r", "/etc/hostname:1"),
            ("w", "System: what is"),
            ("q", "Hostname"),
            ("\x1b[B\r", "type a part of its name"),
            ("\x1b", "Hostname"),
            ("\x1b[A\r\x15attic\r", "was raspberrypi"),
            ("q", "Leave, and forget"),
            ("n", "was raspberrypi"),
            ("p", "agree and run"),
            ("y", "2 of 2 checks proven"),
            ("h", "History: 1 job"),
            ("\x0c", "History: 1 job"),
        ):
            line.settle(0.3, most=2.0)
            line.send(keys)
            line.until(shown, 30.0)
        line.send("\x03")
        line.settle()
        assert line.ended() == 0
        assert ALLOWED.sub(b"", bytes(line.received)) == b""


@pytest.mark.parametrize(("term", "repeats"), [("xterm-256color", True), ("screen", False)])
def test_only_a_terminal_that_repeats_characters_is_told_to(term: str, repeats: bool, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pi_installer_tui", "--demo"]
    with Line(argv, environment("ssh", tmp_path) | {"TERM": term}) as line:
        line.until("NetworkManager", 30.0)
        line.settle()
        assert bool(re.search(rb"[ -~]\x1b\[[0-9]+b", line.received)) == repeats


@pytest.mark.parametrize("console", ["serial", "ssh"])
def test_the_program_goes_on_while_the_terminal_takes_nothing(console: str, tmp_path: Path) -> None:
    target = tmp_path / "drawn.json"
    with start(console, tmp_path) as line:
        line.until("Quit")
        line.send("l")
        for _ in range(4):
            time.sleep(0.7)  # nobody reads
            target.unlink(missing_ok=True)
            os.kill(line.pid, signal.SIGUSR1)
            end = time.monotonic() + 5.0
            while not target.exists():
                assert time.monotonic() < end, "the program waits for the terminal"
                time.sleep(0.02)
        os.kill(line.pid, signal.SIGUSR2)
        line.settle(0.5, most=10.0)
        compare(line, tmp_path)


def test_the_settings_file_decides_for_a_terminal_until_somebody_says_otherwise(tmp_path: Path) -> None:
    master, slave = os.openpty()
    settings = tmp_path / "console"
    settings.write_text(f"/dev/ttyUSB* serial\n{os.ttyname(slave)} hdmi,colours=8\n")
    environ = {"TERM": "xterm-256color"}
    try:
        found = look(environ, stdin=slave, stdout=slave, settings=str(settings))
        assert (found.name, found.colours) == ("hdmi", "8")
        said = look(environ, "hdmi,colours=16", stdin=slave, stdout=slave, settings=str(settings))
        assert (said.name, said.colours) == ("hdmi", "16")
    finally:
        os.close(master)
        os.close(slave)


def test_keys_are_answered_while_output_pours(tmp_path: Path) -> None:
    with start("serial", tmp_path, baud=115200) as line:
        line.until("Quit")
        line.settle()
        line.send("l")
        line.read(1.0)
        waits = []
        for _ in range(5):
            before = highlighted(line)
            begin = time.monotonic()
            line.send("\x1b[B")
            line.until(lambda _, before=before: highlighted(line) != before, 2.0)  # type: ignore[misc]
            waits.append(time.monotonic() - begin)
            line.read(0.2)
        assert sorted(waits)[2] < 0.25, waits


def test_a_frame_that_no_key_asked_for_comes_as_fast_as_the_line_is(tmp_path: Path) -> None:
    with start("serial", tmp_path, baud=115200) as line:
        line.until("Sample", 20.0)
        assert line.until("Quit") < 1.0
        line.settle(0.5)
        line.resize(80, 40)
        line.until(lambda _: not line.text.strip() or "Sample" in line.screen.display[0])
        assert line.until(lambda _: "Quit" in line.screen.display[39]) < 1.5


@pytest.mark.parametrize("key", ["\x08", "\x7f"])
def test_both_backspaces_delete(key: str, tmp_path: Path) -> None:
    with start("serial", tmp_path) as line:
        line.until("Quit")
        line.send("f")
        line.until("A form")
        line.settle()
        line.send("\x1b[4~" if key == "\x08" else "\x1b[F")
        line.send("abc" + key)
        line.until(lambda _: line.screen.display[2].strip().endswith("ab"), 3.0)


def test_delete_takes_the_letter_under_the_cursor(tmp_path: Path) -> None:
    with start("serial", tmp_path) as line:
        line.until("Quit")
        line.send("f")
        line.until("A form")
        line.settle()
        line.send("\x1b[Fabc\x1b[D\x1b[D\x1b[3~")
        line.until(lambda _: line.screen.display[2].strip().endswith("ac"), 3.0)


@pytest.mark.parametrize("key", ["\x1b[B", "\x1bOB"])
def test_both_cursor_key_modes_move_the_cursor(key: str, tmp_path: Path) -> None:
    with start("serial", tmp_path) as line:
        line.until("Quit")
        line.settle()
        before = highlighted(line)
        line.send(key)
        line.until(lambda _: highlighted(line) != before, 3.0)


def test_esc_and_a_key_right_after_it_are_two_keys(tmp_path: Path) -> None:
    with start("serial", tmp_path) as line:
        line.until("Quit")
        line.send("f")
        line.until("A form")
        line.settle()
        line.send("\x1bf")
        line.until(lambda text: "row 1" in text or "A form" in text, 3.0)
        line.settle()
        line.send("\x1b")
        line.until("Quit", 3.0)


def test_keys_typed_ahead_are_taken_in_order(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pi_installer_tui", "--demo"]
    with Line(argv, environment("serial", tmp_path)) as line:
        line.until("raspberrypi")
        line.settle()
        line.send("\r")
        line.until("/etc/hostname:1")
        line.settle()
        line.send("\r\x15quiet\r")
        line.until(lambda text: "quiet" in text and "was raspberrypi" in text, 10.0)


def test_a_sequence_torn_by_a_slow_line_is_one_key(tmp_path: Path) -> None:
    with start("serial", tmp_path) as line:
        line.until("Quit")
        line.settle()
        before = highlighted(line)
        for part in ("\x1b", "[", "B"):
            line.send(part)
            line.read(0.2)
        line.until(lambda _: highlighted(line) != before, 2.0)


def test_redraw_measures_a_terminal_that_grew_unseen(tmp_path: Path) -> None:
    with start("serial", tmp_path, report_size=False) as line:
        line.until("Quit")
        line.settle()
        line.screen.resize(30, 100)
        line.send("r")
        line.until(lambda _: "Quit" in line.screen.display[29], 5.0)
        compare(line, tmp_path)


def test_the_palette_switches_the_console_while_the_program_runs(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pi_installer_tui", "--demo"]
    with Line(argv, environment("ssh", tmp_path)) as line:
        line.until("ssh: true colour, utf8")
        line.until("raspberrypi")
        line.settle()
        assert "──" in line.text
        for console, said, sign in (("serial", "serial: no colour, ascii", "--"), ("hdmi", "hdmi: 16 colours", "──")):
            line.send(":")
            line.until("a module or a command")
            line.send(f"console: {console}")
            line.until(f"console: {console}")
            line.settle(0.5)
            line.send("\r")
            line.until(lambda text, said=said, sign=sign: said in text and sign in text, 5.0)  # type: ignore[misc]
            line.settle(0.5)
        assert line.ended(0) is None


def test_a_small_terminal_is_told_so_and_scrolls_with_the_cursor(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pi_installer_tui", "--demo"]
    with Line(argv, environment("ssh", tmp_path), 60, 12) as line:
        line.until("raspberrypi")
        line.settle()
        assert line.screen.display[0].startswith("60x12 is less than 80x24")
        line.send("\r")
        line.until("Time zone")
        line.settle()
        assert "wlan0" not in "".join(line.screen.display[4:])
        for _ in range(8):
            line.send("\x1b[B")
            line.settle(0.15, most=1.0)
        line.until(lambda text: "wlan0" in text and "add" in text, 5.0)
        line.send("{")
        line.send("{")
        line.until(lambda _: "System" in line.screen.display[1], 5.0)
        line.send(">")
        line.until(lambda _: "System" not in line.screen.display[1], 5.0)
        line.resize(80, 24)
        line.until(lambda _: "System" in line.screen.display[0] and "help" in line.screen.display[23], 5.0)


def test_a_mute_line_gets_80x24(tmp_path: Path) -> None:
    with start("serial", tmp_path, report_size=False, answers=False) as line:
        line.until("Quit", 10.0)
        assert "Quit" in line.screen.display[23]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_the_terminal_in_order(number: signal.Signals, tmp_path: Path) -> None:
    with start("hdmi", tmp_path) as line:
        before = termios.tcgetattr(line.fd)
        line.until("Quit")
        line.settle()
        os.kill(line.pid, number)
        line.settle()
        assert line.ended() == 128 + number
        assert termios.tcgetattr(line.fd)[3] == before[3]
        assert not line.screen.cursor.hidden
        assert line.text.strip() == ""


def test_a_line_that_breaks_ends_it_at_once(tmp_path: Path) -> None:
    line = start("serial", tmp_path)
    with line:
        line.until("Quit")
        line.settle()
        os.close(line.fd)
        assert line.ended(5.0) is not None
        line.fd = os.open("/dev/null", os.O_RDONLY)


def test_the_console_driver_needs_no_pydantic() -> None:
    code = "import pi_installer_tui.console.driver, sys; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "False"

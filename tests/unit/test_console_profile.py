"""Which console is drawn for: by the environment, the device, and what the owner says."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.console.profile import ProfileError, Terminal, detect, parse_wish, setting

SSH = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


@pytest.mark.parametrize(
    ("environ", "terminal", "name", "colours", "glyphs"),
    [
        (SSH, Terminal("/dev/pts/3", utf8=True), "ssh", "true", "utf8"),
        (SSH, Terminal("/dev/pts/3", utf8=False), "ssh", "true", "ascii"),
        (SSH, Terminal("/dev/pts/3", utf8=None), "ssh", "true", "ascii"),
        ({"TERM": "xterm-256color"}, Terminal("/dev/pts/3", utf8=True), "ssh", "256", "utf8"),
        ({"TERM": "screen"}, Terminal("/dev/pts/3", utf8=True), "ssh", "16", "utf8"),
        (SSH | {"NO_COLOR": "1"}, Terminal("/dev/pts/3", utf8=True), "ssh", "none", "utf8"),
        (SSH | {"NO_COLOR": ""}, Terminal("/dev/pts/3", utf8=True), "ssh", "true", "utf8"),
        ({"TERM": "linux", "COLORTERM": "truecolor"}, Terminal("/dev/tty1"), "hdmi", "16", "kernel"),
        ({"TERM": "linux"}, Terminal("/dev/pts/0"), "hdmi", "16", "kernel"),
        ({"TERM": "linux"}, Terminal("/dev/ttyAMA0", 115200), "serial", "16", "ascii"),
        ({"TERM": "vt220", "COLORTERM": "truecolor"}, Terminal("/dev/ttyS0", 9600), "serial", "none", "ascii"),
        ({"TERM": "vt100", "LANG": "de_DE.UTF-8"}, Terminal("/dev/pts/0"), "serial", "none", "ascii"),
        ({"TERM": "dumb"}, Terminal("/dev/pts/0"), "serial", "none", "ascii"),
        ({}, Terminal(), "serial", "none", "ascii"),
    ],
)
def test_the_console_is_found_out(
    environ: dict[str, str], terminal: Terminal, name: str, colours: str, glyphs: str
) -> None:
    found = detect(environ, terminal)
    assert (found.name, found.colours, found.glyph_set) == (name, colours, glyphs)


@pytest.mark.parametrize(
    ("terminal", "baud"),
    [
        (Terminal("/dev/ttyS0", 9600), 9600),
        (Terminal("/dev/ttyUSB1", 115200), 115200),
        (Terminal("/dev/pts/3", 38400), 115200),  # what termios says of a pty means nothing
        (Terminal("/dev/ttyS0", None), 115200),
    ],
)
def test_a_serial_line_is_paced_at_its_speed(terminal: Terminal, baud: int) -> None:
    assert detect({"TERM": "vt220"}, terminal).baud == baud


def test_a_serial_line_that_cannot_tell_its_size_has_80x24() -> None:
    assert detect({"TERM": "vt220"}, Terminal("/dev/ttyS0")).size == (80, 24)
    assert detect({"TERM": "vt220"}, Terminal("/dev/ttyS0", size=(132, 50))).size == (132, 50)


def test_a_wish_outranks_the_environment_and_that_what_is_found() -> None:
    environ = SSH | {"PI_INSTALLER_TUI_CONSOLE": "serial,baud=9600"}
    assert detect(environ, Terminal(utf8=True)).baud == 9600
    assert detect(environ, Terminal(utf8=True), "hdmi").name == "hdmi"
    assert detect(SSH, Terminal(utf8=False), "glyphs=utf8,colours=8").glyph_set == "utf8"


@pytest.mark.parametrize("wish", ["smoke", "serial,colours=7", "glyphs=", "baud=1", "baud=9600x", "size=0x24", "ssh=1"])
def test_a_wish_that_is_not_understood_is_refused_in_words(wish: str) -> None:
    with pytest.raises(ProfileError, match="hdmi, ssh or serial"):
        parse_wish(wish)


@given(st.text(alphabet=string.printable, max_size=40))
def test_any_wish_is_a_profile_or_refused(wish: str) -> None:
    try:
        detect(SSH, Terminal(), wish)
    except ProfileError as error:
        assert error.args[0].isprintable()


@given(st.text(), st.text())
def test_any_settings_file_gives_a_wish_or_none(text: str, tty: str) -> None:
    assert "\n" not in setting(text, tty)


def test_the_settings_file_has_a_line_for_each_terminal() -> None:
    text = "# ours\n/dev/ttyUSB*   serial,baud=9600  # the old one\n/dev/tty1 hdmi\n* ssh\n"
    assert setting(text, "/dev/ttyUSB0") == "serial,baud=9600"
    assert setting(text, "/dev/tty1") == "hdmi"
    assert setting(text, "/dev/pts/4") == "ssh"
    assert setting("/dev/tty1 hdmi", "/dev/tty2") == ""


def test_a_font_of_the_console_decides_about_signs() -> None:
    poor = detect({"TERM": "linux"}, Terminal("/dev/tty1", font=frozenset("─│█░")))
    assert poor.glyphs.line == "─" and poor.glyphs.ok == "+" and not poor.glyphs.half_blocks
    rich = detect({"TERM": "linux"}, Terminal("/dev/tty1", font=frozenset("─│█░▀▄►√»·°→↑↓▒▓")))
    assert rich.glyphs.ok == "√" and rich.glyphs.half_blocks

"""Plain output: nothing in the data steers the terminal, and 80 columns are enough."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.cli.printing import Printer, clean, print_json
from pi_installer_tui.tasks.words import size


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\rb", "a\\rb"),
        ("\x9b31m", "\\x9b31m"),
        ("\x07\x00\x7f", "\\x07\\x00\\x7f"),
        ("invoice\u202egpj.exe", "invoice\\u202egpj.exe"),
        ("\udcff", "\\udcff"),
        ("tab\tand\nline, ä €", "tab\tand\nline, ä €"),
    ],
)
def test_what_could_steer_a_terminal_is_made_visible(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_no_text_gets_a_control_character_through(text: str) -> None:
    assert all(c in "\n\t" or (ord(c) >= 32 and not 0x7F <= ord(c) <= 0x9F) for c in clean(text))


@given(st.text(max_size=300))
def test_sentences_stay_inside_80_columns(text: str) -> None:
    out = io.StringIO()
    Printer(out, {}).sentence(text, "      ", "   ! ")
    assert all(len(line) <= 80 for line in out.getvalue().expandtabs(8).split("\n") if " " in line.strip())


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_only_on_a_terminal_that_wants_it(stream: io.StringIO, environ: dict[str, str], coloured: bool) -> None:
    Printer(stream, environ).diff("+new\n-old\n same")
    assert ("\x1b[" in stream.getvalue()) is coloured


def test_two_columns_keep_long_values_under_their_own_column() -> None:
    out = io.StringIO()
    Printer(out, {}).pairs([("Hostname", "attic"), ("DNS", " ".join(["192.168.100.100"] * 8))])
    lines = out.getvalue().splitlines()
    assert lines[0] == "  Hostname  attic"
    assert lines[2].startswith("            192.168")


def test_sizes_are_said_as_people_say_them() -> None:
    assert [size(n) for n in (0, 999, 1_400, 2_500_000, 7_000_000_000)] == [
        "0 B",
        "999 B",
        "1.4 kB",
        "2.5 MB",
        "7.0 GB",
    ]


def test_json_steers_no_terminal_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"ssid": "a\x9b31m\x7f\u202eb\x1b]0;x\x07", "\x9dkey": ["ä"]}
    print_json(document)
    printed = capsys.readouterr().out
    assert clean(printed) == printed
    assert json.loads(printed) == document

"""The painter's bytes, judged by a terminal emulator: what it shows is what was drawn, cell for cell."""

from __future__ import annotations

from dataclasses import asdict

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_installer_tui.console.cells import (
    BOLD,
    PLAIN,
    REVERSE,
    UNDERLINE,
    Abilities,
    Canvas,
    Painter,
    Row,
    Style,
    sgr,
    transition,
)
from pi_installer_tui.console.colours import mapper
from pi_installer_tui.console.glyphs import GLYPHS, SETS, GlyphSet, translator

WIDTH, HEIGHT = 24, 5
COLOURS = {None: "default", 1: "red", 2: "green", 4: "blue", 7: "white"}
STYLES = st.builds(
    Style,
    st.sampled_from(list(COLOURS)),
    st.sampled_from([None, None, 1, 4]),
    st.sampled_from([0, 0, BOLD, REVERSE, UNDERLINE, BOLD | REVERSE]),
)
#: runs of cells, as screens have them, not single random ones
ROWS = st.lists(
    st.tuples(st.sampled_from(["     ", "a", "bcd", "-------", "x y", "                "]), STYLES),
    min_size=1,
    max_size=8,
)


def row(runs: list[tuple[str, Style]]) -> Row:
    """A row out of runs, cut or filled with plain blanks to the width."""
    cells = [(char, style) for text, style in runs for char in text][:WIDTH]
    cells += [(" ", PLAIN)] * (WIDTH - len(cells))
    return Row([c for c, _ in cells], [s for _, s in cells])


def shown(screen: pyte.Screen, y: int) -> list[tuple[str, str, str, bool, bool, bool]]:
    return [
        (c.data, c.fg, c.bg, c.bold, c.reverse, c.underscore)
        for c in (screen.buffer[y][x] for x in range(screen.columns))
    ]


def drawn(want: Row) -> list[tuple[str, str, str, bool, bool, bool]]:
    return [
        (
            char,
            COLOURS[s.fg],  # type: ignore[index]
            COLOURS[s.bg],  # type: ignore[index]
            bool(s.flags & BOLD),
            bool(s.flags & REVERSE),
            bool(s.flags & UNDERLINE),
        )
        for char, s in zip(want.chars, want.styles, strict=True)
    ]


@pytest.mark.parametrize(
    "abilities",
    [
        Abilities(),
        Abilities(attributes_off=True),
        Abilities(attributes_off=True, erase_coloured=True),
    ],
    ids=["vt100", "vt220", "linux"],
)
@settings(max_examples=150, deadline=None)
@given(frames=st.lists(st.tuples(st.integers(0, HEIGHT - 1), ROWS), min_size=1, max_size=12))
def test_the_terminal_shows_what_was_drawn(
    abilities: Abilities, frames: list[tuple[int, list[tuple[str, Style]]]]
) -> None:
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.ByteStream(screen)
    painter = Painter(WIDTH, HEIGHT, abilities)
    stream.feed(painter.clear())
    wanted = [Row.blank(WIDTH) for _ in range(HEIGHT)]
    for y, runs in frames:
        wanted[y] = row(runs)
        stream.feed(painter.paint(y, wanted[y]))
    for y in range(HEIGHT):
        assert shown(screen, y) == drawn(wanted[y])


@settings(max_examples=200, deadline=None)
@given(y=st.integers(0, HEIGHT - 1), runs=ROWS)
def test_nothing_is_sent_for_what_is_already_shown(y: int, runs: list[tuple[str, Style]]) -> None:
    painter = Painter(WIDTH, HEIGHT)
    painter.clear()
    painter.paint(y, row(runs))
    assert painter.paint(y, row(runs)) == b""


def test_a_moved_highlight_costs_little() -> None:
    painter = Painter(80, 24, Abilities(attributes_off=True))
    painter.clear()
    item = [*"> System               attic", *" " * 52]
    plain, marked = Row(item, [PLAIN] * 80), Row(item, [Style(None, None, REVERSE)] * 80)
    painter.paint(3, marked)
    painter.paint(4, plain)
    assert len(painter.paint(3, plain) + painter.paint(4, marked)) <= 2 * 80 + 20
    short = Row(item, [Style(None, None, REVERSE)] * 10 + [PLAIN] * 70)
    painter.paint(4, plain)
    painter.paint(3, short)
    assert len(painter.paint(3, plain) + painter.paint(4, short)) <= 50


def test_a_wide_character_is_written_whole_and_the_cursor_is_set_anew() -> None:
    canvas = Canvas(10, 2, style=lambda s: s, text=translator("utf8"))
    canvas.feed("\x1b[1;1Hab漢字cd")
    assert canvas.rows[0].chars == ["a", "b", "漢", "", "字", "", "c", "d", " ", " "]
    canvas.feed("\x1b[1;4HX")
    assert canvas.rows[0].chars[:5] == ["a", "b", " ", "X", "字"]
    canvas.feed("\x1b[1;10H漢")
    assert canvas.rows[0].chars[9] == " "


def test_what_is_no_drawing_never_reaches_the_canvas() -> None:
    canvas = Canvas(20, 2, style=lambda s: s, text=translator("utf8"))
    canvas.feed("\x1b[?1049h\x1b[>25u\x1b[?2026$p\x1b]22;default\x07\x1b[1;1H\x1b[1mok\x1b[0m\x1bPq\x1b\\\x1b[<u")
    assert "".join(canvas.rows[0].chars).rstrip() == "ok"
    assert not canvas.bell


def test_sgr_reads_all_that_textual_writes() -> None:
    assert sgr(PLAIN, "1;38;2;10;20;30;48;5;200") == Style((10, 20, 30), 200, BOLD)
    assert sgr(Style(1, 2, BOLD | REVERSE), "22;39") == Style(None, 2, REVERSE)
    assert sgr(Style(1, 2, BOLD), "") == PLAIN
    assert sgr(PLAIN, "97;100") == Style(15, 8, 0)


@given(old=STYLES, new=STYLES, off=st.booleans())
def test_a_transition_leads_to_the_new_style(old: Style, new: Style, off: bool) -> None:
    if old == new:
        return
    params = transition(old, new, off).removeprefix("\x1b[").removesuffix("m")
    assert sgr(old, params) == new


@pytest.mark.parametrize("glyphs", ["kernel", "lat15", "dec", "ascii"])
@given(text=st.text(max_size=30))
def test_a_console_gets_only_glyphs_it_has_in_the_same_width(glyphs: GlyphSet, text: str) -> None:
    from rich.cells import cell_len

    out = translator(glyphs)(text)
    assert all(c in SETS[glyphs] or " " <= c <= "~" or ord(c) < 32 or c == "\x7f" for c in out)
    if not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in text):
        assert cell_len(out) == cell_len(text)


def test_the_signs_of_a_set_are_in_the_set() -> None:
    for name, signs in GLYPHS.items():
        if name == "utf8":
            continue
        for sign in "".join(v for v in asdict(signs).values() if isinstance(v, str)):
            assert sign in SETS[name] or " " <= sign <= "~", (name, sign)


def test_without_colour_a_background_is_reverse_video() -> None:
    mono = mapper("none")
    assert mono(Style((255, 255, 255), (0, 90, 180), 0)).flags == REVERSE
    assert mono(Style((200, 200, 200), (10, 10, 10), BOLD)).flags == BOLD
    assert mono(Style(7, None, REVERSE)).flags == REVERSE


def test_text_never_gets_the_colour_of_its_background() -> None:
    for colours in ("16", "8"):
        fg, bg, _ = mapper(colours)(Style((20, 20, 20), (0, 0, 10), 0))
        assert fg != bg


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("e\u0301x", ["\u00e9", "x"]),
        ("\u1100\u1161x", ["\uac00", "", "x"]),
        ("\u2764\ufe0fx", ["\u2764", " ", "x"]),
        ("\U0001f44d\U0001f3fdx", ["\U0001f44d", "", "x"]),
        ("\U0001f469\u200d\U0001f469\u200d\U0001f467x", ["\U0001f469", "", "x"]),
        ("\U0001f1e9\U0001f1eax", ["D", "E", "x"]),
    ],
    ids=["accent", "hangul", "selector", "skin", "family", "flag"],
)
def test_what_is_joined_out_of_several_characters_keeps_its_width(text: str, cells: list[str]) -> None:
    canvas = Canvas(len(cells), 1, style=lambda s: s, text=translator("utf8"))
    canvas.feed("\x1b[1;1H" + text)
    assert canvas.rows[0].chars == cells

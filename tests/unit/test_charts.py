"""Charts: scales that rarely change, round times on the axis, gaps for what isn't known, in every set of glyphs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.console.glyphs import GLYPHS, SETS, GlyphSet
from pi_installer_tui.widgets.chart import Plot, Point, ceiling, columns, fitted, sparkline, time_axis, time_marks

UTF8, ASCII = GLYPHS["utf8"], GLYPHS["ascii"]


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def plot(top: float = 100.0) -> Plot:
    return Plot("", (), 0.0, 1.0, 0.0, top, str)


def test_a_sparkline_goes_from_nothing_to_full_and_has_gaps() -> None:
    assert sparkline([0, 1, 50, 100, None, 120], 8, UTF8, 0, 100) == "   ▁▄█ █"
    assert sparkline([0, 1, 50, 100], 4, ASCII, 0, 100) == " .-#"


def test_the_newest_values_are_those_that_are_shown() -> None:
    assert sparkline([100, 100, 0, 100], 2, ASCII, 0, 100) == " #"
    assert sparkline([], 3, ASCII, 0, 100) == "   " and sparkline([1.0], 0, ASCII, 0, 100) == ""


@given(st.lists(st.none() | st.floats(-1e9, 1e12)), st.integers(0, 200), st.sampled_from(sorted(GLYPHS)))
def test_a_sparkline_has_its_width_and_only_glyphs_of_the_console(
    values: list[float | None], width: int, glyph_set: GlyphSet
) -> None:
    drawn = sparkline(values, width, GLYPHS[glyph_set], 0, 100)
    assert len(drawn) == width
    if glyph_set != "utf8":
        assert all(" " <= char <= "~" or char in SETS[glyph_set] for char in drawn)


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (1.1, 2), (3, 5), (7, 10), (182e3, 200e3), (0.03, 0.05), (1e6, 1e6)]
)
def test_the_scale_reaches_to_the_next_round_number(value: float, top: float) -> None:
    assert ceiling(value) == pytest.approx(top)


@given(st.floats(1e-6, 1e15))
def test_a_scale_holds_its_values_and_wastes_little(value: float) -> None:
    assert value <= ceiling(value) * 1.00001 and ceiling(value) <= value * 2.6


def test_days_begin_at_midnight_of_the_local_clock() -> None:
    until = time.mktime((2026, 11, 27, 16, 30, 0, 0, 0, -1))
    step, marks = time_marks(until - 7 * 86_400, until, 7)
    assert step == 86_400
    assert {time.strftime("%H:%M", time.localtime(at)) for at in marks} == {"00:00"}


def test_a_day_is_marked_in_hours() -> None:
    until = time.mktime((2026, 11, 27, 16, 30, 0, 0, 0, -1))
    axis, words = time_axis(until - 86_400, until, 60)
    assert words.split() == ["18:00", "00:00", "06:00", "12:00"]
    assert axis.count("┬") == 4 and len(axis) == len(words) == 60
    x = axis.index("┬")
    assert words[x - 2 : x + 3] == "18:00"


def test_a_live_axis_counts_backwards() -> None:
    _axis, words = time_axis(0, 300, 60, ago=True)
    assert words.split("  ")[-1].strip() == "now" and words.split()[:2] == ["-5", "min"] and words.count("min") == 5


def test_a_column_is_filled_to_the_mean_and_shaded_to_the_highest() -> None:
    (column,) = columns([Point(10, 50, 100)], 4, plot(), UTF8)
    assert column == "██░░"
    (column,) = columns([Point(10, 50, 100)], 4, plot(), ASCII)
    assert column == "##.."


def test_a_little_is_seen_and_nothing_is_not() -> None:
    assert columns([Point(1, 1, 1), Point(0, 0, 0), None], 4, plot(), UTF8) == ["▁   ", "    ", "    "]


@given(
    st.lists(st.none() | st.floats(0, 300).map(lambda v: Point(v / 2, v, v * 2)), max_size=50),
    st.integers(1, 30),
    st.sampled_from(sorted(GLYPHS)),
)
def test_columns_have_their_height(points: list[Point | None], height: int, glyph_set: GlyphSet) -> None:
    drawn = columns(points, height, plot(), GLYPHS[glyph_set])
    assert len(drawn) == len(points) and all(len(column) == height for column in drawn)


def test_several_points_in_a_cell_keep_their_highest() -> None:
    points = [Point(1, 2, 3), Point(0, 4, 9), None, None]
    assert fitted(points, 2) == [Point(0, 3, 9), None]
    assert fitted(points[:1], 3) == [Point(1, 2, 3)] * 3
    assert fitted([], 2) == [None, None]


@given(st.lists(st.none() | st.just(Point(1, 1, 1)), max_size=300), st.integers(1, 200))
def test_points_fill_the_width(points: list[Point | None], width: int) -> None:
    assert len(fitted(points, width)) == width

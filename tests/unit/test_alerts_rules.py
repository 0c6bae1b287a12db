"""When rules fire and recover: a table of cases, and Hypothesis against a plain reference."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.alerts.config import QuietHours, Rule
from pi_installer_tui.alerts.hours import quiet
from pi_installer_tui.alerts.rules import Happening, Span, State, clears, violates, would_have_fired

DISK = Rule(name="disk", what="metric", of="disk.*.used", at=90, clears=85)
Told = list[Happening | None]


def run(rule: Rule, readings: list[tuple[float, float | None]], gap: float = math.inf) -> Told:
    state = State(rule, gap)
    return [state.step(now, value) for now, value in readings]


@pytest.mark.parametrize(
    ("rule", "values", "told"),
    [
        (DISK, [90, 91, 92, 88, 85], [None, "fired", None, None, "recovered"]),
        (DISK, [91, 85.1, 91, 86, 84], ["fired", None, None, None, "recovered"]),
        (DISK, [91, None, None, 92, 80], ["fired", None, None, None, "recovered"]),
        (DISK, [91, math.nan, 80], ["fired", None, "recovered"]),
        (replace(DISK, clears=None), [91, 90, 91], ["fired", "recovered", "fired"]),
        (replace(DISK, clears=95), [91, 90, 91], ["fired", "recovered", "fired"]),  # on the wrong side: as none
        (replace(DISK, lasts=20), [91, 92, 93, 80, 80, 80], [None, None, "fired", None, None, "recovered"]),
        (replace(DISK, lasts=20), [91, 92, 80, 91, 92, 93], [None, None, None, None, None, "fired"]),
        (replace(DISK, lasts=20), [91, 92, None, 91, 92, 93], [None, None, None, None, None, "fired"]),
        (replace(DISK, lasts=20), [91, 91, 91, 80, None, 80, 80], [None, None, "fired", None, None, None, None]),
        (replace(DISK, lasts=20), [91, 91, 91, 80, 86, 80, 80], [None, None, "fired", None, None, None, None]),
        (
            replace(DISK, repeats=20),
            [91, 91, 91, 91, 91, 80],
            ["fired", None, "repeated", None, "repeated", "recovered"],
        ),
        (replace(DISK, repeats=20), [91, 91, None, 91, 91], ["fired", None, None, "repeated", None]),
        (replace(DISK, side="below", at=10, clears=15), [10, 9, 12, 15], [None, "fired", None, "recovered"]),
    ],
)
def test_a_rule_over_readings_ten_seconds_apart(rule: Rule, values: list[float | None], told: Told) -> None:
    assert run(rule, [(10.0 * n, value) for n, value in enumerate(values)]) == told


def test_a_time_without_readings_is_a_gap() -> None:
    rule = replace(DISK, lasts=20)
    times = [0.0, 10, 100, 110, 120]
    assert run(rule, [(now, 95) for now in times], gap=60) == [None, None, None, None, "fired"]
    assert run(rule, [(now, 95) for now in times]) == [None, None, "fired", None, None]


VALUES = st.none() | st.integers(0, 10).map(float)
READINGS = st.lists(st.tuples(st.sampled_from([1.0, 5.0, 10.0, 40.0]), VALUES), max_size=60)
RULES = st.builds(
    Rule,
    name=st.just("r"),
    what=st.just("metric"),
    side=st.sampled_from(["above", "below"]),
    at=st.integers(0, 10).map(float),
    clears=st.none() | st.integers(0, 10).map(float),
    lasts=st.sampled_from([0.0, 5.0, 10.0, 25.0]),
    repeats=st.sampled_from([0.0, 10.0, 30.0]),
)


def reference(rule: Rule, readings: list[tuple[float, float | None]], gap: float) -> Told:
    """By the words alone: each time all the readings that came before are looked at anew."""
    told: Told = []
    firing, changed, last_told = False, -1, 0.0
    for n, (now, value) in enumerate(readings):
        happened: Happening | None = None
        crossed = clears if firing else violates
        for k in range(changed + 1, n + 1):
            stretch = readings[k : n + 1]
            whole = all(v is not None and crossed(rule, v) for _t, v in stretch)
            held = all(b[0] - a[0] <= gap for a, b in pairwise(stretch))
            if whole and held and now - stretch[0][0] >= rule.lasts:
                firing, changed, last_told = not firing, n, now
                happened = "fired" if firing else "recovered"
                break
        if happened is None and firing and value is not None and 0 < rule.repeats <= now - last_told:
            happened, last_told = "repeated", now
        told.append(happened)
    return told


@given(RULES, READINGS, st.sampled_from([15.0, math.inf]))
def test_hysteresis_and_duration_are_as_the_words_say(
    rule: Rule, steps: list[tuple[float, float | None]], gap: float
) -> None:
    now, readings = 0.0, []
    for step, value in steps:
        now += step
        readings.append((now, value))
    assert run(rule, readings, gap) == reference(rule, readings, gap)


@given(RULES, READINGS)
def test_it_fires_and_recovers_in_turn(rule: Rule, steps: list[tuple[float, float | None]]) -> None:
    told = run(rule, [(10.0 * n, value) for n, (_step, value) in enumerate(steps)])
    turns = [each for each in told if each in ("fired", "recovered")]
    assert turns == ["fired", "recovered"] * (len(turns) // 2) + ["fired"] * (len(turns) % 2)


# the past ---------------------------------------------------------------------------------------------------------


def minutes(*values: float | tuple[float, float]) -> list[tuple[float, float, float, float]]:
    """Points a minute apart; a pair is the least and the greatest."""
    pairs = [value if isinstance(value, tuple) else (value, value) for value in values]
    return [(60.0 * n, low, (low + high) / 2, high) for n, (low, high) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("rule", "series", "spans"),
    [
        (DISK, minutes(50, 60, 70), []),
        (DISK, minutes(50, (50, 95), 80, 80), [Span(60, 120)]),
        (DISK, minutes(50, 95, 88, 88), [Span(60)]),
        (replace(DISK, lasts=300), minutes(50, 91, 91, 91, 91, 50, 91, 91), []),
        (replace(DISK, lasts=300), minutes(50, 91, 91, 91, 91, 91, 91, 80, 80, 80, 80, 80), [Span(360, 720)]),
        (replace(DISK, lasts=300), minutes(*[(80, 99)] * 20), []),
        (replace(DISK, side="below", at=10, clears=15), minutes(20, (5, 20), 16), [Span(60, 120)]),
        (DISK, [], []),
        (DISK, [(0.0, 95.0, 95.0, 95.0)], [Span(0)]),
    ],
)
def test_a_rule_against_the_past(
    rule: Rule, series: list[tuple[float, float, float, float]], spans: list[Span]
) -> None:
    assert would_have_fired(rule, series) == spans


def test_the_past_has_gaps() -> None:
    rule = replace(DISK, lasts=300)
    before = minutes(91, 91, 91)
    after = [(at + 3600, low, mean, high) for at, low, mean, high in before]
    assert would_have_fired(rule, [*before, *after]) == []


@given(
    RULES,
    st.sampled_from([0.0, 25.0, 60.0, 120.0, 300.0]),
    st.lists(st.integers(0, 10).map(float), min_size=2, max_size=60),
)
def test_of_steady_minutes_the_past_says_what_the_rule_would_have(
    rule: Rule, lasts: float, values: list[float]
) -> None:
    """Each value stands for six equal readings; what counts then is where a minute began and ended."""
    rule = replace(rule, lasts=lasts, repeats=0.0)
    series = minutes(*values)
    live = State(rule)
    fired = recovered = 0
    for n, value in enumerate(values):
        for tenth in range(7):  # the last one is the next minute's first moment, where the old value ends
            happened = live.step(60.0 * n + 10 * tenth, value)
            fired, recovered = fired + (happened == "fired"), recovered + (happened == "recovered")
    spans = would_have_fired(rule, series)
    assert len(spans) == fired
    assert len([each for each in spans if each.until is not None]) == recovered


# quiet hours ------------------------------------------------------------------------------------------------------


@pytest.fixture
def berlin() -> Iterator[ZoneInfo]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield ZoneInfo("Europe/Berlin")
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


NIGHT = QuietHours("22:00", "07:00")


@pytest.mark.parametrize(
    ("hours", "local", "fold", "is_quiet"),
    [
        (NIGHT, "2026-11-27 21:59", 0, False),
        (NIGHT, "2026-11-27 22:00", 0, True),
        (NIGHT, "2026-11-28 00:00", 0, True),
        (NIGHT, "2026-11-28 06:59", 0, True),
        (NIGHT, "2026-11-28 07:00", 0, False),
        (QuietHours("13:00", "15:00"), "2026-11-28 14:00", 0, True),
        (QuietHours("13:00", "15:00"), "2026-11-28 15:00", 0, False),
        (QuietHours("13:00", "13:00"), "2026-11-28 13:00", 0, False),
        (QuietHours("2:00", "x"), "2026-11-28 13:00", 0, False),
        (None, "2026-11-28 13:00", 0, False),
        # summer time begins: 02:00 to 03:00 isn't there; it ends: 02:30 comes twice
        (NIGHT, "2026-03-29 06:59", 0, True),
        (NIGHT, "2026-03-29 07:00", 0, False),
        (QuietHours("02:00", "03:00"), "2026-03-29 01:59", 0, False),
        (QuietHours("02:00", "03:00"), "2026-03-29 03:00", 0, False),
        (QuietHours("02:00", "03:00"), "2026-10-25 02:30", 0, True),
        (QuietHours("02:00", "03:00"), "2026-10-25 02:30", 1, True),
    ],
)
def test_quiet_hours_go_by_the_clock_on_the_wall(
    berlin: ZoneInfo, hours: QuietHours | None, local: str, fold: int, is_quiet: bool
) -> None:
    at = datetime.strptime(local, "%Y-%m-%d %H:%M").replace(tzinfo=berlin, fold=fold).timestamp()
    assert quiet(hours, at) is is_quiet

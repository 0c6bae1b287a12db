"""Counters: they wrap, begin anew, and come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.metrics.look import Look, Traffic, Transfers
from pi_installer_tui.metrics.rates import grown, values

WRAP = 1 << 32
counters = st.integers(0, (1 << 64) - 1)


@given(before=counters, growth=st.integers(0, 1 << 40))
def test_a_counter_that_went_on_has_grown_by_the_difference(before: int, growth: int) -> None:
    assert grown(before, before + growth, 10.0, 1.0) == growth


@given(before=st.integers(0, WRAP - 1), growth=st.integers(1, 1_000_000))
def test_a_counter_of_32_bits_runs_over_without_a_gap(before: int, growth: int) -> None:
    assert grown(before, (before + growth) % WRAP, 10.0, 100_000.0) == growth


@given(before=st.integers(WRAP, 1 << 64), now=st.integers(0, WRAP - 1))
def test_a_counter_of_64_bits_that_went_back_began_anew(before: int, now: int) -> None:
    assert grown(before, now, 10.0, 1e12) is None


@given(before=st.integers(1, WRAP // 2), now=st.integers(0, 1000), seconds=st.floats(0.1, 60))
def test_one_that_was_too_far_from_running_over_began_anew(before: int, now: int, seconds: float) -> None:
    if now < before:
        assert grown(before, now, seconds, 1_000_000.0) is None


@given(before=counters, now=counters, seconds=st.floats(0.001, 1e6), fastest=st.floats(1, 1e9))
def test_growth_is_never_negative_nor_faster_than_can_be_after_a_fall(
    before: int, now: int, seconds: float, fastest: float
) -> None:
    found = grown(before, now, seconds, fastest)
    if found is not None:
        assert found >= 0
        if now < before:
            assert found <= fastest * seconds


ticks = st.lists(st.integers(0, 1 << 40), min_size=4, max_size=10).map(tuple)


@given(
    before=st.dictionaries(st.sampled_from(["", "0", "1"]), ticks),
    now=st.dictionaries(st.sampled_from(["", "0", "1"]), ticks),
)
def test_a_processor_s_use_is_a_share_whatever_the_ticks_do(
    before: dict[str, tuple[int, ...]], now: dict[str, tuple[int, ...]]
) -> None:
    found = values(Look(0.0, processors=before), Look(10.0, processors=now))
    assert all(0 <= value <= 100 for value in found.values())
    assert set(found) <= {"cpu.used" if not of else f"core.{of}.used" for of in before.keys() & now.keys()}


@given(
    before=st.tuples(counters, counters, counters),
    now=st.tuples(counters, counters, counters),
    seconds=st.floats(0.5, 600),
)
def test_rates_are_never_negative(before: tuple[int, int, int], now: tuple[int, int, int], seconds: float) -> None:
    first = Look(5.0, devices={"sda": Transfers(*before)}, interfaces={"eth0": Traffic(*before[:2])})
    second = Look(5.0 + seconds, devices={"sda": Transfers(*now)}, interfaces={"eth0": Traffic(*now[:2])})
    assert all(value >= 0 for value in values(first, second).values())


def test_what_is_new_or_gone_has_no_rates() -> None:
    first = Look(0.0, devices={"sda": Transfers(1, 1, 1)}, interfaces={"usb0": Traffic(1, 1)})
    second = Look(10.0, devices={"sdb": Transfers(9, 9, 9)}, interfaces={"eth0": Traffic(9, 9)})
    assert values(first, second) == {}


def test_looks_of_the_same_moment_make_no_rates() -> None:
    look = Look(5.0, interfaces={"eth0": Traffic(1, 1)})
    assert values(look, look) == {}

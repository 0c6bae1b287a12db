"""Retention, worked out without restic. That it is restic's is in tests/restic/cases.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.restic.answers import Snapshot
from pi_installer_tui.restic.keeping import Moment, Policy, Run, fates, forward, keep, runs, span, written

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()
DAY = 86400.0

policies = st.builds(
    Policy,
    last=st.integers(0, 5),
    daily=st.integers(0, 5),
    weekly=st.integers(0, 5),
    monthly=st.integers(0, 5),
    yearly=st.integers(0, 5),
    within=st.sampled_from(["", "3d", "2w", "1y2m"]),
)
times = st.lists(st.integers(0, 900 * 24), min_size=1, max_size=40, unique=True)


def snapshot(hours_ago: float, *tags: str) -> Snapshot:
    return Snapshot(f"{round(hours_ago * 1000):064x}", NOW - hours_ago * 3600, "pi", "root", ("/etc",), tags)


@given(times, policies, st.integers(0, 39))
def test_the_newest_good_run_never_goes(hours: list[int], policy: Policy, bad: int) -> None:
    found = runs([snapshot(hour) for hour in hours])
    good = found[bad:]
    decided = fates(found, policy, now=NOW, good=lambda run: run in good)
    assert [each.run for each in decided] == list(found)
    if good:
        assert next(each for each in decided if each.run == good[0]).stays


@given(times, policies)
def test_what_stays_stays_the_next_time_too(hours: list[int], policy: Policy) -> None:
    moments = [Moment(NOW - hour * 3600) for hour in sorted(hours)]
    once = [moment for moment, why in zip(moments, keep(moments, policy, now=NOW + 1), strict=True) if why]
    assert all(keep(once, policy, now=NOW + 1))


@given(times)
def test_no_numbers_keep_everything(hours: list[int]) -> None:
    assert all(each.stays for each in fates(runs([snapshot(hour) for hour in hours]), Policy(), now=NOW))


def test_the_rules_that_keep_one_are_named() -> None:
    days = [Moment(NOW - day * DAY) for day in range(10)]
    rules = keep(days, Policy(last=1, daily=3, within="1d12h"), now=NOW + 1)
    assert rules[:4] == (("within", "last", "daily"), ("within", "daily"), ("daily",), ())


def test_a_day_is_that_of_the_machine_that_made_it() -> None:
    midnight = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    around = [Moment(midnight + 1800), Moment(midnight - 1800)]
    assert keep(around, Policy(yearly=1), now=NOW)[0] == ("yearly",)
    assert [bool(each) for each in keep([*around, Moment(0)], Policy(yearly=2), now=NOW)] == [True, True, False]
    east = [replace(each, zone=3600) for each in around]
    assert [bool(each) for each in keep([*east, Moment(0)], Policy(yearly=2), now=NOW)] == [True, False, True]


def test_the_snapshots_of_a_run_are_one() -> None:
    made = [snapshot(1, "run=b"), snapshot(1.1, "run=b", "database=x"), snapshot(25, "run=a"), snapshot(50)]
    found = runs(made)
    assert [each.name for each in found] == ["b", "a", made[3].id]
    assert len(found[0].snapshots) == 2
    gone = [each.run.name for each in fates(found, Policy(daily=1), now=NOW) if not each.stays]
    assert gone == ["a", made[3].id]


def test_durations_are_restics() -> None:
    assert span("1y6m2w3d12h") == (1, 6, 17, 12)
    assert written("2w") == "14d"
    assert written("") == ""


def test_a_year_ahead_is_played() -> None:
    coming = [Moment(NOW + day * DAY) for day in range(365)]
    assert forward([], Policy(daily=7, weekly=4, monthly=6), coming) in range(13, 18)
    assert forward([], Policy(last=3), coming) == 3
    assert forward([], Policy(), coming) == 365


def test_one_in_the_future_does_not_shift_what_is_within() -> None:
    moments = [Moment(NOW + 90 * DAY), Moment(NOW - DAY), Moment(NOW - 3 * DAY)]
    assert [bool(each) for each in keep(moments, Policy(within="1d"), now=NOW)] == [True, True, False]


def test_a_run_is_as_old_as_its_newest_snapshot() -> None:
    assert Run("a", (snapshot(5), snapshot(2))).moment.time == NOW - 2 * 3600

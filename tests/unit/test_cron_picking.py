"""Schedules by a choice in words: what is chosen comes back, and what is offered as a choice means the same to cron."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pi_installer_tui.screens.cron.explained import coming, explain
from pi_installer_tui.screens.cron.picking import HOWS, CannotPick, Pick, pick_of, text_of
from pi_installer_tui.system.cron import fields
from pi_installer_tui.system.cron.runs import changes, upcoming

BERLIN = ZoneInfo("Europe/Berlin")
#: 2026-11-28 04:00 UTC
NOW = 1_795_838_400

hours = st.lists(st.integers(0, 23), min_size=1, max_size=3, unique=True)
minutes = st.lists(st.integers(0, 59), min_size=1, max_size=2, unique=True)
times = st.builds(lambda h, m: tuple(f"{a:02}:{b:02}" for a in h for b in m), hours, minutes)
picks = st.builds(
    Pick,
    how=st.sampled_from(HOWS),
    times=times,
    weekdays=st.lists(st.integers(0, 6), min_size=1, max_size=6, unique=True).map(tuple),
    days=st.lists(st.integers(1, 31), min_size=1, max_size=4, unique=True).map(tuple),
    month=st.integers(1, 12),
    every=st.integers(1, 30),
    minute=st.integers(0, 59),
    hours=st.tuples(st.integers(0, 23), st.integers(0, 23)),
)
numbers = {0: (0, 59), 1: (0, 23), 2: (1, 31), 3: (1, 12), 4: (0, 7)}


def field(number: int) -> st.SearchStrategy[str]:
    low, high = numbers[number]
    value = st.integers(low, high)
    span = st.tuples(value, value).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.tuples(st.one_of(st.just("*"), span), st.integers(1, 35)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.one_of(st.just("*"), value.map(str), span, step, st.lists(value, min_size=2, max_size=4).map(
        lambda values: ",".join(map(str, values))
    ))  # fmt: skip


schedules = st.one_of(
    st.tuples(*(field(n) for n in range(5))).map(" ".join),
    st.tuples(field(0), field(1)).map(lambda pair: f"{pair[0]} {pair[1]} * * *"),
    st.tuples(field(0), field(1), field(4)).map(lambda three: f"{three[0]} {three[1]} * * {three[2]}"),
    st.sampled_from(fields.FORMS),
)


@given(pick=picks)
def test_a_choice_comes_back(pick: Pick) -> None:
    try:
        text = text_of(pick)
    except CannotPick:
        assume(False)
        return
    schedule = fields.parse(text)
    again = pick_of(schedule)
    assert again is not None
    assert fields.parse(text_of(again)).fields[:2] == schedule.fields[:2]
    assert text_of(again) == text or upcoming(fields.parse(text_of(again)), BERLIN, NOW, 5) == upcoming(
        schedule, BERLIN, NOW, 5
    )


@settings(max_examples=150, deadline=None)
@given(text=schedules)
def test_what_is_offered_as_a_choice_means_the_same_over_changes_of_the_clock(text: str) -> None:
    schedule = fields.parse(text)
    pick = pick_of(schedule)
    if pick is None:
        return
    same = fields.parse(text_of(pick))
    assert same.reboot == schedule.reboot
    for begin in (NOW, 1_806_195_600 - 7200, 1_824_944_400 - 7200):  # and around the two changes of 2027
        assert upcoming(same, BERLIN, begin, 12) == upcoming(schedule, BERLIN, begin, 12)
    assert changes(same, BERLIN, NOW) == changes(schedule, BERLIN, NOW)


@pytest.mark.parametrize(
    ("text", "pick"),
    [
        ("30 3 * * *", Pick("day", ("03:30",))),
        ("0 6,18 * * *", Pick("day", ("06:00", "18:00"))),
        ("0 8 * * mon-fri", Pick("weekdays", ("08:00",), weekdays=(1, 2, 3, 4, 5))),
        ("0 8 * * 7", Pick("weekdays", ("08:00",), weekdays=(0,))),
        ("0 4 1,15 * *", Pick("month", ("04:00",), days=(1, 15))),
        ("0 4 24 12 *", Pick("year", ("04:00",), days=(24,), month=12)),
        ("*/15 8-17 * * 1-5", Pick("minutes", every=15, hours=(8, 17), weekdays=(1, 2, 3, 4, 5))),
        ("* * * * *", Pick("minutes", every=1)),
        ("5 */2 * * *", Pick("hours", every=2, minute=5)),
        ("@reboot", Pick("start")),
        ("@daily", Pick("day", ("00:00",))),
        # both days, backwards, days that begin with a star: no choice says that
        ("0 4 1 * 1", None),
        ("0 4 */2 * 1", None),
        ("0 22-3 * * *", None),
        ("7-50/5 * * * *", None),
        # not the same when the clock is changed: minute and hour have no star
        ("0-59/15 0-23 * * *", None),
    ],
)
def test_choices(text: str, pick: Pick | None) -> None:
    assert pick_of(fields.parse(text)) == pick


@pytest.mark.parametrize(
    ("pick", "part"),
    [
        (Pick("day"), "times"),
        (Pick("day", ("25:00",)), "times"),
        (Pick("day", ("03:30", "15:45")), "times"),
        (Pick("weekdays", ("03:30",)), "weekdays"),
        (Pick("month", ("03:30",)), "days"),
        (Pick("month", ("03:30",), days=(32,)), "days"),
        (Pick("year", ("03:30",), days=(30,), month=2), "days"),
        (Pick("year", ("03:30",), days=(1,), month=13), "month"),
        (Pick("minutes", every=0), "every"),
        (Pick("minutes", every=60), "every"),
        (Pick("minutes", every=5, hours=(9, 8)), "hours"),
        (Pick("hours", every=24), "every"),
        (Pick("hours", every=2, minute=60), "minute"),
    ],
)
def test_a_choice_that_is_none_says_where(pick: Pick, part: str) -> None:
    with pytest.raises(CannotPick) as refused:
        text_of(pick)
    assert refused.value.part == part


def test_a_schedule_is_explained() -> None:
    found = explain("30 2 28 3 *", BERLIN, NOW)
    assert found.words == "on the 28th at 02:30, in March"
    assert found.clock == ("on 28 March 2027 02:30 does not exist: the job runs at 03:00",)
    assert coming(found.runs, BERLIN)[0] == "Sun 2027-03-28 03:00 moved"
    assert len(found.runs) == 10


def test_mistakes_have_their_place_and_what_never_comes_is_told() -> None:
    wrong = explain("0 24 * * *", UTC, NOW)
    assert wrong.mistake is not None and (wrong.mistake.field, wrong.mistake.column) == ("hour", 3)
    assert explain("0 0 31 2 *", UTC, NOW).never == "day 31 never comes in February"
    assert "one of them is enough" in explain("0 4 1 * 1", UTC, NOW).remarks[0]
    assert explain("*/7 * * * *", UTC, NOW).remarks == (
        "the step begins again with each hour: 4 minutes after the last one",
    )
    assert explain("*/15 * * * *", UTC, NOW).remarks == ()
    assert explain("@reboot", UTC, NOW).runs == ()

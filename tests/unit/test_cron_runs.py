"""The next runs: the same as Debian's cron, minute by minute, over changes of the clock; and what is told of those."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_installer_tui.system.cron import words
from pi_installer_tui.system.cron.fields import parse
from pi_installer_tui.system.cron.runs import Run, changes, upcoming

from .cron_daemon import job, simulated

BERLIN = ZoneInfo("Europe/Berlin")
#: zone and the day (UTC) of a change of its clock: an hour, half an hour, at midnight, over the date line, three hours
CHANGES = [
    ("Europe/Berlin", "2027-03-28"),
    ("Europe/Berlin", "2027-10-31"),
    ("America/New_York", "2027-03-14"),
    ("America/New_York", "2027-11-07"),
    ("Australia/Lord_Howe", "2027-04-03"),
    ("Australia/Lord_Howe", "2027-10-02"),
    ("Asia/Beirut", "2021-03-27"),
    ("America/Havana", "2021-11-07"),
    ("America/Sao_Paulo", "2018-02-17"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("Pacific/Apia", "2011-12-30"),
    ("Antarctica/Casey", "2010-03-04"),
    ("Antarctica/Casey", "2009-10-17"),
    ("Antarctica/Troll", "2027-03-28"),
    ("Antarctica/Troll", "2027-10-31"),
    ("Asia/Kathmandu", "1985-12-31"),
]
FIXED = ["30 2 * * *", "0 3 * * *", "15,45 1-3 * * *", "0 0 * * *", "30 23 * * 6", "59 1 28 3 0", "5-50/15 0-4 31 * 7"]
WILD = ["*/15 * * * *", "30 * * * *", "* 2 * * *", "*/7 1-3 * * 0", "10 */2 * * *", "* * * * *", "30 */1 1-31/2 * */2"]


@pytest.mark.parametrize(("zone", "day"), CHANGES, ids=lambda each: str(each).partition("/")[2])
@pytest.mark.parametrize("text", [*FIXED, *WILD])
def test_over_a_change_of_the_clock_it_runs_when_cron_runs_it(zone: str, day: str, text: str) -> None:
    agrees(text, ZoneInfo(zone), datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=30), 78)


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    one = st.integers(low, high)
    span = st.tuples(one, one).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, high)
    part = st.one_of(one.map(str), span, st.builds(lambda a, b: f"{a}/{b}", span, step), step.map(lambda n: f"*/{n}"))
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


SCHEDULES = st.builds(
    lambda *fields: " ".join(fields), numbers(0, 59), numbers(0, 23), numbers(1, 31), numbers(1, 12), numbers(0, 7)
)


@given(SCHEDULES, st.sampled_from(CHANGES))
@settings(max_examples=60)
def test_any_schedule_runs_when_cron_runs_it(text: str, change: tuple[str, str]) -> None:
    zone, day = change
    agrees(text, ZoneInfo(zone), datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=26), 60)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_two_thousand_schedules_run_when_cron_runs_them(seed: int) -> None:
    @given(SCHEDULES, st.sampled_from(CHANGES))
    @settings(max_examples=100, derandomize=False, database=None)
    def check(text: str, change: tuple[str, str]) -> None:
        zone, day = change
        agrees(text, ZoneInfo(zone), datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=26), 60)

    check()


def agrees(text: str, zone: ZoneInfo, begin: datetime, hours: int) -> None:
    wanted = simulated(job(text), zone, begin, hours)
    until = int((begin + timedelta(hours=hours)).timestamp())
    found = [run.at for run in upcoming(parse(text), zone, int(begin.timestamp()), len(wanted) + 1)]
    assert [at for at in found if at <= until] == wanted
    assert found == sorted(found)
    # and from the middle on, the same
    if wanted:
        after = wanted[len(wanted) // 2]
        rest = [at for at in wanted if at > after]
        again = [run.at for run in upcoming(parse(text), zone, after, len(rest) + 1)]
        assert [at for at in again if at <= until] == rest


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp())


def test_a_time_that_does_not_exist_is_made_up_for_when_the_clock_has_jumped() -> None:
    [run, following] = upcoming(parse("30 2 * * *"), BERLIN, at("2027-03-27T12:00"), 2)
    assert run == Run(at("2027-03-28T03:00"), datetime(2027, 3, 28, 2, 30), "moved")
    assert following == Run(at("2027-03-29T02:30"), datetime(2027, 3, 29, 2, 30))
    [change] = changes(parse("30 2 * * *"), BERLIN, at("2027-01-01T00:00"), 180)
    assert (change.what, change.wall, change.count) == ("moved", datetime(2027, 3, 28, 2, 30), 1)
    assert change.runs == datetime(2027, 3, 28, 3, 0)


def test_a_fixed_time_that_comes_twice_is_run_once_and_a_wildcard_twice() -> None:
    after = at("2027-10-31T00:10")
    [fixed] = upcoming(parse("30 2 31 10 *"), BERLIN, after, 1)
    assert fixed == Run(at("2027-10-31T02:30"), datetime(2027, 10, 31, 2, 30), "once")
    first, second = upcoming(parse("30 2 31 10 *".replace("30", "*/59", 1)), BERLIN, after, 10)[0:3:2]
    assert (first.wall, first.note) == (datetime(2027, 10, 31, 2, 0), "")
    assert (second.at, second.wall, second.note) == (first.at + 3600, first.wall, "again")
    [spring, autumn] = changes(parse("*/20 2 * * *"), BERLIN, at("2027-01-01T00:00"))
    assert (spring.what, spring.count, autumn.what, autumn.count) == ("lost", 3, "both", 3)
    assert [each.what for each in changes(parse("0 2 * * *"), BERLIN, at("2027-01-01T00:00"))] == ["moved", "once"]
    assert changes(parse("0 5 * * *"), BERLIN, at("2027-01-01T00:00")) == ()


def test_a_leap_day_comes_every_four_years_and_on_a_monday_every_28() -> None:
    runs = upcoming(parse("0 4 29 2 *"), BERLIN, at("2026-11-28T00:00"))
    assert [run.wall.year for run in runs] == [2028, 2032, 2036, 2040, 2044, 2048, 2052, 2056, 2060, 2064]
    mondays = upcoming(parse("0 4 */28 2 1"), BERLIN, at("2026-11-28T00:00"), 40)
    leap = [run.wall.year for run in mondays if run.wall.day == 29]
    assert leap[:2] == [2044, 2072]


def test_what_never_runs_and_what_runs_at_boot_has_no_next_run() -> None:
    for text in ("@reboot", "0 0 31 2 *", "0 0 30,31 2 */1", "0 22-3 * * *"):
        assert upcoming(parse(text), BERLIN, 0) == ()
        assert changes(parse(text), BERLIN, 0) == ()


def test_forms_have_the_stars_of_cron_and_not_of_the_fields_they_stand_for() -> None:
    [hourly] = changes(parse("@hourly"), BERLIN, at("2027-01-01T00:00"), 180)
    assert hourly.what == "lost"
    havana = ZoneInfo("America/Havana")
    [daily] = changes(parse("@daily"), havana, at("2026-01-01T00:00", havana), 180)
    assert (daily.what, daily.runs) == ("moved", datetime(2026, 3, 8, 1, 0))


@pytest.mark.parametrize(
    ("text", "spring", "autumn"),
    [
        (
            "30 2 * * *",
            "on 28 March 2027 02:30 does not exist: the job runs at 03:00",
            "on 31 October 2027 02:30 comes twice: the job runs the first time only",
        ),
        (
            "*/20 2 * * *",
            "on 28 March 2027 3 times from 02:00 on do not exist, and the job isn't run for them",
            "on 31 October 2027 3 times from 02:00 on come twice: the job runs both times",
        ),
    ],
)
def test_changes_of_the_clock_in_words(text: str, spring: str, autumn: str) -> None:
    told = [words.change(each) for each in changes(parse(text), BERLIN, at("2027-01-01T00:00"))]
    assert told == [spring, autumn]

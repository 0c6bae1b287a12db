"""cron's schedules as OnCalendar= and back: both say the same runs. On cron's side every minute is looked at, by a
matcher of its own; on the other side systemd-analyze itself is asked."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.reading import Known
from pi_installer_tui.system.timers import calendar
from pi_installer_tui.system.timers.conversion import CannotConvert, Timing, to_cron, to_timer
from pi_installer_tui.system.timers.expression import parse, uneven

asks_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd isn't installed here")

BEGIN = datetime(2026, 11, 28, tzinfo=UTC)
END = BEGIN + timedelta(days=731)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


# cron, brute force ------------------------------------------------------------------------------------------------


def allowed(field: str, low: int, high: int, names: Sequence[str], value: int) -> bool:
    """Whether cron's column has this value, straight from crontab(5)."""
    for word in field.split(","):
        spread, _slash, step = word.partition("/")
        if spread == "*":
            first, last = low, high
        else:
            ends = [names.index(e.lower()) + (names is MONTHS) if e.isalpha() else int(e) for e in spread.split("-")]
            first, last = ends[0], ends[-1]
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


def day_matches(schedule: str, day: datetime) -> bool:
    _minute, _hour, of_month, month, of_week = schedule.split()
    if not allowed(month, 1, 12, MONTHS, day.month):
        return False
    by_month = allowed(of_month, 1, 31, (), day.day)
    week = day.isoweekday() % 7
    by_week = allowed(of_week, 0, 7, DAYS, week) or (week == 0 and allowed(of_week, 0, 7, DAYS, 7))
    if of_month[0] == "*" or of_week[0] == "*":
        return by_month and by_week
    return by_month or by_week


def cron_runs(schedules: Sequence[str], after: datetime) -> Iterator[float]:
    """The minutes that one of the schedules has, to the end of the two years."""
    day = after.replace(hour=0, minute=0, second=0)
    while day < END:
        today = [schedule for schedule in schedules if day_matches(schedule, day)]
        for minute in range(24 * 60) if today else ():
            at = day + timedelta(minutes=minute)
            if after < at < END and any(
                allowed(s.split()[0], 0, 59, (), at.minute) and allowed(s.split()[1], 0, 23, (), at.hour) for s in today
            ):
                yield at.timestamp()
        day += timedelta(days=1)


def systemd_runs(calendars: Sequence[str], after: datetime, count: int) -> list[float]:
    """What systemd-analyze says of all expressions together."""
    found = asyncio.run(calendar.ask(LocalHost(), calendars, iterations=count, base=after.timestamp(), zone="UTC"))
    assert isinstance(found, Known), found
    assert all(answer.mistake is None for answer in found.value), found
    times = {time for answer in found.value for time in answer.runs if time < END.timestamp()}
    return sorted(times)[:count]


def assert_same(schedules: Sequence[str], calendars: Sequence[str], after: datetime, count: int) -> None:
    ours = [time for _number, time in zip(range(count), cron_runs(schedules, after), strict=False)]
    assert ours == systemd_runs(calendars, after, count), (schedules, calendars)


# generated --------------------------------------------------------------------------------------------------------


@st.composite
def column(draw: st.DrawFn, low: int, high: int, names: Sequence[str] = ()) -> str:
    def value(number: int) -> str:
        at = number - (names is MONTHS)
        if not names or draw(st.booleans()):
            return str(number)
        return str(draw(st.sampled_from([names[at], names[at].upper()])))

    words = []
    for _number in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        most = min(high, low + len(names) - 1) if names else high
        first = draw(st.integers(low, most))
        kind = draw(st.sampled_from(["any", "steps", "one", "one", "range", "range steps"]))
        step = f"/{draw(st.integers(1, high + 3))}" if "steps" in kind else ""
        if kind in ("any", "steps"):
            words.append(f"*{step}")
        elif kind == "one":
            words.append(str(high) if not draw(st.integers(0, 5)) else value(first))
        else:
            words.append(f"{value(first)}-{value(draw(st.integers(first, most)))}{step}")
    return ",".join(words)


@st.composite
def schedules(draw: st.DrawFn) -> str:
    parts = [column(0, 59), column(0, 23), column(1, 31), column(1, 12, MONTHS), column(0, 7, DAYS)]
    some = ["*" if draw(st.booleans()) else draw(part) for part in parts]
    return " ".join(some)


moments = st.one_of(st.just(0), st.integers(0, 730 * 24 * 60)).map(lambda minutes: BEGIN + timedelta(minutes=minutes))


@asks_systemd
@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_cron_and_the_timer_run_at_the_same_times(part: int) -> None:
    @seed(part)
    @settings(max_examples=100, database=None)
    @given(schedules(), moments)
    def check(schedule: str, after: datetime) -> None:
        assert_same([schedule], to_timer(schedule).timing.calendars, after, 20)

    check()


@st.composite
def expressions(draw: st.DrawFn) -> str:
    def part(low: int, high: int) -> str:
        first = draw(st.integers(low, high - 1))
        last = draw(st.integers(first + 1, high))
        step = draw(st.integers(1, last - first))  # longer ones systemd refuses
        forms = ["*", f"{first}", f"{first}..{last}", f"{first}/{step}", f"{first}..{last}/{step}", f"{first},{last}"]
        return draw(st.sampled_from(forms))

    days = ",".join(draw(st.sets(st.sampled_from([d.capitalize() for d in DAYS]))))
    day = draw(st.sampled_from(["*", "*", part(1, 31), "1/2", "1/30", "1/7"]))
    return f"{days} *-{part(1, 12)}-{day} {part(0, 23)}:{part(0, 59)}".strip()


@asks_systemd
@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_a_timer_and_cron_run_at_the_same_times(part: int) -> None:
    @seed(part)
    @settings(max_examples=50, database=None)
    @given(expressions(), moments)
    def check(expression: str, after: datetime) -> None:
        found = asyncio.run(calendar.ask(LocalHost(), [expression], iterations=1))
        assert isinstance(found, Known)
        normalised = found.value[0].normalised
        try:
            cron = to_cron(Timing((normalised,)))
        except CannotConvert as error:
            assert "can't want both" in str(error) and "-" in normalised, (normalised, error)
            return
        if not uneven(parse(normalised)):
            assert_same(cron.schedules, [normalised], after, 20)
        assert_same(cron.schedules, to_timer(cron.schedules[0]).timing.calendars, after, 20)

    check()


# the cases --------------------------------------------------------------------------------------------------------


@asks_systemd
@pytest.mark.parametrize(
    "schedule",
    [
        "*/7 * * * *",
        "0 3 1 * mon",
        "0 3 */2 * mon",
        "0 3 1-31/2 * MON",
        "0 3 1 * */2",
        "0 0 * * 7",
        "0 0 * * 5-7",
        "0 0 29 2 *",
        "0 0 31 2 *",
        "0 0 31 2 3",
        "0 0 1-31 * 3",
        "0 0 5 * 0-6",
        "*/100 */50 * * *",
        "5-59/9,0 1-5,23 * jan-mar,12 *",
    ],
)
def test_these_run_at_the_same_times(schedule: str) -> None:
    assert_same([schedule], to_timer(schedule).timing.calendars, BEGIN, 60)


@asks_systemd
@pytest.mark.parametrize(
    ("schedule", "after"),
    [
        ("0 */5 * * *", datetime(2026, 11, 30, 19, tzinfo=UTC)),
        ("*/21 * * * *", datetime(2026, 12, 6, 23, 42, tzinfo=UTC)),
        ("0 0 */7 * *", datetime(2026, 12, 30, tzinfo=UTC)),
        ("5-59/15 * * * *", datetime(2026, 12, 31, 23, 50, tzinfo=UTC)),
        ("0 0 */5 * *", datetime(2027, 2, 26, 1, tzinfo=UTC)),
    ],
)
def test_no_run_is_left_out_where_a_step_does_not_go_evenly(schedule: str, after: datetime) -> None:
    assert_same([schedule], to_timer(schedule).timing.calendars, after, 20)


def test_a_step_of_a_timer_that_leaves_runs_out_is_told() -> None:
    for text in ("*-*-* 00/5:00:00", "*-*-* *:00/21:00", "*-*-01/7 00:00:00"):
        assert uneven(parse(text)) and "leaves out" in to_cron(Timing((text,))).notes[0]
    assert uneven(parse("*-*-* *:*:00/7"))
    for text in ("*-*-* 00..20/5:00:00", "*-*-* 00/6:00/15:00", "*-*-* *:05/15:00", "*-01/5-01 00:00:00"):
        assert not uneven(parse(text))


@pytest.mark.parametrize(
    ("schedule", "calendars"),
    [
        ("0 */5 * * *", ("*-*-* 00..20/5:00:00",)),
        ("0 0 */7 */3 *", ("*-01/3-01..29/7 00:00:00",)),
        ("@weekly", ("Sun *-*-* 00:00:00",)),
        ("@hourly", ("*-*-* *:00:00",)),
        ("30 4 1,15 * 5", ("*-*-01,15 04:30:00", "Fri *-*-* 04:30:00")),
        ("*/15 8-17 * * 1-5", ("Mon..Fri *-*-* 08..17:00/15:00",)),
        ("0\t0  1 1 *", ("*-01-01 00:00:00",)),
    ],
)
def test_what_a_schedule_becomes(schedule: str, calendars: tuple[str, ...]) -> None:
    assert to_timer(schedule).timing == Timing(calendars)


def test_what_differs_all_the_same_is_told() -> None:
    assert to_timer("*/15 * * * *").notes == ()
    assert "begins again" in to_timer("*/7 * * * *").notes[0]
    either, night = to_timer("0 2 1 * mon").notes
    assert "each counts" in either and "clocks go forward" in night
    boot = to_timer("@reboot")
    assert boot.timing == Timing(on_boot=0.0) and len(boot.notes) == 2
    assert to_cron(boot.timing).schedules == ("@reboot",)
    more = to_cron(Timing(("*-*-* *:00:00",), persistent=True, random_delay=60.0))
    assert more.schedules == ("0 * * * *",) and len(more.notes) == 2
    both = to_cron(Timing(("Mon *-*-01/2 00:00:00",)))
    assert both.schedules == ("0 0 */2 * 1",) and "wants both" in both.notes[0]


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("* * * *", "a schedule has five fields"),
        ("@fortnightly", "doesn't know"),
        ("5/10 * * * *", "needs a range"),
        ("60 * * * *", "from 0 to 59"),
        ("* * 0 * *", "from 1 to 31"),
        ("* * * * 8", "from 0 to 7"),
        ("* * * foo *", "is no month"),
        ("9-5 * * * *", "backwards"),
        ("*/0 * * * *", "at least 1"),
        ("1~5 * * * *", "cron doesn't read"),
        ("1,,2 * * * *", "is no minute"),
        ("* * L * *", "is no day of the month"),
    ],
)
def test_what_is_no_schedule_is_refused_with_its_reason(schedule: str, why: str) -> None:
    with pytest.raises(CannotConvert, match=why):
        to_timer(schedule)


@pytest.mark.parametrize(
    ("timing", "reasons"),
    [
        (Timing(("*-*-* 00:00:30",)), ["no seconds"]),
        (Timing(("*-*-* 00:00:00.500000",)), ["no seconds"]),
        (Timing(("2027-*~01 00:00:00 Europe/Berlin",)), ["no years", "not Europe/Berlin", "end of the month"]),
        (Timing(("Fri *-*-13 00:00:00",)), ["can't want both"]),
        (Timing(on_boot=600.0), ["can't wait"]),
        (Timing(on_boot=0.0, others=("OnUnitActiveSec",)), ["OnUnitActiveSec"]),
        (Timing(), ["no time"]),
        (Timing(("hourly",)), ["isn't understood"]),
    ],
)
def test_what_cron_cannot_say_is_refused_with_each_reason(timing: Timing, reasons: list[str]) -> None:
    with pytest.raises(CannotConvert) as caught:
        to_cron(timing)
    assert len(caught.value.reasons) == len(reasons)
    assert all(part in said for part, said in zip(reasons, caught.value.reasons, strict=True)), caught.value.reasons

"""Schedules: as entry.c takes them, with the place of a mistake, and in words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pi_installer_tui.system.cron.fields import Mistake, days_explained, never, parse, read
from pi_installer_tui.system.cron.words import long, short

from .cron_daemon import job
from .test_cron_runs import SCHEDULES

NUMBER_OR_NAME = "it is a number from 0 to 7 or a name of three letters"
WORKDAYS = "every 10 minutes 08:00-17:50, from Monday to Friday"


@given(SCHEDULES)
@settings(max_examples=100)
def test_numbers_lists_ranges_and_steps_mean_what_they_say(text: str) -> None:
    schedule = parse(text)
    sets, stars = job(text)
    assert tuple(frozenset(field.values) for field in schedule.fields) == sets
    assert (schedule.minute.star, schedule.hour.star, schedule.day.star, schedule.weekday.star) == stars
    assert long(schedule) and short(schedule)


@pytest.mark.parametrize(
    ("text", "field", "column", "cron", "what"),
    [
        ("61 * * * *", "minute", 1, "bad minute", "61 is no minute: it is a number from 0 to 59"),
        ("0 24 * * *", "hour", 3, "bad hour", "24 is no hour: it is a number from 0 to 23"),
        ("0 0 0 * *", "day of month", 5, "bad day-of-month", "0 is no day of the month: it is a number from 1 to 31"),
        ("0 0 1 january *", "month", 7, "bad month", "january has to be written with three letters: jan"),
        ("0 0 * * 8", "day of week", 9, "bad day-of-week", "8 is no day of the week: it is a number from 0 to 7"),
        ("0 0 * * 1,foo", "day of week", 11, "bad day-of-week", f"foo is no day of the week: {NUMBER_OR_NAME}"),
        ("5/15 * * * *", "minute", 2, "bad minute", "a step needs a range before it: 5-59/15 or */15"),
        ("*/0 * * * *", "minute", 3, "bad minute", "a step has to be at least 1"),
        ("*/x * * * *", "minute", 3, "bad minute", "the step of the minute has to be a number, not x"),
        ("1, * * * *", "minute", 3, "bad minute", "something is missing here in the minute"),
        ("1-70 * * * *", "minute", 3, "bad minute", "70 is no minute: it is a number from 0 to 59"),
        ("* * * *", "day of week", 8, "bad day-of-week", "the day of the week is missing: a schedule has five fields"),
        ("* * * * * *", "command", 11, "bad command", "there are more than five fields: *"),
        ("@Daily", "", 1, "bad time specifier", "@Daily has to be written in small letters"),
        ("~ * * * *", "minute", 1, "bad minute", "~ is no minute: it is a number from 0 to 59"),
    ],
)  # fmt: skip
def test_a_mistake_says_where_and_what(text: str, field: str, column: int, cron: str, what: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse(text)
    mistake = caught.value
    assert (mistake.field, mistake.column, mistake.cron, mistake.what) == (field, column, cron, what)


def test_a_form_that_cron_does_not_know() -> None:
    with pytest.raises(Mistake, match="cron doesn't know @every"):
        parse("@every_minute")


@pytest.mark.parametrize(
    ("text", "values", "skipped"),
    [
        ("0~30 * * * *", (0,), "~30"),
        ("1-5-7 * * * *", (1, 2, 3, 4, 5), "-7"),
        ("*5 * * * *", tuple(range(60)), "5"),
        ("*/20/2 * * * *", (0, 20, 40), "/2"),
        ("7;8 * * * *", (7,), ";8"),
        ("4294967297 * * * *", (1,), ""),
        ("010 * * * *", (10,), ""),
        ("10-5 * * * *", (), ""),
    ],
)
def test_what_cron_takes_without_a_word(text: str, values: tuple[int, ...], skipped: str) -> None:
    minute = parse(text).minute
    assert (minute.values, minute.skipped) == (values, skipped)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0 0 31 2 *", "day 31 never comes in February"),
        ("0 0 30,31 feb *", "days 30 and 31 never come in February"),
        ("0 0 31 2,4,6,9,11 *", "day 31 never comes in February, April, June, September and November"),
        ("0 0 30 2 */2", "day 30 never comes in February"),
        ("10-5 * * * *", "it never runs: 10-5 goes backwards, and cron takes nothing of it"),
        ("0 0 * * fri-sun", "it never runs: fri-sun goes backwards, and cron takes nothing of it"),
        ("0 0 1 * fri-sun", ""),
        ("0 0 31 2 1", ""),
        ("0 0 29 2 *", ""),
        ("@reboot", ""),
        ("* * * * *", ""),
    ],
)
def test_what_never_runs_is_found(text: str, why: str) -> None:
    assert never(parse(text)) == why


def test_day_of_month_or_day_of_week() -> None:
    either, both = parse("0 4 1,15 * 1"), parse("0 4 */2 * 1")
    assert either.either and not both.either
    assert "one of them is enough" in days_explained(either)
    assert days_explained(both).startswith("*/2 begins with *, so both days have to match")
    for text in ("0 4 1 * *", "0 4 * * 1", "@daily", "@weekly", "@yearly", "0 0 1-31 * 1"):
        assert days_explained(parse(text)) == ""
    # all of the numbers aren't a star: with one of the days enough, it is every day
    assert parse("0 0 1-31 * 1").every_day and not parse("0 0 * * 1").every_day


@pytest.mark.parametrize(
    ("text", "brief", "whole"),
    [
        ("30 3 * * *", "daily 03:30", "every day at 03:30"),
        ("*/15 * * * *", "every 15 min", "every 15 minutes"),
        ("0 4 1,15 * 1", "1,15 04:00 or Mon", "on the 1st and 15th at 04:00, and every Monday"),
        ("@hourly", "every hour", "every hour"),
        ("17 * * * *", "hourly :17", "every hour at minute 17"),
        ("0 */2 * * *", "every 2 h", "every 2 hours"),
        (
            "*/10 8-17 * * 1-5",
            "Mon-Fri every 10 min 08:00-17:50",
            "every 10 minutes 08:00-17:50, from Monday to Friday",
        ),
        ("47 6 * * 7", "Sun 06:47", "every Sunday at 06:47"),
        ("@yearly", "Jan day 1 00:00", "on the 1st at 00:00, in January"),
        ("@reboot", "at boot", "once, when the machine has started"),
        ("* * * * *", "every minute", "every minute"),
        ("0 5 */2 * 1", "Mon if */2 05:00", "every Monday at 05:00, but only every 2 days from the 1st to the 31st"),
        ("1 1,13 * * 6,0", "Sat,Sun 01:01,13:01", "every Saturday and Sunday at 01:01 and 13:01"),
        ("0 6 * 6-8 *", "Jun-Aug daily 06:00", "at 06:00 on every day in June to August"),
        ("0,30 1,5,9 * * *", "every 30 min in 1,5,9 h", "every 30 minutes in the hours 1, 5 and 9"),
        ("7,9 1,5,9 * * *", ":7,9 of 1,5,9 h", "at minutes 7 and 9 of the hours 1, 5 and 9"),
        ("0 1,2,4,8,16 * * *", ":0 of 1,2,4,8,16 h", "at minute 0 of the hours 1, 2, 4, 8 and 16"),
    ],
)
def test_schedules_in_words(text: str, brief: str, whole: str) -> None:
    assert (short(parse(text)), long(parse(text))) == (brief, whole)


def test_a_schedule_is_read_at_its_place_in_a_line() -> None:
    schedule, end = read("x */5\t* * *  mon\t root", 2)
    assert (schedule.text, schedule.weekday.column, end) == ("*/5\t* * *  mon", 14, 18)

"""Calendar expressions: asked of systemd itself, its refusals explained, and said in words."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.system.timers.calendar import Answer, ask, mistake
from pi_installer_tui.system.timers.expression import parse, words

from .replayed import ReplayedHost

asks_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd isn't installed here")

#: 2027-03-26 00:00 UTC, two days before clocks go forward in Europe
BEFORE_SUMMER = 1806019200.0
DAY = 86400.0

WRONG = [
    ("", 0, "nothing"),
    ("Mon 25:00", 4, "hour 25"),
    ("*-13-1", 2, "month 13"),
    ("*-*-32 1:00", 4, "day 32"),
    ("Mon *-*-* 03:60", 13, "minute 60"),
    ("Mno 3:00", 0, "“Mno”"),
    ("Sat..Mon 3:00", 0, "backwards"),
    ("Fri,Sat..Tue 3:00", 4, "backwards"),
    ("*:*/5", 2, "write 0/5"),
    ("*-*-*/2 3:00", 4, "write 1/2"),
    ("*:9..5", 2, "backwards"),
    ("*:50/20", 2, "leads out"),
    ("3:00:00:00", 0, "no more"),
    ("*-*-* 3:00 Europe/Nowhere", 11, "time zone"),
    ("*-*-* at 3:00", 6, "“at”"),
    ("daily\n", 5, "printed"),
]


@asks_systemd
async def test_the_next_runs_are_those_of_the_zone_and_the_summer() -> None:
    asked = ["Mon..Fri 3:0", "bad", "*-*-* 02:30", "2020-01-01", "*-*~1 0:0 UTC", "-1", "*-*-* 02:30 UTC"]
    found = await ask(LocalHost(), asked, iterations=3, base=BEFORE_SUMMER, zone="Europe/Berlin")
    assert isinstance(found, Known)
    weekdays, bad, night, past, last, dash, utc = found.value
    assert [answer.expression for answer in found.value] == asked
    assert weekdays.normalised == "Mon..Fri *-*-* 03:00:00" and len(weekdays.runs) == 3
    assert bad.mistake is not None and dash.mistake is not None and not bad.runs and not bad.never
    first = BEFORE_SUMMER + 1.5 * 3600
    assert night.runs == (first, first + DAY, first + 3 * DAY - 3600), "02:30 doesn't exist on 28 March"
    assert past.never and past.normalised == "2020-01-01 00:00:00"
    assert last.runs[0] == BEFORE_SUMMER + 5 * DAY
    assert utc.runs[0] == BEFORE_SUMMER + 2.5 * 3600


@asks_systemd
async def test_what_is_wrong_is_refused_by_systemd_and_told_with_its_place() -> None:
    found = await ask(LocalHost(), [text for text, _at, _said in WRONG], iterations=1)
    assert isinstance(found, Known)
    for answer, (text, at, said) in zip(found.value, WRONG, strict=True):
        assert answer.mistake is not None and said in answer.mistake.text and answer.mistake.at == at, (text, answer)


@given(st.text() | st.text(alphabet="*-~:,./0123456789 MonTueSat"))
@settings(max_examples=100)
def test_every_mistake_has_words_and_a_place_inside(text: str) -> None:
    found = mistake(text)
    assert found.text and (found.at is None or 0 <= found.at <= len(text))


async def test_without_systemd_and_with_a_strange_answer_it_is_unknown() -> None:
    host = ReplayedHost({"commands": [], "files": {}, "stats": {}, "folders": {}, "programs": {}, "links": {}})
    argv = ["systemd-analyze", "calendar", "--iterations=10", "--", "daily"]
    host.absent(argv)
    assert await ask(host, ["daily"]) == Unknown("systemd-analyze is not installed")
    host.say(argv, 0, "something else\n")
    assert isinstance(await ask(host, ["daily"]), Unknown)
    nothing = await ask(host, [""])
    assert isinstance(nothing, Known) and nothing.value == (Answer("", mistake=mistake("")),)


REFUSED = "Failed to parse calendar specification 'nonsense': Invalid argument\n"
#: what systemd 257 prints for `daily` in a zone that isn't UTC
NEWER = """\
  Original form: daily
Normalized form: *-*-* 00:00:00
    Next elapse: Sun 2026-11-29 00:00:00 CET
       (in UTC): Sat 2026-11-28 23:00:00 UTC
       From now: 20h left
   Iteration #2: Mon 2026-11-30 00:00:00 CET
       (in UTC): Sun 2026-11-29 23:00:00 UTC
       From now: 1 day 20h left
"""


async def test_what_a_newer_systemd_prints_is_read_too() -> None:
    host = ReplayedHost({"commands": [], "files": {}, "stats": {}, "folders": {}, "programs": {}, "links": {}})
    host.say(["systemd-analyze", "calendar", "--iterations=2", "--", "nonsense", "daily"], 1, f"\n{NEWER}", REFUSED)
    found = await ask(host, ["nonsense", "daily"], iterations=2)
    assert isinstance(found, Known)
    nonsense, daily = found.value
    assert nonsense.mistake is not None and daily.runs == (1795906800.0, 1795993200.0)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("*-*-* 00:00:00", "every day, at 00:00"),
        ("*-*-* *:*:00", "every minute"),
        ("*-*-* *:*:*", "every second"),
        ("*-*-* *:*:00/30", "every 30 seconds"),
        ("*-*-* *:00:00", "every hour"),
        ("*-*-* *:00/15:00", "every 15 minutes"),
        ("*-*-* *:05:00", "every hour, at minute 5"),
        ("*-*-* *:05/7:00", "every hour, at minute 5 to 54 in steps of 7"),
        ("*-*-* 00/2:17:00", "every 2 hours, at minute 17"),
        ("Mon..Fri *-*-* 08..17:00/15:00", "Monday to Friday, at minute 0, 15, 30, 45 of hour 8 to 17"),
        ("Sat,Sun *-*-* 03:00,30:00", "Saturday, Sunday, at 03:00, 03:30"),
        ("*-*-01,15 04:30:00", "on day 1, 15 of the month, at 04:30"),
        ("*-*~01 03:00:00", "on the last day of the month, at 03:00"),
        ("Mon *-05~07/1 00:00:00", "Monday, on day 1 to 7 from the end of the month, in May, at 00:00"),
        ("*-01,04,07,10-01 00:00:00", "on day 1 of the month, in January, April, July, October, at 00:00"),
        ("2027-01-01 00:00:00 Europe/Berlin", "on day 1 of the month, in January, in 2027, at 00:00 (Europe/Berlin)"),
        ("*-*-* 05:40:23.420000/3.170001", "every day, at 05:40:23.420000/3.170001"),
        ("not one", "not one"),
    ],
)
def test_an_expression_in_words(expression: str, said: str) -> None:
    assert words(expression) == said


def test_the_parts_of_an_expression() -> None:
    event = parse("Mon..Wed,Sun 2026..2028/2-*~07/2 00:00:00 UTC")
    assert event.days == {0, 1, 2, 6} and event.zone == "UTC" and event.from_end
    assert event.numbers("year") == {2026, 2028} and event.numbers("day") == {1, 3, 5, 7}
    assert event.numbers("hour") == {0} and event.numbers("month") == set(range(1, 13))
    for text in ("daily", "*-*-* 1", "*-*-x 00:00:00"):
        with pytest.raises(ValueError, match="calendar expression"):
            parse(text)

"""The next 24 hours: when jobs start, and that those which meet are found, all of them and no others."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pi_installer_tui.modules.cron.listing import Last, Row
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.screens.cron import day
from pi_installer_tui.screens.cron.day import DAY, OFTEN, Start, Track
from pi_installer_tui.screens.cron.seen import Scheduled
from pi_installer_tui.system.accounts import Account
from pi_installer_tui.system.cron.read import SPOOL, Cron, Crontab
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.host import FileStat
from pi_installer_tui.system.reading import MISSING, Known
from pi_installer_tui.system.timers.conversion import Timing
from pi_installer_tui.system.timers.read import Found, Timer

#: Saturday, 28 November 2026, 00:00 UTC
NOW = 1_795_824_000.0
HOUR = 3600.0


def scheduled(lines: str, *timers: Timer) -> Scheduled:
    """pi's crontab, on a machine whose clock is UTC."""
    stat = FileStat("file", 0o600, 1000, 997, len(lines), 0, None)
    crontab = Crontab(f"{SPOOL}/pi", "pi", Table(lines.encode()), stat)
    users = {"pi": Account("pi", 1000, 1000, "", "/home/pi", "/bin/sh")}
    return Scheduled(State(Cron((crontab,), daemon="cron", users=users), Found(timers), zone=Known("Etc/UTC")))


def key(line: int) -> str:
    return f"{SPOOL}/pi:{line}"


def timer(name: str, at: float, calendar: str, *, delay: float = 0.0) -> Timer:
    timing = Timing((calendar,), random_delay=delay)
    return Timer(name, "", "x.service", timing, Known(at), Known(at - DAY), MISSING, active=True)


def met(
    found: Scheduled, now: float = NOW, timers: Mapping[str, Sequence[float]] | None = None
) -> dict[str, list[str]]:
    """Which rows each meets."""
    meetings = day.meetings(day.tracks(found, now, timers or {}))
    return {row: [each.other.key for each in told] for row, told in meetings.items()}


def test_jobs_of_the_same_minute_meet_and_others_do_not() -> None:
    found = scheduled("0 3 * * * a\n0 3 * * * b\n1 3 * * * c\n#off# 0 3 * * * d\n@reboot e\n")
    assert met(found) == {key(1): [key(2)], key(2): [key(1)]}


def test_a_job_that_takes_long_meets_what_starts_meanwhile() -> None:
    found = scheduled("0 3 * * * a\n20 3 * * * b\n40 3 * * * c\n")
    assert met(found) == {}
    found.records = {key(1): [Last(NOW, "done", 0, seconds) for seconds in (1500.0, 1490.0, 9000.0)]}
    assert met(found) == {key(1): [key(2)], key(2): [key(1)]}


def test_what_starts_often_meets_nobody() -> None:
    found = scheduled("*/15 * * * * a\n0 * * * * b\n0 3 * * * c\n")
    assert met(found) == {key(2): [key(3)], key(3): [key(2)]}
    tracks = {track.row.key: track for track in day.tracks(found, NOW + 60, {})}
    assert [tracks[key(n)].often for n in (1, 2, 3)] == [True, False, False]
    assert len(tracks[key(2)].starts) == OFTEN


def test_a_timers_first_run_has_its_delay_already_and_the_others_may_come_late() -> None:
    at = NOW + 3 * HOUR
    found = scheduled("10 15 * * * a\n10 3 * * * b\n", timer("x.timer", at + 90, "*-*-* 03,15:00:00", delay=1200.0))
    elapses = {"x.timer": (at, at + 12 * HOUR)}
    assert [start.at for start in day.tracks(found, NOW, elapses)[0].starts] == [at + 90, at + 12 * HOUR]
    assert met(found, timers=elapses) == {"x.timer": [key(1)], key(1): ["x.timer"]}


def test_a_random_delay_of_hours_may_be_any_time_and_meets_nothing() -> None:
    found = scheduled("0 20 * * * a\n", timer("x.timer", NOW + HOUR, "*-*-* 01,18:00:00", delay=12 * HOUR))
    elapses = {"x.timer": (NOW + HOUR, NOW + 18 * HOUR)}
    assert met(found, timers=elapses) == {}
    track = day.tracks(found, NOW, elapses)[0]
    assert [(start.at - NOW, start.vague) for start in track.starts] == [(HOUR, False), (18 * HOUR, True)]
    sure, maybe = (day.slots(track, NOW, HOUR, 24, vague=vague) for vague in (False, True))
    assert [number for number, busy in enumerate(sure) if busy] == [1]
    assert [number for number, busy in enumerate(maybe) if busy] == [*range(18, 24)]


async def test_timers_are_asked_again_when_they_come_often(tmp_path: Path) -> None:
    host = DemoHost.create(str(tmp_path / "demo"))
    often, daily = timer("often.timer", NOW + 600, "*-*-* *:00/10:00"), timer("daily.timer", NOW + 60, "*-*-* 03:00:00")
    found = await day.of_timers(host, scheduled("", often, daily), NOW)
    assert found["daily.timer"] == (NOW + 3 * HOUR,)
    assert found["often.timer"] == tuple(NOW + number * 600 for number in range(1, 144))


def test_nothing_beyond_a_day_is_told() -> None:
    found = scheduled("0 0 * * * a\n0 0 1 * * b\n")
    assert [(track.row.key, track.starts[0].at) for track in day.tracks(found, NOW - 60, {})] == [(key(1), NOW)]


def test_meetings_are_those_that_a_look_at_each_pair_finds() -> None:
    chance = random.Random("meetings")
    row = scheduled("0 3 * * * a\n").rows[0]
    for _round in range(200):
        tracks = []
        for number in range(chance.randint(2, 9)):
            starts = sorted(chance.sample(range(0, 600, 7), chance.randint(1, 3)))
            told = tuple(Start(float(at), at + chance.choice((1.0, 30.0, 90.0))) for at in starts)
            tracks.append(Track(replace(row, key=str(number)), told, often=chance.random() < 0.1))
        wanted = {
            (one.row.key, other.row.key, mine, theirs)
            for one in tracks
            for other in tracks
            if one is not other and not one.often and not other.often
            for mine in one.starts
            for theirs in other.starts
            if mine.at < theirs.until and theirs.at < mine.until
        }
        found = day.meetings(tracks)
        assert {(k, m.other.key, m.start, m.others) for k, each in found.items() for m in each} == wanted


def test_slots_are_filled_from_the_start_to_the_end() -> None:
    track = Track(_row(), (Start(NOW + HOUR, NOW + 2.5 * HOUR), Start(NOW + 23.9 * HOUR, NOW + 30 * HOUR)), often=False)
    drawn = day.slots(track, NOW, HOUR / 2, 48)
    assert [number for number, busy in enumerate(drawn) if busy] == [2, 3, 4, 47]


def _row() -> Row:
    return scheduled("0 3 * * * a\n").rows[0]


def test_a_thousand_jobs_at_the_same_minute_take_no_time() -> None:
    found = scheduled("".join(f"0 3 * * * task-{number}\n" for number in range(1000)))
    began = time.process_time()
    assert len(met(found)) == 1000
    assert time.process_time() - began < 2

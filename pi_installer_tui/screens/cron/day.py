"""The next 24 hours: when each job starts, how long it is likely to take, and which of them meet."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import Known, known

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Last, Row
    from pi_installer_tui.screens.cron.seen import Scheduled

DAY = 86_400
#: what starts more often than this in a day meets everything: it isn't counted
OFTEN = 24
#: starts of a job that are asked for, until they reach beyond the day: most come a few times a day
_COUNTS = (4, 32, 1440)
#: seconds of a random delay beyond which nobody can say what a run meets
VAGUE = 3600.0
#: seconds that a job whose duration nobody knows is taken for: cron starts at whole minutes
_MINUTE = 60.0
#: meetings of a job that are kept
_KEPT = 40


@dataclass(frozen=True, slots=True)
class Start:
    """A run to come. at, until: seconds since 1970; until: when it has probably ended, a random delay counted. vague:
    that delay is so long that it may be at any time in between."""

    at: float
    until: float
    vague: bool = False


@dataclass(frozen=True, slots=True)
class Track:
    """A job and its runs. often: it starts so often that it isn't counted among those that meet."""

    row: Row
    starts: tuple[Start, ...]
    often: bool


@dataclass(frozen=True, slots=True)
class Meeting:
    """A run of a job meets one of another."""

    start: Start
    other: Row
    others: Start


def typical(runs: Sequence[Last]) -> float:
    """How long runs that went well take, in seconds: the middle of the last twenty; 0 where nobody knows."""
    known = [run.seconds for run in runs if run.what == "done" and run.seconds is not None][:20]
    return median(known) if known else 0.0


async def of_timers(host: Host, scheduled: Scheduled, now: float) -> dict[str, tuple[float, ...]]:
    """When timers elapse within a day, by their rows' keys: systemd's own answers, one command for all; a further one
    for those that come more often."""
    from pi_installer_tui.system.timers import calendar

    asked = [(row.key, each) for row in scheduled.rows if row.timer is not None for each in row.timer.timing.calendars]
    found: dict[str, set[float]] = {key: set() for key, _each in asked}
    zone = known(scheduled.state.zone) or ""
    for count in _COUNTS:
        if not asked:
            break
        events = [each for _key, each in asked]
        answer = await calendar.ask(host, events, iterations=count, base=now, zone=zone)
        if not isinstance(answer, Known):
            break
        more = []
        for (key, each), told in zip(asked, answer.value, strict=True):
            found[key].update(at for at in told.runs if at < now + DAY)
            if len(told.runs) == count and told.runs[-1] < now + DAY:
                more.append((key, each))
        asked = more
    return {key: tuple(sorted(times)) for key, times in found.items()}


def tracks(scheduled: Scheduled, now: float, timers: Mapping[str, Sequence[float]]) -> list[Track]:
    """Everything that starts within a day from now, the first one first."""
    found = []
    for row in scheduled.rows:
        if not row.enabled or row.kind == "script":  # the line that runs its folder stands for it
            continue
        times = _times(row, scheduled, now, timers.get(row.key, ()))
        if not times:
            continue
        took = max(_lasts(row, scheduled), _MINUTE)
        late = [_delay(row, at) for at in times]
        starts = tuple(Start(at, at + took + more, more > VAGUE) for at, more in zip(times, late, strict=True))
        found.append(Track(row, starts, len(starts) > OFTEN))
    return sorted(found, key=lambda each: each.starts[0].at)


def _lasts(row: Row, scheduled: Scheduled) -> float:
    if runs := scheduled.records.get(row.key, ()):
        return typical(runs)
    last = scheduled.last(row)
    return last.value.seconds or 0.0 if isinstance(last, Known) else 0.0


def _delay(row: Row, at: float) -> float:
    """How many seconds later it may start: of a timer's next start systemd has drawn that already."""
    if row.timer is None or row.timer.next == Known(at):
        return 0.0
    return row.timer.timing.random_delay


def _times(row: Row, scheduled: Scheduled, now: float, elapses: Sequence[float]) -> list[float]:
    from pi_installer_tui.system.cron.runs import upcoming

    following = scheduled.next(row, now)
    if row.entry is not None and not row.entry.schedule.reboot:
        for count in _COUNTS:
            runs = upcoming(row.entry.schedule, scheduled.zone, int(now), count)
            if len(runs) < count or runs[-1].at >= now + DAY:
                break
        return [float(run.at) for run in runs if run.at < now + DAY]
    first = [following.value] if isinstance(following, Known) and now < following.value < now + DAY else []
    # of the first one systemd has already drawn the random delay
    behind = first[0] if first else 0.0
    late = row.timer.timing.random_delay if row.timer is not None else 0.0
    return [*first, *(at for at in elapses if row.enabled and at > max(now, behind - late) and at > behind)]


def meetings(found: Sequence[Track]) -> dict[str, list[Meeting]]:
    """What meets what, by the rows' keys, in the order of time. What starts often, or nobody knows when, isn't among
    them."""
    starts = sorted(
        (
            (start.at, number, start)
            for number, track in enumerate(found)
            if not track.often
            for start in track.starts
            if not start.vague
        ),
        key=lambda each: each[:2],
    )
    met: dict[str, list[Meeting]] = {}
    running: list[tuple[float, int, Start]] = []
    for at, number, start in starts:
        while running and running[0][0] <= at:
            heapq.heappop(running)
        mine = met.setdefault(found[number].row.key, [])
        for _until, other, others in running[:_KEPT]:
            if other == number:
                continue
            theirs = met.setdefault(found[other].row.key, [])
            if len(mine) < _KEPT:
                mine.append(Meeting(start, found[other].row, others))
            if len(theirs) < _KEPT:
                theirs.append(Meeting(others, found[number].row, start))
        heapq.heappush(running, (start.until, number, start))
    return {key: each for key, each in met.items() if each}


def slots(track: Track, begin: float, width: float, count: int, *, vague: bool = False) -> list[bool]:
    """In which of `count` slots of `width` seconds from `begin` on a job runs; vague: in which it may."""
    busy = [False] * count
    for start in track.starts:
        if start.vague != vague:
            continue
        first = int((start.at - begin) // width)
        last = int((start.until - 1 - begin) // width)
        for slot in range(max(first, 0), min(last, count - 1) + 1):
            busy[slot] = True
    return busy

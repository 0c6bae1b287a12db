"""When the demo's timers elapse: the calendar events of systemd.time(7), in UTC, and `systemd-analyze calendar`."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from pi_installer_tui.system.demo.players import Call, player
from pi_installer_tui.system.timers.expression import BOUNDS, DAYS, Event, Field, parse

_WORDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
}
_EVENT = re.compile(r"(?:(?P<days>[A-Za-z][A-Za-z,.]*)(?: |$))?(?:(?P<date>\S+-\S+)(?: |$))?(?P<time>\S+)?")
_PART = re.compile(r"(\d+)(?:\.\.(\d+))?(?:/(\d+))?")
_FIELDS: tuple[Field, ...] = ("year", "month", "day", "hour", "minute", "second")
#: days that are looked through
_FAR = 400


def elapse(text: str, at: float, *, name: str, last: bool = False) -> float | None:
    """When a timer with this unit file elapses next after `at`, or last before it, in seconds since 1970, its random
    delay added. None: it has no calendar, or one that isn't played."""
    delay = re.search(r"^RandomizedDelaySec=(\d+)(min|m|h|s|)$", text, re.MULTILINE)
    seconds = int(delay[1]) * {"min": 60, "m": 60, "h": 3600}.get(delay[2], 1) if delay else 0
    late = zlib.crc32(name.encode()) % seconds if seconds else 0
    found = []
    for event in events(text):
        moments = (moment + late for moment in _moments(parse(event), at, -1 if last else 1))
        match = next((moment for moment in moments if (moment <= at) == last), None)
        found += [match] if match is not None else []
    if not found:
        return None
    return max(found) if last else min(found)


def events(text: str) -> list[str]:
    """The calendar events of a unit file, normalised."""
    written = re.findall(r"^OnCalendar=(.+)$", text, re.MULTILINE)
    return [normal for each in written if (normal := normalised(each.strip()))]


def normalised(event: str) -> str:
    """An event as systemd writes it (calendar_spec_to_string() of calendarspec.c); "" for what isn't one."""
    match = _EVENT.fullmatch(_WORDS.get(event.lower(), event))
    if match is None or not event:
        return ""
    days, dated, clock = match["days"], match["date"] or "*-*-*", match["time"] or "00:00:00"
    on = dated.split("-")
    values = [*(["*"] if len(on) == 2 else []), *on, *(clock if ":" in clock else "").split(":"), *["00"]][:6]
    if len(values) != 6 or len(on) > 3 or (days and not _days(days)):
        return ""
    parts = [_normal(value, name) for value, name in zip(values, _FIELDS, strict=True)]
    if not all(parts):
        return ""
    year, month, day, hour, minute, second = parts
    return " ".join([*([_days(days)] if days else []), f"{year}-{month}-{day}", f"{hour}:{minute}:{second}"])


def _days(text: str) -> str:
    names = [day.lower() for day in DAYS]
    wanted: set[int] = set()
    for word in text.lower().split(","):
        ends = [each[:3] for each in word.split("..")]
        if not all(end in names for end in ends):
            return ""
        wanted.update(range(names.index(ends[0]), names.index(ends[-1]) + 1))
    told: list[str] = []
    for first in sorted(wanted):
        if first - 1 in wanted:
            continue
        last = next(day for day in range(first, 8) if day + 1 not in wanted)
        between = ".." if last - first > 1 else ","
        told.append(DAYS[first] if last == first else f"{DAYS[first]}{between}{DAYS[last]}")
    return ",".join(told)


def _normal(value: str, name: Field) -> str:
    if value == "*":
        return "*"
    low, high = BOUNDS[name]
    width = 4 if name == "year" else 2
    told = []
    for word in value.split(","):
        match = _PART.fullmatch(word)
        if match is None or not all(low <= int(number) <= high for number in match.groups()[:2] if number):
            return ""
        last = f"..{int(match[2]):0{width}}" if match[2] else ""
        told.append(f"{int(match[1]):0{width}}{last}" + (f"/{int(match[3])}" if match[3] else ""))
    return ",".join(told)


def _moments(event: Event, at: float, step: int) -> Iterator[float]:
    """The moments of an event, from the day before or after `at` on, onwards or backwards."""
    years, months, days, hours, minutes, seconds = (event.numbers(name) for name in _FIELDS)
    times = [h * 3600 + m * 60 + s for h in sorted(hours) for m in sorted(minutes) for s in sorted(seconds)]
    start = datetime.fromtimestamp(at, UTC).date() - timedelta(days=step)
    for number in range(_FAR):
        that: date = start + timedelta(days=number * step)
        if that.weekday() not in event.days or not (that.year in years and that.month in months and that.day in days):
            continue
        midnight = datetime(that.year, that.month, that.day, tzinfo=UTC).timestamp()
        yield from (midnight + time for time in (times if step > 0 else reversed(times)))


def runs(event: str, after: float, count: int, zone: tzinfo = UTC) -> Sequence[float]:
    """The next moments of a normalised event."""
    found: list[float] = []
    for told in _moments(parse(event), after, 1):
        wall = datetime.fromtimestamp(told, UTC).replace(tzinfo=zone)
        moment = wall.timestamp()
        there = datetime.fromtimestamp(moment, zone).replace(tzinfo=None) == wall.replace(tzinfo=None)
        if moment > after and there:  # a time that the clock jumps over isn't there
            found.append(moment)
        if len(found) == count:
            break
    return found


@player("systemd-analyze")
async def systemd_analyze(call: Call) -> int:
    """`calendar` as systemd 257 prints it, and `verify`, which finds nothing."""
    options = call.options(
        "--iterations=", "--base-time=", "--no-pager", "--user", "--system", "--man=", "--recursive-errors="
    )
    if not options.words:
        return 0
    verb, *words = options.words
    if verb == "verify":
        missing = [path for path in words if path.startswith("/") and not call.machine.exists(path)]
        for path in missing:
            await call.err(f"Failed to prepare filename {path}: No such file or directory")
        return 1 if missing else 0
    if verb != "calendar":
        await call.err(f"Unknown command verb '{verb}'.")
        return 1
    base = options.value("--base-time")
    now = float(base[1:]) if base.startswith("@") else datetime.now(UTC).timestamp()
    name = call.env.get("TZ", "").removeprefix(":")
    zone = ZoneInfo(name) if name not in ("", "UTC") else UTC
    status = 0
    for number, word in enumerate(words):
        normal = normalised(word.strip())
        if not normal:
            await call.err(f"Failed to parse calendar specification '{word}': Invalid argument")
            status = 1
            continue
        if number:
            await call.out()
        if normal != word:
            await call.out(f"  Original form: {word}")
        await call.out(f"Normalized form: {normal}")
        found = runs(normal, now, int(options.value("--iterations", default="1")), zone)
        if not found:
            await call.out("    Next elapse: never")
        for turn, moment in enumerate(found, 1):
            title = "Next elapse" if turn == 1 else f"Iteration #{turn}"
            await call.out(f"{title.rjust(15)}: {datetime.fromtimestamp(moment, zone):%a %Y-%m-%d %H:%M:%S %Z}")
            if zone != UTC:
                await call.out(f"       (in UTC): {datetime.fromtimestamp(moment, UTC):%a %Y-%m-%d %H:%M:%S} UTC")
    return status

"""Retention: which runs of a job stay, and why. It is `restic forget`'s own rule, worked out without restic, so that it
can be shown before anything goes and never lets the newest good run go.

Source: restic 0.18, internal/restic/snapshot_policy.go, ApplyPolicy: from the newest snapshot to the oldest, each rule
that has some left keeps one whose period (day, ISO week, month, year, in the zone of the machine that made it) differs
from that of the last it kept, and the oldest of all; `within` keeps what is younger than the newest that isn't in the
future. 0.14 doesn't keep the oldest so. The tests compare it with the real ones.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal

from pi_installer_tui.restic.answers import Snapshot

Rule = Literal["last", "daily", "weekly", "monthly", "yearly", "within", "newest", "ahead"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How many to keep of each; within: a duration as restic writes it (`1y6m14d12h`), "": none. Nothing at all keeps
    everything."""

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: str = ""

    @property
    def empty(self) -> bool:
        return not (self.last or self.daily or self.weekly or self.monthly or self.yearly or any(span(self.within)))


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was made. time: seconds since 1970; zone: seconds east of UTC there."""

    time: float
    zone: int = 0

    @property
    def local(self) -> datetime:
        return datetime.fromtimestamp(self.time, timezone(timedelta(seconds=self.zone)))


@dataclass(frozen=True, slots=True)
class Run:
    """The snapshots of one run of a job, the files' and each database's. name: the run's tag, else a snapshot's id."""

    name: str
    snapshots: tuple[Snapshot, ...]

    @property
    def moment(self) -> Moment:
        newest = max(self.snapshots, key=lambda each: each.time)
        return Moment(newest.time, newest.zone)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a run. rules: those that keep it; none: it goes."""

    run: Run
    rules: tuple[Rule, ...]

    @property
    def stays(self) -> bool:
        return bool(self.rules)


def runs(snapshots: Iterable[Snapshot]) -> tuple[Run, ...]:
    """Snapshots put together by their tag `run`, the newest run first."""
    found: dict[str, list[Snapshot]] = {}
    for each in sorted(snapshots, key=lambda each: each.time):
        found.setdefault(each.tagged("run") or each.id, []).append(each)
    together = [Run(name, tuple(each)) for name, each in found.items()]
    return tuple(sorted(together, key=lambda run: run.moment.time, reverse=True))


def fates(
    found: Sequence[Run], policy: Policy, *, now: float, good: Callable[[Run], bool] = lambda run: True
) -> tuple[Fate, ...]:
    """What becomes of each, the newest first. now: seconds since 1970. The newest that is `good` stays whatever the
    policy says (rule `newest`)."""
    ordered = sorted(found, key=lambda run: run.moment.time, reverse=True)
    kept = keep([run.moment for run in ordered], policy, now=now)
    newest = next((run for run in ordered if good(run)), None)
    return tuple(
        Fate(run, rules or (("newest",) if run is newest else ())) for run, rules in zip(ordered, kept, strict=True)
    )


def keep(moments: Sequence[Moment], policy: Policy, *, now: float) -> tuple[tuple[Rule, ...], ...]:
    """The rules that keep each of the moments, which are sorted, the newest first."""
    if policy.empty:
        return tuple(("last",) for _moment in moments)
    left = {"last": policy.last, "daily": policy.daily, "weekly": policy.weekly}
    left |= {"monthly": policy.monthly, "yearly": policy.yearly}
    latest: dict[Rule, object] = {}
    since = _since(moments, policy.within, now)
    kept: list[tuple[Rule, ...]] = []
    for at, moment in enumerate(moments):
        rules: list[Rule] = ["within"] if since is not None and moment.time > since else []
        for rule, period in _periods(moment.local, at):
            if left[rule] and (latest.get(rule) != period or at == len(moments) - 1):
                rules.append(rule)
                latest[rule] = period
                left[rule] -= 1
        kept.append(tuple(rules))
    return tuple(kept)


def _periods(local: datetime, at: int) -> tuple[tuple[Rule, object], ...]:
    return (
        ("last", at),
        ("daily", local.date()),
        ("weekly", tuple(local.isocalendar())[:2]),
        ("monthly", (local.year, local.month)),
        ("yearly", local.year),
    )


_SPAN = re.compile(r"(\d+)([ymwdh])")


def span(within: str) -> tuple[int, int, int, int]:
    """Years, months, days and hours of a duration. A week is seven days: restic has none."""
    found = dict.fromkeys("ymwdh", 0)
    for number, unit in _SPAN.findall(within):
        found[unit] += int(number)
    return found["y"], found["m"], found["d"] + 7 * found["w"], found["h"]


def written(within: str) -> str:
    """A duration as restic takes it."""
    return "".join(f"{number}{unit}" for number, unit in zip(span(within), "ymdh", strict=True) if number)


def _since(moments: Sequence[Moment], within: str, now: float) -> float | None:
    """When `within` begins, None without one. As Go's Time.AddDate: the 31st of a shorter month is in the next one."""
    years, months, days, hours = span(within)
    newest = next((each for each in moments if each.time < now), None)
    if newest is None or not (years or months or days or hours):
        return None
    local = newest.local
    month = local.month - 1 - months
    year = local.year - years + month // 12
    if year < 1:
        return float("-inf")
    first = local.replace(year=year, month=month % 12 + 1, day=1)
    return (first + timedelta(days=local.day - 1 - days) - timedelta(hours=hours)).timestamp()


def forward(moments: Sequence[Moment], policy: Policy, coming: Sequence[Moment]) -> int:
    """How many there would be after further runs, each followed by forgetting."""
    have = sorted(moments, key=lambda each: each.time)
    for each in sorted(coming, key=lambda each: each.time):
        bisect.insort(have, each, key=lambda moment: moment.time)
        newest = have[::-1]
        rules = keep(newest, policy, now=each.time + 1)
        have = [moment for moment, why in zip(newest, rules, strict=True) if why or moment is newest[0]][::-1]
    return len(have)

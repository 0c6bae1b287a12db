"""When a rule fires, is told again and recovers: a state machine over (monotonic time, value), pure, and the same rule
tried against the past."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from pi_installer_tui.alerts.config import Rule

Happening = Literal["fired", "repeated", "recovered"]
Point = tuple[float, float, float, float]


def violates(rule: Rule, value: float) -> bool:
    """Whether a value is on the wrong side of the threshold."""
    return value > rule.at if rule.side == "above" else value < rule.at


def clears(rule: Rule, value: float) -> bool:
    """Whether a value is back: at `clears` or beyond it. A `clears` on the wrong side of the threshold counts as the
    threshold."""
    back = rule.at if rule.clears is None else rule.clears
    return value <= min(back, rule.at) if rule.side == "above" else value >= max(back, rule.at)


class State:
    """One rule on one thing over time.

    firing: it has fired and not recovered
    since:  monotonic time from which the value has been on the other side without a gap; None: it is not
    told:   monotonic time at which it was last told
    gap:    seconds without any value that count as a gap, like a missing value
    """

    __slots__ = ("firing", "gap", "rule", "seen", "since", "told")

    def __init__(self, rule: Rule, gap: float = math.inf) -> None:
        self.rule = rule
        self.gap = gap
        self.firing = False
        self.since: float | None = None
        self.seen: float | None = None
        self.told = 0.0

    def step(self, now: float, value: float | None) -> Happening | None:
        """The next reading; None: there is none now, which neither fires nor recovers."""
        if value is None or not math.isfinite(value):
            self.since = None
            return None
        if self.seen is not None and now - self.seen > self.gap:
            self.since = None
        self.seen = now
        crossed = clears(self.rule, value) if self.firing else violates(self.rule, value)
        if not crossed:
            self.since = None
        elif self.since is None:
            self.since = now
        if self.since is not None and now - self.since >= self.rule.lasts:
            self.firing = not self.firing
            self.since = None
            self.told = now
            return "fired" if self.firing else "recovered"
        if self.firing and 0 < self.rule.repeats <= now - self.told:
            self.told = now
            return "repeated"
        return None


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when a rule would have been firing, in the time of the series. until: None: it still is."""

    since: float
    until: float | None = None


def would_have_fired(rule: Rule, series: Iterable[Point]) -> list[Span]:
    """When a rule would have fired in the past.

    series: points (at, minimum, average, maximum), each of the readings from its `at` to the next point's, in order of
    time, as metrics.history gives them. A point that is more than three times as far from the one before it as points
    usually are comes after a gap.

    Of a point's readings only the extremes are known. A rule that needs less time than a point spans fires where any
    of them was beyond the threshold; one that needs longer counts the points in which all of them were. It recovers
    where all of them were back.
    """
    points = [point for point in series if all(map(math.isfinite, point[1:]))]
    width = _width(points)
    state = State(replace(rule, lasts=max(0.0, rule.lasts - width), repeats=0.0), gap=3 * width if width else math.inf)
    spans: list[Span] = []
    for at, low, _average, high in points:
        worst, mildest = (high, low) if rule.side == "above" else (low, high)
        value = worst if state.firing or rule.lasts < width else mildest
        happened = state.step(at, value)
        if happened == "fired":
            spans.append(Span(at if rule.lasts < width else at + min(rule.lasts, width)))
        elif happened == "recovered":
            spans[-1] = replace(spans[-1], until=at + min(rule.lasts, width))
    return spans


def _width(points: list[Point]) -> float:
    """The usual distance of two points (the median), in seconds."""
    distances = sorted(after[0] - before[0] for before, after in pairwise(points))
    return distances[len(distances) // 2] if distances else 0.0

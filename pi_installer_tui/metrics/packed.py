"""A row of the history as bytes: for each metric of its layout the least, average and greatest value of its time.

A layout is the sorted names of one row; it is kept once, by number. The bytes begin with one bit a metric, the first
one lowest, that says whether all three values are one; then the values follow as little-endian floats of 32 bits, one
or three a metric. Half of what a machine reports stands still for a minute, so a row takes some 300 bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Span(NamedTuple):
    """What a metric was during some time."""

    least: float
    average: float
    most: float


def pack(spans: Mapping[str, Span], layout: tuple[str, ...]) -> bytes:
    """The bytes of what was in a time; `layout` is the sorted names of `spans`."""
    still = 0
    values: list[float] = []
    for place, name in enumerate(layout):
        span = spans[name]
        if span.least == span.most:
            still |= 1 << place
            values.append(span.average)
        else:
            values += span
    return still.to_bytes(_bits(layout), "little") + struct.pack(f"<{len(values)}f", *values)


def unpack(data: bytes, layout: tuple[str, ...], wanted: Iterable[str] | None = None) -> dict[str, Span]:
    """The spans of the wanted metrics, or of all. Raises ValueError for bytes that aren't of that layout."""
    length = _bits(layout)
    still = int.from_bytes(data[:length], "little")
    triples = len(layout) - still.bit_count()
    count = len(layout) + 2 * triples
    if len(data) != length + 4 * count or still >> len(layout):
        raise ValueError("not a row of this layout")
    values = struct.unpack_from(f"<{count}f", data, length)
    keep = None if wanted is None else frozenset(wanted)
    found = {}
    at = 0
    for place, name in enumerate(layout):
        one = still >> place & 1
        if keep is None or name in keep:
            found[name] = Span(values[at], values[at], values[at]) if one else Span(*values[at : at + 3])
        at += 1 if one else 3
    return found


def finite(value: float) -> bool:
    """Whether a value can be kept: neither infinite, nor too large for 32 bits, nor not a number."""
    return math.isfinite(value) and abs(value) < 3.4e38


def _bits(layout: tuple[str, ...]) -> int:
    return -(-len(layout) // 8)


class Gathering:
    """Spans of values that come one after the other, or of spans with a weight each."""

    def __init__(self) -> None:
        self.count = 0
        self._of: dict[str, list[float]] = {}  # least, sum, most, weight

    def add(self, values: Mapping[str, float]) -> None:
        """One sample, of finite values."""
        self.count += 1
        for name, value in values.items():
            self._add(name, value, value, value, 1)

    def add_spans(self, spans: Mapping[str, Span], weight: int) -> None:
        """What is a span already, of so many samples."""
        self.count += weight
        for name, span in spans.items():
            self._add(name, *span, weight)

    def _add(self, name: str, least: float, average: float, most: float, weight: int) -> None:
        known = self._of.get(name)
        if known is None:
            self._of[name] = [least, average * weight, most, weight]
        else:
            known[0] = min(known[0], least)
            known[1] += average * weight
            known[2] = max(known[2], most)
            known[3] += weight

    def spans(self) -> dict[str, Span]:
        """What has been gathered. An average never leaves its span, whatever the rounding."""
        return {
            name: Span(least, min(most, max(least, total / weight)), most)
            for name, (least, total, most, weight) in self._of.items()
        }

"""The time of samples. A Pi has no clock that runs while it is off: it starts with the time at which it was last shut
down, and jumps when the network tells the right one."""

from __future__ import annotations

import time
from collections.abc import Callable

#: seconds by which the clock may differ from its own course before that counts as set
_SLACK = 1.0

#: what adjtimex(2) returns while nothing keeps the clock right
_NOT_SYNCHRONISED = 5


def steady() -> float:
    """Seconds of a clock that never jumps and goes on while the machine sleeps (CLOCK_BOOTTIME, clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """Wall-clock time by the steady clock and `zero`, what the wall clock said when the steady one was at 0.

    As long as nothing keeps the clock right, one that says a time before the last row of the history is wrong: then
    time goes on from that row (`not_before`), until the clock has passed it or is set by somebody who knows.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = steady,
        wall: Callable[[], float] = time.time,
        synchronised: Callable[[], bool] | None = None,
    ) -> None:
        self.monotonic = monotonic
        self._wall = wall
        self._synchronised = synchronised or is_synchronised
        self._held = False
        self.zero = wall() - monotonic()

    def not_before(self, last: float) -> None:
        """Called at the start: time is later than `last`, seconds since the epoch."""
        if self.zero + self.monotonic() < last and not self._synchronised():
            self.zero = last - self.monotonic()
            self._held = True

    def look(self) -> bool:
        """Follows the wall clock. Returns whether it was set since the last call."""
        zero = self._wall() - self.monotonic()
        if self._held and zero < self.zero and not self._synchronised():
            return False
        self._held = False
        if abs(zero - self.zero) <= _SLACK:
            return False
        self.zero = zero
        return True


def is_synchronised() -> bool:
    """Whether the kernel knows of something that keeps the clock right (adjtimex(2))."""
    import ctypes  # costs memory, and is asked for in rare cases only

    try:
        # modes = 0: nothing is changed; the structure is smaller than this on every architecture
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))) not in (_NOT_SYNCHRONISED, -1)
    except (OSError, AttributeError):
        return False

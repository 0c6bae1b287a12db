"""What the dashboard's screens share: they look at the machine at an interval while they are what the person sees, and
draw a range of time, now or past."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from textual import work

from pi_installer_tui.i18n import _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.monitoring.sampling import AGAIN, RANGES, Live, NoPast, Range, View, recalled

if TYPE_CHECKING:
    from textual.timer import Timer

#: seconds between two looks, and on a line that carries less than this many bits a second
EVERY = 1.0
SLOW_EVERY = 2.0
SLOW = 115_200
#: seconds after the first look: the second one knows rates
SOON = 0.4
#: seconds up to which a look is taken where it is asked for: a thread would cost more than it
CHEAP = 0.02

Found = TypeVar("Found")


def _timed(read: Callable[[], Found]) -> tuple[Found, float]:
    """What was read, and the seconds that took."""
    begun = time.monotonic()
    return read(), time.monotonic() - begun


class WatchingScreen(ShellScreen, Generic[Found]):
    """A screen that looks at an interval. It stops while another screen is above it, and while the program is
    suspended."""

    def __init__(self) -> None:
        super().__init__()
        self._timer: Timer | None = None
        self._soon: Timer | None = None
        self._looking = False
        # nobody knows how long the first one takes
        self._took = float("inf")

    @property
    def seen(self) -> bool:
        """Whether it is what the person sees, and may draw."""
        return self.app.screen is self and not self.closing

    @property
    def every(self) -> float:
        """Seconds between two looks."""
        baud = self.shell.profile.baud
        return SLOW_EVERY if baud is not None and baud < SLOW else EVERY

    def on_mount(self) -> None:
        self._timer = self.set_interval(self.every, self.look)
        self.shell.opened.subscribe(self, lambda _none: self.begin())
        if self.shell.is_open:
            self.begin()

    def begin(self) -> None:
        """The machine can be looked at."""
        self.look()
        self._soon = self.set_timer(SOON, self.look)

    def look(self) -> None:
        """Looks once, unless the look before isn't over yet."""
        if self._looking or not self.ready:
            return
        if self._took > CHEAP:
            self._looking = True
            self._look_aside()
        else:
            self._take(*_timed(self.read))

    @work(group="look")
    async def _look_aside(self) -> None:
        try:
            self._take(*await asyncio.to_thread(_timed, self.read))
        finally:
            self._looking = False

    def _take(self, found: Found, took: float) -> None:
        self._took = took
        self.take(found)
        if self.seen and self.moves:
            self.draw()

    @property
    def moves(self) -> bool:
        """Whether a look changes what is shown."""
        return True

    @property
    def ready(self) -> bool:
        """Whether there is a machine to look at."""
        raise NotImplementedError

    def read(self) -> Found:
        """Reads the machine, in a thread where that takes long."""
        raise NotImplementedError

    def take(self, found: Found) -> None:
        """Takes in what was read."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draws what there is."""
        raise NotImplementedError

    def on_screen_suspend(self) -> None:
        if self._timer is not None:
            self._timer.pause()

    def on_screen_resume(self) -> None:
        if self._timer is not None:
            self._timer.resume()
            self.look()


class RangedScreen(WatchingScreen[tuple[float, Mapping[str, float]] | OSError]):
    """One that shows a range of time."""

    def __init__(self, live: Live | None, chosen: Range) -> None:
        super().__init__()
        self.live = live
        self.range = chosen
        self._recalled: View | None = None
        self._recalled_at = float("-inf")
        self._failed = ""
        self.no_past = ""

    def begin(self) -> None:
        if self.live is None:
            from pi_installer_tui.screens.monitoring.sampling import source_of

            self.live = Live(source_of(self.shell.host))
        self.say_where(self._where())
        super().begin()

    @property
    def ready(self) -> bool:
        return self.live is not None

    @property
    def moves(self) -> bool:
        return self.range.live

    def read(self) -> tuple[float, Mapping[str, float]] | OSError:
        assert self.live is not None
        try:
            return self.live.source.look()
        except OSError as error:
            return error

    def take(self, found: tuple[float, Mapping[str, float]] | OSError) -> None:
        assert self.live is not None
        if isinstance(found, OSError):
            self._failed = str(found)
        else:
            self._failed = ""
            self.live.add(*found)
        if not self.range.live and time.monotonic() - self._recalled_at > AGAIN:
            self._recall()

    @work(exclusive=True, group="recall")
    async def _recall(self) -> None:
        self._recalled_at, chosen = time.monotonic(), self.range
        try:
            found = await asyncio.to_thread(recalled, self.shell.host, chosen)
        except NoPast as error:
            self._recalled, self.no_past = None, str(error)
        else:
            self._recalled, self.no_past = found, ""
        if self.seen:
            self.draw()

    @property
    def view(self) -> View | None:
        """What is to be drawn; None where there is nothing yet."""
        if self.range.live:
            return self.live.view() if self.live is not None else None
        return self._recalled if self._recalled is not None and self._recalled.range == self.range else None

    def action_range(self, by: int) -> None:
        self.choose(RANGES[max(0, min(len(RANGES) - 1, RANGES.index(self.range) + by))])

    def choose(self, chosen: Range) -> None:
        """Another range."""
        if chosen == self.range:
            return
        self.range, self.no_past = chosen, ""
        self._recalled_at = float("-inf")
        self.say_where(self._where())
        self.refresh_bindings()
        if chosen.live:
            self.draw()
        else:
            self._recall()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "range":
            return self.range != (RANGES[0] if parameters == (-1,) else RANGES[-1])
        return True

    def _where(self) -> str:
        return f"{_(self.where)}: {_(self.range.title)}"

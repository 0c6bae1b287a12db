"""A plan in the making: what a screen says meanwhile, how it is stopped, and where it leads."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from textual.timer import Timer
from textual.worker import Worker

from pi_installer_tui.i18n import _
from pi_installer_tui.screens.message import Problem
from pi_installer_tui.screens.signs import span
from pi_installer_tui.widgets.lines import Cell

if TYPE_CHECKING:
    from pi_installer_tui.planning import Planned
    from pi_installer_tui.screens.base import ShellScreen
    from pi_installer_tui.tasks.plan import Mistake


class Say(Protocol):
    """Says something in a line of the screen."""

    def __call__(self, *cells: Cell) -> None: ...


class Planning:
    """The planning of a screen, one at a time; the keys never wait for it, and it changes nothing.

    say: says what is going on. over: called when it has ended, whatever came of it. refuse: called with the mistakes
    where it gave no plan. stays: what is said to be kept where it failed.
    """

    def __init__(
        self,
        screen: ShellScreen,
        *,
        say: Say,
        over: Callable[[], None],
        refuse: Callable[[Iterable[Mistake]], None],
        stays: str,
    ) -> None:
        self._screen = screen
        self._say = say
        self._over = over
        self._refuse = refuse
        self._stays = stays
        self._worker: Worker[None] | None = None
        self._since = 0.0
        self._clock: Timer | None = None

    @property
    def running(self) -> bool:
        """A plan is being made."""
        return self._worker is not None

    def start(self, make: Callable[[], Awaitable[Planned]], secrets: Callable[[], Mapping[str, str]]) -> None:
        """Makes a plan and shows it for review, with the secrets that it is run with."""
        self._since = time.monotonic()
        self._clock = self._screen.set_interval(1.0, self._tick)
        self._worker = self._screen.run_worker(self._run(make, secrets), group="plan", exit_on_error=False)
        self._tick()
        self._screen.refresh_bindings()

    def stop(self) -> bool:
        """Stops what is under way; whether there was anything."""
        if self._worker is None:
            return False
        self._worker.cancel()
        self._ended()
        return True

    def _tick(self) -> None:
        seconds = time.monotonic() - self._since
        text = _("Planning: reading the machine again and asking around. Esc stops it.")
        self._say(Cell(text), Cell(f"  {span(seconds)}" if seconds >= 1 else "", "quiet"))

    async def _run(self, make: Callable[[], Awaitable[Planned]], secrets: Callable[[], Mapping[str, str]]) -> None:
        from pi_installer_tui.screens.review import ReviewScreen
        from pi_installer_tui.setup_file import SetupError

        try:
            planned = await make()
        except SetupError as error:
            self._ended()
            self._refuse(error.mistakes)
        except Exception as error:
            self._ended()
            said = _("The plan could not be made: {error}").format(error=error)
            self._screen.app.push_screen(Problem(said, _("Nothing was changed."), self._stays))
        else:
            self._ended()
            if planned.reviewed is None:
                self._refuse(planned.mistakes)
            else:
                self._screen.app.push_screen(ReviewScreen(planned.reviewed, secrets()))

    def _ended(self) -> None:
        self._worker = None
        if self._clock is not None:
            self._clock.stop()
        self._over()
        self._screen.refresh_bindings()

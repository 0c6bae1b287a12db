"""A job as its events tell it, kept up to date while the app lives. Screens come and go; they only look at it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pi_installer_tui.tasks import events, words
from pi_installer_tui.tasks.events import CheckStatus, Event, Outcome

if TYPE_CHECKING:
    from pi_installer_tui.tasks.store import Store

#: lines of output that are kept
MOST = 5000
#: seconds between two looks of the screen
BEAT = 0.1
#: seconds that a key's answer has for itself; as long as BEAT output comes in between two such rests
ANSWER = 0.06

StepStatus = Literal["todo", "running", "done", "nothing", "failed", "skipped", "reverted"]


@dataclass
class StepView:
    """How a step is. `nothing`: there was nothing to do. `reverted`: it was done and taken back. started, ended:
    seconds since 1970, 0 for not yet. reported: what it says of what it did."""

    status: StepStatus = "todo"
    fraction: float | None = None
    phase: str = ""
    detail: str = ""
    started: float = 0.0
    ended: float = 0.0
    because: str = ""
    reported: dict[str, Any] = field(default_factory=dict)


@dataclass
class CheckView:
    """How a check is; status "" while it looks."""

    status: CheckStatus | Literal[""] = ""
    evidence: str = ""


@dataclass
class Wait:
    """What is waited for, since when (seconds since 1970)."""

    what: str
    holder: str
    since: float


@dataclass
class JobView:
    """The events of a job, added up. output: the last lines, each with its step. total: lines there ever were."""

    steps: dict[str, StepView] = field(default_factory=dict)
    checks: dict[str, CheckView] = field(default_factory=dict)
    output: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=MOST))
    total: int = 0
    started: float = 0.0
    ended: float = 0.0
    last: int = 0
    current: str = ""
    wait: Wait | None = None
    outcome: Outcome | Literal[""] = ""
    reason: str = ""
    failure: events.StepFailed | None = None
    stale: events.Stale | None = None
    armed: events.Armed | None = None
    confirmed: events.Confirmed | None = None
    reverted: events.Reverted | None = None
    cancel_requested: bool = False

    @property
    def done_steps(self) -> int:
        """Steps that are done."""
        return sum(1 for s in self.steps.values() if s.status in {"done", "nothing"})

    @property
    def on_probation(self) -> bool:
        """Steps are neither confirmed nor taken back."""
        return self.armed is not None and self.confirmed is None and self.reverted is None

    def step(self, step: str) -> StepView:
        """A step's view; a new one where no event named it yet."""
        return self.steps.setdefault(step, StepView())

    def apply(self, event: Event) -> None:
        """Adds one event."""
        self.last = event.seq
        match event:
            case events.JobStarted():
                self.started = self.started or event.at
                self.ended, self.outcome, self.reason, self.wait = 0.0, "", "", None
                self.cancel_requested = False
                if event.resumed:
                    self.failure = None
            case events.Waiting():
                since = self.wait.since if self.wait and self.wait.what == event.what else event.at
                self.wait = Wait(event.what, event.holder, since)
            case events.WaitOver():
                self.wait = None
            case events.StepStarted():
                self.current = event.step
                self.steps[event.step] = StepView("running", started=event.at)
            case events.StepProgress():
                view = self.step(event.step)
                said = (words.progress(event.values), event.detail)
                view.fraction, view.phase, view.detail = event.fraction, event.phase, " ".join(filter(None, said))
            case events.Output():
                lines = event.text.splitlines()
                self.total += len(lines)
                self.output.extend((event.step, line) for line in lines[-MOST:])
            case events.Reported():
                self.step(event.step).reported.update(event.values)
            case events.StepDone():
                view = self.step(event.step)
                view.status, view.ended = ("done" if event.changed else "nothing"), event.at
            case events.StepFailed():
                view = self.step(event.step)
                view.status, view.ended = "failed", event.at
                self.failure = event
            case events.StepSkipped():
                view = self.step(event.step)
                view.status, view.because = "skipped", event.because
            case events.Armed():
                self.armed, self.confirmed, self.reverted = event, None, None
            case events.Confirmed():
                self.confirmed = event
            case events.Reverted():
                self.reverted, self.wait = event, None
                for step in (event.step, *event.steps):
                    self._take_back(step, event)
            case events.CheckStarted():
                self.checks[event.check] = CheckView()
            case events.CheckDone():
                self.checks[event.check] = CheckView(event.status, event.evidence)
            case events.CancelRequested():
                self.cancel_requested = True
            case events.Stale():
                self.stale = event
            case events.JobEnded():
                self.outcome, self.reason, self.ended, self.wait = event.outcome, event.reason, event.at, None
            case _:
                pass

    def _take_back(self, step: str, event: events.Reverted) -> None:
        view = self.step(step)
        if view.status == "todo":
            view.status, view.because = "skipped", event.step
        elif view.status != "failed":
            view.status, view.ended = "reverted", event.at


class Watch:
    """Follows one job. changed: called after events came in, at most once a beat, and at the end. last_key: when the
    last key was pressed (time.monotonic): its answer goes before output. The view's outcome is `interrupted` when its
    worker died."""

    def __init__(
        self, store: Store, job: str, changed: Callable[[str], None], last_key: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.job = job
        self.view = JobView()
        self.over = False
        self._store = store
        self._changed = changed
        self._last_key = last_key
        self._rested = 0.0
        self._told = 0.0
        self._later: asyncio.TimerHandle | None = None

    async def follow(self) -> None:
        """Runs until the job ended or its worker died."""
        from pi_installer_tui.tasks.jobs import follow

        try:
            async for batch in follow(self._store, self.job):
                for n, event in enumerate(batch):
                    self.view.apply(event)
                    if n % 200 == 199:
                        self._tell()
                        await self._give_way()
                self._tell()
                await self._give_way()
            if not self.view.outcome:
                self.view.outcome = "interrupted"
                self.view.wait = None
        finally:
            self.over = True
            if self._later:
                self._later.cancel()
            self._changed(self.job)

    def _rest(self) -> float:
        """Seconds that belong to the answer of a key."""
        now = time.monotonic()
        return self._last_key() + ANSWER - now if now > self._rested + BEAT else 0.0

    async def _give_way(self) -> None:
        rest = self._rest()
        await asyncio.sleep(max(0.0, rest))
        if rest > 0:
            self._rested = time.monotonic()

    def _tell(self) -> None:
        if self._later is None:
            self._tell_in(self._told + BEAT - time.monotonic())

    def _tell_in(self, seconds: float) -> None:
        self._later = asyncio.get_running_loop().call_later(max(0.0, seconds), self._now)

    def _now(self) -> None:
        if (rest := self._rest()) > 0:
            self._tell_in(rest)
            return
        self._later = None
        self._told = time.monotonic()
        self._changed(self.job)

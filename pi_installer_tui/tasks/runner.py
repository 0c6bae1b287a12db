"""Runs a job: takes the lock, compares the machine with what was reviewed, runs the steps and looks whether the machine
proves them. Each intent is in the journal before it is acted on, each result before the job goes on."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pi_installer_tui.i18n import _
from pi_installer_tui.system.files import LEFTOVER
from pi_installer_tui.system.host import CommandFailed, CommandNotFound, Host, HostError
from pi_installer_tui.tasks import events, news, work
from pi_installer_tui.tasks.before import Before, Unreadable
from pi_installer_tui.tasks.events import (
    Armed,
    CancelRequested,
    CheckDone,
    CheckStarted,
    Confirmed,
    Event,
    JobEnded,
    JobStarted,
    Reverted,
    Stale,
    StepDone,
    StepFailed,
    StepProgress,
    StepSkipped,
    StepStarted,
    Waiting,
    WaitOver,
)
from pi_installer_tui.tasks.fingerprints import fingerprint
from pi_installer_tui.tasks.journal import FULL, Journal
from pi_installer_tui.tasks.lock import Lock, Queue, holder, is_held
from pi_installer_tui.tasks.output import Output
from pi_installer_tui.tasks.points import Points
from pi_installer_tui.tasks.probation import ConfirmError, Guard, boot_id, confirm, confirmed_by, look, open_trial
from pi_installer_tui.tasks.reboot import Agreement
from pi_installer_tui.tasks.secrets import Secrets
from pi_installer_tui.tasks.steadiness import network_is_well
from pi_installer_tui.tasks.steps import Probation, Reboot, Step, StepContext, StepError
from pi_installer_tui.tasks.steps.probation import MOST
from pi_installer_tui.tasks.steps.reboot import BOOT_ID, REBOOT
from pi_installer_tui.tasks.steps.restore import FILE_STEPS
from pi_installer_tui.tasks.store import Progress, Store

if TYPE_CHECKING:
    from pi_installer_tui.tasks.checks import Check, Result
    from pi_installer_tui.tasks.plan import Plan

T = TypeVar("T")
Compare = Callable[["Plan", Host], Awaitable[Sequence[Stale]]]
Look = Callable[["Check", Host], Coroutine[Any, Any, "Result"]]

LOCK = "lock.change"
QUEUE = "queue"
#: seconds between looks at a lock that somebody else has
LOOK = 0.1
#: seconds between two reports of a step's progress
PROGRESS = 0.1
#: seconds that a running step has to come to its end when the machine is switched off
STOP_GRACE = 60.0
#: seconds left at which those who are logged in are told of a change that waits for its confirmation
ANNOUNCE = (300.0, 60.0, 30.0, 10.0)
#: seconds between two tries to let the way back run from outside
OUTSIDE = 20.0
#: bytes of a file that are kept as the step left it, to show later what somebody else changed
AFTER_MAX = 256 * 1024


class Runner:
    """One run of one job.

    compare: tells how the machine differs from what the plan expects (review.differences)
    look:    runs a check (checks.run_check)
    """

    def __init__(
        self,
        store: Store,
        job: str,
        host: Host,
        journal: Journal,
        *,
        compare: Compare,
        look: Look,
        points: Points | None = None,
    ) -> None:
        self._store = store
        self._job = job
        self._host = host
        self._journal = journal
        self._compare = compare
        self._look = look
        self._points = points or Points()
        about = store.about(job)
        self._lane = about.lane
        self._locks = LOCK if about.lane == "change" else f"lock.{about.lane}.{about.name}"
        self._queues = QUEUE if about.lane == "change" else f"{QUEUE}.{about.lane}.{about.name}"
        self._lock = Lock(store.root / self._locks)
        self._halt: str = ""  # "cancelled" or "stopped": no new step is begun
        self._halted = asyncio.Event()
        self._work: asyncio.Task[Any] | None = None

    @property
    def cancelled(self) -> bool:
        """Somebody asked the job to end."""
        return self._halt == "cancelled"

    # asked from outside, in the loop's thread ---------------------------------------------------------------------

    def cancel(self, by: str) -> None:
        """Ends what runs and begins nothing more. The job ends as cancelled."""
        if self._halt == "cancelled":
            return  # asked twice
        with contextlib.suppress(OSError):
            self._journal.append(CancelRequested(by=by))
        self._halt = "cancelled"
        self._halted.set()
        if self._work is not None:
            self._work.cancel()

    def stop(self) -> None:
        """The machine goes down: what runs may come to its end, nothing more is begun; the job can be continued."""
        if self._halt:
            return
        self._halt = "stopped"
        self._halted.set()
        asyncio.get_running_loop().call_later(STOP_GRACE, self._out_of_time)

    def _out_of_time(self) -> None:
        if self._work is not None:
            self._work.cancel()

    # the run ------------------------------------------------------------------------------------------------------

    async def run(self, plan: Plan, *, resume: bool = False) -> JobEnded:
        """Runs the plan to its end and returns that. Raises OSError where the journal can't be written at all."""
        so_far = self._store.progress(self._job) if resume else Progress()
        self._journal.last_words(JobStarted(pid=os.getpid(), boot=boot_id(), resumed=resume))
        self._points.reached("job-started")
        try:
            outcome = await self._run(plan, so_far, resume)
            if outcome.outcome != "interrupted":
                outcome = await self._decided(plan, outcome)
        except Exception as error:
            reason, values, _ = failure(error)
            if (step := self._store.progress(self._job).in_flight) != "":
                self._journal.last_words(StepFailed(step=step, reason=reason, values=values, partly=True))
            outcome = JobEnded(outcome="failed", reason=reason)
            if reason == "internal-error":
                self._end(outcome)
                raise
        finally:
            self._lock.release()
        return self._end(outcome)

    def _end(self, ended: JobEnded) -> JobEnded:
        if self._lane == "work" and ended.outcome == "interrupted":
            return work.end(self._store, self._job, self._journal)
        self._points.step = ""
        self._points.reached("job-ending")
        return self._journal.last_words(ended)

    async def _decided(self, plan: Plan, outcome: JobEnded) -> JobEnded:
        """No job ends while its change is neither confirmed nor taken back: what is open then goes back."""
        trial = look(self._store, self._job)
        probation = next(
            (each for each in plan.trials if trial is not None and trial.open and each.id == trial.step), None
        )
        if probation is None:
            return outcome
        guard = Guard(self._store, self._job, probation, self._host, self._points.reached)
        guard.outside = trial is not None and trial.outside
        so_far = self._store.progress(self._job)
        begun = [step for step in probation.steps if step.id in (*so_far.done, so_far.in_flight, so_far.failed)]
        why = "cancelled" if outcome.outcome == "cancelled" else "not-confirmed"
        await self._give_back(probation, guard, begun, StepFailed(step=probation.id, reason=why))
        return outcome

    async def _run(self, plan: Plan, so_far: Progress, resumed: bool) -> JobEnded:
        if self._lane != "look" and not await self._take_lock():
            return self._halted_before(plan.flat)
        self._points.reached("locked")
        if resumed:  # its way back may have run while it waited
            so_far = self._store.written(self._job)
            trial = look(self._store, self._job)
            if so_far.probation and trial is not None and trial.standing == "reverted":
                back, ended = so_far.taken_back(0.0)
                self._journal.last_words(back)
                return ended
        if self._lane == "change":
            await self._sweep(plan)
        elif self._lane == "work":
            await work.settle(self._store, self._host, but=self._job)
        todo: list[Step] = [step for step in plan.steps if step.id not in so_far.done]
        stale = await self._compare(self._remaining(plan, so_far), self._host)
        for difference in stale:
            self._journal.append(difference)
        if stale:
            return JobEnded(outcome="stale")
        self._points.reached("compared")
        while todo:
            if self._halt:
                return self._halted_before(_flat(todo))
            if self._journal.tight:
                self._skip(_flat(todo), "disk-full")
                return JobEnded(outcome="failed", reason="disk-full")
            step = todo.pop(0)
            match step:
                case Probation():
                    failed = await self._probation(step, so_far)
                case Reboot():
                    failed = await self._reboot(step)
                case _:
                    failed = await self._step(step)
            self._points.step = ""
            if failed is None:
                continue
            if failed.reason in ("stopped", "reboot"):
                return JobEnded(outcome="interrupted", reason=failed.reason)
            self._skip(_flat(todo), failed.step)
            if self.cancelled:
                return JobEnded(outcome="cancelled", reason="" if failed.reason == "cancelled" else failed.reason)
            known = ("disk-full", "not-confirmed", "way-back-failed")
            return JobEnded(outcome="failed", reason=failed.reason if failed.reason in known else "step-failed")
        return await self._check(plan.checks)

    async def _sweep(self, plan: Plan) -> None:
        """Removes what a crash left beside the paths of the plan: files that were never put in their place. Nobody
        else is making any, for we have the lock."""
        paths = {path for step in plan.flat for path in step.paths()}
        paths |= {await self._host.realpath(path) for path in paths}
        folders = {path.rpartition("/")[0] or "/" for path in paths}
        for folder in sorted(folders.union(*(step.folders() for step in plan.flat))):
            with contextlib.suppress(OSError):
                for name in await self._host.listdir(folder):
                    if LEFTOVER.fullmatch(name):
                        await self._host.remove(f"{folder.rstrip('/')}/{name}")

    def _remaining(self, plan: Plan, so_far: Progress) -> Plan:
        """The plan of what an earlier run left to do, expecting only what that run can't have changed."""
        begun = {*so_far.done, so_far.in_flight, so_far.probation} - {""}
        if not begun:
            return plan
        touched = {path for step in plan.flat if step.id in begun for path in step.paths()}
        touched.update(path for step in begun for path in self._store.before(self._job, step).paths())
        steps = tuple(step for step in plan.flat if step.id not in begun)
        expects = {
            step.id: {
                key: found
                for key, found in plan.expects.get(step.id, {}).items()
                if key.startswith("/") and key not in touched
            }
            for step in steps
        }
        return plan.model_copy(update={"steps": steps, "expects": expects})

    async def _take_lock(self) -> bool:
        """Waits for its lane's lock, behind those who came before. False: the job was halted meanwhile."""
        path = self._store.root / self._locks
        work = self._lane == "work"
        trial = None if work else open_trial(self._store)
        own = trial is not None and trial.job == self._job  # the others wait for this one, and it for nobody
        queue = Queue(self._store.root / self._queues, self._store.alive)
        queue.enter(self._job)
        told: str | None = None
        try:
            while own or not self._halt:
                trial = None if work else open_trial(self._store)
                other = trial.job if trial is not None and trial.job != self._job else ""
                ahead = "" if own else queue.ahead()
                if not ahead and not other and self._lock.take(self._job):
                    if told is not None:
                        self._journal.append(WaitOver(what="work-lock" if work else "job-lock"))
                    return True
                has_it = holder(path) if is_held(path) else other or ahead
                if has_it and has_it != told:
                    what = "work-lock" if work else "probation" if has_it == other else "job-lock"
                    self._journal.append(Waiting(what=what, holder=has_it))
                    told = has_it
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK):
                        await self._halted.wait()
            return False
        finally:
            queue.leave()

    def _halted_before(self, steps: Sequence[Step]) -> JobEnded:
        if self._halt == "stopped":
            return JobEnded(outcome="interrupted", reason="stopped")
        self._skip(steps, "cancelled")
        return JobEnded(outcome="cancelled")

    def _skip(self, steps: Sequence[Step], because: str) -> None:
        for step in steps:
            self._journal.last_words(StepSkipped(step=step.id, because=because))

    async def _check(self, checks: Sequence[Check]) -> JobEnded:
        results = []
        for check in checks:
            if self._halt:
                break
            self._journal_lossy(CheckStarted(check=check.id))
            try:
                result = await self._cancellable(self._look(check, self._host))
            except asyncio.CancelledError:
                break
            done = CheckDone(check=check.id, status=result.status, evidence=result.evidence)
            results.append(self._journal.last_words(done).status)
        if self._halt and len(results) < len(checks):
            for check in checks[len(results) :]:
                self._journal.last_words(CheckDone(check=check.id, status="skipped"))
            return self._halted_before(())
        if "failed" in results:
            return JobEnded(outcome="failed", reason="checks-failed")
        return JobEnded(outcome="done", reason="checks-unknown" if "unknown" in results else "")

    # one step -----------------------------------------------------------------------------------------------------

    async def _step(self, step: Step, *, kept: bool = False) -> StepFailed | None:
        """Runs a step. Returns how it failed; `reason` "stopped" stands for a step that is left in flight. kept: what
        it replaces is kept already, and nothing of it was changed since."""
        self._points.step = step.id
        at = "start"
        before = self._before(step)
        output = self._output(step)
        context = self._context(step, before, output)
        try:
            self._journal.append(StepStarted(step=step.id))
            self._points.reached("started")
            unfinished = before.complete and not kept  # an earlier run was cut off in the middle of it
            if await self._cancellable(step.done(self._host)):
                self._done(step, changed=unfinished, after=await self._after(step, before))
                return None
            if not before.complete:
                at = "capture"
                before.restart()
                await self._cancellable(step.capture(context))
                before.finish()
            at = "apply"
            self._points.reached("captured")
            await self._cancellable(step.apply(context))
            self._points.reached("applied")
            output.flush()
            self._done(step, changed=True, after=await self._after(step, before))
            return None
        except (Exception, asyncio.CancelledError) as error:
            output.flush()
            if isinstance(error, asyncio.CancelledError) and self._halt == "stopped":
                return StepFailed(step=step.id, reason="stopped")
            reason, values, tail = failure(error)
            if reason == "disk-full" and not values.get("path"):
                values = {"path": str(self._store.root)}
            after = await self._after(step, before) if at == "apply" else {}
            failed = StepFailed(
                step=step.id,
                reason=reason,
                values=values,
                tail=() if step.sensitive else tail or output.tail(),
                partly=at == "apply" and _maybe_changed(step, before, after),
                after=after,
            )
            self._journal.last_words(failed)
            return failed

    # steps that wait for somebody ----------------------------------------------------------------------------------

    async def _probation(self, probation: Probation, so_far: Progress) -> StepFailed | None:
        """Runs the steps that it wraps and waits until they are confirmed. Returns how it failed: `not-confirmed`,
        `cancelled`, how one of them failed; by then they are taken back. Where the way back runs outside, that ends
        this process."""
        guard = Guard(self._store, self._job, probation, self._host, self._points.reached)
        begun: list[Step] = []
        try:
            self._points.step = probation.id
            self._journal.append(StepStarted(step=probation.id))
            for step in probation.steps:
                await self._keep(step)
            await guard.arm()
            if so_far.probation != probation.id:
                inner = tuple(step.id for step in probation.steps)
                self._journal.append(Armed(step=probation.id, steps=inner, seconds=probation.seconds))
        except (Exception, asyncio.CancelledError) as error:
            if so_far.probation != probation.id:
                return await self._not_armed(probation, guard, error)
            failed: StepFailed | None = StepFailed(step=probation.id, reason=failure(error)[0])
            begun = [step for step in probation.steps if step.id in (*so_far.done, so_far.in_flight)]
        else:
            failed = await self._change(probation, so_far, guard, begun)
        if failed is not None and failed.reason != "stopped":
            failed = await self._give_back(probation, guard, begun, failed)
        if failed is not None:
            return failed
        self._points.reached("probation:confirmed")
        await guard.disarm()
        for step in probation.steps:
            with contextlib.suppress(StepError, HostError, OSError):  # what it leaves goes by itself
                await step.confirmed(self._context(step, self._before(step), Output(lambda text: None)))
        self._journal.last_words(WaitOver(what="confirmation", step=probation.id))
        self._journal.last_words(Confirmed(step=probation.id, by=confirmed_by(self._store, self._job)))
        self._tell()
        await self._host.announce(_("pi-installer-tui: the change is confirmed and stays."))
        self._done(probation, changed=False, after={})
        return None

    async def _change(
        self, probation: Probation, so_far: Progress, guard: Guard, begun: list[Step]
    ) -> StepFailed | None:
        """Runs the steps on probation, noted in `begun`, and waits; None: somebody has confirmed them."""
        if guard.trial is not None and guard.trial.standing == "reverting":
            begun += [step for step in probation.steps if step.id in (*so_far.done, so_far.in_flight)]
            return StepFailed(step=probation.id, reason="not-confirmed")
        for step in probation.steps:
            if self._halt:
                return StepFailed(step=probation.id, reason=self._halt)
            begun.append(step)
            if step.id not in so_far.done:
                failed = await self._step(step, kept=step.id != so_far.in_flight)
                if failed is not None:
                    return failed
        self._points.step = probation.id
        try:
            guard.ask()
            self._points.reached("probation:asking")
            self._journal.append(Waiting(what="confirmation", holder="", step=probation.id))
        except OSError as error:
            reason, values, _tail = failure(error)
            return StepFailed(step=probation.id, reason=reason, values=values)
        self._tell()
        return await self._confirmation(probation, guard)

    async def _keep(self, step: Step) -> None:
        """Keeps what a step replaces, before any of the steps on probation changes its first byte."""
        before = self._before(step)
        if not before.complete:
            before.restart()
            await self._cancellable(step.capture(self._context(step, before, Output(lambda text: None))))
            before.finish()

    async def _not_armed(self, probation: Probation, guard: Guard, error: BaseException) -> StepFailed:
        """Nothing was changed, and nothing of the way back stays."""
        if guard.trial is not None and guard.take():
            guard.taken_back()
        with contextlib.suppress(HostError, OSError):
            await guard.disarm()
        reason, values, tail = failure(error)
        return self._journal.last_words(StepFailed(step=probation.id, reason=reason, values=values, tail=tail))

    async def _confirmation(self, probation: Probation, guard: Guard) -> StepFailed | None:
        """Waits for the confirmation; None: it came."""
        told = probation.seconds + 1.0
        well: asyncio.Task[None] | None = None
        if probation.confirm == "auto":
            well = asyncio.create_task(
                network_is_well(self._host, probation.interfaces, probation.peers, probation.steady)
            )
        try:
            while True:
                trial = guard.trial
                if trial is None or trial.standing in ("reverting", "reverted", "failed"):
                    return StepFailed(step=probation.id, reason="not-confirmed")
                if trial.standing == "confirmed":
                    return None
                if self._halt:
                    return StepFailed(step=probation.id, reason=self._halt)
                if trial.left <= 0 and not guard.outside:
                    return StepFailed(step=probation.id, reason="not-confirmed")
                if well is not None and well.done():
                    well.result()
                    try:
                        await confirm(self._store, self._job, "auto", self._host)
                        continue
                    except ConfirmError as error:
                        if error.reason != "no-login":
                            raise
                if (due := _announce_at(trial.left, told)) is not None:
                    told = due
                    await self._host.announce(
                        _(
                            "pi-installer-tui: a change of this machine goes back by itself in {seconds} s. If all is "
                            "well:  sudo pi-installer-tui confirm {job}"
                        ).format(seconds=round(trial.left), job=self._job)
                    )
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK):
                        await self._halted.wait()
        except (HostError, OSError, ConfirmError) as error:
            reason, values, _tail = failure(error)
            return StepFailed(step=probation.id, reason=reason, values=values)
        finally:
            if well is not None:
                well.cancel()

    async def _give_back(
        self, probation: Probation, guard: Guard, begun: Sequence[Step], failed: StepFailed
    ) -> StepFailed | None:
        """Takes back what is on probation: from outside, which ends this process, or here. None: somebody confirmed it
        in this moment, and it stays."""
        because = failed.reason if failed.reason in ("not-confirmed", "cancelled") else "step-failed"
        self._points.step = probation.id
        if guard.outside:
            self._points.reached("probation:giving-back")
            while (trial := guard.trial) is not None and trial.open:
                if self._halt == "stopped":
                    return StepFailed(step=probation.id, reason="stopped")
                with contextlib.suppress(HostError):
                    await guard.give_back()
                await self._until_decided(guard)
            if trial is not None and trial.standing == "confirmed":
                return None
            inner = tuple(step.id for step in probation.steps)
            self._journal.last_words(Reverted(step=probation.id, steps=inner, because=because))
            return StepFailed(step=probation.id, reason=because if because != "step-failed" else failed.reason)
        if not guard.take():
            return None
        try:
            for step in reversed(begun):
                self._points.step = step.id
                before = self._before(step)
                await step.undo(self._context(step, before, self._output(step)), before)
            for step in begun:
                if (again := step.activation()) is not None:
                    await again.apply(self._context(step, self._before(step), self._output(step)))
        except (Exception, asyncio.CancelledError) as error:
            reason, values, tail = failure(error)
            told = StepFailed(step=probation.id, reason=reason, values=values, tail=tail, partly=True)
            self._journal.last_words(told)
            guard.taken_back(whole=False)
            return StepFailed(step=probation.id, reason="way-back-failed")
        guard.taken_back()
        inner = tuple(step.id for step in probation.steps)
        self._journal.last_words(Reverted(step=probation.id, steps=inner, because=because))
        return StepFailed(step=probation.id, reason=because if because != "step-failed" else failed.reason)

    async def _until_decided(self, guard: Guard) -> None:
        """A while, or until the change is confirmed or taken back."""
        loop = asyncio.get_running_loop()
        until = loop.time() + OUTSIDE
        while loop.time() < until and self._halt != "stopped":
            await asyncio.sleep(LOOK)
            if (trial := guard.trial) is None or not trial.open:
                return

    async def _reboot(self, step: Reboot) -> StepFailed | None:
        """Waits until somebody agrees, reboots, and is ended by that. Run again after it, it is done. `reason` "reboot"
        stands for a step that is left in flight."""
        self._points.step = step.id
        before = self._before(step)
        self._journal.append(StepStarted(step=step.id))
        try:
            if not before.complete:
                before.restart()
                await step.capture(self._context(step, before, Output(lambda text: None)))
                before.finish()
            self._points.reached("reboot:kept")
            agreement = Agreement(self._store.folder(self._job), step.when, step.id)
            told = False
            asked = False
            while await self._boot() == before.get("boot"):
                if self._halt == "cancelled":
                    raise asyncio.CancelledError
                if self._halt == "stopped":
                    return StepFailed(step=step.id, reason="reboot")
                if not asked and agreement.due():
                    asked = True
                    self._points.reached("reboot:starting")
                    await self._host.announce(_("pi-installer-tui: the machine reboots now, as agreed."))
                    await self._host.run(REBOOT, check=True)
                elif not told and not asked:
                    told = True
                    self._journal.append(Waiting(what="reboot", holder=agreement.when(), step=step.id))
                    self._tell()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK):
                        await self._halted.wait()
            if told:
                self._journal.append(WaitOver(what="reboot", step=step.id))
            self._done(step, changed=False, after={})
            return None
        except (Exception, asyncio.CancelledError) as error:
            reason, values, tail = failure(error)
            return self._journal.last_words(StepFailed(step=step.id, reason=reason, values=values, tail=tail))

    def _tell(self) -> None:
        with contextlib.suppress(OSError):
            news.tell(self._store)

    async def _boot(self) -> str:
        return ((await self._host.text(BOOT_ID)) or "").strip()

    def _before(self, step: Step) -> Before:
        return Before(self._folder("before", step), self._host, reached=self._points.reached)

    def _output(self, step: Step) -> Output:
        return Output(lambda text: self._journal_lossy(events.Output(step=step.id, text=text)))

    # what all of them share ----------------------------------------------------------------------------------------

    def _done(self, step: Step, *, changed: bool, after: dict[str, str]) -> None:
        self._journal.last_words(StepDone(step=step.id, changed=changed, after=after if changed else {}))
        self._points.reached("done")

    def _context(self, step: Step, before: Before, output: Output) -> StepContext:
        loop = asyncio.get_running_loop()
        last = ("", -PROGRESS)

        def progress(
            fraction: float | None, phase: str = "", detail: str = "", values: Mapping[str, Any] | None = None
        ) -> None:
            nonlocal last
            now = loop.time()
            if phase != last[0] or now - last[1] >= PROGRESS or fraction == 1:
                last = (phase, now)
                told = dict(values or {})
                self._journal_lossy(
                    StepProgress(step=step.id, fraction=fraction, phase=phase, detail=detail, values=told)
                )

        def waiting(what: str, who: str) -> None:
            event = Waiting(what=what, holder=who, step=step.id) if who else WaitOver(what=what, step=step.id)
            self._journal.append(event)

        def printed(chunk: bytes) -> None:
            if not step.sensitive:
                output.feed(chunk)

        return StepContext(
            host=self._host,
            before=before,
            output=printed,
            progress=progress,
            waiting=waiting,
            reached=self._points.reached,
            secrets=Secrets(self._store.root),
            report=lambda values: self._journal_lossy(events.Reported(step=step.id, values=dict(values))),
        )

    async def _after(self, step: Step, before: Before) -> dict[str, str]:
        """The fingerprints of the paths that a step left; small files are kept beside, to be compared later."""
        after: dict[str, str] = {}
        left = Before(self._folder("after", step), self._host, durable=False)
        for path in dict.fromkeys((*before.paths(), *step.paths())):
            with contextlib.suppress(OSError):
                after[path] = await fingerprint(self._host, path)
                found = await self._host.stat(path)
                if not step.sensitive and found is not None and found.size <= AFTER_MAX:
                    await left.save_path(path)
        with contextlib.suppress(OSError):
            left.finish()
        return after

    async def _cancellable(self, work: Coroutine[Any, Any, T]) -> T:
        """Awaits work that `cancel` ends. What it does on its way out is waited for."""
        if self._halt == "cancelled":
            work.close()
            raise asyncio.CancelledError
        task = asyncio.create_task(work)
        self._work = task
        try:
            return await task
        finally:
            self._work = None

    def _journal_lossy(self, event: Event) -> None:
        """Writes what the job doesn't need: a full disk loses it, and ends nothing."""
        try:
            self._journal.append(event)
        except OSError as error:
            if error.errno not in FULL:
                raise

    def _folder(self, name: str, step: Step) -> Path:
        return self._store.folder(self._job) / name / step.id


def _flat(steps: Sequence[Step]) -> list[Step]:
    return [each for step in steps for each in (step, *cast("tuple[Step, ...]", step.inner()))]


def _announce_at(left: float, told: float) -> float | None:
    """Whether those who are logged in are told again how much time is left: at the start, and at each of ANNOUNCE. What
    `told` is from now on; None for not now."""
    due = [at for at in (*ANNOUNCE, left if told > MOST else 0.0) if left <= at < told and at > 0]
    return min(due) if due else None


def failure(error: BaseException) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """Reason, values and last lines for what ended a step, as in events.StepFailed."""
    match error:
        case asyncio.CancelledError():
            return "cancelled", {}, ()
        case StepError():
            return error.reason, error.values, error.tail
        case CommandNotFound():
            return "not-installed", {"program": error.program}, ()
        case CommandFailed():
            done = error.done
            tail = (done.stderr or done.stdout).splitlines()[-25:]
            return "command-failed", {"command": done.argv[0], "status": str(done.status)}, tuple(tail)
        case HostError():
            return "refused", {"error": str(error)}, ()
        case Unreadable():
            return "io-error", {"path": str(error.path), "error": os.strerror(errno.EBADMSG)}, ()
        case OSError() if error.errno in FULL:
            return "disk-full", {"path": str(error.filename or "")}, ()
        case OSError():
            return "io-error", {"path": str(error.filename or ""), "error": error.strerror or ""}, ()
    reason, values = internal(error)
    return reason, values, ()


def internal(error: BaseException) -> tuple[str, dict[str, str]]:
    """An error of ours: its type and where it was raised, and none of its values."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return "internal-error", {"type": type(error).__name__, "where": where}


def _maybe_changed(step: Step, before: Before, after: dict[str, str]) -> bool:
    """Whether a step that failed may have changed something."""
    if step.kind not in FILE_STEPS:
        return True
    return any(after.get(path) != before.fingerprint(path) for path in before.paths())

"""A job: how far it is, what it waits for, its output, then its checks with their evidence. The same screen shows one
that is over, with what it changed. Leaving it leaves the job alone."""

from __future__ import annotations

import asyncio
import contextlib
import re
import textwrap
import time
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens import signs as show
from pi_installer_tui.screens import trial as probation
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.screens.diffs import toned
from pi_installer_tui.screens.history import can_undo
from pi_installer_tui.screens.larger import Larger
from pi_installer_tui.tasks import changes, news, words
from pi_installer_tui.tasks.secrets import take, unseen
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose, bar
from pi_installer_tui.widgets.panel import Line, Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading
from pi_installer_tui.widgets.text import TextLine, TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.screens.watch import JobView, Watch
    from pi_installer_tui.tasks.plan import Plan
    from pi_installer_tui.tasks.probation import Trial
    from pi_installer_tui.tasks.steps import Step
    from pi_installer_tui.tasks.store import JobSummary

_OUTPUT = "output"
#: steps of backups whose numbers are told as in the history of runs
_TOLD = frozenset({"back-up", "keep-snapshots", "restore-drill", "verify-repository"})
#: a time of the clock
CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


class JobScreen(Larger):
    """One job, running or over."""

    place = "job"
    where = N_("Job")
    about = N_(
        "What a job does and did. It runs by itself: leave this screen, close the program or lose the line, and it "
        "goes on; Home shows it when you come back.\n"
        "The list has the steps in order, then the checks that prove the result. The lower part shows what belongs to "
        "the line under the cursor: the whole output, a step with its difference and its own output, a check with what "
        "the machine answered.\n"
        "Cancel stops the job after asking; what was done before stays and can be undone.\n"
        "A change that could cut you off goes back by itself unless it is confirmed in time, from here, from Home or "
        "with `pi-installer-tui confirm`. If its address changes, log in at the new one before you confirm. A job that "
        "waits for a reboot goes on by itself at the next boot.\n"
        "A password or key that the job made is shown when you ask for it, once."
    )
    PARTS = ("summary", "steps", "detail")
    CSS = """
    JobScreen #parts { height: 1fr; layout: vertical; }
    JobScreen #steps { height: 9; }
    JobScreen.-wide #parts { layout: horizontal; }
    JobScreen.-wide #steps { height: 1fr; width: 52; margin-right: 1; }
    JobScreen.-tall #steps { height: 14; }
    JobScreen.-wide.-tall #steps { height: 1fr; }
    JobScreen.-larger #steps, JobScreen.-larger #summary { display: none; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("job")]

    def __init__(self, job: str) -> None:
        super().__init__()
        self._job = job
        self._watch: Watch | None = None
        self._plan: Plan | None = None
        self._summary: JobSummary | None = None
        self._drawn = 0
        #: the end of the output says what came of it
        self._summed_up = False
        self._shown = ""
        self._led = False
        self._diffs: dict[str, str] = {}
        self._trial: Trial | None = None
        self._reboot_at = ""
        self._left = False
        self._seen_open = False
        self._unseen: tuple[str, ...] = ()

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(self._job, "strong")], [], []], id="summary")
        with Container(id="parts"):
            yield Rows((13, 0), id="steps")
            yield TextPane(_("Output"), id="detail")

    def on_mount(self) -> None:
        self.query_one("#steps", Rows).focus()
        self.query_one("#detail", TextPane).text.follow = True
        self.shell.job_changed.subscribe(self, self._on_job_changed)
        self._open()
        self.set_interval(1.0, self._tick)

    @work(exclusive=True, group="open")
    async def _open(self) -> None:
        try:
            self._plan = await asyncio.to_thread(self.shell.store.plan, self._job)
        except (KeyError, OSError, ValueError):
            if not self.closing:
                self.query_one("#summary", Panel).set_lines([[Cell(_("This job can't be read."), "bad")], [], []])
            return
        self._watch = self.shell.follow_job(self._job)
        self._read_summary()
        self._redraw()

    @work(exclusive=True, group="summary")
    async def _read_summary(self) -> None:
        self._summary = await asyncio.to_thread(self._look_up)
        self._draw_summary()
        self.refresh_bindings()

    def _look_up(self) -> JobSummary:
        store = self.shell.store
        summary = store.summary(self._job)
        self._left = news.left(store, self._job)
        if not summary.open and not self.shell.read_only and self._plan is not None:
            with contextlib.suppress(OSError):
                self._unseen = unseen(store.root, self._plan)
        if not summary.open and not self.shell.read_only:
            with contextlib.suppress(OSError):
                news.seen(store, self._job)
        return summary

    @work(exclusive=True, group="trial")
    async def _read_trial(self) -> None:
        """Where the change on probation stands, and when the machine may reboot."""
        from pi_installer_tui.tasks.probation import look
        from pi_installer_tui.tasks.reboot import Agreement

        store, before, agreed = self.shell.store, self._trial, self._reboot_at
        with contextlib.suppress(KeyError, OSError):
            self._trial = await asyncio.to_thread(look, store, self._job)
            wait = self._watch.view.wait if self._watch else None
            planned = wait.holder if wait is not None and wait.what == "reboot" else ""
            self._reboot_at = Agreement(store.folder(self._job), planned).when()
        over = self._watch is not None and self._watch.over
        if over and before is not None and before.open and self._trial is not None and not self._trial.open:
            self.shell.look_again(self._job)
        self._draw_summary()
        if probation.stands(before) != probation.stands(self._trial) or agreed != self._reboot_at:
            self.refresh_bindings()

    @work(exclusive=True, group="diff")
    async def _read_diff(self, step: str) -> None:
        """What a step that is over changed, once."""
        found = next((each for each in self._plan.flat if each.id == step), None) if self._plan else None
        if found is not None:
            self._diffs[step] = await asyncio.to_thread(changes.diff, self.shell.store, self._job, found)
        if self._diffs.get(step):
            self._draw_detail(again=True)

    def _on_job_changed(self, job: str) -> None:
        if job != self._job or self._watch is None:
            return
        self._watch = self.shell.follow_job(job)
        self._redraw()
        if self._waits:
            self._read_trial()
        if self._watch.over:
            self._read_summary()
            self._report_by_itself()
        else:
            self._seen_open = True

    def _report_by_itself(self) -> None:
        """What the wizard began ends with its report, where the end is watched."""
        over = self._watch is not None and self._watch.view.outcome == "done" and not self._waits
        if over and self._seen_open and self._plan is not None and "goals" in self._plan.settings:
            self._seen_open = False
            if self.app.screen is self:
                self.action_report()

    def _tick(self) -> None:
        if self._waits:
            self._read_trial()
        elif self._watch is not None and not self._watch.over:
            self._draw_summary()

    @property
    def _waits(self) -> bool:
        """Somebody's word is waited for, or may be soon."""
        if self._watch is None:
            return False
        view = self._watch.view
        if self._watch.over:  # what is on probation goes back without its process
            return view.on_probation and (self._trial is None or self._open_trial is not None)
        return view.on_probation or self._for_reboot

    @property
    def _for_reboot(self) -> bool:
        """It waits for the agreement to a reboot."""
        wait = self._watch.view.wait if self._watch else None
        return wait is not None and wait.what == "reboot"

    @property
    def _open_trial(self) -> Trial | None:
        """What is on probation, while that is so. Where the job's own process takes it back, that ends with it."""
        view, trial = self._watch.view if self._watch else None, self._trial
        if view is None or not view.on_probation or trial is None or not trial.open:
            return None
        return None if view.outcome not in ("", "interrupted") and not trial.outside else trial

    # drawing ------------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        if self._watch is None or self._plan is None or self.closing:
            return
        view = self._watch.view
        self._draw_summary()
        self._draw_rows(self._plan, view)
        if view.failure is not None and not self._led:
            self._led = True
            self.query_one("#steps", Rows).select(f"step:{view.failure.step}")
        self._draw_detail(again=False)
        self.refresh_bindings()

    def _status(self, view: JobView) -> str:
        trial = self._open_trial
        if trial is not None and trial.standing == "reverting":
            return "running"
        if view.outcome:
            return view.outcome
        if view.wait is not None:
            return "waiting"
        return "running" if view.started else "queued"

    def _draw_summary(self) -> None:
        if self._watch is None or self._plan is None or self.closing:
            return
        view, plan, signs = self._watch.view, self._plan, glyphs(self)
        status = self._status(view)
        sign, tone = show.sign(status, signs)
        first = [Cell(f"{sign} {words.status(status)}", tone), Cell("  ")]
        if self._summary is not None:
            first += [Cell(words.what(self._summary), "strong")]
            first += [Cell("  "), Cell(f"{self._summary.who}, {show.moment(self._summary.created)}", "quiet")]
        count = len(plan.flat)
        part = view.steps.get(view.current)
        running = part.fraction or 0.0 if part is not None and part.status == "running" else 0.0
        fraction = (view.done_steps + running) / count if count else 1.0
        width = 30
        end = view.ended or time.time()
        second = [Cell(bar(fraction, width, signs), "key"), Cell("  " + show.steps_of(view.done_steps, count))]
        if plan.checks and (view.checks or view.outcome == "done"):
            proven = sum(1 for c in view.checks.values() if c.status == "ok")
            second.append(Cell("  " + _("{n} of {count} checks proven").format(n=proven, count=len(plan.checks))))
        if view.started:
            second.append(Cell("  " + show.span(end - view.started), "quiet"))
        self.query_one("#summary", Panel).set_lines([first, second, *self._rest(view)])

    def _rest(self, view: JobView) -> list[Line]:
        """What the job does, waits for or came to, in a line or a few."""
        trial, width = self._open_trial, self.size.width
        if trial is not None and (trial.outside or not view.outcome):
            if not trial.can_be_confirmed and trial.standing == "armed" and not view.outcome:
                return [self._third(view), probation.banner(trial, glyphs(self), here=False)]
            here = not self.shell.read_only
            first = probation.banner(trial, glyphs(self), here=here)
            return [first, *probation.about(trial, self.shell.seat, self.shell.who, width)]
        if self._for_reboot:
            return self._reboot_lines()
        if view.reverted is not None and view.outcome:
            said = words.taken_back(view.outcome, view.reverted.because)
            return [[Cell(line, "warn")] for line in textwrap.wrap(said, width - 2)]
        third = self._third(view)
        if view.confirmed is not None and view.outcome:
            third = [*third, Cell("  " + words.confirmed(view.confirmed.by), "quiet")]
        if self._unseen and view.outcome:
            return [third, self._secret_line()]
        return [third]

    def _secret_line(self) -> Line:
        text = ngettext(
            "The job made a secret: {names}. Press s to see it, once.",
            "The job made secrets: {names}. Press s to see them, once.",
            len(self._unseen),
        )
        return [Cell(f"{glyphs(self).warning} " + text.format(names=", ".join(self._unseen)), "warn")]

    def _reboot_lines(self) -> list[Line]:
        signs = glyphs(self)
        line = [Cell(f"{signs.warning} {words.wait('reboot', self._reboot_at)}", "warn")]
        if self._reboot_at == "now":
            return [[Cell(f"{signs.warning} " + _("the machine reboots now; the job goes on by itself"), "warn")]]
        keys = [Cell("a", "key"), Cell(" " + _("reboots now")), Cell("  t", "key"), Cell(" " + _("at a time"))]
        if self.shell.read_only:
            return [line, [Cell("  " + _("The job goes on by itself after it."))]]
        return [line, [Cell("  "), *keys, Cell("  " + _("The job goes on by itself after it."))]]

    def _third(self, view: JobView) -> Line:
        if view.outcome == "stale" and view.stale is not None:
            said = words.outcome("stale")
            return [Cell(said + " " + _("Different: {path}").format(path=view.stale.path), "warn")]
        if view.outcome:
            said = words.outcome(view.outcome, view.reason)
            return [Cell(said, "good" if view.outcome == "done" else "warn")]
        if view.wait is not None:
            waited = show.span(time.time() - view.wait.since)
            return [Cell(words.wait(view.wait.what, view.wait.holder), "warn"), Cell(f", {waited}")]
        if view.cancel_requested:
            return [Cell(_("It is being cancelled: what runs is brought to a safe end first."), "warn")]
        part = view.steps.get(view.current)
        if part is None or part.status != "running":
            looking = next((c for c, v in view.checks.items() if not v.status), None)
            return [Cell(_("Asking the machine: {check}").format(check=self._check_title(looking)))] if looking else []
        cells = [Cell(self._step_title(view.current))]
        if part.fraction is not None:
            cells += [Cell("  "), Cell(bar(part.fraction, 12, glyphs(self)), "key"), Cell(f" {part.fraction:.0%}")]
        said = " ".join(x for x in (part.phase, part.detail) if x)
        return [*cells, Cell("  "), Cell(printable(said), "quiet")]

    def _step_title(self, step: str) -> str:
        for each in self._plan.flat if self._plan else ():
            if each.id == step:
                return each.describe()
        return step

    def _check_title(self, check: str) -> str:
        for each in self._plan.checks if self._plan else ():
            if each.id == check:
                return each.describe()
        return check

    def _draw_rows(self, plan: Plan, view: JobView) -> None:
        signs = glyphs(self)
        rows = [Row(_OUTPUT, (Cell(""), Cell(_("Output of all steps"))))]
        rows.append(heading(_("Steps"), show.steps_of(view.done_steps, len(plan.flat))))
        inner = {each.id for trial in plan.trials for each in trial.steps}
        for step in plan.flat:
            code = self._code(step, view)
            sign, tone = show.sign(code, signs)
            title = ("  " if step.id in inner else "") + step.describe()
            rows.append(Row(f"step:{step.id}", (Cell(f"{sign} {show.step_status(code)}", tone), Cell(title))))
        if plan.checks:
            rows.append(heading(_("Checks")))
        for check in plan.checks:
            found = view.checks.get(check.id)
            if found is None:
                sign, tone = show.sign("todo", signs)
                word = _("to do") if not view.outcome else words.check_status("skipped")
            else:
                sign, tone = show.sign(found.status or "running", signs)
                word = words.check_status(found.status) if found.status else _("looking")
            rows.append(Row(f"check:{check.id}", (Cell(f"{sign} {word}", tone), Cell(check.describe()))))
        self.query_one("#steps", Rows).set_rows(rows)

    def _code(self, step: Step, view: JobView) -> str:
        """A step's status. One that waits for somebody changes nothing by itself."""
        state = view.steps.get(step.id)
        if state is None:
            return "skipped" if view.outcome else "todo"
        if step.kind == "probation" and state.status in ("nothing", "running"):
            waits = view.wait is not None and view.wait.what == "confirmation"
            return "confirmed" if state.status == "nothing" else "waiting" if waits else "running"
        if step.kind == "reboot" and state.status in ("nothing", "running"):
            return "done" if state.status == "nothing" else "waiting" if self._for_reboot else "running"
        return state.status

    def _draw_detail(self, *, again: bool) -> None:
        if self.closing:
            return
        row = self.query_one("#steps", Rows).row
        if self._watch is None or row is None:
            return
        view, pane = self._watch.view, self.query_one("#detail", TextPane)
        kind, _colon, name = row.id.partition(":")
        if kind == _OUTPUT:
            self._draw_output(view, pane, again or self._shown != row.id)
        else:
            state = repr(view.steps.get(name)) if kind == "step" else repr(view.checks.get(name))
            mark = f"{row.id} {state} {view.outcome} {view.total if kind == 'step' else ''}"
            if again or self._shown != mark:
                fresh = not self._shown.startswith(row.id + " ")
                at = pane.text.scroll_offset.y
                pane.text.follow = False
                if kind == "step":
                    self._draw_step(name, view, pane)
                    over = name in view.steps and view.steps[name].status in {"done", "failed"}
                    if over and name not in self._diffs:
                        self._read_diff(name)
                else:
                    found = view.checks.get(name)
                    evidence = (found.evidence if found else "").splitlines()
                    lines = [Cell(self._check_title(name), "strong"), Cell("")]
                    lines += [Cell(line) for line in evidence] or [Cell(_("not asked yet"), "quiet")]
                    pane.set(_("Evidence"), lines)
                if not fresh:
                    pane.text.scroll_to(y=at, animate=False)
            self._shown = mark
            return
        self._shown = row.id

    def _draw_output(self, view: JobView, pane: TextPane, fresh: bool) -> None:
        told = [line for name in view.steps for line in self._came_back(name, view)] if view.outcome else []
        fresh = fresh or (bool(told) and not self._summed_up)
        self._summed_up = bool(told)
        if view.outcome and not view.total:
            pane.set(_("Output"), told or [Cell(_("No command printed anything."), "quiet")])
        elif fresh:
            self._drawn = view.total
            lines: list[TextLine] = [line for _step, line in view.output]
            pane.set(_("Output"), [*lines, Cell(""), *told] if told else lines)
            pane.text.action_last()
        elif (new := view.total - self._drawn) > 0:
            self._drawn = view.total
            start = max(0, len(view.output) - new)
            pane.text.append([line for _step, line in islice(view.output, start, None)])
        pane.note = _("{n} lines").format(n=view.total) if view.total else ""

    def _draw_step(self, name: str, view: JobView, pane: TextPane) -> None:
        state = view.steps.get(name)
        lines: list[TextLine] = [Cell(self._step_title(name), "strong")]
        step = next((each for each in self._plan.flat if each.id == name), None) if self._plan else None
        if step is not None and state is not None and state.ended and state.started:
            lines.append(
                Cell(
                    _("{status}, from {start}, {span}").format(
                        status=show.step_status(self._code(step, view)),
                        start=show.clock(state.started),
                        span=show.span(state.ended - state.started),
                    ),
                    "quiet",
                )
            )
        if told := self._came_back(name, view):
            lines += [Cell(""), *told]
        if view.confirmed is not None and view.confirmed.step == name:
            lines += [Cell(""), Prose(words.confirmed(view.confirmed.by), "good")]
        if view.reverted is not None and view.outcome and name in (view.reverted.step, *view.reverted.steps):
            lines += [Cell(""), Prose(words.taken_back(view.outcome, view.reverted.because), "warn")]
        failure = view.failure
        if failure is not None and failure.step == name:
            advice = self._damaged(name, view)
            lines += [Cell(""), *(advice or [Prose(words.failure(failure.reason, failure.values), "bad")])]
            lines += [Cell("")] if advice else []
            lines += [Cell("  " + line) for line in failure.tail]
            if not advice:
                lines += [Cell(""), Prose(self._stayed(view, failure.partly))]
        if diff := self._diffs.get(name):
            lines += [Cell(""), *toned(diff)]
        printed = [line for step, line in view.output if step == name]
        if printed:
            lines += [Cell(""), Cell(_("It printed:"), "quiet"), *printed]
        pane.set(_("Step"), lines)

    def _came_back(self, name: str, view: JobView) -> list[Cell]:
        """What a step of a backup reported: what it saved, found, or restored."""
        step = next((each for each in self._plan.flat if each.id == name), None) if self._plan else None
        state = view.steps.get(name)
        if step is None or state is None or not state.reported:
            return []
        if step.kind in _TOLD:
            from pi_installer_tui.screens.backup import run_words

            return [Prose(text, tone) for text, tone in run_words.reported(state.reported)]
        if not step.kind.startswith("restore-"):
            return []
        from pi_installer_tui.screens.backup import came_back

        return came_back.lines(state.reported)

    def _damaged(self, name: str, view: JobView) -> list[Cell]:
        """What to do about damage that a step found in a repository."""
        step = next((each for each in self._plan.flat if each.id == name), None) if self._plan else None
        if step is None or step.kind != "verify-repository":
            return []
        from pi_installer_tui.screens.backup import damaged

        return damaged.lines(view.steps[name].reported)

    def _stayed(self, view: JobView, partly: bool) -> str:
        done = sum(1 for s in view.steps.values() if s.status == "done")
        parts = [_("This step may have been done in part.")] if partly else [_("This step changed nothing.")]
        if done:
            parts.append(_("The steps before it stay as they are done; `u` plans the way back."))
        else:
            parts.append(_("Nothing was changed before it."))
        return " ".join(parts)

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        view = self._watch.view if self._watch else None
        over = view is not None and bool(view.outcome)
        trial = self._open_trial
        if self.shell.read_only and action in ("confirm", "reboot", "reboot_at", "leave"):
            return False
        match action:
            case "confirm":
                return trial is not None and trial.can_be_confirmed
            case "reboot" | "reboot_at":
                return self._for_reboot and self._reboot_at != "now"
            case "leave":
                return view is not None and view.outcome == "interrupted" and not self._left
            case "cancel":
                if trial is not None and trial.standing == "reverting":
                    return False
                armed = trial is not None and trial.standing == "armed"
                asked = view is not None and view.cancel_requested
                return view is not None and (not over or armed) and not asked and not self.shell.read_only
            case "undo":
                armed = trial is not None and trial.standing == "armed"  # cancelling takes that back
                return over and not armed and self._summary is not None and can_undo(self._summary)
            case "resume":
                return view is not None and view.outcome == "interrupted" and not self.shell.read_only
            case "secret":
                return bool(self._unseen)
            case "replan":
                return view is not None and view.outcome in ("stale", "failed", "cancelled")
            case "skip":
                return view is not None and view.outcome == "failed" and view.failure is not None
            case "shell":
                failed = view is not None and view.outcome in ("failed", "interrupted")
                return failed and not self.shell.read_only and not self.shell.demo
            case "report":
                return view is not None and view.outcome in ("done", "failed") and not self._waits
            case _:
                return True

    def on_rows_moved(self) -> None:
        self._draw_detail(again=False)

    def on_rows_opened(self) -> None:
        self.query_one("#detail", TextPane).text.focus()

    def action_confirm(self) -> None:
        if self._trial is not None:
            probation.confirm(self, self._trial)

    def action_reboot(self) -> None:
        self.shell.agree_reboot(self._job)

    def action_reboot_at(self) -> None:
        from pi_installer_tui.screens.line import AskLine

        question, wrong = _("Reboot when the machine's clock shows:"), _("That is no time: as 03:30.")
        self.app.push_screen(AskLine(question, CLOCK, wrong, example="HH:MM"), self._reboot_when)

    def _reboot_when(self, when: str | None) -> None:
        if when:
            self.shell.agree_reboot(self._job, when.rjust(5, "0"))

    @work(exclusive=True, group="secret")
    async def action_secret(self) -> None:
        from pi_installer_tui.screens.secret import SecretScreen
        from pi_installer_tui.screens.vpn.offered import hand_over

        assert self._plan is not None
        root = self.shell.store.root
        found: tuple[tuple[str, str], ...] = ()
        # a peer's key goes with its configuration
        if not await hand_over(self.app, self._unseen):
            found = await asyncio.to_thread(take, root, self._plan)
        self._unseen = await asyncio.to_thread(unseen, root, self._plan)
        self._draw_summary()
        self.refresh_bindings()
        if found:
            await self.app.push_screen(SecretScreen(found))

    def action_leave(self) -> None:
        self._left = True
        self.refresh_bindings()
        self.shell.leave_job(self._job)

    def action_cancel(self) -> None:
        question = _("Stop this job?")
        meaning = _("What runs is ended, apt in a safe way. What was done before stays, and can be undone.")
        otherwise = _("No: the job goes on.")
        if self._watch is not None and self._watch.view.on_probation:
            question = _("Take the change back now?")
            meaning = _(
                "What is on probation goes back at once, and the job ends. What was done before it stays, and can be "
                "undone."
            )
            otherwise = _("No: the job goes on, and the change can still be confirmed.")
        elif self._for_reboot:
            meaning = _(
                "The machine isn't rebooted, and what comes after the reboot isn't done. What was done before stays, "
                "and can be undone."
            )
            otherwise = _("No: the job waits on.")
        self.app.push_screen(Ask(question, [meaning, otherwise]), self._cancel)

    def _cancel(self, yes: bool | None) -> None:
        if yes:
            self.shell.cancel_job(self._job)

    def action_undo(self) -> None:
        self.shell.show_undo(self._job)

    def action_resume(self) -> None:
        self.shell.resume_job(self._job)

    def action_replan(self) -> None:
        self.shell.replan(self._job)

    def action_skip(self) -> None:
        if self._watch is not None and self._watch.view.failure is not None:
            self.shell.replan(self._job, self._watch.view.failure.step)

    def action_shell(self) -> None:
        self.shell.open_shell()

    def action_report(self) -> None:
        from pi_installer_tui.screens.report import ReportScreen

        self.app.push_screen(ReportScreen(self._job))

"""A job, line by line: what `apply`, `undo` and `attach` print while it runs."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable

from pi_installer_tui.cli.printing import Printer
from pi_installer_tui.i18n import _
from pi_installer_tui.tasks import events, words
from pi_installer_tui.tasks.plan import Plan


class Follower:
    """Prints a job's events. On a terminal the progress of a step is one line that is written over.

    diff: what a step that is over changed in files, to be printed below it; by default nothing. asked: called when a
    change waits for its confirmation.
    """

    def __init__(
        self,
        plan: Plan,
        printer: Printer,
        diff: Callable[[str], str] = lambda step: "",
        *,
        asked: Callable[[], None] | None = None,
    ) -> None:
        self.asked = asked or self._asked
        self.printer = printer
        self.diff = diff
        self.steps = {step.id: (number, step.describe()) for number, step in enumerate(plan.flat, 1)}
        self.checks = {check.id: check.describe() for check in plan.checks}
        self.total = len(plan.flat)
        self.outcome = ""
        self.reason = ""
        self.partial = ""  # the progress line that stands on the terminal
        self.phase = ""
        self.drawn = 0.0

    def show(self, event: events.Event) -> None:
        """Prints one event."""
        if isinstance(event, events.StepProgress):
            self._progress(event)
            return
        self._wipe()
        line = self.printer.line
        match event:
            case events.JobStarted(resumed=True):
                line(_("The job goes on."))
            case events.Armed():
                seconds = event.seconds
                line("      " + _("the way back is armed: it runs in {seconds} s").format(seconds=seconds))
            case events.Waiting(what="confirmation"):
                self.asked()
            case events.Confirmed():
                line("      " + _("confirmed by {who}: the change stays").format(who=event.by or "?"), "good")
            case events.Reverted():
                line("      " + _("taken back"), "bad")
            case events.Waiting():
                line(f"      {words.wait(event.what, event.holder)} ...")
            case events.StepStarted():
                number, title = self.steps.get(event.step, (0, event.step))
                line(f"[{number}/{self.total}] {title}", "bold")
                self.phase = ""
            case events.Output():
                for row in event.text.removesuffix("\n").split("\n"):
                    line(f"    | {row}", "faint")
            case events.StepDone(changed=False):
                line(f"      {_('nothing to do')}")
            case events.StepDone():
                self.printer.diff(self.diff(event.step), "    ")
            case events.StepFailed():
                self.printer.sentence(words.failure(event.reason, event.values), "      ", _("FAILED") + " ", "bad")
                for row in event.tail:
                    line(f"    | {row}")
                if event.partly:
                    line(f"      {_('it may have been done in part')}")
                    self.printer.diff(self.diff(event.step), "    ")
            case events.StepSkipped():
                number, title = self.steps.get(event.step, (0, event.step))
                line(f"[{number}/{self.total}] {title}: {_('left out')}")
            case events.CheckDone():
                self._check(event)
            case events.CancelRequested():
                line(_("Cancelling ..."))
            case events.Stale():
                self.printer.sentence(_("{path} is not as it was shown.").format(path=event.path), style="bad")
            case events.JobEnded():
                self.outcome, self.reason = event.outcome, event.reason
                style = "good" if event.outcome == "done" else "bad"
                self.printer.sentence(words.outcome(event.outcome, event.reason), style=style)
        self.printer.flush()

    def _asked(self) -> None:
        self.printer.line(f"      {words.wait('confirmation', '')} ...")

    def _check(self, event: events.CheckDone) -> None:
        style = {"ok": "good", "failed": "bad"}.get(event.status, "warn")
        word = words.check_status(event.status)
        title = self.checks.get(event.check, event.check)
        self.printer.sentence(title, "         ", f"  {word + ':':8}" if len(word) < 8 else f"  {word}: ", style)
        if event.status != "ok":
            self.printer.sentence(event.evidence, "           ")

    def _progress(self, event: events.StepProgress) -> None:
        percent = "" if event.fraction is None else f"{event.fraction * 100:3.0f} %"
        if not self.printer.tty:
            if event.phase and event.phase != self.phase:
                self.phase = event.phase
                self.printer.line(f"      {event.phase} ...")
                self.printer.flush()
            return
        now = time.monotonic()
        if now - self.drawn < 0.2:
            return
        self._wipe()
        text = " ".join(
            part for part in ("     ", percent, event.phase, words.progress(event.values), event.detail) if part
        )
        self.partial = "".join(c if c.isprintable() else "?" for c in text)[: self.printer.width - 1]
        self.printer.stream.write(self.partial)
        self.printer.flush()
        self.drawn = now

    def _wipe(self) -> None:
        if self.partial:
            self.printer.stream.write("\r" + " " * len(self.partial) + "\r")
            self.partial = ""


def ask(question: str) -> bool:
    """Asks on the terminal and waits; only an explicit yes counts. Raises KeyboardInterrupt."""
    sys.stdout.flush()
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    # asyncio's own handler would only take note of Ctrl-C, and go on reading
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        answer = sys.stdin.readline()
    finally:
        signal.signal(signal.SIGINT, before)
    return answer.strip().lower() in ("y", "yes", _("y"), _("yes"))

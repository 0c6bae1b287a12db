"""What the verbs print for people: the state, a plan, a job, the list of jobs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pi_installer_tui import modules
from pi_installer_tui.cli.arguments import PROGRAM
from pi_installer_tui.cli.documents import waits_for_reboot
from pi_installer_tui.cli.following import Follower
from pi_installer_tui.cli.printing import Printer
from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.system.reading import Known, Reading, Unknown, Value
from pi_installer_tui.tasks import changes, words
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import Reviewed
from pi_installer_tui.tasks.risks import sentence
from pi_installer_tui.tasks.steps import Preview
from pi_installer_tui.tasks.steps.diff import apart
from pi_installer_tui.tasks.store import JobSummary

if TYPE_CHECKING:
    from pi_installer_tui.cli.machine import Machine
    from pi_installer_tui.setups import Saved
    from pi_installer_tui.system.seat import Seat


# status ----------------------------------------------------------------------------------------------------------


def status(printer: Printer, states: Mapping[str, Any], reboot: bool) -> None:
    """What is, module by module, each value with its owner and what differs."""
    for name, state in states.items():
        module = modules.load(name)
        printer.line(_(modules.listed(name).title), "bold")
        printer.pairs((fact.title, value(fact.value)) for fact in module.facts(state))
    if reboot:
        printer.sentence(_("A restart of the machine is due."), style="warn")


def value(shown: Value[Any]) -> str:
    """A value in words: what is configured, and what runs or comes where that differs."""
    text = reading(shown.best)
    notes = []
    if isinstance(shown.configured, Known) and isinstance(shown.effective, Known):
        if shown.configured.value != shown.effective.value:
            notes.append(_("now: {value}").format(value=reading(shown.effective)))
    elif isinstance(shown.best, Known) and isinstance(shown.configured, Unknown):
        notes.append(_("configured: {value}").format(value=reading(shown.configured)))
    if shown.pending is not None and waits_for_reboot(shown):
        notes.append(_("after a restart: {value}").format(value=reading(shown.pending)))
    if shown.owner:
        notes.append(_("from {owner}").format(owner=shown.owner))
    return f"{text} ({'; '.join(notes)})" if notes else text


def reading(shown: Reading[Any]) -> str:
    """A reading in words."""
    if isinstance(shown, Known):
        return _plain(shown.value)
    if isinstance(shown, Unknown):
        return _("unknown: {reason}").format(reason=shown.reason)
    return _("not set")


def _plain(found: object) -> str:
    if isinstance(found, bool):
        return _("yes") if found else _("no")
    if isinstance(found, tuple | list):
        return ", ".join(_plain(item) for item in found) or _("none")
    return str(found)


# plan ------------------------------------------------------------------------------------------------------------


def plan(printer: Printer, reviewed: Reviewed, seat: Seat | None = None) -> None:
    """A plan to be agreed to: steps with their diffs and commands, what can't be done, what to know, what proves it.
    seat: where the person sits; what touches their own connection is marked."""
    made = reviewed.plan
    if made.empty:
        printer.line(_("Nothing to do: everything is as wanted.") if not made.blocked else _("Nothing can be done."))
    else:
        count = len(made.steps)
        title = ngettext("{count} step", "{count} steps", count).format(count=count)
        if made.undoes:
            title = _("{steps}, which take job {job} back").format(steps=title, job=made.undoes)
        printer.line(title, "bold")
    refused = {each.step for each in reviewed.refused}
    for number, (step, preview) in enumerate(zip(made.flat, reviewed.previews, strict=True), 1):
        printer.line()
        printer.sentence(step.describe(), "    ", f"{number:2}. ", "bold")
        if step.id in refused:
            printer.sentence(preview.text, "      ", f"    {_('NOT POSSIBLE')}: ", "bad")
            continue
        _preview(printer, preview, "    ")
        for risk in step.risks:
            printer.sentence(sentence(risk), "      ", "    ! ", "warn")
        if seat is not None and seat.cut_by(step.cuts):
            said = _("This touches your own connection: {connection}.").format(connection=words.connection(seat))
            printer.sentence(said, "      ", "    ! ", "warn")
    if seat is not None and seat.at_the_machine and made.trials:
        printer.line()
        printer.sentence(
            _("You sit at the machine itself: no change of the network strands you. --confirm none goes without.")
        )
    blocked(printer, made)
    _section(printer, _("To know:"), [(n.setting, n.text) for n in made.notices])
    if made.checks and not made.empty:
        printer.line()
        printer.line(_("Proven afterwards by:"))
        for check in made.checks:
            printer.sentence(check.describe(), "    ", "  - ")
    if not made.empty:
        printer.line()


def blocked(printer: Printer, made: Plan) -> None:
    """What is wanted and can't be done, and why."""
    _section(printer, _("Not possible:"), [(b.setting, b.why) for b in made.blocked])


def _section(printer: Printer, title: str, rows: Sequence[tuple[str, str]]) -> None:
    if rows:
        printer.line()
        printer.line(title)
        for setting, text in rows:
            printer.sentence(f"{setting}: {text}" if setting else text, "    ", "  - ")


def _preview(printer: Printer, preview: Preview, indent: str) -> None:
    match preview.kind:
        case "diff":
            printer.diff(preview.text, indent)
        case "command":
            for number, row in enumerate(preview.text.splitlines()):
                printer.line(f"{indent}{'  ' if number else '$ '}{row}")
            if preview.undo_text and preview.undo_text != preview.text:
                printer.line(f"{indent}{_('undone by')} $ {preview.undo_text}", "faint")
        case "packages":
            for package in preview.packages:
                printer.line(f"{indent}{package.action:8} {package.name} {package.version}".rstrip())
            if preview.download is not None:
                printer.line(f"{indent}{_('download')}: {words.size(preview.download)}")
            if preview.disk:
                word = _("takes on disk") if preview.disk > 0 else _("frees on disk")
                printer.line(f"{indent}{word}: {words.size(preview.disk)}")
            notes, diff = apart(preview.text)
            if notes:
                printer.sentence(notes, indent)
            printer.diff(diff, indent)
        case _:
            printer.sentence(preview.text, indent)


# jobs ------------------------------------------------------------------------------------------------------------


def when(seconds: float) -> str:
    """A moment, in the machine's time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def jobs(printer: Printer, summaries: Sequence[JobSummary], unreadable: Sequence[str] = ()) -> None:
    """Every job, the newest first, two lines at most; at the end those that can't be read."""
    if not summaries and not unreadable:
        printer.line(_("No job yet."))
    for summary in summaries:
        state = words.status(summary.status)
        progress = f"{summary.done_steps}/{summary.steps}"
        printer.line(f"{summary.id}  {state:12} {progress:>6}  {summary.who}", _style(summary.status))
        note = _("undone by {job}").format(job=summary.undone_by) if summary.undone_by else ""
        printer.sentence("; ".join(part for part in (words.what(summary), note) if part), "    ")
    for job_id in unreadable:
        printer.line(_("{job}  can't be read").format(job=job_id), "bad")


def setups(printer: Printer, found: Sequence[Saved]) -> None:
    """The setups that are kept, one a line."""
    if not found:
        printer.line(_("No setup is saved."))
    for each in found:
        printer.line(f"{when(each.changed)}  {each.name}")


def _style(state: str) -> str:
    return {"failed": "bad", "stale": "bad", "interrupted": "bad", "done": "", "cancelled": "warn"}.get(state, "bold")


def job(printer: Printer, machine: Machine, job_id: str) -> None:
    """One job: when, who, what; then its plan's diffs and commands, and all that happened."""
    summary = machine.store.summary(job_id)
    made = machine.store.plan(job_id)
    printer.line(_("Job {job}").format(job=job_id), "bold")
    printer.pairs(
        [
            (_("started"), when(summary.created)),
            (_("by"), summary.who),
            (_("what"), words.what(summary)),
            (_("state"), words.status(summary.status)),
            *([(_("undone by"), summary.undone_by)] if summary.undone_by else []),
        ]
    )
    printer.line()
    steps = {step.id: step for step in made.flat}

    def diff(step: str) -> str:
        return changes.diff(machine.store, job_id, steps[step]) if step in steps else ""

    follower = Follower(made, printer, diff)
    for event in machine.store.events(job_id):
        follower.show(event)
    if summary.status == "interrupted":
        interrupted(printer, job_id)


def interrupted(printer: Printer, job_id: str) -> None:
    """What can be done with a job whose process is gone."""
    printer.sentence(words.outcome("interrupted"), style="bad")
    printer.line(f"  {PROGRAM} continue {job_id}")
    printer.line(f"  {PROGRAM} undo {job_id}")


def after(printer: Printer, summary: JobSummary) -> None:
    """What can be done after a job."""
    if summary.changed and summary.lane == "change":
        printer.line(_("To take it back: {command}").format(command=f"{PROGRAM} undo {summary.id}"), "faint")


def ended(printer: Printer, summary: JobSummary) -> None:
    """How a job ended, in a sentence."""
    printer.sentence(words.outcome(summary.status, summary.reason))

"""Jobs of any kind are switched on and off, and deleted, several at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.cron import lines, timers
from pi_installer_tui.modules.cron.actions import Several
from pi_installer_tui.modules.cron.drafts import Drafts
from pi_installer_tui.modules.cron.lines import Edited, Wrong
from pi_installer_tui.modules.cron.listing import Row, rows
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.system.timers.read import Timer
from pi_installer_tui.tasks.checks import Check
from pi_installer_tui.tasks.steps import Probe, RemoveFile, RunCommand, Step


@dataclass
class Done:
    """edited: the crontabs; steps, checks: of all others."""

    edited: Edited
    steps: list[Step] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


def several(state: State, action: str, told: Several) -> Done:
    """What becomes of all of them. Raises Wrong."""
    made = Done(Edited(Drafts(state)))
    if told.texts and len(told.texts) != len(told.jobs):
        raise Wrong("texts", _("has to have as many as there are jobs"))
    found = {row.key: row for row in rows(state)}
    texts = told.texts or ("",) * len(told.jobs)
    for number, (key, text) in enumerate(dict(zip(told.jobs, texts, strict=True)).items(), 1):
        row = found.get(key)
        if row is not None and row.entry is None:
            _other(state, made, action, row, number)
            continue
        job = lines.find(state, made.edited.drafts, key, text, "jobs")
        if action == "delete":
            lines.delete(state, job)
        else:
            lines.switch(job, on=action == "enable")
    for draft in made.edited.drafts:
        if action == "enable" and draft.edits:
            lines.noted(state, made.edited, draft, draft.user)
    return made


def _other(state: State, made: Done, action: str, row: Row, number: int) -> None:
    setting = f"cron.{action}"
    if row.timer is not None:
        _timer(state, made, action, row.timer)
    elif row.at is not None:
        if action != "delete":
            raise Wrong("jobs", _("a job of at's can't be switched off and on: it can only be deleted"))
        argv = ("atrm", str(row.at.number))
        gone = Probe(argv=("at", "-c", str(row.at.number)), status=1)
        step = RunCommand(id=f"cron.at.{row.at.number}", setting=setting, argv=argv, probe=gone)
        made.steps.append(step.model_copy(update={"risks": ("irreversible",)}))
        text = _("The job {number} of at's can't be had back: what it would do isn't kept anywhere else.")
        made.edited.notices.append(text.format(number=row.at.number))
    elif row.kind == "script":
        _script(made, action, row, number)
    else:
        raise Wrong("jobs", _("jobs of anacron's aren't changed here: edit {path}").format(path=row.path))


def _timer(state: State, made: Done, action: str, timer: Timer) -> None:
    setting = f"cron.{action}"
    if action == "delete":
        made.steps += timers.remove(state, timer, setting)
        return
    steps = timers.switch(state, timer, setting, on=action == "enable")
    made.steps += steps
    if steps and not timer.owner:
        made.checks += timers.checks(timer.name.removesuffix(".timer"), setting, enabled=action == "enable")


def _script(made: Done, action: str, row: Row, number: int) -> None:
    """run-parts(8) runs what may be executed."""
    setting = f"cron.{action}"
    if action == "delete":
        made.steps.append(RemoveFile(id=f"cron.script.{number}", setting=setting, path=row.path))
        return
    on = action == "enable"
    mode = "a+x" if on else "a-x"
    step = RunCommand(
        id=f"cron.script.{number}",
        setting=setting,
        argv=("chmod", mode, row.path),
        # as root, whoever may execute it (access(2))
        probe=Probe(argv=("test", "-x", row.path), status=0 if on else 1),
        touches=(row.path,),
    )
    made.steps.append(step)

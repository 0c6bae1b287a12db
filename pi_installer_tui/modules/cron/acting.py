"""What actions do: looked over, and planned, by what each is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pi_installer_tui.modules.base import Arguments
from pi_installer_tui.modules.cron import drafts, lines, recording, running, several, timers
from pi_installer_tui.modules.cron import state as state_
from pi_installer_tui.modules.cron.actions import (
    Change,
    Create,
    Elsewhere,
    OfLine,
    OfTimer,
    Record,
    Run,
    Several,
    ToCron,
    ToTimer,
)
from pi_installer_tui.modules.cron.checks import of_crontab
from pi_installer_tui.modules.cron.lines import Edited, Wrong
from pi_installer_tui.modules.cron.state import State
from pi_installer_tui.system.cron import editing
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.checks import Check
from pi_installer_tui.tasks.plan import Mistake, Notice, Plan
from pi_installer_tui.tasks.steps import InstallPackages, Step

NAME = "cron"
PACKAGE = "cron.package"


async def read(host: Host, action: str, told: Arguments | None) -> State:
    """What is, with what there will be to say of it."""
    state = await state_.read(host)
    if isinstance(told, OfTimer | ToTimer):
        calendars = told.calendars if isinstance(told, OfTimer) else ()
        state = await state_.with_units(host, state, (told.name,), calendars)
    if told is None:
        return state
    state = replace(state, editing=await editing.editors(host))
    try:
        edited = _edited(state, action, told)
    except Wrong:
        return state
    return state if edited is None else await drafts.foresee(host, state, edited.drafts)


def validate(state: State, action: str, told: Arguments) -> Sequence[Mistake]:
    """What can't be done, by the argument that says so."""
    try:
        plan(state, action, told)
    except Wrong as wrong:
        return (Mistake(wrong.place, str(wrong)),)
    return ()


def plan(state: State, action: str, told: Arguments) -> Plan:
    """Its steps, and what proves them. Empty where all is so already. Raises KeyError, Wrong."""
    setting = f"{NAME}.{action}"
    if isinstance(told, Run):
        ready = running.run(state, told)
        return Plan(modules=(NAME,), steps=(ready.step,), lane="work", name=ready.name)
    if isinstance(told, OfTimer):
        job = timers.job_of(told)
        timers.looked_over(state, job)
        steps = timers.write(state, job, setting, enabled=told.enabled)
        proofs = timers.checks(job.name, setting, enabled=told.enabled) if steps else []
        return _whole(state, setting, Edited(drafts.Drafts(state), timers.public(job)), steps, proofs)
    if isinstance(told, Several):
        done = several.several(state, action, told)
        return _whole(state, setting, done.edited, done.steps, done.checks)
    if isinstance(told, ToTimer):
        job, edited = timers.to_timer(state, told)
        steps = timers.write(state, job, setting, enabled=True)
        return _whole(state, setting, edited, steps, timers.checks(job.name, setting, enabled=True), first=True)
    if isinstance(told, ToCron):
        timer, edited = timers.to_cron(state, told)
        return _whole(state, setting, edited, timers.remove(state, timer, setting), [])
    edited_one = _edited(state, action, told)
    if edited_one is None:
        raise KeyError(action)
    return _whole(state, setting, edited_one, [], [])


def _edited(state: State, action: str, told: Arguments) -> Edited | None:
    """The crontabs as an action leaves them; None where it is about something else."""
    match told:
        case Create():
            return lines.create(state, told)
        case Change():
            return lines.change(state, told)
        case Elsewhere():
            return lines.copy(state, told, away=action == "move")
        case Record():
            return lines.record(state, told)
        case OfLine():
            return lines.unrecord(state, told)
        case Several() if action == "enable":
            return several.several(state, action, told).edited
        case ToCron():
            return timers.to_cron(state, told)[1]
    return None


def _whole(
    state: State,
    setting: str,
    edited: Edited,
    others: Sequence[Step],
    proofs: Sequence[Check],
    *,
    first: bool = False,
) -> Plan:
    """One plan: what is needed, the crontabs, and all others (`first`: before the crontabs)."""
    needs = [step.id for step in others] if first else ()
    steps, checks = of_drafts(state, setting, edited, needs=needs)
    if first:
        steps = [*others, *steps]
    else:
        made = tuple(step.id for step in steps)
        steps += [step if step.needs else step.model_copy(update={"needs": made}) for step in others]
    texts = (*drafts.opened(state, edited.drafts), *edited.notices, *drafts.told(state.foreseen))
    return Plan(
        modules=(NAME,),
        steps=tuple(steps),
        checks=(*checks, *proofs) if steps else (),
        notices=tuple(Notice(setting=setting, text=text) for text in dict.fromkeys(texts)) if steps else (),
    )


def of_drafts(
    state: State, setting: str, edited: Edited, *, needs: Iterable[str] = ()
) -> tuple[list[Step], list[Check]]:
    """The steps of edited crontabs, and what they need: the package, and what records. A job comes before it goes from
    where it was."""
    changed = [draft for draft in edited.drafts if draft.edits]
    if not changed:
        return recording.steps(state, edited.recorded, setting, update=False), []
    steps: list[Step] = []
    adds = any(edit.what != "remove" for draft in changed for edit in draft.edits)
    if adds and not state.cron.daemon:
        steps.append(InstallPackages(id=PACKAGE, setting=setting, risks=("download",), packages=("cron",)))
    steps += recording.steps(state, edited.recorded, setting)
    before = [*needs, *(step.id for step in steps)]
    checks: list[Check] = []
    comes_first = sorted(changed, key=lambda draft: all(edit.what == "remove" for edit in draft.edits))
    for number, draft in enumerate(comes_first, 1):
        step = draft.step(number, setting, before)
        assert step is not None
        steps.append(step)
        before = [step.id]
        checks += of_crontab(state, draft, number, setting)
    return steps, checks

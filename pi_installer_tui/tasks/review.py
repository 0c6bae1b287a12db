"""Walks a plan without changing anything: what each step will do, and the fingerprints of what it expects to replace.
The worker takes those fingerprints again under the lock: what was reviewed is what runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.tasks.events import Stale
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import Overlay, Preview, StepBase, StepError
from pi_installer_tui.tasks.words import failure

#: the fingerprint of what can't be read without being root; the worker, which can, finds another one
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Refused:
    """A step that can't be done: reason and values as in events.StepFailed."""

    step: str
    reason: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A plan with `expects` filled in, and what each of its steps will do, in their order. One that has `refused` steps
    must not be run."""

    plan: Plan
    previews: tuple[Preview, ...]
    refused: tuple[Refused, ...] = ()


async def review(plan: Plan, host: Host) -> Reviewed:
    """Looks at every step of a plan. A step that can't be done, or read, says so in its preview."""
    overlay = Overlay()
    previews = []
    refused = []
    expects = {}
    for step in plan.flat:
        try:
            previews.append(await step.preview(host, overlay))
            expects[step.id] = dict(await step.fingerprint(host))
        except (StepError, HostError) as error:
            why = _refused(step, error)
            refused.append(why)
            previews.append(Preview("note", failure(why.reason, why.values)))
        except PermissionError as error:
            path = str(error.filename or "")
            previews.append(Preview("note", _("{path} can only be read as root").format(path=path), path))
            expects[step.id] = dict.fromkeys(step.paths() or (path,), UNREADABLE)
    return Reviewed(plan.model_copy(update={"expects": expects}), tuple(previews), tuple(refused))


def _refused(step: StepBase, error: StepError | HostError) -> Refused:
    match error:
        case StepError():
            return Refused(step.id, error.reason, error.values)
        case CommandNotFound():
            return Refused(step.id, "not-installed", {"program": error.program})
    return Refused(step.id, "refused", {"error": str(error)})


async def differences(plan: Plan, host: Host) -> tuple[Stale, ...]:
    """What isn't any more as it was reviewed: one `Stale` for each fingerprint that differs. All steps are compared
    before the first one runs, so what one of them makes for another is expected as it was before both."""
    found = []
    for step in plan.flat:
        expected = plan.expects.get(step.id, {})
        if not expected:
            continue
        try:
            now = await step.fingerprint(host)
        except StepError as error:
            now = dict.fromkeys(expected, error.reason)
        found += [
            Stale(step=step.id, path=key, expected=was, found=now.get(key, ""))
            for key, was in expected.items()
            if now.get(key, "") != was
        ]
    return tuple(found)

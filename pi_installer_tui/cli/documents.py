"""The JSON documents of the verbs with --json, as docs/json.md describes them: ids and values, no sentences of ours.

Every document has `version`, `changed`, `failed`, `unknown` and `reboot_needed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pi_installer_tui import modules
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.tasks import events
from pi_installer_tui.tasks.plan import Mistake, Plan
from pi_installer_tui.tasks.review import Reviewed
from pi_installer_tui.tasks.steps import Preview
from pi_installer_tui.tasks.store import JobSummary, Store

if TYPE_CHECKING:
    from pi_installer_tui.setups import Saved

VERSION = 1


def document(
    *,
    changed: bool = False,
    failed: bool = False,
    unknown: Iterable[Mapping[str, str]] = (),
    reboot_needed: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """A document with the keys that all have."""
    return {
        "version": VERSION,
        "changed": changed,
        "failed": failed,
        "unknown": list(unknown),
        "reboot_needed": reboot_needed,
        **more,
    }


def mistakes(found: Sequence[Mistake]) -> dict[str, Any]:
    """Wrong input: nothing was done."""
    return document(failed=True, mistakes=[{"place": m.place, "message": m.message} for m in found])


def status(states: Mapping[str, Any], reboot: bool) -> dict[str, Any]:
    """What is, by module."""
    unknown = []
    for name, state in states.items():
        for fact in modules.load(name).facts(state):
            for reading in (fact.value.configured, fact.value.effective):
                if isinstance(reading, Unknown):
                    setting = f"{name}.{fact.setting}" if fact.setting else name
                    unknown.append({"setting": setting, "reason": reading.reason})
                    break
            reboot = reboot or waits_for_reboot(fact.value)
    return document(
        unknown=unknown,
        reboot_needed=reboot,
        modules={name: modules.load(name).state_json(state) for name, state in states.items()},
    )


def setups(found: Sequence[Saved]) -> dict[str, Any]:
    """The setups that are kept."""
    return document(setups=[{"name": each.name, "changed": each.changed} for each in found])


def waits_for_reboot(value: Any) -> bool:
    """Whether a value will be another one after a reboot."""
    return isinstance(value.pending, Known) and value.pending != value.effective


def _blocked(plan: Plan) -> list[Mapping[str, str]]:
    return [{"setting": b.setting, "reason": b.why} for b in plan.blocked]


def _reboots(plan: Plan) -> bool:
    return any("reboot" in step.risks for step in plan.flat)


def _preview(preview: Preview) -> dict[str, Any]:
    return {
        "kind": preview.kind,
        "path": preview.path,
        "text": preview.text,
        "undo": preview.undo_text,
        "packages": [{"name": p.name, "action": p.action, "version": p.version} for p in preview.packages],
        "download": preview.download,
        "disk": preview.disk,
    }


def plan(reviewed: Reviewed, *, changed: bool | None = None) -> dict[str, Any]:
    """What would change. changed: whether there is a step."""
    made = reviewed.plan
    return document(
        changed=not made.empty if changed is None else changed,
        failed=bool(reviewed.refused),
        unknown=_blocked(made),
        reboot_needed=_reboots(made),
        modules=list(made.modules),
        action=None if made.asked is None else made.asked.model_dump(),
        undoes=made.undoes,
        refused=[{"step": r.step, "reason": r.reason, "values": r.values} for r in reviewed.refused],
        steps=[
            {
                "id": step.id,
                "kind": step.kind,
                "setting": step.setting,
                "needs": list(step.needs),
                "risks": list(step.risks),
                "preview": _preview(preview),
            }
            for step, preview in zip(made.flat, reviewed.previews, strict=True)
        ],
        checks=[{"id": c.id, "kind": c.kind, "setting": c.setting} for c in made.checks],
        notices=[{"setting": n.setting, "text": n.text} for n in made.notices],
    )


def detached(reviewed: Reviewed, job_id: str) -> dict[str, Any]:
    """A job that was started and not waited for."""
    return document(
        unknown=_blocked(reviewed.plan), reboot_needed=_reboots(reviewed.plan), job=job_id, outcome="queued"
    )


def summary(found: JobSummary) -> dict[str, Any]:
    """One job in a list."""
    return {
        "id": found.id,
        "created": found.created,
        "who": found.who,
        "modules": list(found.modules),
        "settings": list(found.settings_paths),
        "status": found.status,
        "reason": found.reason,
        "step": found.step,
        "steps": found.steps,
        "done_steps": found.done_steps,
        "undoes": found.undoes,
        "undone_by": found.undone_by,
        "host": found.host_kind,
    }


def jobs(summaries: Sequence[JobSummary], unreadable: Sequence[str] = ()) -> dict[str, Any]:
    """Every job, the newest first, and the ids of those that can't be read."""
    return document(jobs=[summary(s) for s in summaries], unreadable=list(unreadable))


def job(store: Store, job_id: str) -> dict[str, Any]:
    """One job: what was planned, and what came of each step and check."""
    found, made = store.summary(job_id), store.plan(job_id)
    steps: dict[str, dict[str, Any]] = {
        s.id: {"id": s.id, "kind": s.kind, "setting": s.setting, "status": "waiting", "output": ""} for s in made.flat
    }
    checks: dict[str, dict[str, Any]] = {
        c.id: {"id": c.id, "kind": c.kind, "setting": c.setting, "status": "waiting", "evidence": ""}
        for c in made.checks
    }
    changed: set[str] = set()
    trial: dict[str, Any] = {}
    output: dict[str, list[str]] = {}
    for event in store.events(job_id):
        match event:
            case events.StepStarted() if event.step in steps:
                steps[event.step]["status"] = "running"
            case events.Output() if event.step in steps:
                output.setdefault(event.step, []).append(event.text)
            case events.StepDone() if event.step in steps:
                changed |= {event.step} if event.changed else set()
                steps[event.step]["status"] = "done" if event.changed else "nothing-to-do"
            case events.StepFailed() if event.step in steps:
                changed |= {event.step} if event.partly else set()
                steps[event.step] |= {
                    "status": "failed", "reason": event.reason, "values": dict(event.values), "tail": list(event.tail),
                    "partly": event.partly,
                }  # fmt: skip
            case events.StepSkipped() if event.step in steps:
                steps[event.step] |= {"status": "skipped", "because": event.because}
            case events.Armed():
                trial = {"step": event.step, "seconds": event.seconds, "outcome": ""}
            case events.Confirmed():
                trial |= {"outcome": "confirmed", "by": event.by}
            case events.Reverted():
                trial |= {"outcome": "taken-back", "because": event.because}
                changed -= {*event.steps, event.step}
                for step in {*event.steps, event.step} & steps.keys():
                    steps[step]["status"] = "taken-back"
            case events.Stale():
                steps.get(event.step, {}).update({"status": "stale", "path": event.path})
            case events.CheckDone() if event.check in checks:
                checks[event.check] |= {"status": event.status, "evidence": event.evidence}
    for step, texts in output.items():
        steps[step]["output"] = "".join(texts)
    return document(
        changed=bool(changed),
        failed=found.status in ("failed", "interrupted", "stale"),
        unknown=_blocked(made),
        reboot_needed=_reboots(made) and found.status == "done",
        job=job_id,
        outcome=found.status,
        **{key: value for key, value in summary(found).items() if key not in ("id", "steps", "status")},
        probation=trial or None,
        steps=list(steps.values()),
        checks=list(checks.values()),
    )

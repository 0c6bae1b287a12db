"""What happens in a job, one event a line of its `events.jsonl`. Dataclasses, so that a widget can import them at no
cost. Events hold ids and values, not sentences: screens and the command line put them into words.

Every event has `seq` (from 1, no gaps) and `at` (seconds since 1970, UTC) once it is in a journal.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal

VERSION = 1

Outcome = Literal["done", "failed", "cancelled", "stale", "interrupted"]
CheckStatus = Literal["ok", "failed", "unknown", "skipped"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """The base of all events."""

    kind: ClassVar[str] = ""
    #: an intent or a result: on disk (fsync) before the job goes on
    durable: ClassVar[bool] = True
    seq: int = 0
    at: float = 0.0


@dataclass(frozen=True, kw_only=True)
class JobStarted(Event):
    """The worker runs. `boot` is the kernel's boot id."""

    kind: ClassVar[str] = "job-started"
    pid: int
    boot: str
    resumed: bool = False


@dataclass(frozen=True, kw_only=True)
class Waiting(Event):
    """Nothing moves until `what` is free: `job-lock`, `probation` or `dpkg-lock`; `holder` names who has it (a job's
    id, or a process as `1234 apt-get`). Or until somebody has agreed: `confirmation`, `reboot`."""

    kind: ClassVar[str] = "waiting"
    what: str
    holder: str
    step: str = ""


@dataclass(frozen=True, kw_only=True)
class WaitOver(Event):
    """What was waited for is free."""

    kind: ClassVar[str] = "wait-over"
    what: str
    step: str = ""


@dataclass(frozen=True, kw_only=True)
class StepStarted(Event):
    """The intent: written before the step changes anything."""

    kind: ClassVar[str] = "step-started"
    step: str


@dataclass(frozen=True, kw_only=True)
class StepProgress(Event):
    """How far a step is: `fraction` 0..1, None where nobody can tell. `detail` is the tool's own word (a package, a
    file); `values` what else is known, words.progress puts it into words: files_done, files_total, bytes_done,
    bytes_total, rate (bytes a second), seconds_left."""

    kind: ClassVar[str] = "step-progress"
    durable: ClassVar[bool] = False
    step: str
    fraction: float | None
    phase: str = ""
    detail: str = ""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Output(Event):
    """What a command printed: whole lines, many in one event, terminal sequences taken out."""

    kind: ClassVar[str] = "output"
    durable: ClassVar[bool] = False
    step: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Reported(Event):
    """What a step has to say of what it did, in numbers and names: a snapshot's id, bytes. Kept in the history of runs
    (tasks/runs.py). Of the same key the last one counts."""

    kind: ClassVar[str] = "reported"
    step: str
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class StepDone(Event):
    """The step is done. `changed`: False where there was nothing to do. `after`: the fingerprints of the paths it
    left, by which undo tells whether somebody changed them since."""

    kind: ClassVar[str] = "step-done"
    step: str
    changed: bool
    after: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StepFailed(Event):
    """The step failed, and with it the job. `reason` is a code with arguments in `values`: `command-failed`
    {command, status}, `not-installed` {program}, `file-changed` {path}, `io-error` {path, error}, ...; `tail` the
    command's last lines. `partly`: something may have been changed."""

    kind: ClassVar[str] = "step-failed"
    step: str
    reason: str
    values: dict[str, str] = field(default_factory=dict)
    tail: tuple[str, ...] = ()
    partly: bool = False
    after: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StepSkipped(Event):
    """The step doesn't run: an earlier one failed, or the job was cancelled."""

    kind: ClassVar[str] = "step-skipped"
    step: str
    because: str


@dataclass(frozen=True, kw_only=True)
class Armed(Event):
    """The way back from `steps` is on disk and runs in `seconds`, unless they are confirmed. Nothing is changed yet."""

    kind: ClassVar[str] = "armed"
    step: str
    steps: tuple[str, ...]
    seconds: int


@dataclass(frozen=True, kw_only=True)
class Confirmed(Event):
    """Somebody said that all is well, or gateway and peers did (by "auto"). The steps stay."""

    kind: ClassVar[str] = "confirmed"
    step: str
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Reverted(Event):
    """The steps on probation were taken back. because: `not-confirmed`, `step-failed`, `cancelled`."""

    kind: ClassVar[str] = "reverted"
    step: str
    steps: tuple[str, ...]
    because: str = "not-confirmed"


@dataclass(frozen=True, kw_only=True)
class CheckStarted(Event):
    """A check looks at the machine."""

    kind: ClassVar[str] = "check-started"
    durable: ClassVar[bool] = False
    check: str


@dataclass(frozen=True, kw_only=True)
class CheckDone(Event):
    """What a check found. `evidence` is what the machine answered (command and output)."""

    kind: ClassVar[str] = "check-done"
    check: str
    status: CheckStatus
    evidence: str = ""


@dataclass(frozen=True, kw_only=True)
class CancelRequested(Event):
    """Somebody asked the job to stop."""

    kind: ClassVar[str] = "cancel-requested"
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Stale(Event):
    """The machine isn't as reviewed: `step`'s target differs. Nothing was changed."""

    kind: ClassVar[str] = "stale"
    step: str
    path: str
    expected: str
    found: str


@dataclass(frozen=True, kw_only=True)
class JobEnded(Event):
    """The end. `reason` adds a code: `step-failed`, `checks-failed`, `dpkg-inconsistent`, ..."""

    kind: ClassVar[str] = "job-ended"
    outcome: Outcome
    reason: str = ""


KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        JobStarted, Waiting, WaitOver, StepStarted, StepProgress, Output, Reported, StepDone, StepFailed, StepSkipped,
        Armed, Confirmed, Reverted,
        CheckStarted, CheckDone, CancelRequested, Stale, JobEnded,
    )
}  # fmt: skip


def to_json(event: Event) -> str:
    """One line, without its newline."""
    return json.dumps({"kind": event.kind, **asdict(event)}, ensure_ascii=False, separators=(",", ":"))


def from_json(line: str | bytes) -> Event | None:
    """The event of a line; None for one that a later version wrote. Raises ValueError for what isn't an event."""
    data: Any = json.loads(line)
    if not isinstance(data, dict):
        raise ValueError("not an event")
    if not isinstance(data.get("seq"), int):
        raise ValueError("no number")
    cls = KINDS.get(str(data.pop("kind", "")))
    if cls is None:
        return None
    names = {f.name for f in fields(cls)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in names}
    try:
        return cls(**values)
    except TypeError:
        raise ValueError(f"not all of {cls.kind}") from None

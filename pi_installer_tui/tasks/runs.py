"""The history of runs: every backup, verification, drill and restoration that came to an end, whoever started it, also
after its job was removed. A line of JSON each in runs.jsonl, the newest last."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pi_installer_tui.system import paths
from pi_installer_tui.tasks.before import Unreadable
from pi_installer_tui.tasks.events import JobStarted, Reported, StepFailed
from pi_installer_tui.tasks.lock import Lock

if TYPE_CHECKING:
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.store import JobSummary, Store

NAME = "runs.jsonl"
#: how many are kept
KEEP = 2000
#: where it is on a machine that is played
_PLAYED = "/var/lib/pi-installer-tui"
#: seconds between looks at the lock that another worker holds while it writes
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """A run that ended.

    started, ended: seconds since 1970
    outcome:  as of a job: done, failed, cancelled, stale
    reason:   why it isn't done, a code, its arguments in `values` (words.failure puts them into words)
    reported: what its steps said of what they did (events.Reported), of the same key the last one
    repository: where it worked (restic.place.Place.where); "" where that isn't known
    """

    job: str
    module: str
    action: str
    arguments: Mapping[str, Any]
    who: str
    started: float
    ended: float
    outcome: str
    reason: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    reported: Mapping[str, Any] = field(default_factory=dict)
    repository: str = ""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0.0, self.ended - self.started)


async def read(host: Host) -> tuple[Run, ...]:
    """All that are kept, the newest first; what isn't a run (a torn line) is left out. Raises PermissionError."""
    return await read_below(host, paths.STATE)


async def read_below(host: Host, state: Path) -> tuple[Run, ...]:
    """The same of another state directory."""
    return _read(await host.text(_path(host, state)) or "")


async def note(store: Store, host: Host) -> None:
    """Adds the runs that ended since. Raises OSError."""

    def ended(known: tuple[Run, ...]) -> list[Run]:
        noted = {each.job for each in known}
        new = []
        for each in store.jobs():
            if each.id not in noted and not each.open and each.host_kind == host.kind:
                with contextlib.suppress(KeyError, Unreadable):
                    if (run := _run(store, each)) is not None:
                        new.append(run)
        return new

    await _add(store, host, ended)


async def add(store: Store, host: Host, *found: Run) -> None:
    """Adds runs that had no job: they ended before one began. Raises OSError."""
    await _add(store, host, lambda _known: found)


async def _add(store: Store, host: Host, new_of: Callable[[tuple[Run, ...]], Sequence[Run]]) -> None:
    """new_of: says which are new, the newest first, of those that are known."""
    path = _path(host, store.root)
    store.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = Lock(store.root / "lock.runs")
    while not lock.take(""):  # noqa: ASYNC110  (its holder is another process)
        await asyncio.sleep(_LOOK)
    with lock:
        known = _read(await host.text(path) or "")
        new = new_of(known)
        if not new:
            return
        lines = [json.dumps(asdict(each)) for each in reversed((*new, *known)[:KEEP])]
        await _folder(host, path.rpartition("/")[0])
        await host.replace(path, "".join(f"{line}\n" for line in lines).encode("ascii"), mode=0o600, uid=0, gid=0)


def _run(store: Store, job: JobSummary) -> Run | None:
    """A job as a run; None: it is none, but a change of the machine's settings."""
    if job.lane != "work" and "backup" not in job.modules:
        return None
    from pi_installer_tui.tasks.steps.backup.working import RepositoryStep

    plan = store.plan(job.id)
    asked = plan.asked
    if asked is None and job.lane != "work":
        return None
    started, reason, values = job.created, job.reason, {}
    reported: dict[str, Any] = {}
    for event in store.events(job.id):
        match event:
            case JobStarted(resumed=False):
                started = event.at
            case Reported():
                reported |= event.values
            case StepFailed():
                reason, values = event.reason, event.values
    return Run(
        job=job.id,
        module=asked.module if asked else (*job.modules, "")[0],
        action=asked.action if asked else "",
        arguments=asked.arguments if asked else {},
        who=job.who,
        started=started,
        ended=started if job.ended is None else job.ended,
        outcome=job.status,
        reason="" if job.status == "done" else reason,
        values={} if job.status == "done" else values,
        reported=reported,
        repository=next((each.place.where for each in plan.steps if isinstance(each, RepositoryStep)), ""),
    )


def _read(text: str) -> tuple[Run, ...]:
    names = {each.name for each in fields(Run)}
    found = []
    for line in reversed(text.splitlines()):
        with contextlib.suppress(ValueError, TypeError):
            data = json.loads(line)
            if isinstance(data, dict):
                found.append(Run(**{name: value for name, value in data.items() if name in names}))
    return tuple(found)


def _path(host: Host, state: Path) -> str:
    """Where the file is: beside the machine's jobs; in a played machine where a real one would have it."""
    return f"{state.absolute() if host.address == '/' else _PLAYED}/{NAME}"


async def _folder(host: Host, path: str) -> None:
    if await host.stat(path) is None:
        await _folder(host, path.rpartition("/")[0] or "/")
        with contextlib.suppress(FileExistsError):
            await host.mkdir(path, mode=0o700, uid=0, gid=0)

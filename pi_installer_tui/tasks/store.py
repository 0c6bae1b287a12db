"""The jobs on disk: `<state>/jobs/<id>/` with plan.json, job.json (who made it, when, for which host), events.jsonl and
before/. Anyone may look at any time; only a job's worker writes to it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pi_installer_tui.tasks.before import Before, Unreadable
from pi_installer_tui.tasks.events import (
    Armed,
    CancelRequested,
    Confirmed,
    JobEnded,
    JobStarted,
    Reverted,
    Stale,
    StepDone,
    StepFailed,
    StepStarted,
    Waiting,
    WaitOver,
    from_json,
)
from pi_installer_tui.tasks.journal import RESERVED, read_all, set_aside, sync_folder, write_file
from pi_installer_tui.tasks.lock import is_held

if TYPE_CHECKING:
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.events import Event
    from pi_installer_tui.tasks.plan import Plan

VERSION = 1
ID = re.compile(r"[0-9]{8}-[0-9]{6}-[a-z0-9]{4}")

#: of each lane
KEEP_JOBS = 50
KEEP_BYTES = 200 * 1000 * 1000
#: seconds that a launched worker may need until it shows itself
LAUNCH = 60
#: the file in a job's folder that says how long its journal was when it was launched at boot
AT_BOOT = "at-boot"
#: seconds for which a job that was launched at boot may wait for the network (systemd gives that two minutes)
ONLINE = 180
#: the folder of a job's probation (tasks/probation.py)
PROBATION = "probation"
#: the file in a job's folder that says that it has begun and has no end
MARK = "open"
#: values in before/ that no undo has a use for: a run's word, what stood still during it
OF_RUNS = frozenset(("run", "stopped", "started"))
#: and folders that were made: no job is kept for their sake
PASSING = OF_RUNS | {"parents"}
#: why a job of lane work failed whose process is gone: nobody lets that go on, the next run begins anew
CUT_OFF = "interrupted"

Lane = Literal["change", "work", "look"]
Status = Literal["queued", "running", "waiting", "done", "failed", "cancelled", "stale", "interrupted"]
OPEN: frozenset[str] = frozenset(("queued", "running", "waiting", "interrupted"))

#: events that `summary` skips unread: they are most of a journal
_BULK = (b'{"kind":"output"', b'{"kind":"step-progress"', b'{"kind":"check-started"')


@dataclass(frozen=True, slots=True)
class JobFile:
    """job.json: what is known of a job before it runs. number: its place among all jobs, since the clock of a Pi may
    go backwards; created: seconds since 1970; steps: ids in order."""

    id: str
    number: int
    created: float
    who: str
    host_kind: str
    host_address: str
    lane: Lane
    modules: tuple[str, ...]
    settings_paths: tuple[str, ...]
    steps: tuple[str, ...]
    undoes: str
    version: int = VERSION
    #: of lane work: what only one at a time works with
    name: str = ""


@dataclass(frozen=True, slots=True)
class JobSummary:
    """A job in a line.

    number:    its place among all jobs
    created:   seconds since 1970
    steps, done_steps: how many there are, how many are done
    reason:    a code, of a job that ended not well
    step:      the step in flight, or the one that failed; ""
    undoes:    the job that this one takes back, undone_by: the one that took this back; ""
    waits_what, waits_for: of a waiting job: what it waits for (events.Waiting), and who has it
    changed:   whether a step changed something (what may be undone)
    probation: the step whose changes are neither confirmed nor taken back; ""
    lane, name: as in job.json
    """

    id: str
    created: float
    who: str
    modules: tuple[str, ...]
    settings_paths: tuple[str, ...]
    steps: int
    done_steps: int
    status: Status
    reason: str
    step: str
    undoes: str
    undone_by: str
    host_kind: str
    waits_for: str = ""
    changed: bool = False
    ended: float | None = None
    number: int = 0
    probation: str = ""
    waits_what: str = ""
    lane: Lane = "change"
    name: str = ""

    @property
    def open(self) -> bool:
        """It hasn't come to an end: it waits, runs, or was interrupted."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a job's journal says it is."""

    started: bool = False
    ended: JobEnded | None = None
    done: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    in_flight: str = ""
    failed: str = ""
    reason: str = ""
    waits_for: str | None = None
    waits_what: str = ""
    #: the step whose wrapped steps, `on_probation`, are neither confirmed nor taken back
    probation: str = ""
    on_probation: tuple[str, ...] = ()
    cancelling: bool = False

    def after(self, event: Event) -> Progress:
        """The same, one event later."""
        match event:
            case JobStarted():
                return replace(self, started=True, ended=None, waits_for=None, failed="", reason="", cancelling=False)
            case Waiting(what=what, holder=holder):
                return replace(self, waits_for=holder, waits_what=what)
            case WaitOver():
                return replace(self, waits_for=None)
            case StepStarted(step=step):
                return replace(self, in_flight=step, waits_for=None)
            case Armed(step=step, steps=steps):
                return replace(self, in_flight="", probation=step, on_probation=steps)
            case Reverted(step=step, steps=steps, because=because):
                return replace(
                    self,
                    in_flight="",
                    waits_for=None,
                    probation="",
                    done=tuple(each for each in self.done if each not in steps),
                    changed=tuple(each for each in self.changed if each not in steps),
                    failed=self.failed or step,
                    reason=self.reason or because,
                )
            case Confirmed():
                return replace(self, probation="")
            case CancelRequested():
                return replace(self, cancelling=True)
            case StepDone(step=step, changed=changed):
                return replace(
                    self,
                    probation="" if step == self.probation else self.probation,
                    in_flight="",
                    waits_for=None,
                    done=(*self.done, step),
                    changed=(*self.changed, step) if changed else self.changed,
                )
            case StepFailed(step=step, reason=reason, partly=partly):
                changed_steps = (*self.changed, step) if partly else self.changed
                return replace(self, in_flight="", waits_for=None, failed=step, reason=reason, changed=changed_steps)
            case Stale(step=step):
                return replace(self, failed=self.failed or step)
            case JobEnded():
                return replace(self, ended=event, waits_for=None)
        return self

    def taken_back(self, at: float) -> tuple[Reverted, JobEnded]:
        """The last events of a job whose way back ran outside of it, which couldn't write them. at: when that was."""
        because = "cancelled" if self.cancelling else "step-failed" if self.failed else "not-confirmed"
        back = Reverted(step=self.probation, steps=self.on_probation, because=because, at=at)
        return back, JobEnded(
            outcome="cancelled" if self.cancelling else "failed", reason="" if self.cancelling else because, at=at
        )


class Store:
    """The jobs below a state directory. Making one needs the right to write there; looking makes nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._jobs = root / "jobs"
        self._seen: dict[str, tuple[int, int, Progress]] = {}  # of journals: inode, offset, and what it says up to it

    # making and taking away ---------------------------------------------------------------------------------------

    def create(self, plan: Plan, *, who: str, host_kind: str, host_address: str) -> str:
        """Stores a plan as a job that isn't started yet, durably, and returns its id. Raises OSError."""
        for folder in (self.root, self._jobs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        created = time.time()
        job = new_id(created)
        while self.folder(job).exists():
            job = new_id(created)
        about = JobFile(
            id=job,
            number=max((each.number for each in self.jobs()), default=0) + 1,
            created=created,
            who=who,
            host_kind=host_kind,
            host_address=host_address,
            lane=plan.lane,
            name=plan.name,
            modules=plan.modules,
            settings_paths=tuple(dict.fromkeys(step.setting for step in plan.flat if step.setting)),
            steps=tuple(step.id for step in plan.flat),
            undoes=plan.undoes,
        )
        making = self._jobs / f".new-{job}"
        making.mkdir(mode=0o700)
        try:
            for name in ("before", "after"):
                (making / name).mkdir(mode=0o700)
            write_file(making / "plan.json", plan.model_dump_json(indent=1).encode())
            write_file(making / "job.json", json.dumps(asdict(about), indent=1).encode())
            if not set_aside(making / RESERVED):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.root))
            making.rename(self.folder(job))
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        sync_folder(self._jobs)
        return job

    def prune(self, *, jobs: int = KEEP_JOBS, size: int = KEEP_BYTES) -> None:
        """Removes of each lane the oldest jobs beyond `jobs` in number or `size` bytes together. What hasn't ended
        stays, and what an undo needs: see docs/jobs.md."""
        summaries = self.jobs()
        needed = self._needed(summaries)
        for lane in dict.fromkeys(each.lane for each in summaries):
            those = [each for each in summaries if each.lane == lane]
            sizes = {each.id: _size(self.folder(each.id)) for each in those}
            total, count = sum(sizes.values()), len(those)
            for each in reversed(those):
                if count <= jobs and total <= size:
                    break
                if each.id in needed:
                    continue
                self._remove(each.id)
                count -= 1
                total -= sizes[each.id]

    def _needed(self, summaries: Sequence[JobSummary]) -> set[str]:
        """The jobs that stay whatever their number."""
        needed: set[str] = set()
        covered: set[str] = set()  # paths that a later job, still in effect, has changed
        for each in summaries:
            progress = self.progress(each.id)
            if each.open:
                needed.add(each.id)
            if not progress.changed or each.undone_by:
                continue
            touched: set[str] = set()
            other = False
            for step in progress.changed:
                before = self.before(each.id, step)
                touched.update(before.paths())
                values = {*before.values} - PASSING
                other = other or bool(values) or (not before.paths() and each.lane == "change")
            if other or touched - covered:
                needed.add(each.id)
            covered |= touched
        # an undo reads the jobs that it takes back, down to the first
        for each in summaries:
            if each.id in needed and each.undoes:
                needed.add(each.undoes)
        return needed

    def _remove(self, job: str) -> None:
        gone = self._jobs / f".gone-{job}"
        with contextlib.suppress(FileNotFoundError, OSError):
            self.folder(job).rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    # looking ------------------------------------------------------------------------------------------------------

    def folder(self, job: str) -> Path:
        """A job's folder. Raises KeyError for what can't be an id."""
        if not ID.fullmatch(job):
            raise KeyError(job)
        return self._jobs / job

    def ids(self) -> list[str]:
        """The ids of all jobs, newest first. Raises PermissionError."""
        try:
            names = os.listdir(self._jobs)  # noqa: PTH208  (names only)
        except FileNotFoundError:
            return []
        return sorted((name for name in names if ID.fullmatch(name)), reverse=True)

    def jobs(self) -> list[JobSummary]:
        """All jobs, newest first. One that can't be read (it was just removed, its job.json is broken) is left out.
        Raises PermissionError."""
        found = []
        for job in self.ids():
            with contextlib.suppress(KeyError, Unreadable):
                found.append(self._summary(job))
        found.sort(key=lambda each: (each.number, each.created, each.id), reverse=True)
        undone = _undone_by(found)
        return [replace(each, undone_by=undone.get(each.id, "")) for each in found]

    def unreadable(self) -> list[str]:
        """The ids of jobs that `jobs` leaves out because their job.json can't be read, newest first."""
        found = []
        for job in self.ids():
            try:
                self.about(job)
            except Unreadable:
                found.append(job)
            except KeyError:
                continue
        return found

    def summary(self, job: str) -> JobSummary:
        """One job. Raises KeyError, Unreadable."""
        self.about(job)
        for each in self.jobs():
            if each.id == job:
                return each
        raise KeyError(job)

    def about(self, job: str) -> JobFile:
        """What job.json says. Raises KeyError, Unreadable."""
        path = self.folder(job) / "job.json"
        try:
            data = json.loads(path.read_bytes())
            if not isinstance(data, dict):
                raise Unreadable(path)
            if isinstance(version := data.get("version"), int) and version > VERSION:
                raise Unreadable(path, newer=True)
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
            about = JobFile(**values)
        except (FileNotFoundError, NotADirectoryError):
            raise KeyError(job) from None
        except Unreadable:
            raise
        except (ValueError, TypeError):
            raise Unreadable(path) from None
        lists = (about.modules, about.settings_paths, about.steps)
        if not (isinstance(about.created, int | float) and isinstance(about.number, int)):
            raise Unreadable(path)
        if not all(isinstance(each, tuple) for each in lists):
            raise Unreadable(path)
        return about

    def plan(self, job: str) -> Plan:
        """The plan of a job. Raises KeyError, Unreadable."""
        from pi_installer_tui.tasks.plan import VERSION as PLAN
        from pi_installer_tui.tasks.plan import Plan

        path = self.folder(job) / "plan.json"
        try:
            data = json.loads(path.read_bytes())
            if isinstance(data, dict) and isinstance(version := data.get("version"), int) and version > PLAN:
                raise Unreadable(path, newer=True)
            return Plan.model_validate_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            if self.folder(job).is_dir():
                raise Unreadable(path) from None
            raise KeyError(job) from None
        except Unreadable:
            raise
        except ValueError:
            raise Unreadable(path) from None

    def events(self, job: str, after: int = 0) -> Iterator[Event]:
        """Its events from number `after` on. A line torn off by a crash is none."""
        return read_all(self.journal(job), after)

    def journal(self, job: str) -> Path:
        """Where its events are."""
        return self.folder(job) / "events.jsonl"

    def before(self, job: str, step: str, host: Host | None = None, *, only: Collection[str] | None = None) -> Before:
        """What a step replaced; with a host it can be given back to that. Raises Unreadable."""
        return Before(self.folder(job) / "before" / step, host, only=only)

    def after(self, job: str, step: str) -> Before:
        """What a step left, to be compared later. Not there for large files and for what is sensitive."""
        return Before(self.folder(job) / "after" / step, durable=False)

    def progress(self, job: str) -> Progress:
        """Where the job is: what the journal says, and what its way back did, which ran outside of it."""
        progress = self.written(job)
        if progress.probation:
            with contextlib.suppress(FileNotFoundError):
                reverted, ended = progress.taken_back((self.folder(job) / PROBATION / "reverted").stat().st_mtime)
                progress = progress.after(reverted).after(ended)
        return progress

    def written(self, job: str) -> Progress:
        """Where the journal says the job is. What was read once isn't read again, so asking often is cheap."""
        path = self.journal(job)
        try:
            with path.open("rb") as lines:
                file = os.fstat(lines.fileno())
                inode, at, progress = self._seen.get(job, (0, 0, Progress()))
                if inode != file.st_ino or file.st_size < at:
                    at, progress = 0, Progress()
                lines.seek(at)
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    if not line.startswith(_BULK):
                        try:
                            event = from_json(line)
                        except ValueError:  # what a crash left: the journal ends before it
                            break
                        progress = progress if event is None else progress.after(event)
                    at += len(line)
        except FileNotFoundError:
            return Progress()
        self._seen[job] = file.st_ino, at, progress
        return progress

    def alive(self, job: str) -> bool:
        """Whether its worker lives: it holds the lock on <job>/worker.lock."""
        return is_held(self.folder(job) / "worker.lock")

    def launched(self, job: str) -> float | None:
        """When it was launched, seconds since 1970; None: it wasn't."""
        try:
            return (self.folder(job) / "launched").stat().st_mtime
        except FileNotFoundError:
            return None

    def status(self, job: str) -> Status:
        """Where it stands. Raises KeyError."""
        about = self.about(job)
        alive = self.alive(job)  # before the journal is read: one that just ended has its end in it
        return self._status(about, self.progress(job), alive)

    def _goes_back_outside(self, job: str) -> bool:
        """Whether the way back of a change is at work, which has ended the worker."""
        with contextlib.suppress(FileNotFoundError):
            return b'"outside": true' in (self.folder(job) / PROBATION / "reverting").read_bytes()
        return False

    def _begins_soon(self, job: str) -> bool:
        """Whether it goes on once the network is there: it was launched at boot and has written nothing since."""
        mark = self.folder(job) / AT_BOOT
        with contextlib.suppress(FileNotFoundError, ValueError):
            if 0 <= time.time() - mark.stat().st_mtime < ONLINE:
                return int(mark.read_text()) == self.journal(job).stat().st_size
        return False

    def _summary(self, job: str) -> JobSummary:
        about = self.about(job)
        alive = self.alive(job)  # before the journal is read: one that just ended has its end in it
        progress = self.progress(job)
        status = self._status(about, progress, alive)
        reason = progress.reason or (progress.ended.reason if progress.ended else "")
        return JobSummary(
            id=job,
            created=about.created,
            who=about.who,
            modules=about.modules,
            settings_paths=about.settings_paths,
            steps=len(about.steps),
            done_steps=len(progress.done),
            status=status,
            reason=reason or (CUT_OFF if status == "failed" else ""),
            step=progress.in_flight or progress.failed or progress.probation,
            undoes=about.undoes,
            undone_by="",
            host_kind=about.host_kind,
            waits_for=progress.waits_for or "",
            waits_what=progress.waits_what if progress.waits_for is not None else "",
            changed=bool(progress.changed or progress.in_flight),
            probation=progress.probation,
            ended=progress.ended.at if progress.ended else None,
            number=about.number,
            lane=about.lane,
            name=about.name,
        )

    def _status(self, about: JobFile, progress: Progress, alive: bool) -> Status:
        job = about.id
        if not alive and progress.probation and self._goes_back_outside(job):
            return "running"
        if progress.ended is not None:
            return progress.ended.outcome
        if alive:
            if progress.waits_for is not None:
                return "waiting"
            return "running" if progress.started else "queued"
        gone: Status = "interrupted" if about.lane == "change" else "failed"
        if progress.started:
            return "queued" if self._begins_soon(job) else gone
        launched = self.launched(job)
        if launched is None or 0 <= time.time() - launched < LAUNCH:
            return "queued"
        return gone


def _undone_by(newest_first: Sequence[JobSummary]) -> dict[str, str]:
    """Which job took which back. An undo that was undone itself doesn't count."""
    undone: dict[str, str] = {}
    for each in newest_first:
        if each.undoes and each.status == "done" and each.id not in undone:
            undone.setdefault(each.undoes, each.id)
    return undone


def new_id(created: float) -> str:
    """YYYYMMDD-HHMMSS-xxxx, in UTC."""
    tail = "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(4))
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(created))}-{tail}"


def _size(folder: Path) -> int:
    """Bytes that a job's files have."""
    return sum((Path(where) / name).lstat().st_size for where, _, names in os.walk(folder) for name in names)

"""What the runs so far prove: when a job last ran and ran well, when its place was verified, and since when it is
proven that it can be had back. Pure, over the history of runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pi_installer_tui.modules.backup.due import grace
from pi_installer_tui.modules.backup.placing import place_of
from pi_installer_tui.modules.backup.settings import BackupSettings
from pi_installer_tui.modules.backup.timers import longest, timer
from pi_installer_tui.modules.backup.usual import Job, jobs_of
from pi_installer_tui.restic.place import Place
from pi_installer_tui.tasks.runs import Run

#: seconds that a run may be ahead of the clock and still be believed
AHEAD = 3600.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A job at a place. last: its newest run, good: the newest that was done; verified: the newest verification of the
    place that found nothing wrong; drill: the newest drill, whatever came of it; drilled: the newest one that proved.
    kit: the place's recovery kit was read back, without which nobody else than this machine has the password."""

    job: str
    place: str
    last: Run | None = None
    good: Run | None = None
    verified: Run | None = None
    drill: Run | None = None
    drilled: Run | None = None
    kit: bool = False

    @property
    def proven(self) -> float | None:
        """When it was last proven restorable, in seconds since 1970; None: never, or not without this machine."""
        return self.drilled.ended if self.drilled is not None and self.kit else None

    @property
    def failed(self) -> bool:
        """The newest run didn't come to its end."""
        return self.last is not None and self.last.outcome not in ("done", "cancelled")


@dataclass(frozen=True, slots=True)
class JobStanding:
    """A job at all its places. following: when its timer goes off next, seconds since 1970, None where it doesn't run
    by itself; overdue: seconds since a run should have been there that isn't, 0 where none is missed."""

    job: str
    places: tuple[Standing, ...]
    following: float | None
    overdue: float

    @property
    def last(self) -> Run | None:
        """The newest run to any of its places."""
        return _newest([each.last for each in self.places])

    @property
    def good(self) -> Run | None:
        """The newest good run to any of its places."""
        return _newest([each.good for each in self.places])

    @property
    def failed(self) -> bool:
        """The newest run to one of its places failed."""
        return any(each.failed for each in self.places)

    @property
    def proven(self) -> float | None:
        """When it was last proven restorable from one of its places."""
        return max((each.proven for each in self.places if each.proven is not None), default=None)


def standing(job: str, place: Place, runs: Iterable[Run], kits: Collection[str]) -> Standing:
    """A job at a place, by its runs, the newest first."""
    mine = [run for run in runs if run.module == "backup" and was_at(run, place)]
    of_job = [run for run in mine if run.arguments.get("job") == job]
    backups = [run for run in of_job if run.action == "run"]
    drills = [run for run in of_job if run.action == "drill"]
    return Standing(
        job=job,
        place=place.name,
        last=_first(backups),
        good=_first([run for run in backups if run.outcome == "done"]),
        verified=_first([run for run in mine if run.action == "verify" and _sound(run)]),
        drill=_first(drills),
        drilled=_first([run for run in drills if run.outcome == "done" and run.reported.get("proven") is True]),
        kit=place.name in kits,
    )


def was_at(run: Run, place: Place) -> bool:
    """Whether it worked with the repository that is at the place now, not with one from before its settings changed."""
    return run.arguments.get("place") == place.name and run.repository in ("", place.where)


def standings(
    settings: BackupSettings,
    runs: Sequence[Run],
    kits: Collection[str],
    following: Mapping[str, float | None],
    now: float,
) -> tuple[JobStanding, ...]:
    """All jobs. following: by timer when it goes off next; now: seconds since 1970. What ran when the clock was ahead
    isn't counted: nothing would be overdue until that time comes."""
    found, runs = [], [run for run in runs if run.ended <= now + AHEAD]
    for job in jobs_of(settings):
        there = [place_of(name, (settings.places or {})[name]) for name in job.places]
        places = tuple(standing(job.name, place, runs, kits) for place in there)
        found.append(JobStanding(job.name, places, following.get(timer(job.name)), _overdue(job, places, now)))
    return tuple(found)


def proven(found: Iterable[JobStanding]) -> float | None:
    """Since when all of it is proven restorable: the oldest of the jobs' dates; None where one has none."""
    dates = [each.proven for each in found]
    known = [date for date in dates if date is not None]
    return min(known) if known and len(known) == len(dates) else None


def _overdue(job: Job, places: Sequence[Standing], now: float) -> float:
    """A place that was never written to isn't counted here: since when it is waited for, only the collector knows."""
    every = longest(job)
    if not every:
        return 0.0
    late = [now - each.good.ended - every - grace(job) for each in places if each.good is not None]
    return max(0.0, *late) if late else 0.0


def _sound(run: Run) -> bool:
    return run.outcome == "done" and not run.reported.get("errors")


def _first(runs: Sequence[Run]) -> Run | None:
    return runs[0] if runs else None


def _newest(runs: Iterable[Run | None]) -> Run | None:
    return max((run for run in runs if run is not None), key=lambda run: run.ended, default=None)

"""What a job is with its usual values in the place of what its settings leave out."""

from __future__ import annotations

from dataclasses import dataclass

from pi_installer_tui.modules.backup.settings import BackupSettings, Day, JobSettings, Keep, Often

#: minutes
DELAY = 15
#: percent of the data, and files of a drill
SHARE, FILES = 10, 20


@dataclass(frozen=True, slots=True)
class Job:
    """A job, whole. places: those that are there, all of them where it names none. times: empty where it doesn't run by
    itself; days: empty for every one; monthly: a day of the month instead; delay: minutes. structure, data, drill: how
    often each proof is done, `never` too; share: percent; files: of a drill."""

    name: str
    settings: JobSettings
    places: tuple[str, ...]
    times: tuple[str, ...]
    days: tuple[Day, ...]
    monthly: int | None
    delay: int
    structure: Often
    data: Often
    drill: Often
    share: int
    files: int

    @property
    def keep(self) -> Keep | None:
        """Which snapshots stay; None: all."""
        return self.settings.keep


def job_of(name: str, settings: BackupSettings) -> Job:
    """Raises KeyError."""
    job = (settings.jobs or {})[name]
    there = tuple(settings.places or {})
    places = there if job.places is None else tuple(place for place in job.places if place in there)
    schedule, proof = job.schedule, job.proof
    on = schedule is not None and schedule.enabled is not False and bool(schedule.times)
    # what isn't backed up by itself isn't proven by itself either, unless that is asked for
    structure: Often
    data: Often
    drill: Often
    structure, data, drill = ("weekly", "monthly", "weekly") if on else ("never", "never", "never")
    return Job(
        name=name,
        settings=job,
        places=places,
        times=(schedule.times or ()) if on and schedule is not None else (),
        days=(schedule.days or ()) if schedule is not None else (),
        monthly=schedule.monthly if schedule is not None else None,
        delay=schedule.delay if schedule is not None and schedule.delay is not None else DELAY,
        structure=(proof.structure if proof is not None else None) or structure,
        data=(proof.data if proof is not None else None) or data,
        drill=(proof.drill if proof is not None else None) or drill,
        share=(proof.share if proof is not None else None) or SHARE,
        files=(proof.files if proof is not None else None) or FILES,
    )


def jobs_of(settings: BackupSettings) -> tuple[Job, ...]:
    """All of them."""
    return tuple(job_of(name, settings) for name in settings.jobs or {})

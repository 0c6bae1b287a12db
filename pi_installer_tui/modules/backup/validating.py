"""What is wrong with settings, on top of what was applied: what a place needs, places that jobs name and that aren't
there, jobs that hold nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup import applied
from pi_installer_tui.modules.backup.places import FolderPlace, PlaceSettings
from pi_installer_tui.modules.backup.placing import secret_names
from pi_installer_tui.modules.backup.settings import BackupSettings, JobSettings, Keep
from pi_installer_tui.modules.backup.state import State
from pi_installer_tui.modules.backup.timers import PROOFS
from pi_installer_tui.system.reading import Unknown
from pi_installer_tui.tasks.plan import Mistake

NAME = "backup"
#: the settings that each kind of place can't be without
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "folder": ("path",),
    "sftp": ("host", "path"),
    "rest": ("url",),
    "s3": ("bucket", "access_key", "secret"),
    "gcs": ("bucket", "secret"),
}


def validate(state: State, settings: BackupSettings) -> Sequence[Mistake]:
    """All mistakes."""
    if isinstance(state.config, Unknown) or settings == BackupSettings():
        return ()
    try:
        wanted = applied.merged(state.applied, settings)
    except ValueError:
        return (Mistake(NAME, _("doesn't fit together with what was applied before")),)
    return [*_places(wanted, settings), *_jobs(wanted, settings)]


def _places(wanted: BackupSettings, settings: BackupSettings) -> Iterator[Mistake]:
    for name, given in (settings.places or {}).items():
        at, place = f"{NAME}.places.{name}", (wanted.places or {}).get(name)
        if place is None:
            yield from _still_named(at, name, wanted)
            continue
        for field in _NEEDS[given.kind]:
            if not getattr(place, field):
                yield Mistake(f"{at}.{field}", _("is needed"))
        yield from _secrets(at, name, place)
        if isinstance(place, FolderPlace):
            yield from _folder(at, place)
        elif place.kind == "rest" and place.secret and not place.user:
            yield Mistake(f"{at}.user", _("is needed where there is a password"))


def _still_named(at: str, name: str, wanted: BackupSettings) -> Iterator[Mistake]:
    for job, each in (wanted.jobs or {}).items():
        if name in (each.places or ()):
            yield Mistake(at, _("the job {job} goes there; name other places there first").format(job=job))


def _secrets(at: str, name: str, place: PlaceSettings) -> Iterator[Mistake]:
    names = secret_names(name, place)
    if len(set(names)) < len(names):
        yield Mistake(at, _("the repository's password and the key can't be the same secret"))


def _folder(at: str, place: FolderPlace) -> Iterator[Mistake]:
    if place.device and not place.mount:
        yield Mistake(f"{at}.mount", _("is needed where a disk is named"))
    elif place.mount and not place.device:
        yield Mistake(f"{at}.device", _("is needed where a mount point is named"))
    if place.mount and place.path and not f"{place.path}/".startswith(f"{place.mount.rstrip('/')}/"):
        yield Mistake(f"{at}.path", _("isn't below {mount}").format(mount=place.mount))
    if place.path == "/" or place.mount == "/":
        yield Mistake(f"{at}.path", _("can't be the root of the file system"))


def _jobs(wanted: BackupSettings, settings: BackupSettings) -> Iterator[Mistake]:
    for name in settings.jobs or {}:
        job = (wanted.jobs or {}).get(name)
        if job is None:
            continue
        at = f"{NAME}.jobs.{name}"
        if any(name.endswith(f"-{proof}") for proof in PROOFS):
            yield Mistake(at, _("a job's name can't end with {ends}").format(ends=", ".join(f"-{p}" for p in PROOFS)))
        yield from _job(at, job, wanted)


def _job(at: str, job: JobSettings, wanted: BackupSettings) -> Iterator[Mistake]:
    if not job.what and not job.paths:
        yield Mistake(f"{at}.what", _("is needed, or files and folders: there is nothing to back up"))
    for place in job.places or ():
        if place not in (wanted.places or {}):
            yield Mistake(f"{at}.places", _("there is no place {name}").format(name=place))
    if job.schedule is not None and job.schedule.enabled and not job.schedule.times:
        yield Mistake(f"{at}.schedule.times", _("is needed"))
    if job.keep is not None and job.keep != Keep() and not any(job.keep.model_dump().values()):
        yield Mistake(f"{at}.keep", _("keeps nothing"))

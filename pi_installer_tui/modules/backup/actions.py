"""What is done beside settings: a job is run, proven, thinned out, verified; files and databases come back; locks that
nobody holds go; a recovery kit was read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from pi_installer_tui.databases import Dump, Engine
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.modules.backup import cloning
from pi_installer_tui.modules.backup.cloning import Clone
from pi_installer_tui.modules.backup.placing import place_of
from pi_installer_tui.modules.backup.proof import was_at
from pi_installer_tui.modules.backup.settings import Keep
from pi_installer_tui.modules.backup.state import KITS, State
from pi_installer_tui.modules.backup.usual import Job, job_of
from pi_installer_tui.modules.backup.values import Path
from pi_installer_tui.modules.base import Arguments
from pi_installer_tui.modules.values import Name
from pi_installer_tui.restic.answers import Snapshot
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.reading import MISSING, Unknown
from pi_installer_tui.tasks.plan import Asked, Blocked, Mistake, Notice, Plan
from pi_installer_tui.tasks.steps import (
    BackUp,
    ClearAside,
    KeepSnapshots,
    OpenRepository,
    RestoreDatabase,
    RestoreDrill,
    RestoreFiles,
    Step,
    UnlockRepository,
    VerifyRepository,
    WriteFile,
)
from pi_installer_tui.tasks.steps.backup.clear_aside import Aside

NAME = "backup"

_JOB: Any = Field(title=N_("Job"), description=N_("Its name."), json_schema_extra={"choices": "jobs"})
_PLACE: Any = Field(title=N_("Place"), description=N_("Its name."), json_schema_extra={"choices": "places"})
_ONE_PLACE: Any = Field(
    default="",
    title=N_("Place"),
    description=N_("One of the job's; it needn't be named where it has one only."),
    json_schema_extra={"choices": "places"},
)
_SNAPSHOT: Any = Field(
    pattern=r"^([0-9a-f]{8,64}|latest)$",
    title=N_("Snapshot"),
    description=N_("Its id as `backup list` shows it, or `latest`."),
)


SnapshotPath = Annotated[str, Field(pattern=r"^/[^\x00]*$", max_length=4096)]


class OfJob(Arguments):
    """backup run|drill|keep"""

    job: Name = _JOB
    place: Name | Literal[""] = _ONE_PLACE


class Verify(Arguments):
    """backup verify"""

    place: Name = _PLACE
    share: Annotated[int, Field(ge=0, le=100)] = Field(
        default=0,
        title=N_("Share of the data"),
        description=N_("What is read again of the data, besides the structure; 100: all of it."),
        json_schema_extra={"unit": "%"},
    )


class Restore(Arguments):
    """backup restore"""

    place: Name = _PLACE
    snapshot: str = _SNAPSHOT
    paths: Annotated[tuple[SnapshotPath, ...], Field(min_length=1, max_length=10_000)] = Field(
        title=N_("Files and folders"), description=N_("Whole paths in the snapshot; / is all of it.")
    )
    target: Path | Literal[""] = Field(
        default="",
        title=N_("Where to"),
        description=N_("A folder below which they are put; where they were when left out."),
    )
    existing: Literal["keep", "replace", "rename"] = Field(
        default="keep",
        title=N_("What exists"),
        description=N_("keep: stays, and isn't restored. replace: is replaced. rename: is put aside under a new name."),
    )


class FromDump(Arguments):
    """backup restore-database"""

    place: Name = _PLACE
    snapshot: str = _SNAPSHOT
    into: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4096)] = Field(
        default="",
        title=N_("Into"),
        description=N_("Another database's name, which is made; the same one when left out, in place of what it has."),
    )


class Unlock(Arguments):
    """backup unlock"""

    place: Name = _PLACE
    lock: Annotated[str, Field(pattern=r"^([0-9a-f]{8,64})?$")] = Field(
        default="", title=N_("Lock"), description=N_("Its id; all that nobody holds any more when left out.")
    )


class KitRead(Arguments):
    """backup kit"""

    place: Name = _PLACE
    code: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")] = Field(
        title=N_("Code"), description=N_("As it stands in the recovery kit.")
    )


ARGUMENTS: Mapping[str, type[Arguments]] = {
    "run": OfJob,
    "drill": OfJob,
    "keep": OfJob,
    "verify": Verify,
    "restore": Restore,
    "restore-database": FromDump,
    "unlock": Unlock,
    "kit": KitRead,
    "clone": Clone,
}


# mistakes ---------------------------------------------------------------------------------------------------------


def validate(state: State, action: str, told: Arguments) -> Sequence[Mistake]:
    """A job or place that isn't there, a snapshot that isn't, a code that is another."""
    if isinstance(told, Clone):
        return cloning.validate(state.asked.disks, told)
    if isinstance(state.config, Unknown):
        return ()
    return tuple(_wrong(state, action, told))


def _wrong(state: State, action: str, told: Arguments) -> Iterator[Mistake]:
    jobs, places = state.applied.jobs or {}, state.applied.places or {}
    if isinstance(told, OfJob):
        if told.job not in jobs:
            yield Mistake("job", _none(_("there is no such job; there are: {names}"), jobs))
            return
        job = job_of(told.job, state.applied)
        if told.place and told.place not in job.places:
            yield Mistake("place", _none(_("the job doesn't go there; it goes to: {names}"), job.places))
        elif not job.places:
            yield Mistake("job", _("it has no place to go to"))
        elif not told.place and len(job.places) > 1:
            yield Mistake("place", _none(_("it goes to several places, name one: {names}"), job.places))
        if action == "keep" and job.keep is None:
            yield Mistake("job", _("it has no retention: all of its snapshots stay"))
        return
    place = getattr(told, "place", "")
    if place not in places:
        yield Mistake("place", _none(_("there is no such place; there are: {names}"), places))
        return
    yield from _not_there(state, told)


def _none(text: str, names: Sequence[str] | Mapping[str, Any]) -> str:
    return text.format(names=", ".join(names) or _("none"))


def _not_there(state: State, told: Arguments) -> Iterator[Mistake]:
    asked = state.asked
    if isinstance(told, Restore | FromDump) and asked.snapshots is not None:
        found = _snapshot(asked.snapshots, told.snapshot)
        if found is None:
            yield Mistake("snapshot", _("there is no such snapshot, or several begin so"))
        elif isinstance(told, FromDump) and dump_of(found) is None:
            yield Mistake("snapshot", _("it isn't the dump of a database"))
    elif isinstance(told, Unlock) and told.lock and asked.locks is not None:
        if not [lock for lock in asked.locks if lock.id.startswith(told.lock)]:
            yield Mistake("lock", _("there is no such lock"))
    elif isinstance(told, KitRead) and asked.code and not asked.proven:
        yield Mistake("code", _("that isn't in this place's recovery kit"))


def _snapshot(found: Sequence[Snapshot], wanted: str) -> Snapshot | None:
    if wanted == "latest":
        return found[-1] if found else None
    those = [each for each in found if each.id.startswith(wanted)]
    return those[0] if len(those) == 1 else None


def dump_of(snapshot: Snapshot) -> Dump | None:
    """The database that a snapshot is the dump of, by its tag, and its only file where the tag can be read in several
    ways (Dump.tag, Dump.file)."""
    name, colon, rest = snapshot.tagged("database").replace("%2C", ",").partition(":")
    engine = next((each for each in get_args(Engine) if each == name), None)
    if not colon or engine is None:
        return None
    ends = [at for at, sign in enumerate(rest) if sign == "/" and at]
    could_be = [Dump(engine, rest), *(Dump(engine, rest[at + 1 :], rest[:at]) for at in ends)]
    return next((dump for dump in could_be if dump.file in snapshot.paths), None)


# plans ------------------------------------------------------------------------------------------------------------


def plan(state: State, action: str, told: Arguments) -> Plan:
    """What an action does. Work (a run, a verification) goes on beside changes, one at a time for each place; what
    comes back is a change."""
    setting = f"{NAME}.{action}"
    if isinstance(told, Clone):
        return cloning.plan(state.asked.disks, state.asked.used, told)
    for reading in (state.config, state.secrets):
        if isinstance(reading, Unknown):
            return _blocked(setting, reading.reason)
    if state.restic == MISSING and action != "kit":
        return _blocked(setting, _("restic isn't installed: apply the backup's settings once more"))
    if state.asked.trouble:
        return _blocked(setting, state.asked.trouble)
    if isinstance(told, OfJob):
        return _of_job(state, action, told)
    place = _place(state, getattr(told, "place", ""))
    match told:
        case Verify():
            step = VerifyRepository(id=setting, setting=setting, place=place, share=told.share)
            return _work(place, action, told, step)
        case Unlock():
            return _unlock(state, place, told)
        case Restore():
            return _restore(state, place, told)
        case FromDump():
            return _from_dump(state, place, told)
        case KitRead():
            path = f"{KITS}/{place.name}"
            if state.kits.get(place.name) == _kit(state):
                return Plan(modules=(NAME,), asked=_asked(action, told))
            write = WriteFile(id=setting, setting=setting, path=path, content=_kit(state), mode=0o600)
            return Plan(modules=(NAME,), steps=(write,), asked=_asked(action, told))
    raise KeyError(action)


def _kit(state: State) -> str:
    return f"{state.asked.code}\n"


def _blocked(setting: str, why: str) -> Plan:
    return Plan(modules=(NAME,), blocked=(Blocked(setting=setting, why=why),))


def _place(state: State, name: str) -> Place:
    return place_of(name, (state.applied.places or {})[name])


def _asked(action: str, told: Arguments, **known: str) -> Asked:
    arguments = {**told.model_dump(mode="json", exclude_none=True), **known}
    if action == "kit":
        arguments.pop("code", None)
    return Asked(module=NAME, action=action, arguments=arguments)


def _work(place: Place, action: str, told: Arguments, *steps: Step, notices: Sequence[str] = ()) -> Plan:
    return Plan(
        modules=(NAME,),
        steps=steps,
        notices=tuple(Notice(setting=f"{NAME}.{action}", text=text) for text in notices),
        lane="work",
        name=f"{NAME}.{place.name}",
        asked=_asked(action, told, place=place.name),
    )


def _of_job(state: State, action: str, told: OfJob) -> Plan:
    job = job_of(told.job, state.applied)
    place, setting = _place(state, told.place or job.places[0]), f"{NAME}.{action}"
    if action == "keep":
        return _work(place, action, told, *_keep(job, place, setting, ()))
    contents = state.asked.contents
    if contents is None:
        return _blocked(setting, _("what the job holds isn't known"))
    if action == "drill":
        files = job.files if contents.paths else 0
        drill = RestoreDrill(id=setting, setting=setting, place=place, job=job.name, files=files, dumps=contents.dumps)
        return _work(place, action, told, drill)
    if not contents.paths and not contents.dumps:
        return _blocked(setting, "; ".join((_("nothing of it is here"), *contents.missing)))
    opened = () if _was_there(state, place) else (OpenRepository(id=f"{setting}.open", setting=setting, place=place),)
    saved = BackUp(
        id=setting,
        setting=setting,
        needs=tuple(each.id for each in opened),
        place=place,
        job=job.name,
        sources=contents.paths,
        exclude=(*contents.exclude, *_own(state)),
        one_file_system=bool(job.settings.one_file_system),
        dumps=contents.dumps,
        stops=contents.stops,
        tags=job.settings.tags or (),
    )
    keep = _keep(job, place, setting, (saved.id,))
    clear = _clear(state, place, setting, saved.id)
    return _work(place, action, told, *opened, saved, *clear, *keep, notices=contents.missing)


def _clear(state: State, place: Place, setting: str, needs: str) -> tuple[ClearAside, ...]:
    """A step where restorations from that place are in the history, however long ago: the step knows the clock."""
    mine = [run for run in state.runs if run.arguments.get("place") == place.name]
    folders = [
        Aside(path=str(run.reported["aside"]), since=run.ended)
        for run in mine
        if run.action == "restore" and str(run.reported.get("aside", "")).startswith("/")
    ]
    if not folders and not any(run.action == "restore-database" for run in mine):
        return ()
    step = ClearAside(id=f"{setting}.clear", setting=setting, needs=(needs,), place=place, replaced=tuple(folders))
    return (step,)


def _was_there(state: State, place: Place) -> bool:
    """Whether something has been saved there before: then the repository isn't made again where it has gone, and it
    costs no look."""
    return any(run.action == "run" and run.outcome == "done" and was_at(run, place) for run in state.runs)


def _own(state: State) -> tuple[str, ...]:
    """Repositories in folders here: none is backed up into another, or into itself."""
    places = (state.applied.places or {}).values()
    return tuple(place.path for place in places if place.kind == "folder" and place.path)


def _keep(job: Job, place: Place, setting: str, needs: tuple[str, ...]) -> tuple[KeepSnapshots, ...]:
    keep = job.keep
    if keep is None or keep == Keep():
        return ()
    return (
        KeepSnapshots(
            id=f"{setting}.keep",
            setting=setting,
            needs=needs,
            place=place,
            job=job.name,
            last=keep.last or 0,
            daily=keep.daily or 0,
            weekly=keep.weekly or 0,
            monthly=keep.monthly or 0,
            yearly=keep.yearly or 0,
            within=keep.within or "",
        ),
    )


def _unlock(state: State, place: Place, told: Unlock) -> Plan:
    setting, locks = f"{NAME}.unlock", state.asked.locks or ()
    chosen = [lock for lock in locks if lock.id.startswith(told.lock)] if told.lock else []
    if not told.lock:
        chosen = [lock for lock in locks if lock.id in state.asked.stale]
    if not chosen:
        held = len(locks)
        if not held:
            return Plan(modules=(NAME,), asked=_asked("unlock", told))
        text = ngettext(
            "{n} lock is there, and somebody may hold it", "{n} locks are there, and somebody may hold them", held
        )
        return _blocked(setting, text.format(n=held))
    step = UnlockRepository(id=setting, setting=setting, place=place, locks=tuple(lock.id for lock in chosen))
    return _work(place, "unlock", told, step)


def _restore(state: State, place: Place, told: Restore) -> Plan:
    setting, found = f"{NAME}.restore", _snapshot(state.asked.snapshots or (), told.snapshot)
    if found is None:
        return _blocked(setting, _("there is no such snapshot"))
    step = RestoreFiles(
        id=setting,
        setting=setting,
        place=place,
        snapshot=found.id,
        chosen=told.paths,
        target=told.target,
        existing=told.existing,
    )
    return Plan(modules=(NAME,), steps=(step,), asked=_asked("restore", told, snapshot=found.id))


def _from_dump(state: State, place: Place, told: FromDump) -> Plan:
    setting, found = f"{NAME}.restore-database", _snapshot(state.asked.snapshots or (), told.snapshot)
    dump = dump_of(found) if found is not None else None
    if found is None or dump is None:
        return _blocked(setting, _("there is no such dump"))
    step = RestoreDatabase(id=setting, setting=setting, place=place, snapshot=found.id, dump=dump, into=told.into)
    text = _("{database} is replaced as a whole, and who works with it is thrown out").format(database=dump.of)
    notices = () if told.into else (Notice(setting=setting, text=text),)
    asked = _asked("restore-database", told, snapshot=found.id)
    return Plan(modules=(NAME,), steps=(step,), notices=notices, asked=asked)

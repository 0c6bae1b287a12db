"""What the backup's screens show, read from the machine once: jobs, places, the history of runs, and since when it is
proven that all comes back. The screens ask the module here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.screens.backup import run_words as words
from pi_installer_tui.screens.backup.onward import Next
from pi_installer_tui.screens.backup.onward import following as following_of

if TYPE_CHECKING:
    from pi_installer_tui.modules.backup.places import PlaceSettings
    from pi_installer_tui.modules.backup.proof import JobStanding
    from pi_installer_tui.modules.backup.settings import JobSettings
    from pi_installer_tui.modules.backup.state import State
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.tasks.runs import Run


@dataclass(frozen=True, slots=True)
class JobSeen:
    """A job. places: where it goes to; last: its newest run, whatever came of it; next: when it runs by itself, seconds
    since 1970; size: bytes of its newest good run; proven: when a drill last proved it, seconds since 1970; overdue:
    seconds since a run should have been there."""

    name: str
    settings: JobSettings
    places: tuple[str, ...] = ()
    last: Run | None = None
    next: float | None = None
    size: int | None = None
    proven: float | None = None
    overdue: float = 0.0


@dataclass(frozen=True, slots=True)
class PlaceSeen:
    """A place. password: the repository's password is on this machine (None: not known); kit: its recovery kit was
    read back; last: the newest run that had to do with it; damaged: a verification found damage; following: what comes
    next until backups there are proven (onward.py), of the job following_job."""

    name: str
    settings: PlaceSettings
    password: bool | None = None
    kit: bool = False
    last: Run | None = None
    damaged: bool = False
    following: Next = ""
    following_job: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """All of it. proven: since when it is proven that all jobs come back, seconds since 1970; why: in words, why it
    isn't, or what is wrong though it is. trouble: what could not be read."""

    jobs: Mapping[str, JobSeen] = field(default_factory=dict)
    places: Mapping[str, PlaceSeen] = field(default_factory=dict)
    proven: float | None = None
    why: str = ""
    trouble: str = ""


async def look(host: Host) -> Seen:
    """What is."""
    from pi_installer_tui.modules.backup import state

    return seen(await state.read(host), time.time())


def seen(state: State, now: float) -> Seen:
    """What a state has for the screens. now: seconds since 1970."""
    from pi_installer_tui.modules.backup import proof
    from pi_installer_tui.modules.backup.placing import password_name
    from pi_installer_tui.system.reading import Unknown, known

    if isinstance(state.config, Unknown):
        return Seen(trouble=state.config.reason)
    config, timers, secrets = state.applied, known(state.timers) or {}, known(state.secrets)
    following = {name: timer.following for name, timer in timers.items()}
    found = proof.standings(config, state.runs, state.kits, following, now)
    settings = config.jobs or {}
    places = {
        name: PlaceSeen(
            name,
            place,
            None if secrets is None else (place.password or password_name(name)) in secrets,
            name in state.kits,
            next((run for run in state.runs if words.place_of(run) == name), None),
            _damaged(name, state.runs),
            *following_of(name, name in state.kits, found),
        )
        for name, place in (config.places or {}).items()
    }
    return Seen(
        {each.job: _job(each, settings[each.job]) for each in found},
        places,
        proof.proven(found) if found else None,
        _why(found, places),
        state.timers.reason if isinstance(state.timers, Unknown) else "",
    )


def _job(found: JobStanding, settings: JobSettings) -> JobSeen:
    good = found.good
    size = good.reported.get("size") if good is not None else None
    return JobSeen(
        found.job,
        settings,
        tuple(each.place for each in found.places),
        found.last,
        found.following,
        size if isinstance(size, int) else None,
        found.proven,
        found.overdue,
    )


def _damaged(place: str, runs: Iterable[Run]) -> bool:
    """Whether a verification of a place found damage that no later one takes back. Of data only one of all of it can:
    a share is picked anew each time. runs: the newest first."""
    sound = False
    for run in runs:
        if run.action != "verify" or words.place_of(run) != place or "errors" not in run.reported:
            continue
        share = int(run.reported.get("share") or 0)
        if run.reported["errors"]:
            if share or not sound:
                return True
        elif share == 100:
            return False
        else:
            sound = True
    return False


def _why(found: tuple[JobStanding, ...], places: Mapping[str, PlaceSeen]) -> str:
    """What keeps all of it from being proven, or is wrong though it is; the worst first."""
    if not found:
        return ""
    for job in found:
        for at in job.places:
            if at.drill is not None and not words.went_well(at.drill) and at.drill.outcome != "cancelled":
                text = _("the last restore drill of {job} from {place} didn't prove it: `u` shows why")
                return text.format(job=job.job, place=at.place)
    if broken := [name for name, place in places.items() if place.damaged]:
        return _("the repository at {place} is damaged: `u` shows what to do next").format(place=broken[0])
    for job in found:
        if not job.places:
            return _("{job} has no place to go to: `p` sets one up").format(job=job.job)
        if job.good is None:
            return _("{job} was never backed up: `r` does it now").format(job=job.job)
        if job.overdue:
            return _("{job} is overdue by {span}").format(job=job.job, span=words.age(job.overdue))
        if job.failed:
            return _("the last run of {job} failed: `u` shows why").format(job=job.job)
    if closed := [name for name, place in places.items() if not place.kit]:
        return _("the recovery kit of {place} was not read back: `p`, then `c`").format(place=closed[0])
    for job in found:
        if job.proven is None:
            return _("{job} was never restored in a drill: `d` does it now").format(job=job.job)
    return ""

"""Snapshots as a person thinks of them: what a run of a job left at one place is one thing, files and dumps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _, ngettext

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Snapshot

MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run left. place: the place's name. files: None where it left dumps only. proven: when a drill had it back,
    seconds since 1970, None: none did."""

    place: str
    files: Snapshot | None
    dumps: tuple[Snapshot, ...] = ()
    proven: float | None = None

    @property
    def first(self) -> Snapshot:
        """The one that stands for all."""
        return self.files or self.dumps[0]

    @property
    def id(self) -> str:
        """Its id in a list: `usb/8f3c...`."""
        return f"{self.place}/{self.first.id}"

    @property
    def job(self) -> str:
        """The job's name, "" where the program didn't take it."""
        return self.first.tagged("job")

    @property
    def time(self) -> float:
        """When, in seconds since 1970."""
        return self.first.time

    @property
    def tags(self) -> tuple[str, ...]:
        """Its owner's own tags."""
        return tuple(tag for tag in self.first.tags if "=" not in tag)


def together(place: str, snapshots: Iterable[Snapshot]) -> tuple[Taken, ...]:
    """The snapshots of a place by the runs that they are of, the newest run first."""
    runs: dict[str, Taken] = {}
    for each in snapshots:
        run, job = each.tagged("run"), each.tagged("job")
        key = f"{each.host}/{job}/{run}" if run else each.id
        here = runs.get(key)
        if each.tagged("database"):
            runs[key] = Taken(place, here.files if here else None, (*(here.dumps if here else ()), each))
        elif here is None or here.files is None:
            runs[key] = Taken(place, each, here.dumps if here else ())
        else:
            # a run has its files once; what says the same of itself is shown too
            runs[each.id] = Taken(place, each)
    return tuple(sorted(runs.values(), key=lambda taken: taken.time, reverse=True))


def with_proofs(taken: Sequence[Taken], drills: Iterable[tuple[str, str, float]]) -> tuple[Taken, ...]:
    """Marks what was proven. drills: those that proved: job, place, when they began. A drill takes the newest run of
    its job there is at that time."""
    proven: dict[str, float] = {}
    for job, place, when in drills:
        before = [one for one in taken if one.job == job and one.place == place and one.time <= when]
        if before:
            newest = max(before, key=lambda one: one.time)
            proven[newest.id] = max(when, proven.get(newest.id, 0.0))
    return tuple(replace(one, proven=proven.get(one.id)) for one in taken)


def before(taken: Taken, among: Iterable[Taken]) -> Taken | None:
    """The run of the same job, machine and place that came before it and has files."""
    same = [
        one
        for one in among
        if one.files is not None
        and one.place == taken.place
        and (one.job, one.first.host) == (taken.job, taken.first.host)
        and one.time < taken.time
    ]
    return max(same, key=lambda one: one.time, default=None)


def ago(seconds: float) -> str:
    """An age in words: `5 minutes ago`, `3 days ago`, `4 months ago`."""
    if seconds < MINUTE:
        return _("just now")
    if seconds < 2 * HOUR:
        n = int(seconds // MINUTE)
        return ngettext("{n} minute ago", "{n} minutes ago", n).format(n=n)
    if seconds < 2 * DAY:
        n = int(seconds // HOUR)
        return ngettext("{n} hour ago", "{n} hours ago", n).format(n=n)
    if seconds < 60 * DAY:
        n = int(seconds // DAY)
        return ngettext("{n} day ago", "{n} days ago", n).format(n=n)
    if seconds < 730 * DAY:
        n = int(seconds // (DAY * 30.44))
        return ngettext("{n} month ago", "{n} months ago", n).format(n=n)
    n = int(seconds // (DAY * 365.25))
    return ngettext("{n} year ago", "{n} years ago", n).format(n=n)


def database(snapshot: Snapshot) -> str:
    """What a dump is of: `postgresql:app`."""
    return snapshot.tagged("database").replace("%2C", ",")


def holds(taken: Taken) -> str:
    """What it holds, in short: `2 databases, /etc /home`."""
    parts = []
    if taken.dumps:
        n = len(taken.dumps)
        parts.append(ngettext("{n} database", "{n} databases", n).format(n=n))
    if taken.files:
        parts.append(" ".join(taken.files.paths))
    return ", ".join(parts)

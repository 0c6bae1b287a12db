"""The state for people and programs: as settings, as lines to show, as JSON."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.modules.backup import proof
from pi_installer_tui.modules.backup.plan import plan
from pi_installer_tui.modules.backup.settings import BackupSettings
from pi_installer_tui.modules.backup.state import State
from pi_installer_tui.modules.base import Fact
from pi_installer_tui.system.disks import Block
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown, Value, known, reading_json
from pi_installer_tui.tasks.plan import Others


def present(state: State) -> BackupSettings:
    """What was applied, as far as the machine is so: a job without its timers, a place without its password are left
    out."""
    found: dict[str, dict[str, Any]] = {}
    for table in ("places", "jobs"):
        for name, each in (getattr(state.applied, table) or {}).items():
            settings = BackupSettings.model_validate({table: {name: each}})
            made = plan(state, settings, Others())
            if not made.steps and not made.blocked:
                found.setdefault(table, {})[name] = each
    return BackupSettings.model_validate(found)


def standings(state: State, now: float | None = None) -> tuple[proof.JobStanding, ...]:
    """How its jobs stand. now: seconds since 1970."""
    timers = known(state.timers) or {}
    following = {name: timer.following for name, timer in timers.items()}
    return proof.standings(state.applied, state.runs, state.kits, following, time.time() if now is None else now)


def summary(state: State) -> str:
    """One phrase: what is wrong, or since when all of it is proven."""
    if isinstance(state.config, Unknown):
        return _("unknown")
    if not state.applied.jobs:
        return _("nothing is backed up")
    found = standings(state)
    parts = []
    if failed := sum(each.failed for each in found):
        parts.append(ngettext("{n} job failed", "{n} jobs failed", failed).format(n=failed))
    if overdue := sum(each.overdue > 0 for each in found):
        parts.append(ngettext("{n} job overdue", "{n} jobs overdue", overdue).format(n=overdue))
    date = proof.proven(found)
    parts.append(_("proven {date}").format(date=_day(date)) if date is not None else _("never proven restorable"))
    return ", ".join(parts)


def facts(state: State) -> Sequence[Fact]:
    """What is, a line a value."""
    config = state.config
    places = _of(config, lambda c: ", ".join(c.places or {}) or _("none"))
    jobs = _of(config, lambda c: ", ".join(c.jobs or {}) or _("none"))
    lines = [Fact("places", _("Places"), _single(places)), Fact("jobs", _("Jobs"), _single(jobs))]
    found = standings(state)
    if found:
        date = proof.proven(found)
        said = _moment(date) if date is not None else _("never")
        lines.append(Fact("", _("Last proven restorable"), _single(Known(said))))
    for each in found:
        lines.append(Fact("", each.job, _single(Known(_job(each)))))
    lines.append(Fact("", "restic", _single(state.restic if state.restic != MISSING else Known(_("not installed")))))
    return lines


def _job(each: proof.JobStanding) -> str:
    """`ran 2026-11-27 03:04, next 2026-11-28 03:00`"""
    parts = []
    if each.last is None:
        parts.append(_("never ran"))
    elif each.failed:
        parts.append(_("failed {time}").format(time=_moment(each.last.ended)))
    elif each.good is not None:
        parts.append(_("ran {time}").format(time=_moment(each.good.ended)))
    if each.overdue:
        parts.append(_("overdue"))
    if each.following is not None:
        parts.append(_("next {time}").format(time=_moment(each.following)))
    return ", ".join(parts)


def _of(reading: Reading[Any], shown: Any) -> Reading[str]:
    if reading == MISSING:
        reading = Known(BackupSettings())
    return Known(shown(reading.value), reading.source) if isinstance(reading, Known) else reading


def _single(reading: Reading[Any]) -> Value[Any]:
    return Value(reading, reading)


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at))


def state_json(state: State) -> dict[str, Any]:
    """The settings as a setup file has them, and how the jobs stand. Of secrets only whether they are there."""
    return {
        "settings": reading_json(state.config, lambda c: c.model_dump(mode="json", exclude_none=True)),
        "secrets": reading_json(state.secrets, sorted),
        "restic": reading_json(state.restic),
        "timers": reading_json(state.timers, _timers),
        "kits": sorted(state.kits),
        "proven": proof.proven(standings(state)),
        "jobs": {each.job: _standing(each) for each in standings(state)},
    }


def _timers(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"enabled": timer.enabled, "active": timer.active, "next": timer.following, "last": timer.last}
        for name, timer in found.items()
    }


def _standing(each: proof.JobStanding) -> dict[str, Any]:
    return {
        "next": each.following,
        "overdue": each.overdue,
        "failed": each.failed,
        "proven": each.proven,
        "places": {
            at.place: {
                "last": at.last.ended if at.last else None,
                "outcome": at.last.outcome if at.last else None,
                "good": at.good.ended if at.good else None,
                "verified": at.verified.ended if at.verified else None,
                "drilled": at.drilled.ended if at.drilled else None,
                "kit": at.kit,
                "proven": at.proven,
            }
            for at in each.places
        },
    }


def choices(state: State, name: str) -> Sequence[str]:
    """The choices that fields name."""
    match name:
        case "places":
            return tuple(state.applied.places or {})
        case "jobs":
            return tuple(state.applied.jobs or {})
        case "devices":
            return tuple(each for device in known(state.devices) or () for each in _names(device))
        case "worthwhile":
            return tuple(each.what for each in state.worthwhile) or ("system", "home", "state")
        case "stoppable":
            found = (name for each in state.worthwhile for name in (*each.stops, *each.writers))
            return tuple(sorted(dict.fromkeys(found)))
    return ()


def _names(device: Block) -> Sequence[str]:
    """`UUID=...` and `LABEL=...`, as far as it has them."""
    return [f"{key}={value}" for key, value in (("UUID", device.uuid), ("LABEL", device.label)) if value]

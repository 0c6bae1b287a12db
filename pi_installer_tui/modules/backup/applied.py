"""What was applied last: /etc/pi-installer-tui/backup.yaml, root's and 0600, and what it becomes with settings on top.
It has the form of the key `backup` of a setup file; what is left out there has its usual value (usual.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pi_installer_tui.modules.applied import Applied
from pi_installer_tui.modules.backup.placing import password_name, secret_names
from pi_installer_tui.modules.backup.settings import BackupSettings
from pi_installer_tui.system.paths import ETC

_FILE = Applied(
    f"{ETC}/backup.yaml",
    BackupSettings,
    "# Made by pi-installer-tui: the backup's places and jobs. Secrets lie in files of their own.\n",
)
PATH, load, dump, read = _FILE.path, _FILE.load, _FILE.dump, _FILE.read
#: sections of a job that are merged key by key
_SECTIONS = ("schedule", "keep", "proof")


def merged(now: BackupSettings, settings: BackupSettings) -> BackupSettings:
    """What is applied, changed as the settings say: named entries are added and updated, absent ones go. Raises
    ValueError where what comes out doesn't fit together."""
    places, jobs = _plain(now.places), _plain(now.jobs)
    for name, given in _plain(settings.places).items():
        if given.pop("state", None) == "absent":
            places.pop(name, None)
            continue
        old = places.get(name)
        places[name] = {**old, **given} if old is not None and old["kind"] == given["kind"] else given
        places[name].setdefault("password", password_name(name))
    for name, given in _plain(settings.jobs).items():
        if given.pop("state", None) == "absent":
            jobs.pop(name, None)
            continue
        jobs[name] = _job(jobs.get(name, {}), given)
    return BackupSettings.model_validate({"places": places, "jobs": jobs})


def _plain(table: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    return {name: each.model_dump(mode="json", exclude_none=True) for name, each in (table or {}).items()}


def _job(old: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    job = {**old, **given}
    for section in _SECTIONS:
        if section in old and section in given:
            job[section] = {**old[section], **given[section]}
    days = given.get("schedule", {})
    if days.get("monthly") is not None:
        job["schedule"].pop("days", None)
    elif days.get("days"):
        job["schedule"].pop("monthly", None)
    return job


def secrets(settings: BackupSettings) -> frozenset[str]:
    """The secrets that places name."""
    return frozenset(each for name, place in (settings.places or {}).items() for each in secret_names(name, place))

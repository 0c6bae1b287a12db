"""Whether backups come when they are due, as the collector reads it out of two files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.metrics.backups import DUE, RUNS, Backups
from pi_installer_tui.metrics.look import Backup
from pi_installer_tui.metrics.rates import values
from pi_installer_tui.metrics.reading import Reader
from pi_installer_tui.modules.backup import due
from pi_installer_tui.modules.backup.settings import BackupSettings

SET_UP, DAY, HOUR = 1_700_000_000, 86_400, 3600
#: of a job that runs daily: a random delay of 15 minutes beside the tolerance
LATE = due.TOLERANCE + 15 * 60


class Watched:
    """A folder with the two files, and a clock."""

    def __init__(self, root: Path) -> None:
        self.root, self.now = root, float(SET_UP)
        self.backups = Backups(str(root), lambda: self.now)

    def set_up(self, text: str) -> None:
        path = Path(f"{self.root}{DUE}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (SET_UP, SET_UP))

    def ran(self, ended: float, outcome: str = "done", place: str = "usb", **changes: Any) -> None:
        run = {"job": "x", "module": "backup", "action": "run", "arguments": {"job": "home", "place": place},
               "who": "root", "started": ended - 60, "ended": ended, "outcome": outcome, **changes}  # fmt: skip
        with Path(f"{self.root}{RUNS}").open("a") as file:
            file.write(json.dumps(run) + "\n")

    def home(self, now: float) -> Backup:
        self.now = now
        return self.backups.read()["home"]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    found = Watched(tmp_path)
    job = {"what": ["home"], "schedule": {"times": ["03:00"], "enabled": True}}
    place = {"kind": "folder", "path": "/mnt/usb"}
    settings = {"places": {"usb": place, "nas": place}, "jobs": {"home": job, "by-hand": {"what": ["home"]}}}
    found.set_up(due.text(BackupSettings.model_validate(settings)))
    return found


def test_a_job_that_never_ran_is_overdue_a_day_and_the_tolerance_after_it_was_set_up(watched: Watched) -> None:
    assert set(watched.backups.read()) == {"home"}, "what doesn't run by itself is never overdue"
    assert watched.home(SET_UP + DAY + LATE) == Backup(0.0, failed=False)
    assert watched.home(SET_UP + DAY + LATE + 60) == Backup(60.0, failed=False)


def test_a_good_run_to_each_of_its_places_is_what_counts(watched: Watched) -> None:
    watched.ran(SET_UP + DAY)
    assert watched.home(SET_UP + DAY + LATE + 60).overdue == 60, "the other place never had one"
    watched.ran(SET_UP + DAY + HOUR, place="nas")
    assert watched.home(SET_UP + DAY + LATE + 60) == Backup(0.0, failed=False)
    assert watched.home(SET_UP + 2 * DAY + LATE + 60).overdue == 60


def test_a_clock_that_was_ahead_hides_no_run_that_is_missed(watched: Watched) -> None:
    for place in ("usb", "nas"):
        watched.ran(SET_UP + DAY, place=place)
        watched.ran(SET_UP + 400 * DAY, place=place)
    assert watched.home(SET_UP + 400 * DAY + HOUR).overdue == 0
    assert watched.home(SET_UP + 2 * DAY + LATE + 60).overdue == 60, "the clock is right again"


def test_a_job_set_up_while_the_clock_was_ahead_is_waited_for_from_when_that_is_seen(watched: Watched) -> None:
    watched.home(SET_UP - 10 * DAY)
    assert watched.home(SET_UP - 9 * DAY + LATE + 60).overdue == 60


def test_a_run_that_failed_is_told_until_one_is_good_again(watched: Watched) -> None:
    watched.ran(SET_UP + HOUR)
    watched.ran(SET_UP + 2 * HOUR, "failed")
    assert watched.home(SET_UP + 2 * HOUR).failed
    watched.ran(SET_UP + 3 * HOUR, "cancelled")
    assert watched.home(SET_UP + 3 * HOUR).failed, "somebody stopped one: that proves nothing"
    watched.ran(SET_UP + 4 * HOUR, place="nas")
    assert watched.home(SET_UP + 4 * HOUR).failed, "that was another place"
    watched.ran(SET_UP + 5 * HOUR)
    assert watched.home(SET_UP + 5 * HOUR) == Backup(0.0, failed=False)


def test_a_drill_that_failed_is_told_until_one_is_good_again(watched: Watched) -> None:
    watched.ran(SET_UP + HOUR)
    watched.ran(SET_UP + 2 * HOUR, "failed", action="drill")
    watched.ran(SET_UP + 3 * HOUR)
    assert watched.home(SET_UP + 3 * HOUR).failed, "a run proves nothing"
    watched.ran(SET_UP + 4 * HOUR, action="drill")
    assert not watched.home(SET_UP + 4 * HOUR).failed


def test_damage_that_a_verification_found_is_told_until_one_that_sees_as_much_is_good(watched: Watched) -> None:
    def verified(hour: int, outcome: str, share: int) -> bool:
        arguments = {"place": "usb", "share": share} if share else {"place": "usb"}
        watched.ran(SET_UP + hour * HOUR, outcome, action="verify", arguments=arguments)
        return watched.home(SET_UP + hour * HOUR).failed

    assert not verified(1, "done", 0)
    assert verified(2, "failed", 10)
    assert verified(3, "done", 0), "the structure alone isn't what was wrong"
    assert verified(4, "failed", 0)
    assert verified(5, "cancelled", 100)
    assert not verified(6, "done", 100)


def test_other_jobs_and_torn_lines_count_for_nothing(watched: Watched) -> None:
    watched.ran(SET_UP + HOUR, "failed", action="restore")
    watched.ran(SET_UP + HOUR, "failed", module="other")
    watched.ran(SET_UP + HOUR, "failed", arguments={"job": "by-hand", "place": "usb"})
    watched.ran(SET_UP + HOUR, "failed", action="verify", arguments={"place": "other"})
    with Path(f"{watched.root}{RUNS}").open("a") as file:
        file.write('{"job": "x", "modu')
    assert watched.home(SET_UP + HOUR) == Backup(0.0, failed=False)
    watched.set_up("{")
    assert watched.backups.read() == {}


def test_it_becomes_metrics(watched: Watched) -> None:
    watched.ran(SET_UP + HOUR, "failed")
    reader = Reader(watched.root)
    found = values(None, reader.read(1.0))
    assert found["backup.home.failed"] == 1.0 and found["backup.home.overdue"] > DAY

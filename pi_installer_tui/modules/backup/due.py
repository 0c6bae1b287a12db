"""When backups are due, for the collector, which watches that they come: a small JSON file that it can read without
this module. It reads the runs themselves in the history of runs (metrics/backups.py)."""

from __future__ import annotations

import json

from pi_installer_tui.metrics.backups import DUE, VERSION
from pi_installer_tui.modules.backup.settings import BackupSettings
from pi_installer_tui.modules.backup.timers import longest
from pi_installer_tui.modules.backup.usual import Job, jobs_of

PATH = DUE
#: seconds by which a run may be late, its random delay aside, before it is called overdue: a machine that starts, a
#: backup that takes its time
TOLERANCE = 6 * 3600


def grace(job: Job) -> int:
    """Seconds by which a run of a job may be late."""
    return TOLERANCE + job.delay * 60


def text(settings: BackupSettings) -> str:
    """The file's text; "" where no job runs by itself."""
    jobs = {
        job.name: {"every": every, "grace": grace(job), "places": list(job.places)}
        for job in jobs_of(settings)
        if (every := longest(job)) and job.places
    }
    return json.dumps({"version": VERSION, "jobs": jobs}, indent=1) + "\n" if jobs else ""

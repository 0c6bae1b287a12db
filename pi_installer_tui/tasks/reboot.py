"""The agreement to a reboot amid a job: a file in the job's folder that anyone who may change the machine writes."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pi_installer_tui.tasks.journal import write_file

if TYPE_CHECKING:
    from pi_installer_tui.tasks.store import Store

FILE = "reboot.json"


class Agreement:
    """When a job may reboot the machine at `step` ("": whichever it is at). planned: what that step says
    (steps.Reboot.when); what was agreed to later counts instead."""

    def __init__(self, folder: Path, planned: str, step: str = "") -> None:
        self._step = step
        self._path = folder / FILE
        self._planned = planned
        self._since = time.time()

    def when(self) -> str:
        """now, HH:MM, or "" while nobody has agreed."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            said = json.loads(self._path.read_bytes())
            if self._step in ("", said["step"]):
                return str(said["when"])
        return "" if self._planned == "ask" else self._planned

    def due(self) -> bool:
        """Whether it may reboot now."""
        when = self.when()
        return when == "now" or (":" in when and time.time() >= next_time(when, self._begun()))

    def _begun(self) -> float:
        with contextlib.suppress(OSError):
            return self._path.stat().st_mtime
        return self._since


def next_time(clock: str, after: float) -> float:
    """The first moment after `after` (seconds since 1970) at which the machine's clock shows HH:MM."""
    hour, minute = (int(part) for part in clock.split(":"))
    day = time.localtime(after)
    at = time.mktime((day.tm_year, day.tm_mon, day.tm_mday, hour, minute, 0, 0, 0, -1))
    if at <= after:
        at = time.mktime((day.tm_year, day.tm_mon, day.tm_mday + 1, hour, minute, 0, 0, 0, -1))
    return at


def agree(store: Store, job: str, when: str = "now") -> None:
    """Lets a job reboot the machine at the step it is at: now, or at the next HH:MM. Raises KeyError, OSError."""
    said = {"when": when, "step": store.progress(job).in_flight}
    write_file(store.folder(job) / FILE, json.dumps(said).encode())

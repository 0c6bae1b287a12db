"""Which snapshots are a job's of this machine, which of them the newest is, and what retention does to them, also when
the clock was wrong."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pi_installer_tui.restic.answers import Snapshot
from pi_installer_tui.restic.keeping import Fate, Policy, Run, fates
from pi_installer_tui.system.host import Host

#: seconds that a snapshot may be ahead of our clock and still be believed
SLACK = 3600.0
#: the tag that says which machine made a snapshot
TAG = "machine"
#: machine-id(5): the id itself is confidential, so what others see is derived from it with a text of one's own
_OURS = b"pi-installer-tui backup"


@dataclass(frozen=True, slots=True)
class Made:
    """Which snapshots this machine made. name: what restic calls it; id: the value of the tag `machine`, "" where the
    machine has no id."""

    name: str
    id: str

    def here(self, snapshot: Snapshot) -> bool:
        """Whether it was made here: by the tag, which a new name of the machine doesn't change; without one by name."""
        told = snapshot.tagged(TAG)
        return told == self.id if told and self.id else snapshot.host == self.name


async def made_by(host: Host) -> Made:
    """What snapshots of this machine look like. Raises OSError."""
    name = (await host.text("/proc/sys/kernel/hostname") or "").strip()
    number = (await host.text("/etc/machine-id") or "").strip()
    known = len(number) == 32  # "uninitialized" and nothing are none
    return Made(name, hmac.new(number.encode(), _OURS, hashlib.sha256).hexdigest()[:16] if known else "")


def of_job(snapshots: Iterable[Snapshot], job: str, made: Made) -> list[Snapshot]:
    """Those of a job's runs on this machine, its dumps too. What another machine or program keeps in the same
    repository is none of them, whatever its job is called."""
    return [each for each in snapshots if each.tagged("job") == job and each.tagged("run") and made.here(each)]


def newest(snapshots: Sequence[Snapshot], now: float | None = None) -> Snapshot | None:
    """The newest one. One that was made when the clock was ahead counts only where there is no other."""
    now = time.time() if now is None else now
    believed = [each for each in snapshots if each.time <= now + SLACK]
    return max(believed or snapshots, key=lambda each: each.time, default=None)


def decided(found: Sequence[Run], policy: Policy, now: float) -> tuple[Fate, ...]:
    """What becomes of a job's runs, the newest first. What was made when the clock was ahead of `now` (seconds since
    1970) stays, and takes nobody's place: else a run that was just made could go for one that never was."""
    ahead = [run for run in found if run.moment.time > now + SLACK]
    files = any(_has_files(run) for run in found if run not in ahead)
    told = fates(
        [run for run in found if run not in ahead],
        policy,
        now=now,
        good=lambda run: _has_files(run) or not files,
    )
    return (*(Fate(run, ("ahead",)) for run in ahead), *told)


def _has_files(run: Run) -> bool:
    """Whether it came as far as the files: dumps are made before them."""
    return any(not each.tagged("database") for each in run.snapshots)

"""What somebody has to be told who isn't in front of a screen: a change that waits for its confirmation, a reboot that
waits for an agreement, how a job ended after a reboot, what was taken back or cut off. Home and the login message
(pam_motd(8)) say it until somebody has seen it."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.system.paths import MOTD
from pi_installer_tui.tasks import words
from pi_installer_tui.tasks.journal import write_file
from pi_installer_tui.tasks.probation import open_trial
from pi_installer_tui.tasks.store import MARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi_installer_tui.tasks.store import JobSummary, Store

#: files in a job's folder: it has begun and has no end; nobody has seen its end; somebody left it as it is
OPEN, UNSEEN, LEFT = MARK, "unseen", "left"
#: the state directory of the machine's own jobs: only those are told of at a login
_STATE = Path("/var/lib/pi-installer-tui")
_PROGRAM = "pi-installer-tui"
#: who makes the jobs of the setup file on the boot partition
FIRST_BOOT = "first-boot"


def unseen(store: Store) -> tuple[str, ...]:
    """The jobs whose outcome nobody has seen, the newest first. Raises PermissionError."""
    return tuple(job for job in store.ids() if (store.folder(job) / UNSEEN).exists())


def keep(store: Store, job: str) -> None:
    """A job's outcome waits until somebody has seen it. Raises OSError."""
    write_file(store.folder(job) / UNSEEN, b"")


def seen(store: Store, job: str) -> None:
    """Somebody has seen how a job ended."""
    with contextlib.suppress(OSError):
        (store.folder(job) / UNSEEN).unlink()
        tell(store)


def leave(store: Store, job: str) -> None:
    """An interrupted job stays as it is, and isn't asked about any more. Raises OSError."""
    write_file(store.folder(job) / LEFT, b"")
    with contextlib.suppress(FileNotFoundError):
        (store.folder(job) / OPEN).unlink()
    seen(store, job)


def left(store: Store, job: str) -> bool:
    """Whether somebody left it as it is."""
    return (store.folder(job) / LEFT).exists()


def tell(store: Store) -> None:
    """Writes the login message anew, or takes it away. Raises OSError."""
    if _told_of(store):
        say(store, Path(MOTD), _lines(store))


def say(store: Store, path: Path, lines: Sequence[str]) -> None:
    """Makes these lines one of the login messages; without any it goes. Of a demo nothing is said. Raises OSError."""
    if not _told_of(store):
        return
    if not lines:
        path.unlink(missing_ok=True)
        return
    with contextlib.suppress(FileExistsError):
        path.parent.mkdir()
        path.parent.chmod(0o755)  # a worker's umask would keep it from whoever logs in
    beside = path.with_name(f".{path.name}.new")
    beside.write_text("".join(f"{_PROGRAM}: {line}\n" for line in lines), "utf-8")
    beside.chmod(0o644)
    beside.replace(path)


def _told_of(store: Store) -> bool:
    return store.root.absolute() == _STATE and os.geteuid() == 0


def _lines(store: Store) -> list[str]:
    found: list[str] = []
    trial = open_trial(store)
    if trial is not None and trial.can_be_confirmed:
        at = time.strftime("%H:%M:%S", time.localtime(time.time() + trial.left))
        said = _("a change goes back by itself at {time}. If all is well:  sudo {program} confirm {job}")
        found.append(said.format(time=at, program=_PROGRAM, job=trial.job))
    waiting = {job for job in store.ids() if (store.folder(job) / OPEN).exists()}
    told = set(unseen(store))
    for summary in store.jobs() if waiting or told else ():
        if summary.id in told:
            found.append(_outcome(summary))
        elif summary.id in waiting and summary.status == "waiting" and summary.waits_what == "reboot":
            said = _("job {job} waits for a reboot:  sudo {program} reboot {job}")
            found.append(said.format(job=summary.id, program=_PROGRAM))
    return found


def _outcome(summary: JobSummary) -> str:
    if summary.status == "interrupted":
        said = _("job {job} was interrupted amid {step}. Go on: sudo {program} continue {job}   Back: ... undo {job}")
        return said.format(job=summary.id, step=summary.step or "-", program=_PROGRAM)
    if summary.who == FIRST_BOOT:
        ended = _("it is at work") if summary.open else words.outcome(summary.status, summary.reason)
        said = _("the boot partition's setup file ({what}): {outcome}  sudo {program} jobs show {job}")
        return said.format(what=words.what(summary), outcome=ended, program=_PROGRAM, job=summary.id)
    if summary.open:
        return _("job {job} goes on after the reboot:  sudo {program} attach {job}").format(
            job=summary.id, program=_PROGRAM
        )
    said = words.outcome(summary.status, summary.reason)
    return _("job {job}: {outcome}  sudo {program} jobs show {job}").format(
        job=summary.id, outcome=said, program=_PROGRAM
    )

"""What the person at the screen hasn't seen yet, and what they chose to leave: a file each in a job's folder."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pi_installer_tui.tasks.store import Store

UNSEEN = "unseen"
LEFT = "left"


def unseen(store: Store) -> tuple[str, ...]:
    """The ids of the jobs whose outcome nobody saw, newest first. Raises PermissionError."""
    return tuple(job for job in store.ids() if (store.folder(job) / UNSEEN).exists())


def seen(store: Store, job: str) -> None:
    """Somebody saw a job's outcome. Raises KeyError, OSError."""
    with contextlib.suppress(FileNotFoundError, PermissionError):
        (store.folder(job) / UNSEEN).unlink()


def leave(store: Store, job: str) -> None:
    """An interrupted job stays as it is; nothing asks about it any more. Raises KeyError, OSError."""
    (store.folder(job) / LEFT).touch(mode=0o600)


def left(store: Store, job: str) -> bool:
    """Whether somebody left an interrupted job as it is. Raises KeyError."""
    return (store.folder(job) / LEFT).exists()

"""What proves that backups will come: the timers wait for their time, and the repositories answer."""

from __future__ import annotations

from collections.abc import Iterator

from pi_installer_tui.restic.place import Place
from pi_installer_tui.tasks.checks import CommandSays, RepositoryAnswers


def answers(place: Place, setting: str) -> RepositoryAnswers:
    """The repository is there, and its password is right."""
    return RepositoryAnswers(id=f"backup.answers.{place.name}", setting=setting, place=place)


def waits(timer: str, setting: str) -> Iterator[CommandSays]:
    """The timer is active and has a next time: `waiting`. One without is `elapsed` (systemd's timer.c)."""
    asks = ("systemctl", "show", "--property=SubState", "--value", timer)
    yield CommandSays(id=f"backup.waits.{timer}", setting=setting, argv=asks, line="waiting", within=30)

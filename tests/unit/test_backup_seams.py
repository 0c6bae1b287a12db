"""A user who puts a link in the place of a folder just between the look at it and the move leads root nowhere."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.tasks.steps import RestoreFiles
from pi_installer_tui.tasks.steps.backup import (
    handles,
    into_place,
    moves,
    restore_files,
    restoring,
    taking_back,
    working,
)
from pi_installer_tui.tasks.steps.backup.handles import Astray, Entry
from pi_installer_tui.tasks.steps.backup.moves import Places
from pi_installer_tui.tasks.steps.backup.working import SCRATCH

from .backups import Backups, state

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

USER = 1234


class Seam:
    """A home with a folder `docs`, what was restored of it, and a folder of root's that nothing may happen to."""

    def __init__(self, folder: Path) -> None:
        self.home, self.victim = folder / "home", folder / "victim"
        scratch = folder / "scratch"
        for each, text in ((self.home / "docs", "of today"), (scratch / "docs", "as saved"), (self.victim, "of root")):
            each.mkdir(parents=True)
            (each / "note").write_text(text)
        (scratch / "docs").chmod(0o777)
        self.victim.chmod(0o700)
        for each in (self.home, self.home / "docs", self.home / "docs/note", scratch / "docs", scratch / "docs/note"):
            os.chown(each, USER, USER)
        names = (scratch, self.home, folder / "replaced", folder / "moves")
        here, home, replaced, written = map(os.fsencode, names)
        self.places = Places(here, home, replaced, written)
        self.before = state(self.victim)

    def swap(self) -> None:
        """What the user does, once."""
        if not (self.home / "docs").is_symlink():
            (self.home / "docs").rename(self.home / "moved")
            (self.home / "docs").symlink_to(self.victim)
            os.chown(self.home / "docs", USER, USER, follow_symlinks=False)

    def unharmed(self) -> bool:
        return state(self.victim) == self.before


@pytest.fixture
def seam(tmp_path: Path) -> Seam:
    return Seam(tmp_path)


def swapping(seam: Seam, monkeypatch: pytest.MonkeyPatch, where: Any) -> None:
    """Swaps when the folder is in hand already, right before the rename."""

    def rename(source: Entry, target: Entry) -> None:
        seam.swap()
        moves.rename(source, target)

    monkeypatch.setattr(where, "rename", rename)


def test_a_folder_swapped_after_the_plan_is_not_moved_through(seam: Seam) -> None:
    into_place.plan(seam.places, "replace", "word")
    with pytest.raises(Astray) as raised:
        into_place.carry_out(replace(seam.places, said=lambda done, total: seam.swap()))
    assert raised.value.filename == str(seam.home / "docs")
    assert seam.unharmed() and (seam.home / "moved/note").read_text() == "of today"


def test_a_folder_swapped_right_before_the_rename_is_the_one_that_was_looked_at(
    seam: Seam, monkeypatch: pytest.MonkeyPatch
) -> None:
    into_place.plan(seam.places, "replace", "word")
    swapping(seam, monkeypatch, into_place)
    with pytest.raises(Astray):  # owner and mode of `docs` come last
        into_place.carry_out(seam.places)
    assert seam.unharmed() and (seam.home / "moved/note").read_text() == "as saved"


@pytest.mark.parametrize("late", [False, True])
def test_a_folder_swapped_before_an_undo_gets_nothing_back(
    seam: Seam, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    into_place.plan(seam.places, "replace", "word")
    into_place.carry_out(seam.places)
    assert (seam.home / "docs/note").read_text() == "as saved"
    if late:
        swapping(seam, monkeypatch, taking_back)
    else:
        seam.swap()
    with pytest.raises(Astray):
        taking_back.take_back(seam.places)
    assert seam.unharmed()
    assert (seam.home / "moved/note").read_text() == ("of today" if late else "as saved")


def test_a_link_of_roots_is_followed_and_one_of_a_users_behind_it_is_not(seam: Seam, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(seam.home / "docs")
    os.close(handles.walk(-1, os.fsencode(tmp_path / "link"), links=True))
    seam.swap()
    with pytest.raises(Astray):
        handles.walk(-1, os.fsencode(tmp_path / "link"), links=True)
    os.chown(seam.victim, USER, USER)  # where its owner could write anyway
    os.close(handles.walk(-1, os.fsencode(tmp_path / "link"), links=True))
    (seam.home / "loop").symlink_to("loop")
    os.chown(seam.home / "loop", USER, USER, follow_symlinks=False)
    with pytest.raises(Astray):
        handles.walk(-1, os.fsencode(seam.home / "loop"), links=True)


def test_a_scratch_folder_that_is_a_users_is_not_moved_from(seam: Seam) -> None:
    into_place.plan(seam.places, "replace", "word")
    scratch = Path(os.fsdecode(seam.places.scratch))
    os.chown(scratch, USER, USER)
    with pytest.raises(Astray):
        into_place.carry_out(seam.places)
    assert (seam.home / "docs/note").read_text() == "of today"


@pytest.mark.skipif(not shutil.which("restic"), reason="restic isn't installed")
async def test_restic_writes_nothing_through_a_link_in_the_place_of_its_scratch_folder(
    seam: Seam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "Restic", partial(Restic, cache=str(tmp_path / "cache")))
    backups = Backups(tmp_path / "backups")
    note = seam.home / "docs/note"
    snapshot = (await backups.run(backups.job(note))).well().reported["snapshot"]
    swapped = []

    async def swapping(*args: Any, **more: Any) -> None:
        (scratch,) = note.parent.glob(f"{SCRATCH}*")
        swapped.append(scratch.rename(seam.home / "taken"))
        scratch.symlink_to(seam.victim)
        os.chown(scratch, USER, USER, follow_symlinks=False)
        await restoring.restore(*args, **more)

    monkeypatch.setattr(restore_files, "restore", swapping)
    step = RestoreFiles(
        id="backup.restore", place=backups.place, snapshot=snapshot, chosen=(str(note),), existing="replace"
    )
    done = await backups.step(step)
    assert swapped and done.failed.reason == "link-on-the-way", done.failed
    assert seam.unharmed() and note.read_text() == "of today"

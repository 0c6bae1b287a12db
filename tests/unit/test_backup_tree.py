# ruff: noqa: ASYNC240
"""A tree with everything in it, backed up, changed, backed up and restored: nobody can tell it from what it was. With
the real restic, as root."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.tasks.steps import RestoreFiles
from pi_installer_tui.tasks.steps.backup import working

from .backups import Backups, change_tree, difference, make_tree, state

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("restic"), reason="needs root and restic")


@pytest.fixture
def backups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backups:
    monkeypatch.setattr(working, "Restic", partial(Restic, cache=str(tmp_path / "cache")))
    return Backups(tmp_path / "backups")


def restore(
    backups: Backups, snapshot: str, *paths: Path, target: Path | None = None, existing: str = "keep"
) -> RestoreFiles:
    return RestoreFiles.model_validate(
        {
            "id": "backup.restore",
            "place": backups.place,
            "snapshot": snapshot,
            "chosen": tuple(map(str, paths)),
            "target": str(target) if target else "",
            "existing": existing,
        }
    )


@pytest.mark.long
@pytest.mark.parametrize("files", [500, 1000, 20_000])
async def test_a_tree_comes_back_as_it_was(backups: Backups, tmp_path: Path, files: int) -> None:
    tree = tmp_path / "tree"
    make_tree(tree, files)
    first = state(tree)
    one = (await backups.run(backups.job(tree))).well()
    assert one.reported["files"] >= files and one.reported["unread"] == 0
    change_tree(tree)
    second = state(tree)
    two = (await backups.run(backups.job(tree))).well()
    assert 0 < two.reported["new"] < files / 10 and two.reported["changed"] > 0
    assert two.reported["same"] > files * 0.8

    aside = tmp_path / "aside"
    done = (await backups.step(restore(backups, two.reported["snapshot"], tree, target=aside))).well()
    back = Path(f"{aside}{tree}")
    assert difference(state(back), second) == []
    assert os.lstat(back / "odd/sparse").st_blocks * 512 < 10_000_000
    assert done.reported["differ"] == 0 and done.reported["compared"] >= files * 0.9

    shutil.rmtree(tree)
    (await backups.step(restore(backups, one.reported["snapshot"], tree))).well()
    assert difference(state(tree), first) == []
    assert not list(tmp_path.glob(".pi-installer*"))
    assert backups.locks() == []

# ruff: noqa: ASYNC221, ASYNC240
"""Files come back in place: what is there is kept, replaced or renamed, an undo gives back exactly what was there, and
a crash at any point is gone on with or undone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.databases import Dump
from pi_installer_tui.restic.answers import Entry, Restored
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.tasks import words
from pi_installer_tui.tasks.jobs import follow, launch, resume
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.points import CRASH
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.steps import RestoreDatabase, RestoreFiles
from pi_installer_tui.tasks.steps.backup import restore_files, working
from pi_installer_tui.tasks.undo import plan_undo

from .backups import HERE, Backups, Done, change_tree, difference, make_tree, state
from .jobs import create

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("restic"), reason="needs root and restic")


@pytest.fixture
async def backups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Backups]:
    monkeypatch.setattr(working, "Restic", partial(Restic, cache=str(tmp_path / "cache")))
    backups = Backups(tmp_path / "backups")
    yield backups
    for each in backups.store.jobs():
        if backups.store.alive(each.id):
            os.kill(int((backups.store.folder(each.id) / "worker.lock").read_text()), signal.SIGKILL)


def restore(backups: Backups, snapshot: str, *paths: Path, target: str = "", existing: str = "keep") -> RestoreFiles:
    values = {"place": backups.place, "snapshot": snapshot, "target": target, "existing": existing}
    return RestoreFiles.model_validate({"id": "backup.restore", "chosen": tuple(map(str, paths)), **values})


async def undo(backups: Backups, job: str) -> Done:
    reviewed = await review(await plan_undo(backups.store, job, HERE), HERE)
    assert len(reviewed.plan.steps) == 1, reviewed.plan
    assert re.match("Removes|Restores|Loads|Deletes|.* wasn't there", reviewed.previews[0].text), "what it will do"
    return await backups.run(reviewed.plan)


@pytest.fixture
async def changed(backups: Backups, tmp_path: Path) -> tuple[Path, str, dict[bytes, tuple[object, ...]]]:
    """A tree that was saved and has changed since: where, the snapshot, and how it was."""
    tree = tmp_path / "tree"
    make_tree(tree, 200)
    saved = state(tree, sockets=True)
    snapshot = (await backups.run(backups.job(tree))).well().reported["snapshot"]
    change_tree(tree)
    return tree, snapshot, saved


Changed = tuple[Path, str, dict[bytes, tuple[object, ...]]]


async def test_replacing_in_place_and_back(backups: Backups, changed: Changed) -> None:
    tree, snapshot, saved = changed
    before = state(tree, sockets=True)
    done = (await backups.step(restore(backups, snapshot, tree, existing="replace"))).well()
    now = state(tree, sockets=True)
    assert {name: found for name, found in now.items() if name in saved and name != b"(hard links)"} == {
        name: found for name, found in saved.items() if name != b"(hard links)"
    }
    assert done.reported["replaced"] > 0 and done.reported["new"] > 0 and done.reported["same"] > 100
    assert Path(done.reported["aside"]).is_dir()
    undone = (await undo(backups, done.job)).well()
    assert difference(state(tree, sockets=True), before) == []
    assert not Path(done.reported["aside"]).exists()

    redone = (await undo(backups, undone.job)).well()
    assert difference(state(tree, sockets=True), now) == []
    (await undo(backups, redone.job)).well()
    assert difference(state(tree, sockets=True), before) == []
    assert not list(tree.parent.glob(".pi-installer*"))


async def test_keeping_what_is_there(backups: Backups, changed: Changed) -> None:
    tree, snapshot, saved = changed
    before = state(tree)
    done = (await backups.step(restore(backups, snapshot, tree, existing="keep"))).well()
    now = state(tree)
    folders = {name for name, found in before.items() if found[0] and isinstance(found[0], int) and found[0] >> 12 == 4}
    assert all(
        now[name] == found for name, found in before.items() if name not in folders and not name.startswith(b"(")
    )
    assert saved.keys() - {b"odd/socket"} <= now.keys()
    assert done.reported["replaced"] == done.reported["renamed"] == 0 and done.reported["kept"] > 0
    (await undo(backups, done.job)).well()
    assert {n: f for n, f in state(tree).items() if n not in folders} == {
        n: f for n, f in before.items() if n not in folders
    }


async def test_renaming_what_is_there(backups: Backups, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("as saved\n")
    snapshot = (await backups.run(backups.job(tmp_path / "notes.txt"))).well().reported["snapshot"]
    notes.write_text("of today\n")
    done = (await backups.step(restore(backups, snapshot, notes, existing="rename"))).well()
    assert notes.read_text() == "as saved\n"
    (other,) = [path for path in tmp_path.iterdir() if path.name.startswith("notes.txt.before-")]
    assert other.read_text() == "of today\n"
    (await undo(backups, done.job)).well()
    assert notes.read_text() == "of today\n" and not other.exists()


async def test_an_undo_leaves_what_was_changed_since(backups: Backups, changed: Changed) -> None:
    tree, snapshot, _saved = changed
    done = (await backups.step(restore(backups, snapshot, tree, existing="replace"))).well()
    mine = next(path for path in tree.rglob("file-*") if path.is_file())
    back = tree / "odd/in *?[a]\\"
    (back / "mine").write_text("new since")
    mine.write_text("worked on since")
    undone = (await undo(backups, done.job)).well()
    assert (back / "mine").read_text() == "new since"
    assert undone.reported["stays"] >= 1
    assert mine.read_text() == "worked on since" or "stays" in undone.reported


async def test_one_file_goes_elsewhere_with_its_whole_path(backups: Backups, changed: Changed, tmp_path: Path) -> None:
    tree, snapshot, _saved = changed
    odd = tree / "odd" / "*?[a]\\"
    target = tmp_path / "new/place"
    done = (await backups.step(restore(backups, snapshot, odd, target=str(target)))).well()
    assert Path(f"{target}{odd}").read_bytes() == b"*?[a]\\" * 3
    assert done.reported["files"] == done.reported["new"] == 1
    assert Path(f"{target}{tree}").stat().st_mode == tree.stat().st_mode
    (await undo(backups, done.job)).well()
    assert not (tmp_path / "new").exists()


async def test_what_is_not_there_or_does_not_fit_is_not_begun(backups: Backups, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.write_text("x")
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(200_000_000)
    snapshot = (await backups.run(backups.job(small, huge))).well().reported["snapshot"]
    done = await backups.step(restore(backups, snapshot, tmp_path / "never there"))
    assert done.failed.reason == "not-in-snapshot"
    target = tmp_path / "disk"
    target.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(target)], check=False).returncode == 0:
        try:
            done = await backups.step(restore(backups, snapshot, huge, target=str(target)))
            assert done.failed.reason == "no-room" and "200 MB" in words.failure("no-room", done.failed.values)
            assert list(target.iterdir()) == []
            done = (await backups.step(restore(backups, snapshot, small, target=str(target)))).well()
        finally:
            subprocess.run(["umount", "-l", str(target)], check=True)
    assert not list(tmp_path.glob(".pi-installer*"))


async def test_it_does_not_fit_is_said_also_where_the_disk_was_full_before_that_was_known(
    backups: Backups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """restic restores while what was chosen is still looked up, which may take long; half of the room stays free."""
    big = tmp_path / "big"
    big.write_bytes(random.Random(3).randbytes(30_000_000))
    snapshot = (await backups.run(backups.job(big))).well().reported["snapshot"]
    target = tmp_path / "disk"
    target.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", str(target)], check=False).returncode:
        pytest.skip("needs to mount")
    tree, restore_ = Restic.tree, Restic.restore
    restored = asyncio.Event()

    async def slowly(*args: Any) -> AsyncIterator[Entry]:
        await restored.wait()
        async with aclosing(tree(*args)) as entries:
            async for entry in entries:
                yield entry

    async def noted(*args: Any, **more: Any) -> Restored:
        try:
            return await restore_(*args, **more)
        finally:
            restored.set()

    monkeypatch.setattr(Restic, "tree", slowly)
    monkeypatch.setattr(Restic, "restore", noted)
    try:
        for unknown in (0.5, 0.0):  # it is held, or meets the end of the disk
            monkeypatch.setattr(restore_files, "_UNKNOWN", unknown)
            restored.clear()
            done = await backups.step(restore(backups, snapshot, big, target=str(target)))
            assert done.failed.reason == "no-room" and list(target.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(target)], check=True)
    assert backups.locks() == []


@pytest.mark.parametrize(("name", "value"), [("_UNKNOWN", 2.0), ("_SECOND", 1 << 60)])
async def test_restoring_comes_after_looking_where_there_is_little_room(
    backups: Backups, changed: Changed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    """On the disk: what was begun is begun again; in the memory: there is never more than one restic."""
    tree, snapshot, saved = changed
    running = most = begun = 0
    lines, look, restore_ = Restic.lines, Restic.tree, RestoreFiles._restore
    given_up = asyncio.Event()

    async def counted(*args: Any, **more: Any) -> AsyncIterator[str | int]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            async with aclosing(lines(*args, **more)) as found:
                async for line in found:
                    yield line
        finally:
            running -= 1

    async def slowly(*args: Any) -> AsyncIterator[Entry]:
        if name == "_UNKNOWN":
            await given_up.wait()
        async with aclosing(look(*args)) as entries:
            async for entry in entries:
                yield entry

    async def noted(*args: Any) -> None:
        nonlocal begun
        begun += 1
        try:
            await restore_(*args)
            if name == "_UNKNOWN" and begun == 1:
                await asyncio.Event().wait()
        finally:
            given_up.set()

    monkeypatch.setattr(restore_files, "_SECOND", 0)
    monkeypatch.setattr(restore_files, name, value)
    monkeypatch.setattr(Restic, "lines", counted)
    monkeypatch.setattr(Restic, "tree", slowly)
    monkeypatch.setattr(RestoreFiles, "_restore", noted)
    (await backups.step(restore(backups, snapshot, tree, target=str(tmp_path / "back")))).well()
    assert begun == (2 if name == "_UNKNOWN" else 1) and most == 1
    back = state(Path(f"{tmp_path}/back{tree}"), sockets=True)
    assert difference(back, {name: each for name, each in saved.items() if name != b"odd/socket"}) == []
    assert not list((tmp_path / "back").glob(".pi-installer*")) and backups.locks() == []


@pytest.mark.parametrize("point", ["captured", "restore:planned", "restore:in-place"])
async def test_a_killed_restoration_goes_on(
    backups: Backups, changed: Changed, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    tree, snapshot, saved = changed
    before = state(tree, sockets=True)
    plan = Plan(modules=("backup",), steps=(restore(backups, snapshot, tree, existing="replace"),))
    job = create(backups.store, plan, HERE)
    monkeypatch.setenv(CRASH, f"backup.restore:{point}")
    await launch(backups.store, job, HERE)
    async for _batch in follow(backups.store, job):
        pass
    assert backups.store.summary(job).status == "interrupted"
    monkeypatch.delenv(CRASH)
    await resume(backups.store, job, HERE)
    async for _batch in follow(backups.store, job):
        pass
    assert backups.store.summary(job).status == "done"
    now = state(tree, sockets=True)
    assert {n: f for n, f in now.items() if n in saved and n[:1] != b"("} == {
        n: f for n, f in saved.items() if n[:1] != b"("
    }
    (await undo(backups, job)).well()
    assert difference(state(tree, sockets=True), before) == []
    assert not list(tree.parent.glob(".pi-installer*"))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
async def test_a_restoration_killed_anywhere_can_be_undone(backups: Backups, changed: Changed, seed: int) -> None:
    tree, snapshot, _saved = changed
    before = state(tree, sockets=True)
    plan = Plan(modules=("backup",), steps=(restore(backups, snapshot, tree, existing="replace"),))
    job = create(backups.store, plan, HERE)
    await launch(backups.store, job, HERE)
    await asyncio.sleep(random.Random(seed).uniform(0, 1.5))
    pid = int((backups.store.folder(job) / "worker.lock").read_text())
    if backups.store.alive(job):
        os.kill(pid, signal.SIGKILL)
    async for _batch in follow(backups.store, job):
        pass
    plan = (await review(await plan_undo(backups.store, job, HERE), HERE)).plan
    if plan.steps:
        (await backups.run(plan)).well()
    assert difference(state(tree, sockets=True), before) == []


async def test_a_database_comes_back_and_an_undo_gives_back_the_other_one(backups: Backups, tmp_path: Path) -> None:
    path = tmp_path / "visits.db"
    dump = Dump("sqlite", str(path))

    def visits(of: Path = path) -> list[str]:
        with contextlib.closing(sqlite3.connect(of)) as database:
            return [row[0] for row in database.execute("select at from visits order by at")]

    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("create table visits (at text)")
        database.execute("insert into visits values ('monday')")
    saved = (await backups.run(backups.job(dumps=(dump,)))).well()
    (snapshot,) = saved.reported["snapshots"]
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("insert into visits values ('tuesday')")

    step = RestoreDatabase(id="backup.database", place=backups.place, snapshot=snapshot, dump=dump)
    done = (await backups.step(step)).well()
    assert visits() == ["monday"]
    (await undo(backups, done.job)).well()
    assert visits() == ["monday", "tuesday"]

    other = tmp_path / "other.db"
    done = (await backups.step(step.model_copy(update={"into": str(other)}))).well()
    assert visits(other) == ["monday"] and visits() == ["monday", "tuesday"]
    (await undo(backups, done.job)).well()
    assert not other.exists()


async def test_an_undo_has_nothing_to_do_for_a_backup(backups: Backups, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("x")
    done = (await backups.run(backups.job(tmp_path / "notes"))).well()
    plan = await plan_undo(backups.store, done.job, HERE)
    assert plan.steps == () and plan.notices


async def test_a_link_that_a_user_put_where_a_folder_was_is_not_followed(backups: Backups, tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home / "docs", elsewhere):
        folder.mkdir(parents=True)
    os.chown(home, 1000, 1000)
    (home / "docs" / "passwd").write_text("mine")
    snapshot = (await backups.run(backups.job(home))).well().reported["snapshot"]
    shutil.rmtree(home / "docs")
    (home / "docs").symlink_to(elsewhere)
    os.chown(home / "docs", 1000, 1000, follow_symlinks=False)
    for chosen, target in ((home / "docs" / "passwd", ""), (Path("/docs/passwd"), str(home))):
        step = restore(backups, snapshot, chosen, target=target, existing="replace")
        done = await backups.step(step)
        assert done.failed.reason == "link-on-the-way" and str(home / "docs") in words.failure(
            done.failed.reason, done.failed.values
        )
    assert list(elsewhere.iterdir()) == []
    os.chown(elsewhere, 1000, 1000)  # a folder of the user's own is as good as the link
    (await backups.step(restore(backups, snapshot, home / "docs" / "passwd"))).well()
    assert (elsewhere / "passwd").read_text() == "mine"

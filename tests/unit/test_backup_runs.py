# ruff: noqa: ASYNC110, ASYNC220, ASYNC221, ASYNC240
"""Runs of backups with the real restic: what goes wrong is reported in words, nothing kept is lost, and the next run is
good."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pi_installer_tui.databases import Dump
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.restic.place import Place
from pi_installer_tui.tasks import words
from pi_installer_tui.tasks.checks import RepositoryAnswers
from pi_installer_tui.tasks.events import StepProgress, Waiting
from pi_installer_tui.tasks.steps import KeepSnapshots, OpenRepository, RestoreDrill, UnlockRepository, VerifyRepository
from pi_installer_tui.tasks.steps.backup import working
from pi_installer_tui.tasks.steps.backup.clear_aside import Aside, ClearAside
from pi_installer_tui.tasks.steps.backup.snapshots import made_by

from .backups import HERE, Backups, make_tree
from .jobs import Run

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("restic"), reason="needs root and restic")


@pytest.fixture
def backups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backups:
    monkeypatch.setattr(working, "Restic", partial(Restic, cache=str(tmp_path / "cache")))
    return Backups(tmp_path / "backups")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    make_tree(tmp_path / "tree", 150)
    return tmp_path / "tree"


async def test_what_changes_during_a_run_is_in_the_next_one(backups: Backups, tree: Path) -> None:
    big = tree / "big"
    big.write_bytes(random.Random(1).randbytes(8_000_000))
    busy = True

    async def work_on() -> None:
        number = 0
        while busy:
            number += 1
            big.open("r+b").write(str(number).encode())
            (tree / f"passing {number}").write_text("soon gone")
            await asyncio.sleep(0.005)
            (tree / f"passing {number}").unlink()

    working_on = asyncio.create_task(work_on())
    first = (await backups.run(backups.job(tree))).well()
    assert first.reported["unread"] == 0
    busy = False
    await working_on
    second = (await backups.run(backups.job(tree))).well()
    out = await backups.engine.run("dump", second.reported["snapshot"], str(big))
    assert out.stdout[:20] == big.read_bytes().decode("utf-8", "surrogateescape")[:20] or big.read_bytes()[:1].isdigit()
    assert second.reported["changed"] >= 1


async def test_progress_and_result_are_told_in_numbers(backups: Backups, tree: Path) -> None:
    (tree / "big").write_bytes(random.Random(2).randbytes(30_000_000))
    backups.place = replace(backups.place, upload=10_000)  # what is faster than half a second tells nothing
    done = (await backups.run(backups.job(tree, tags=("mine",)))).well()
    told = [event for event in backups.store.events(done.job) if isinstance(event, StepProgress) and event.values]
    assert told and told[-1].values["bytes_total"] > 0
    assert "files" in words.progress(told[-1].values)
    snapshot = (await backups.engine.snapshots())[0]
    assert snapshot.tagged("job") == "daily" and snapshot.tagged("run") and "mine" in snapshot.tags
    assert done.reported["snapshot"] == snapshot.id
    assert done.reported["added"] > 30_000_000 and done.reported["size"] > 30_000_000


async def test_work_waits_for_work_of_its_name_and_runs_beside_a_change(backups: Backups, tree: Path) -> None:
    hold = asyncio.Event()
    one = Run(backups.store, backups.job(tree), HERE)
    two = Run(backups.store, backups.job(tree), HERE)
    first = asyncio.create_task(one.run())
    await asyncio.sleep(0)
    second = asyncio.create_task(two.run())
    assert (await first).outcome == "done"
    assert (await second).outcome == "done"
    waits = [event for event in backups.store.events(two.id) if isinstance(event, Waiting)]
    assert waits and waits[0].what == "work-lock" and waits[0].holder == one.id
    assert one.id in words.wait(waits[0].what, waits[0].holder)
    hold.set()


async def test_a_dump_that_fails_leaves_no_snapshot_and_the_files_are_saved(backups: Backups, tree: Path) -> None:
    good, bad = tree / "good.db", tree / "bad.db"
    with sqlite3.connect(good) as database:
        database.execute("create table visits (at text)")
        database.executemany("insert into visits values (?)", [(str(n),) for n in range(500)])
    bad.write_bytes(good.read_bytes()[:5000] + b"rubbish" * 2000)
    dumps = (Dump("sqlite", str(good)), Dump("sqlite", str(bad)))
    done = await backups.run(backups.job(tree, dumps=dumps, keep={"last": 1}))
    assert done.ended.outcome == "failed" and done.failed.reason == "dump-failed"
    assert str(bad) in words.failure(done.failed.reason, done.failed.values)
    assert [each.tagged("database") for each in await backups.engine.snapshots()] == [f"sqlite:{good}", ""]

    bad.unlink()
    done = (await backups.run(backups.job(tree, dumps=dumps[:1]))).well()
    assert len(done.reported["snapshots"]) == 1
    drill = RestoreDrill(id="backup.drill", place=backups.place, job="daily", files=5, dumps=dumps[:1])
    drilled = (await backups.run(backups.plan(drill, action="drill"))).well()
    assert drilled.reported == {
        "proven": True, "files": 5, "differ": 0, "changed_since": 0, "databases": 1
    }  # fmt: skip


async def test_a_drill_with_nothing_to_restore_proves_nothing(backups: Backups, tmp_path: Path) -> None:
    empty, database = tmp_path / "empty", tmp_path / "app.db"
    (empty / "folder").mkdir(parents=True)
    with sqlite3.connect(database) as connection:
        connection.execute("create table visits (at text)")
    (await backups.run(backups.job(empty))).well()
    drill = RestoreDrill(id="backup.drill", place=backups.place, job="daily")
    done = await backups.run(backups.plan(drill, action="drill"))
    assert done.failed.reason == "nothing-to-prove" and done.reported["proven"] is False

    dump = Dump("sqlite", str(database))
    only = backups.job(dumps=(dump,))
    for each in await backups.engine.snapshots():
        await backups.engine.forget([each.id])
    (await backups.run(only)).well()
    done = await backups.run(backups.plan(drill.model_copy(update={"dumps": (dump,)}), action="drill"))
    assert done.failed.reason == "no-run", "its files aren't there"
    databases = drill.model_copy(update={"dumps": (dump,), "files": 0})
    assert (await backups.run(backups.plan(databases, action="drill"))).well().reported["proven"] is True


async def test_a_drill_notices_what_differs_though_it_never_changed(backups: Backups, tree: Path) -> None:
    (await backups.run(backups.job(tree))).well()
    drill = RestoreDrill(id="backup.drill", place=backups.place, job="daily", files=1000)
    changed = next(path for path in tree.rglob("file-*") if path.stat().st_size > 100)
    changed.write_bytes(b"changed since")
    done = (await backups.run(backups.plan(drill, action="drill"))).well()
    assert done.reported["changed_since"] == 1 and done.reported["differ"] == 0

    rotten = next(path for path in tree.rglob("file-*") if path.stat().st_size > 600)
    before = rotten.stat()
    rotten.write_bytes(bytes([rotten.read_bytes()[0] ^ 1]) + rotten.read_bytes()[1:])
    os.utime(rotten, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = await backups.run(backups.plan(drill, action="drill"))
    assert done.failed.reason == "restored-differs" and done.failed.tail == (str(rotten),)
    assert done.reported["proven"] is False


async def test_a_flipped_bit_in_the_repository_is_found_and_mended_as_it_is_said(backups: Backups, tree: Path) -> None:
    (await backups.run(backups.job(tree))).well()
    structure = VerifyRepository(id="backup.verify", place=backups.place)
    data = VerifyRepository(id="backup.verify", place=backups.place, share=100)
    for step in (structure, data):
        done = (await backups.run(backups.plan(step, action="verify"))).well()
        assert done.reported == {"share": step.share, "errors": 0}
    pack = max((backups.repository / "data").rglob("*/*"), key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[100] ^= 4
    pack.chmod(0o600)
    pack.write_bytes(content)
    done = await backups.run(backups.plan(data, action="verify"))
    assert done.failed.reason == "restic-damaged" and done.reported["errors"] > 0
    assert words.failure(done.failed.reason, done.failed.values)
    assert done.reported["packs"] == [pack.name]

    # as screens/backup/damaged.py has it for a restic that can't repair packs
    pack.unlink()
    await backups.engine.run("rebuild-index", write=True)
    (await backups.run(backups.job(tree))).well()
    (await backups.run(backups.plan(data, action="verify"))).well()


async def test_the_newest_good_run_stays_also_when_the_clock_jumps(backups: Backups, tree: Path) -> None:
    async def run(at: str = "") -> str:
        done = (await backups.run(backups.job(tree))).well()
        found = [each for each in await backups.engine.snapshots() if each.id == done.reported["snapshot"]]
        if at:  # as a clock that was wrong would have had it
            argv = ["backup", "--time", at, "--tag", f"job=daily,run=at{at[:4]}", str(tree)]
            await backups.engine.run("forget", found[0].id)
            await backups.engine.run(*argv)
            return next(each.id for each in await backups.engine.snapshots() if each.tagged("run") == f"at{at[:4]}")
        return found[0].id

    old = await run("1999-01-01 00:00:00")
    ahead = await run("2090-01-01 00:00:00")
    new = await run()
    keep = KeepSnapshots(id="backup.keep", place=backups.place, job="daily", last=1)
    done = (await backups.run(backups.plan(keep, action="keep"))).well()
    assert {each.id for each in await backups.engine.snapshots()} == {ahead, new}
    assert done.reported["removed"] == 1 and done.reported["kept"] == 2 and "freed" in done.reported
    assert old not in {each.id for each in await backups.engine.snapshots()}


async def test_thinning_out_leaves_other_jobs_alone(backups: Backups, tree: Path) -> None:
    for _run in range(3):
        (await backups.run(backups.job(tree))).well()
    await backups.engine.run("backup", "--tag", "job=other,run=x", str(tree))
    await backups.engine.run("backup", "--tag", "by hand", str(tree))
    done = (await backups.run(backups.job(tree, keep={"last": 2}))).well()
    assert done.reported["removed"] == 2
    left = await backups.engine.snapshots()
    assert sorted(each.tagged("job") for each in left) == ["", "daily", "daily", "other"]


async def test_thinning_out_leaves_what_other_machines_and_programs_keep_in_the_same_repository(
    backups: Backups, tree: Path
) -> None:
    for _run in range(2):
        (await backups.run(backups.job(tree))).well()
    here = (await backups.engine.snapshots())[0].host
    foreign = {
        "another Pi with a job of that name": ("--host", "other", "--tag", "job=daily,run=a,machine=0123456789abcdef"),
        "another Pi of the same name": ("--host", here, "--tag", "job=daily,run=b,machine=0123456789abcdef"),
        "another Pi, without the tag": ("--host", "other", "--tag", "job=daily,run=c"),
        "another program here": ("--host", here, "--tag", "job=daily"),
    }
    for argv in foreign.values():
        await backups.engine.run("backup", "--time", "2020-01-01 00:00:00", *argv, str(tree))
    others = {each.id for each in await backups.engine.snapshots() if each.time < 1_600_000_000}
    assert len(others) == len(foreign)
    done = (await backups.run(backups.job(tree, keep={"last": 1}))).well()
    assert (done.reported["removed"], done.reported["kept"]) == (2, 1)
    assert others < {each.id for each in await backups.engine.snapshots()}


async def test_a_machine_that_was_renamed_thins_out_what_it_made_before(backups: Backups, tree: Path) -> None:
    (await backups.run(backups.job(tree))).well()
    made = await made_by(HERE)
    if not made.id:
        pytest.skip("this machine has no machine-id")
    tags = f"job=daily,run=a,machine={made.id}"
    await backups.engine.run(
        "backup", "--host", "its-old-name", "--tag", tags, "--time", "2020-01-01 00:00:00", str(tree)
    )
    done = (await backups.run(backups.job(tree, keep={"last": 1}))).well()
    assert done.reported["removed"] == 2 and len(await backups.engine.snapshots()) == 1


async def test_a_drill_proves_no_other_machines_snapshots(backups: Backups, tree: Path) -> None:
    (await backups.run(backups.job(tree))).well()
    (only,) = await backups.engine.snapshots()
    tags = ("--host", "other", "--tag", "job=daily,run=a,machine=0123456789abcdef")
    await backups.engine.run("backup", *tags, str(tree))
    await backups.engine.forget([only.id])
    drill = RestoreDrill(id="backup.drill", place=backups.place, job="daily")
    done = await backups.run(backups.plan(drill, action="drill"))
    assert done.failed.reason == "no-run" and done.reported["proven"] is False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(folder)], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_place_is_said_and_loses_nothing(backups: Backups, tree: Path, small_disk: Path) -> None:
    backups.place = type(backups.place)("usb", "folder", backups.place.password, path=str(small_disk / "repository"))
    first = (await backups.run(backups.job(tree))).well()
    (tree / "much").write_bytes(random.Random(3).randbytes(20_000_000))
    done = await backups.run(backups.job(tree))
    assert done.failed.reason == "restic-no-space", done.failed
    assert "usb" in words.failure(done.failed.reason, done.failed.values)
    verify = VerifyRepository(id="backup.verify", place=backups.place, share=100)
    subprocess.run(["mount", "-o", "remount,size=60m", str(small_disk)], check=True)
    (await backups.run(backups.plan(verify, action="verify"))).well()
    assert first.reported["snapshot"] in [each.id for each in await backups.engine.snapshots()]
    (await backups.run(backups.job(tree))).well()


async def test_cancelling_ends_restic_and_leaves_no_lock(backups: Backups, tree: Path) -> None:
    (tree / "big").write_bytes(random.Random(4).randbytes(60_000_000))
    backups.place = type(backups.place)(
        "usb", "folder", backups.place.password, path=backups.place.path, upload=2000, download=2000
    )
    run = Run(backups.store, backups.job(tree), HERE)
    running = asyncio.create_task(run.run())
    while not backups.locks():
        await asyncio.sleep(0.05)
        assert not running.done()
    await asyncio.sleep(0.3)
    run.runner.cancel("pi")
    assert (await running).outcome == "cancelled"
    assert backups.locks() == []
    assert await backups.engine.snapshots() == ()


async def test_a_lock_that_was_left_is_removed_and_one_at_work_is_not(backups: Backups, tree: Path) -> None:
    (await backups.run(backups.job(tree))).well()
    argv = backups.engine.argv("backup", "--stdin", "--stdin-filename", "/x")
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, env={**os.environ, **await backups.engine.environment()}, stdout=subprocess.DEVNULL
    )
    try:
        while not backups.locks():
            await asyncio.sleep(0.05)
        unlock = UnlockRepository(id="backup.unlock", place=backups.place, locks=tuple(backups.locks()))
        done = await backups.run(backups.plan(unlock, action="unlock"))
        assert done.failed.reason == "lock-alive" and backups.locks()
    finally:
        process.kill()
        process.wait()
    done = (await backups.run(backups.plan(unlock, action="unlock"))).well()
    assert done.reported == {"removed": 1} and backups.locks() == []


async def test_a_place_that_does_not_answer_fails_nothing_else(
    backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "Restic", partial(Restic, cache=str(backups.folder / "cache"), patience=3))
    away = Place("nas", "rest", backups.place.password, url="http://127.0.0.1:9")
    shutil.rmtree(backups.repository)
    usb = OpenRepository(id="backup.open.usb", place=backups.place)
    done = await backups.step(OpenRepository(id="backup.open.nas", place=away, later=True), usb)
    assert done.well().reported == {"unreachable": True, "made": True} and (backups.repository / "config").exists()
    result = await RepositoryAnswers(id="backup.answers.nas", place=away).look(HERE)
    assert result.status == "unknown"
    failed = await backups.step(OpenRepository(id="backup.open.nas", place=away))
    assert failed.ended.outcome == "failed" and failed.failed.reason == "restic-unreachable"
    wrong = backups.folder / "wrong"
    wrong.write_text("another\n")
    closed = replace(backups.place, password=str(wrong))
    refused = await backups.step(OpenRepository(id="backup.open.usb", place=closed, later=True))
    assert refused.failed.reason == "restic-wrong-password", "what can't get better by itself isn't put off"


async def test_what_restorations_put_aside_goes_after_its_time_and_nothing_else(backups: Backups, tree: Path) -> None:
    (await backups.run(backups.job(tree))).well()
    file = str(tree / "odd/setgid")
    for when, tag in (("2020-01-01 00:00:00", "aside=old"), ("2020-01-01 00:00:00", "job=other"), (None, "aside=new")):
        await backups.engine.run("backup", *(("--time", when) if when else ()), "--tag", tag, file)
    old, young, foreign = (tree / f".pi-installer-tui-replaced-{word}" for word in ("old", "young", "foreign"))
    mine = tree / "mine"
    for folder in (old, young, foreign, mine):
        folder.mkdir()
        (folder / "kept").write_text("x")
    os.chown(foreign, 1234, 1234)
    (old / "out").symlink_to(mine)
    long_ago = [Aside(path=str(each), since=1.0) for each in (old, foreign, mine, tree / "gone")]
    folders = (*long_ago, Aside(path=str(young), since=time.time() - 29 * 86400))
    done = await backups.run(backups.plan(ClearAside(id="backup.run.clear", place=backups.place, replaced=folders)))
    assert done.well().reported["aside_cleared"] == 2, "a dump and a folder"
    assert not old.exists() and all((each / "kept").exists() for each in (young, foreign, mine))
    tags = sorted(
        tag
        for each in await backups.engine.snapshots()
        for tag in each.tags
        if not tag.startswith(("run=", "machine="))
    )
    assert tags == ["aside=new", "job=daily", "job=other"]

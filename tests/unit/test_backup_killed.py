# ruff: noqa: ASYNC110, ASYNC240
"""Runs that die: SIGKILL of the worker, and of restic, at any moment. Nothing kept is lost, nothing is in the way of
the next run, nobody is asked about it, and the history has it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pi_installer_tui.tasks import jobs, runs, words, work
from pi_installer_tui.tasks.events import JobEnded, Reported
from pi_installer_tui.tasks.journal import Journal
from pi_installer_tui.tasks.lock import Lock
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import VerifyRepository
from pi_installer_tui.tasks.store import Store

from .backups import HERE, Backups, make_tree
from .jobs import create, make_machine, write

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("restic"), reason="needs root and restic")


@pytest.fixture
async def backups(tmp_path: Path) -> AsyncIterator[Backups]:
    backups = Backups(tmp_path / "backups")
    yield backups
    for each in backups.store.jobs():
        _kill(backups.store, each.id)
    for pid in _restics(backups):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    make_tree(tmp_path / "tree", 100)
    (tmp_path / "tree/big").write_bytes(random.Random(1).randbytes(6_000_000))
    return tmp_path / "tree"


def _kill(store: Store, job: str) -> bool:
    """Kills its worker; False: it was gone. Who only looks after a job names no process in its lock."""
    if store.alive(job) and (pid := (store.folder(job) / "worker.lock").read_text()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
            return True
    return False


def _restics(backups: Backups) -> list[int]:
    """The processes that work with our repository, and no others."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and f"RESTIC_REPOSITORY={backups.place.path}".encode() in (
                entry / "environ"
            ).read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


async def launched(backups: Backups, plan: Plan) -> str:
    job = create(backups.store, plan, HERE)
    await jobs.launch(backups.store, job, HERE)
    return job


async def ended(backups: Backups, job: str) -> str:
    async for _batch in jobs.follow(backups.store, job):
        pass
    return backups.store.summary(job).status


@pytest.mark.long
@pytest.mark.parametrize("moment", range(30))
async def test_a_run_killed_at_any_moment(backups: Backups, tree: Path, moment: int) -> None:
    chance = random.Random(moment)
    began = time.monotonic()
    first = await launched(backups, backups.job(tree))
    assert await ended(backups, first) == "done"
    took = time.monotonic() - began
    (kept,) = await backups.engine.snapshots()
    (tree / "more").write_bytes(chance.randbytes(4_000_000))
    plan = backups.job(tree, keep={"last": 1})
    job = await launched(backups, plan)
    await asyncio.sleep(chance.uniform(0, 1.3 * took))  # it thins out too
    killed = _kill(backups.store, job)
    if killed and moment % 2:
        for pid in _restics(backups):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    status = await ended(backups, job)
    died = status == "failed"  # or it was killed when its end was written
    assert status == "done" or (died and killed)
    summary = backups.store.summary(job)
    assert not summary.open

    again = await launched(backups, plan)
    assert await ended(backups, again) == "done", list(backups.store.events(again))
    (left,) = await backups.engine.snapshots()
    assert left.id != kept.id
    verify = VerifyRepository(id="backup.verify", place=backups.place, share=100)
    assert await ended(backups, await launched(backups, backups.plan(verify, action="verify"))) == "done"
    assert backups.locks() == []
    history = await runs.read_below(HERE, backups.store.root)
    assert [each.outcome for each in history if each.action == "run"] == ["done", status, "done"]
    if died:
        run = next(each for each in history if each.job == job)
        assert run.reason == "interrupted" and words.failure(run.reason, run.values)


async def test_nobody_is_asked_about_a_run_that_died(backups: Backups, tree: Path) -> None:
    job = await launched(backups, backups.job(tree))
    assert _kill(backups.store, job)
    assert await ended(backups, job) == "failed"
    summary = backups.store.summary(job)
    assert summary.status == "failed" and summary.reason == "interrupted" and not summary.open
    with pytest.raises(jobs.JobError):
        await jobs.resume(backups.store, job, HERE)
    await work.settle(backups.store, HERE)
    async with asyncio.timeout(60):  # where there is systemd another process does the same (worker.py, --after)
        while (backups.store.folder(job) / "open").exists() or not await runs.read_below(HERE, backups.store.root):
            await asyncio.sleep(0.05)
    (run,) = await runs.read_below(HERE, backups.store.root)
    assert (run.job, run.module, run.action, run.arguments["job"], run.outcome) == (
        job,
        "backup",
        "run",
        "daily",
        "failed",
    )
    await work.settle(backups.store, HERE)
    assert len(await runs.read_below(HERE, backups.store.root)) == 1


async def test_one_who_writes_the_end_of_a_dead_run_keeps_nobody_from_looking_after_it(
    backups: Backups, tree: Path
) -> None:
    job = create(backups.store, backups.job(tree), HERE)
    folder = backups.store.folder(job)
    (folder / "open").touch()
    other = Lock(folder / "worker.lock")
    assert other.take("")
    assert not await work.settle_one(backups.store, job, HERE)
    waits = asyncio.create_task(work.settle_one(backups.store, job, HERE, patience=60))
    await asyncio.sleep(0.1)
    assert not waits.done()
    other.release()
    assert await waits
    assert not (folder / "open").exists() and backups.store.summary(job).status == "failed"


async def test_a_change_runs_beside_a_backup(backups: Backups, tree: Path, tmp_path: Path) -> None:
    (tree / "more").write_bytes(random.Random(2).randbytes(30_000_000))
    backups.place = type(backups.place)("usb", "folder", backups.place.password, path=backups.place.path)
    job = await launched(backups, backups.job(tree))
    machine = make_machine(tmp_path / "machine")
    change = create(backups.store, Plan(steps=(write("hostname"),)), machine)
    await jobs.launch(backups.store, change, machine)
    async for _batch in jobs.follow(backups.store, change):
        pass
    assert backups.store.summary(change).status == "done"
    assert backups.store.summary(job).status in ("running", "done")
    assert await ended(backups, job) == "done"


async def test_jobs_of_changes_are_not_pushed_out_by_runs(tmp_path: Path) -> None:
    store, machine = Store(tmp_path / "state"), make_machine(tmp_path)
    backups = Backups(tmp_path / "backups")
    change = create(store, Plan(steps=(write("hostname"),)), machine)
    for number in range(8):
        job = change if not number else create(store, backups.job("/etc"), HERE)
        with contextlib.closing(Journal(store.journal(job))) as journal:
            journal.append(JobEnded(outcome="done"))
    store.prune(jobs=3)
    assert [each.lane for each in store.jobs()] == ["work", "work", "work", "change"]


async def test_the_history_is_bounded_and_survives_a_torn_line(tmp_path: Path) -> None:
    machine = make_machine(tmp_path)
    folder = Path(machine.address, "var/lib/pi-installer-tui")
    folder.mkdir(parents=True)
    about = {"module": "backup", "action": "run", "arguments": {}, "who": "pi", "started": 1, "ended": 2}
    lines = [json.dumps({"job": str(number), **about, "outcome": "done"}) for number in range(runs.KEEP + 5)]
    text = "".join(f"{line}\n" for line in lines)
    (folder / "runs.jsonl").write_text(text + '{"job": "torn", "mod')
    found = await runs.read(machine)
    assert found[0].job == str(runs.KEEP + 4) and found[0].seconds == 1
    store = Store(tmp_path / "state")
    backups = Backups(tmp_path / "backups")
    job = create(store, backups.job("/etc"), machine)
    with contextlib.closing(Journal(store.journal(job))) as journal:
        journal.append(Reported(step="backup.run", values={"snapshot": "1234abcd"}))
        journal.append(JobEnded(outcome="done"))
    await runs.note(store, machine)
    found = await runs.read(machine)
    assert len(found) == runs.KEEP and found[0].job == job and found[0].reported == {"snapshot": "1234abcd"}

"""The jobs on disk: private, whole or not there, told in a line without costing an import, pruned by a plain rule."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.before import Unreadable
from pi_installer_tui.tasks.events import JobEnded, JobStarted, StepDone, StepStarted
from pi_installer_tui.tasks.journal import Journal
from pi_installer_tui.tasks.lock import Lock
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.store import AT_BOOT, LAUNCH, ONLINE, Store

from .jobs import Run, create, make_machine, write


@pytest.fixture
def machine(tmp_path: Path) -> LocalHost:
    return make_machine(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


def test_looking_at_jobs_imports_no_pydantic() -> None:
    code = "import sys, pi_installer_tui.tasks.store, pi_installer_tui.tasks.jobs; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_plan_comes_back_as_it_was(store: Store, machine: LocalHost) -> None:
    plan = Plan(
        modules=("system",),
        settings={"system": {"hostname": "attic"}},
        steps=(write("hostname", setting="system.hostname"), write("hosts", needs=("hostname",))),
        expects={"hostname": {"/etc/hostname": "file:644"}},
    )
    job = create(store, plan, machine)
    assert store.plan(job) == plan
    summary = store.summary(job)
    assert (summary.status, summary.steps, summary.who, summary.host_kind) == ("queued", 2, "pi", "local")
    assert (summary.modules, summary.settings_paths) == (("system",), ("system.hostname",))


def test_a_job_is_its_owners_alone(store: Store, machine: LocalHost) -> None:
    job = create(store, Plan(steps=(write("x"),)), machine)
    for where, folders, files in os.walk(store.root):
        for name in folders:
            assert (Path(where) / name).stat().st_mode & 0o777 == 0o700
        for name in files:
            assert (Path(where) / name).stat().st_mode & 0o777 == 0o600
    assert store.root.stat().st_mode & 0o777 == store.folder(job).stat().st_mode & 0o777 == 0o700


def test_jobs_keep_their_order_when_the_clock_goes_backwards(
    store: Store, machine: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = create(store, Plan(), machine)
    monkeypatch.setattr(time, "time", lambda: 86_400.0)  # a Pi without a clock, after a power cut
    second = create(store, Plan(), machine)
    assert second < first
    assert [each.id for each in store.jobs()] == [second, first]


def test_a_journal_is_read_once(store: Store, machine: LocalHost) -> None:
    job = create(store, Plan(steps=(write("a"), write("b"))), machine)
    journal = Journal(store.journal(job))
    journal.append(StepStarted(step="a"))
    assert store.progress(job).in_flight == "a"
    journal.append(StepDone(step="a", changed=True))
    with store.journal(job).open("ab") as torn:
        torn.write(b'{"kind":"step-started","seq":3,"st')
    assert (store.progress(job).in_flight, store.progress(job).done) == ("", ("a",))
    journal.append(StepStarted(step="b"))
    journal.close()
    assert store.progress(job) == Store(store.root).progress(job)
    assert store.progress(job).in_flight == "b"


def test_looking_makes_nothing(tmp_path: Path) -> None:
    assert Store(tmp_path / "nothing").jobs() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "../../etc", "20260101-000000-abcd/..", "x" * 300])
def test_what_is_no_id_is_no_job(store: Store, name: str) -> None:
    with pytest.raises(KeyError):
        store.summary(name)
    with pytest.raises(KeyError):
        store.before(name, "x")


def test_half_made_and_broken_jobs_are_left_out(store: Store, machine: LocalHost) -> None:
    whole = create(store, Plan(), machine)
    broken = create(store, Plan(), machine)
    (store.folder(broken) / "job.json").write_text("{")
    (store.root / "jobs/.new-20260101-000000-abcd").mkdir()
    (store.root / "jobs/20260101-000000-abcd").mkdir()
    assert [each.id for each in store.jobs()] == [whole]


def test_a_job_whose_worker_is_gone_is_interrupted(store: Store, machine: LocalHost) -> None:
    job = create(store, Plan(steps=(write("x"),)), machine)
    lock = Lock(store.folder(job) / "worker.lock")
    assert lock.take("1")
    assert store.alive(job)
    journal = Journal(store.journal(job))
    journal.append(JobStarted(pid=1, boot=""))
    assert store.summary(job).status == "running"
    journal.close()
    lock.release()
    assert not store.alive(job)
    assert store.summary(job).status == "interrupted"


def test_a_job_that_was_launched_and_never_showed_itself_is_interrupted(store: Store, machine: LocalHost) -> None:
    job = create(store, Plan(steps=(write("x"),)), machine)
    launched = store.folder(job) / "launched"
    launched.touch()
    assert store.summary(job).status == "queued"
    os.utime(launched, (time.time(), time.time() - LAUNCH - 1))
    assert store.summary(job).status == "interrupted"


def test_a_job_that_was_launched_at_boot_waits_for_the_network_and_is_not_interrupted(
    store: Store, machine: LocalHost
) -> None:
    job = create(store, Plan(steps=(write("x"),)), machine)
    with contextlib.closing(Journal(store.journal(job))) as journal:
        journal.append(JobStarted(pid=1, boot=""))
        mark = store.folder(job) / AT_BOOT
        mark.write_text(f"{store.journal(job).stat().st_size}\n")
        assert store.summary(job).status == "queued"
        os.utime(mark, (time.time(), time.time() - ONLINE - 1))
        assert store.summary(job).status == "interrupted", "it never came"
        mark.touch()
        journal.append(JobStarted(pid=2, boot="", resumed=True))
        assert store.summary(job).status == "interrupted", "it began, and was cut off"


# pruning ---------------------------------------------------------------------------------------------------------


async def done(store: Store, machine: LocalHost, plan: Plan) -> str:
    run = Run(store, plan, machine)
    await run.run()
    return run.id


def ended(store: Store, machine: LocalHost) -> str:
    """A job that changed nothing."""
    job = create(store, Plan(), machine)
    journal = Journal(store.journal(job))
    journal.append(JobEnded(outcome="done"))
    journal.close()
    return job


async def test_the_oldest_jobs_go_first(store: Store, machine: LocalHost) -> None:
    jobs = [ended(store, machine) for _ in range(6)]
    store.prune(jobs=4)
    assert [each.id for each in reversed(store.jobs())] == jobs[2:]
    assert {path.name for path in (store.root / "jobs").iterdir()} == {*jobs[2:]}


async def test_jobs_go_until_they_fit(store: Store, machine: LocalHost) -> None:
    jobs = [ended(store, machine) for _ in range(4)]
    for job in jobs:
        (store.folder(job) / "worker.log").write_bytes(b"x" * 100_000)
    store.prune(size=250_000)
    assert [each.id for each in reversed(store.jobs())] == jobs[2:]


async def test_what_an_undo_needs_is_never_dropped(store: Store, machine: LocalHost) -> None:
    can_be_undone = await done(store, machine, Plan(steps=(write("hostname", "attic\n"),)))
    overtaken = await done(store, machine, Plan(steps=(write("hosts", "1\n"),)))
    overtaking = await done(store, machine, Plan(steps=(write("hosts", "2\n"),)))
    undone = await done(store, machine, Plan(steps=(write("third"),)))
    undo = await done(store, machine, Plan(steps=(write("third", "back"),), undoes=undone))
    waiting = create(store, Plan(), machine)
    others = [ended(store, machine) for _ in range(3)]

    store.prune(jobs=1)
    left = {each.id for each in store.jobs()}
    assert left == {can_be_undone, overtaking, undone, undo, waiting}
    assert not left & {overtaken, *others}


def _done(store: Store, machine: LocalHost) -> str:
    job = create(store, Plan(steps=(write("x"),)), machine)
    with contextlib.closing(Journal(store.journal(job))) as journal:
        journal.append(JobStarted(pid=1, boot="", resumed=False))
        journal.append(JobEnded(outcome="done"))
    return job


@pytest.mark.parametrize("text", ["", "[]", '{"id": "x"}', '{"version": 1, "extra": 1}', "\0"])
def test_a_damaged_job_is_told_and_hides_no_other(store: Store, machine: LocalHost, text: str) -> None:
    damaged, whole = _done(store, machine), _done(store, machine)
    (store.folder(damaged) / "job.json").write_text(text)
    assert [each.id for each in store.jobs()] == [whole]
    assert store.unreadable() == [damaged]
    with pytest.raises(Unreadable):
        store.summary(damaged)


@pytest.mark.parametrize("name", ["job.json", "plan.json"])
def test_what_a_newer_version_wrote_is_not_guessed_at(store: Store, machine: LocalHost, name: str) -> None:
    job = _done(store, machine)
    file = store.folder(job) / name
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": 99}))
    with pytest.raises(Unreadable) as raised:
        store.about(job) if name == "job.json" else store.plan(job)
    assert raised.value.newer


@pytest.mark.parametrize("text", [None, "", "{", '{"steps": 5}'])
def test_a_damaged_plan_is_told(store: Store, machine: LocalHost, text: str | None) -> None:
    job = _done(store, machine)
    plan = store.folder(job) / "plan.json"
    plan.unlink() if text is None else plan.write_text(text)
    with pytest.raises(Unreadable):
        store.plan(job)


def test_a_file_with_the_name_of_a_job_is_none(store: Store, machine: LocalHost) -> None:
    job = _done(store, machine)
    (store.root / "jobs/20250131-174502-x7k3").touch()
    assert [each.id for each in store.jobs()] == [job]
    assert store.unreadable() == []

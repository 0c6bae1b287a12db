"""A job as its events tell it: what a screen knows after any of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_installer_tui.screens.watch import MOST, JobView, Watch
from pi_installer_tui.tasks.events import (
    CancelRequested,
    CheckDone,
    CheckStarted,
    Event,
    JobEnded,
    JobStarted,
    Output,
    StepDone,
    StepFailed,
    StepProgress,
    StepSkipped,
    StepStarted,
    Waiting,
    WaitOver,
)
from pi_installer_tui.tasks.journal import Journal
from pi_installer_tui.tasks.lock import Lock
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.store import Store


def after(*events: Event) -> JobView:
    view = JobView()
    for event in events:
        view.apply(event)
    return view


def test_a_step_runs_with_its_progress_and_ends() -> None:
    view = after(
        JobStarted(pid=1, boot="b", at=10),
        StepStarted(step="a", at=11),
        StepProgress(step="a", fraction=0.4, phase="unpack", detail="chrony"),
    )
    step = view.steps["a"]
    assert (view.current, step.status, step.fraction, step.phase, step.detail) == (
        "a",
        "running",
        0.4,
        "unpack",
        "chrony",
    )
    assert view.done_steps == 0
    view.apply(StepDone(step="a", changed=False, at=13))
    assert (step.status, step.started, step.ended, view.done_steps) == ("nothing", 11, 13, 1)


def test_a_wait_counts_from_its_first_word() -> None:
    view = after(
        Waiting(what="dpkg-lock", holder="12 apt-get", at=5),
        Waiting(what="dpkg-lock", holder="77 unattended-upgr", at=9),
    )
    assert view.wait is not None
    assert (view.wait.since, view.wait.holder) == (5, "77 unattended-upgr")
    view.apply(WaitOver(what="dpkg-lock"))
    assert view.wait is None


def test_a_failed_step_is_not_counted_as_done_nor_are_those_after_it() -> None:
    view = after(
        StepStarted(step="a"),
        StepDone(step="a", changed=True),
        StepStarted(step="b"),
        StepFailed(step="b", reason="command-failed", values={"command": "false", "status": "1"}),
        StepSkipped(step="c", because="b"),
        JobEnded(outcome="failed", reason="step-failed", at=20),
    )
    assert [view.steps[name].status for name in "abc"] == ["done", "failed", "skipped"]
    assert (view.done_steps, view.outcome, view.ended) == (1, "failed", 20)
    assert view.failure is not None
    assert view.failure.step == "b"


def test_a_continued_job_forgets_how_it_broke_off() -> None:
    view = after(
        JobStarted(pid=1, boot="b", at=10),
        StepStarted(step="a"),
        CancelRequested(by="maria"),
        StepFailed(step="a", reason="cancelled"),
        JobEnded(outcome="cancelled", at=12),
        JobStarted(pid=2, boot="b", resumed=True, at=30),
    )
    assert (view.outcome, view.failure, view.cancel_requested, view.started, view.ended) == ("", None, False, 10, 0)


def test_checks_look_and_then_tell() -> None:
    view = after(CheckStarted(check="k"))
    assert view.checks["k"].status == ""
    view.apply(CheckDone(check="k", status="unknown", evidence="$ x\nno x"))
    assert (view.checks["k"].status, view.checks["k"].evidence) == ("unknown", "$ x\nno x")


def test_output_is_bounded_and_counted() -> None:
    view = after(Output(step="a", text="first\n"), Output(step="b", text="\n".join(str(n) for n in range(MOST + 10))))
    assert view.total == MOST + 11
    assert len(view.output) == MOST
    assert view.output[0] == ("b", "10")
    assert view.output[-1] == ("b", str(MOST + 9))


EVENTS = 2000


def pouring(folder: Path, changed: Callable[[str], None], last_key: Callable[[], float]) -> Watch:
    """Watches a job that printed a line in each of EVENTS events and ended."""
    store = Store(folder)
    job = store.create(Plan(), who="maria", host_kind="local", host_address="/")
    journal = Journal(store.journal(job))
    for n in range(EVENTS):
        journal.append(Output(step="a", text=f"line {n}\n"))
    journal.append(JobEnded(outcome="done"))
    journal.close()
    return Watch(store, job, changed, last_key)


async def test_while_the_worker_lives_the_journal_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    job = store.create(Plan(), who="maria", host_kind="local", host_address="/")
    lock = Lock(store.folder(job) / "worker.lock")
    assert lock.take("")
    again: list[str] = []
    monkeypatch.setattr(Store, "progress", lambda _store, job: again.append(job))
    watch = Watch(store, job, lambda _job: None)
    following = asyncio.create_task(watch.follow())
    journal = Journal(store.journal(job))
    for n in range(25):
        journal.append(Output(step="a", text=f"line {n}\n"))
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.5)  # it prints nothing for a while
    journal.append(JobEnded(outcome="done"))
    await following
    assert (watch.view.total, watch.view.outcome, again) == (25, "done", [])
    journal.close()
    lock.release()


async def test_output_waits_for_the_answer_of_a_key(tmp_path: Path) -> None:
    told: list[str] = []
    key = time.monotonic() + 1.0
    watch = pouring(tmp_path, told.append, lambda: key)
    following = asyncio.create_task(watch.follow())
    await asyncio.sleep(0.5)
    assert 0 < watch.view.total < EVENTS
    assert told == []
    await following
    assert time.monotonic() > key
    assert watch.view.total == EVENTS


async def test_keys_that_never_end_dont_keep_output_away(tmp_path: Path) -> None:
    told: list[str] = []
    watch = pouring(tmp_path, told.append, time.monotonic)
    await asyncio.wait_for(watch.follow(), 5.0)
    assert watch.view.total == EVENTS
    assert told

"""Jobs as processes: real workers, that outlive who started them, end when asked to, and are told apart when dead."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.events import CancelRequested, Event, JobEnded, Output, StepDone, StepFailed
from pi_installer_tui.tasks.jobs import JobError, cancel, follow, launch, resume
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.steps import RunCommand
from pi_installer_tui.tasks.store import Store

from .jobs import create, make_machine, write


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A state directory whose workers are gone afterwards."""
    store = Store(tmp_path / "state")
    yield store
    for each in store.jobs():
        if store.alive(each.id):
            with_pid = (store.folder(each.id) / "worker.lock").read_text()
            os.kill(int(with_pid), signal.SIGKILL)


@pytest.fixture
def machine(tmp_path: Path) -> LocalHost:
    return make_machine(tmp_path)


#: the machine that the tests run on: only commands that change nothing are run on it
HERE = LocalHost("/")


def command(name: str, *argv: str) -> RunCommand:
    return RunCommand(id=name, argv=argv, probe="repeatable")


async def until(true: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  (what it waits for is in files)
            await asyncio.sleep(0.02)


async def watch(store: Store, job: str, after: int = 0) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(30):
        async for batch in follow(store, job, after):
            events += batch
    return events


async def started(store: Store, plan: Plan, host: Host) -> str:
    job = create(store, plan, host)
    await launch(store, job, host)
    return job


async def test_a_job_is_run_by_a_process_that_is_nobodys_child(store: Store, machine: LocalHost) -> None:
    steps = (write("hostname", "attic\n"), write("file", path="/etc/new/deep/file"))
    plan = (await review(Plan(steps=steps), machine)).plan
    job = await started(store, plan, machine)
    pid = int((store.folder(job) / "worker.lock").read_text())
    assert parent_of(pid) != os.getpid()
    events = await watch(store, job)
    assert isinstance(events[-1], JobEnded)
    assert events[-1].outcome == "done"
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert (Path(machine.address) / "etc/hostname").read_text() == "attic\n"
    assert (store.folder(job) / "worker.log").read_text() == ""


async def test_a_demo_job_changes_the_demo_machine(tmp_path: Path) -> None:
    host = DemoHost.create(str(tmp_path / "demo"))
    store = Store(host.state)
    job = await started(store, Plan(steps=(write("motd", "hello\n"),)), host)
    assert (await watch(store, job))[-1].kind == "job-ended"
    assert await host.read("/etc/motd") == b"hello\n"


async def test_what_was_reviewed_is_what_runs(store: Store, machine: LocalHost) -> None:
    plan = (await review(Plan(steps=(write("new"), write("hostname"))), machine)).plan
    (Path(machine.address) / "etc/hostname").write_text("somebody else\n")
    job = await started(store, plan, machine)
    events = await watch(store, job)
    assert [event.kind for event in events] == ["job-started", "stale", "job-ended"]
    assert (Path(machine.address) / "etc/hostname").read_text() == "somebody else\n"
    assert not (Path(machine.address) / "etc/new").exists()


async def test_a_hundred_thousand_lines_pass_in_less_than_three_seconds(store: Store) -> None:
    began = time.monotonic()
    job = await started(store, Plan(steps=(command("lines", "seq", "-f", "%079.0f", "100000"),)), HERE)
    events = await watch(store, job)
    took = time.monotonic() - began
    text = "".join(event.text for event in events if isinstance(event, Output))
    assert text == "".join(f"{number:079d}\n" for number in range(1, 100_001))
    assert took < 3


async def test_cancelling_ends_the_commands_of_the_running_step(store: Store) -> None:
    seconds = f"61.{os.getpid()}"
    job = await started(store, Plan(steps=(command("slow", "sleep", seconds), command("then", "true"))), HERE)
    await until(lambda: running("sleep", seconds))
    await cancel(store, job, by="pi")
    events = await watch(store, job)
    assert not running("sleep", seconds)
    assert [e.by for e in events if isinstance(e, CancelRequested)] == ["pi"]
    assert [(e.step, e.reason) for e in events if isinstance(e, StepFailed)] == [("slow", "cancelled")]
    assert store.summary(job).status == "cancelled"
    with pytest.raises(JobError):
        await cancel(store, job, by="pi")


async def test_a_waiting_job_can_be_cancelled_and_the_running_one_goes_on(store: Store) -> None:
    first = await started(store, Plan(steps=(command("slow", "sleep", "60"),)), HERE)
    second = await started(store, Plan(steps=(command("then", "true"),)), HERE)
    await until(lambda: store.summary(second).status == "waiting")
    assert store.summary(second).waits_for == first
    await cancel(store, second, by="pi")
    assert [e.kind for e in await watch(store, second)][-2:] == ["step-skipped", "job-ended"]
    assert store.summary(first).status == "running"
    await cancel(store, first, by="pi")
    await watch(store, first)


async def test_a_job_nobody_started_is_cancelled_without_a_worker(store: Store) -> None:
    job = create(store, Plan(steps=(command("x", "true"),)), HERE)
    await cancel(store, job, by="pi")
    assert store.summary(job).status == "cancelled"
    with pytest.raises(JobError):
        await launch(store, job, HERE)


async def test_a_killed_worker_leaves_an_interrupted_job_that_goes_on_where_it_was(
    store: Store, machine: LocalHost
) -> None:
    job = await started(store, Plan(steps=(command("first", "true"), command("slow", "sleep", "2"))), HERE)
    await until(lambda: store.summary(job).step == "slow")
    os.kill(int((store.folder(job) / "worker.lock").read_text()), signal.SIGKILL)
    events = await watch(store, job)  # ends, although nobody wrote an end
    assert events[-1].kind == "step-started"
    summary = store.summary(job)
    assert (summary.status, summary.step, summary.done_steps) == ("interrupted", "slow", 1)
    await resume(store, job, HERE)
    events = await watch(store, job, after=events[-1].seq)
    assert [e.step for e in events if isinstance(e, StepDone)] == ["slow"]
    assert store.summary(job).status == "done"
    assert [event.seq for event in store.events(job)] == list(range(1, events[-1].seq + 1))


async def test_an_interrupted_job_can_be_left_as_it_is(store: Store) -> None:
    job = await started(store, Plan(steps=(command("slow", "sleep", "60"), command("then", "true"))), HERE)
    await until(lambda: store.summary(job).step == "slow")
    os.kill(int((store.folder(job) / "worker.lock").read_text()), signal.SIGKILL)
    await until(lambda: store.summary(job).status == "interrupted")
    await cancel(store, job, by="pi")
    assert store.summary(job).status == "cancelled"
    assert [event.kind for event in store.events(job)][-4:] == [
        "cancel-requested",
        "step-failed",
        "step-skipped",
        "job-ended",
    ]


async def test_a_worker_told_to_stop_by_the_system_leaves_a_job_that_can_go_on(store: Store) -> None:
    job = await started(store, Plan(steps=(command("slow", "sleep", "1"), command("then", "true"))), HERE)
    await until(lambda: store.summary(job).step == "slow")
    os.kill(int((store.folder(job) / "worker.lock").read_text()), signal.SIGTERM)
    events = await watch(store, job)
    assert [e.step for e in events if isinstance(e, StepDone)] == ["slow"]
    assert store.summary(job).status == "interrupted"
    await resume(store, job, HERE)
    await watch(store, job, after=events[-1].seq)
    assert store.summary(job).status == "done"


async def test_a_terminals_signals_mean_nothing_to_a_job(store: Store) -> None:
    job = await started(store, Plan(steps=(command("slow", "sleep", "1"),)), HERE)
    await until(lambda: store.summary(job).step == "slow")
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        os.kill(int((store.folder(job) / "worker.lock").read_text()), number)
    await watch(store, job)
    assert store.summary(job).status == "done"


async def test_a_job_outlives_the_session_that_started_it(store: Store) -> None:
    job = create(store, Plan(steps=(command("slow", "sleep", "1"), command("then", "true"))), HERE)
    code = (
        "import asyncio, sys, time; from pathlib import Path\n"
        "from pi_installer_tui.system.local import LocalHost\n"
        "from pi_installer_tui.tasks.jobs import launch\n"
        "from pi_installer_tui.tasks.store import Store\n"
        "asyncio.run(launch(Store(Path(sys.argv[1])), sys.argv[2], LocalHost()))\n"
        "print('launched', flush=True); time.sleep(60)"
    )
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(store.root), job, stdout=subprocess.PIPE, start_new_session=True
    )
    assert starter.stdout is not None
    assert await starter.stdout.readline() == b"launched\n"
    os.killpg(starter.pid, signal.SIGHUP)
    await starter.wait()
    with suppress(ProcessLookupError):  # what of its group the hang-up left
        os.killpg(starter.pid, signal.SIGKILL)
    events = await watch(store, job)
    assert isinstance(events[-1], JobEnded)
    assert events[-1].outcome == "done"


async def test_a_job_is_run_once(store: Store) -> None:
    job = await started(store, Plan(steps=(command("slow", "sleep", "1"),)), HERE)
    with pytest.raises(JobError, match="running"):
        await launch(store, job, HERE)
    await watch(store, job)
    with pytest.raises(JobError, match="ended"):
        await launch(store, job, HERE)
    with pytest.raises(JobError, match="ended"):
        await resume(store, job, HERE)


async def test_a_plan_that_cannot_be_read_ends_the_job_without_telling_its_content(store: Store) -> None:
    job = create(store, Plan(steps=(write("x", "hunter2"),)), HERE)
    plan = store.folder(job) / "plan.json"
    plan.write_text(plan.read_text().replace('"write-file"', '"unheard-of"'))
    await launch(store, job, HERE)
    await watch(store, job)
    summary = store.summary(job)
    assert (summary.status, summary.reason) == ("failed", "internal-error")
    await until(lambda: not store.alive(job))
    log = (store.folder(job) / "worker.log").read_text()
    assert log.startswith("Unreadable")
    assert "hunter2" not in log


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])  # proc_pid_stat(5)


def running(*argv: str) -> bool:
    """Whether a process with these arguments lives."""
    line = b"\0".join(os.fsencode(argument) for argument in argv) + b"\0"
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cmdline").read_bytes() == line:
                    return True
            except OSError:
                continue
    return False

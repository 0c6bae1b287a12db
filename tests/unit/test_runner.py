"""A job's promises while it runs: intents and results on disk in their order, nothing after a failure, nothing on a
machine that isn't as reviewed, an end that says how it was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pi_installer_tui.system.host import CommandFailed, CommandNotFound, Completed
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks import runner as runner_module
from pi_installer_tui.tasks.checks import Result
from pi_installer_tui.tasks.events import (
    CheckDone,
    JobEnded,
    Output,
    Stale,
    StepDone,
    StepFailed,
    StepSkipped,
    StepStarted,
    Waiting,
)
from pi_installer_tui.tasks.fingerprints import MISSING, fingerprint
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.points import Points
from pi_installer_tui.tasks.steps import StepContext, StepError
from pi_installer_tui.tasks.store import Store

from .jobs import Run, create, listing, make_machine, scripted, write


@pytest.fixture
def machine(tmp_path: Path) -> LocalHost:
    return make_machine(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


def plan(*steps: object) -> Plan:
    return Plan.model_validate({"steps": steps})


async def nothing(context: StepContext) -> None:
    pass


async def test_intent_and_before_are_on_disk_when_a_step_works_and_its_result_when_the_next_begins(
    store: Store, machine: LocalHost
) -> None:
    seen: list[tuple[list[str], bytes | None]] = []

    async def look(context: StepContext) -> None:
        before = store.before(run.id, "hostname")
        seen.append((run.kinds, before.content("/etc/hostname") if before.complete else None))

    run = Run(store, plan(scripted("hostname", look), write("second")), machine)
    ended = await run.run()

    assert ended == JobEnded(outcome="done", seq=ended.seq, at=ended.at)
    assert seen == [(["job-started", "step-started"], b"raspberrypi\n")]
    assert run.kinds == ["job-started", *["step-started", "step-done"] * 2, "job-ended"]
    after = {e.step: e.after for e in store.events(run.id) if isinstance(e, StepDone)}
    assert after["hostname"] == {"/etc/hostname": await fingerprint(machine, "/etc/hostname")}
    assert [event.seq for event in store.events(run.id)] == list(range(1, 7))


async def test_a_step_with_nothing_to_do_changes_nothing_and_keeps_nothing(store: Store, machine: LocalHost) -> None:
    as_it_was = listing(machine)
    run = Run(store, plan(write("hostname", "raspberrypi\n")), machine)
    await run.run()
    assert [e.changed for e in store.events(run.id) if isinstance(e, StepDone)] == [False]
    assert listing(machine) == as_it_was
    assert not store.summary(run.id).changed


@pytest.mark.parametrize(
    ("error", "reason", "values", "tail"),
    [
        (StepError("unit-failed", ("line",), unit="x.service"), "unit-failed", {"unit": "x.service"}, ("line",)),
        (CommandNotFound("nmcli"), "not-installed", {"program": "nmcli"}, ()),
        (
            CommandFailed(Completed(("nmcli", "up"), 10, "", "no such\nconnection\n")),
            "command-failed",
            {"command": "nmcli", "status": "10"},
            ("no such", "connection"),
        ),
        (PermissionError(1, "Operation not permitted", "/x"), "io-error", {"path": "/x"}, ()),
    ],
)
async def test_a_failure_ends_the_job_and_says_why(
    store: Store,
    machine: LocalHost,
    error: Exception,
    reason: str,
    values: dict[str, str],
    tail: tuple[str, ...],
) -> None:
    async def fail(context: StepContext) -> None:
        raise error

    run = Run(store, plan(write("first"), scripted("second", fail), write("third")), machine)
    ended = await run.run()
    failed = next(e for e in store.events(run.id) if isinstance(e, StepFailed))
    assert (ended.outcome, ended.reason) == ("failed", "step-failed")
    assert (failed.step, failed.reason, failed.tail, failed.partly) == ("second", reason, tail, True)
    assert values.items() <= failed.values.items()
    assert failed.after == {"/etc/second": await fingerprint(machine, "/etc/second")}
    assert [(e.step, e.because) for e in store.events(run.id) if isinstance(e, StepSkipped)] == [("third", "second")]
    assert await fingerprint(machine, "/etc/third") == MISSING
    assert await fingerprint(machine, "/etc/first") != MISSING
    summary = store.summary(run.id)
    assert (summary.status, summary.reason, summary.step, summary.done_steps) == ("failed", reason, "second", 1)


async def test_the_last_lines_of_a_command_come_with_its_failure(store: Store, machine: LocalHost) -> None:
    async def fail(context: StepContext) -> None:
        context.output(b"first\nE: unable\n\x1b[1mto go on")
        raise StepError("command-failed", command="apt-get", status="100")

    run = Run(store, plan(scripted("x", fail)), machine)
    await run.run()
    failed = next(e for e in store.events(run.id) if isinstance(e, StepFailed))
    assert failed.tail == ("first", "E: unable", "to go on")
    assert run.kinds == ["job-started", "step-started", "output", "step-failed", "job-ended"]


async def test_an_error_of_ours_tells_its_kind_and_place_and_none_of_its_values(
    store: Store, machine: LocalHost
) -> None:
    async def fail(context: StepContext) -> None:
        raise ValueError("hunter2")

    run = Run(store, plan(scripted("x", fail)), machine)
    await run.run()
    failed = next(e for e in store.events(run.id) if isinstance(e, StepFailed))
    assert (failed.reason, failed.values["type"]) == ("internal-error", "ValueError")
    assert failed.values["where"].startswith("test_runner.py:")
    assert "hunter2" not in store.journal(run.id).read_text()


async def test_nothing_a_sensitive_step_prints_is_written_down(store: Store, machine: LocalHost) -> None:
    async def fail(context: StepContext) -> None:
        context.output(b"the key is hunter2\n")
        raise StepError("command-failed", command="wg", status="1")

    run = Run(store, plan(scripted("x", fail, sensitive=True, content="hunter2")), machine)
    await run.run()
    assert "hunter2" not in store.journal(run.id).read_text()
    assert not store.after(run.id, "x").paths()


async def test_a_machine_that_differs_from_the_review_is_left_alone(store: Store, machine: LocalHost) -> None:
    as_it_was = listing(machine)
    stale = Stale(step="hostname", path="/etc/hostname", expected="file:1", found="file:2")
    run = Run(store, plan(write("hostname")), machine, stale=[stale])
    ended = await run.run()
    assert ended.outcome == "stale"
    assert run.kinds == ["job-started", "stale", "job-ended"]
    assert listing(machine) == as_it_was
    assert store.summary(run.id).status == "stale"


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [("ok", "done", ""), ("failed", "failed", "checks-failed"), ("unknown", "done", "checks-unknown")],
)
async def test_the_machine_has_the_last_word(
    store: Store, machine: LocalHost, status: str, outcome: str, reason: str
) -> None:
    from pi_installer_tui.tasks.checks import PathIs

    checked = Plan(steps=(write("x"),), checks=(PathIs(id="x", path="/etc/x", fingerprint="f"),))
    run = Run(store, checked, machine, result=Result(status, "seen"))  # type: ignore[arg-type]
    ended = await run.run()
    assert (ended.outcome, ended.reason) == (outcome, reason)
    done = [e for e in store.events(run.id) if isinstance(e, CheckDone)]
    assert [(e.check, e.status, e.evidence) for e in done] == [("x", status, "seen")]


# cancelling and stopping -----------------------------------------------------------------------------------------


async def test_cancelling_ends_the_running_step_and_skips_the_rest(store: Store, machine: LocalHost) -> None:
    cleaned_up = False

    async def slow(context: StepContext) -> None:
        nonlocal cleaned_up
        asyncio.get_running_loop().call_soon(run.runner.cancel, "pi")
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            cleaned_up = True

    run = Run(store, plan(write("first"), scripted("slow", slow), write("third")), machine)
    ended = await run.run()
    assert (ended.outcome, ended.reason, cleaned_up) == ("cancelled", "", True)
    assert run.kinds[-4:] == ["cancel-requested", "step-failed", "step-skipped", "job-ended"]
    assert store.summary(run.id).status == "cancelled"
    assert store.summary(run.id).changed


async def test_a_step_that_could_not_be_ended_well_says_so_when_cancelled(store: Store, machine: LocalHost) -> None:
    async def slow(context: StepContext) -> None:
        asyncio.get_running_loop().call_soon(run.runner.cancel, "pi")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise StepError("dpkg-inconsistent") from None

    run = Run(store, plan(scripted("slow", slow)), machine)
    ended = await run.run()
    assert (ended.outcome, ended.reason) == ("cancelled", "dpkg-inconsistent")


async def test_cancelling_between_two_steps_begins_nothing_more(store: Store, machine: LocalHost) -> None:
    class Asking(Points):
        def reached(self, point: str) -> None:
            if point == "done":
                run.runner.cancel("pi")

    run = Run(store, plan(write("first"), write("second")), machine, points=Asking())
    ended = await run.run()
    assert ended.outcome == "cancelled"
    assert [e.step for e in store.events(run.id) if isinstance(e, StepDone)] == ["first"]
    assert await fingerprint(machine, "/etc/second") == MISSING


async def test_when_the_machine_goes_down_the_step_ends_and_the_job_can_go_on(store: Store, machine: LocalHost) -> None:
    async def stopped(context: StepContext) -> None:
        run.runner.stop()
        await asyncio.sleep(0.01)

    run = Run(store, plan(scripted("first", stopped), write("second")), machine)
    ended = await run.run()
    assert (ended.outcome, ended.reason) == ("interrupted", "stopped")
    assert store.summary(run.id).status == "interrupted"
    assert store.summary(run.id).done_steps == 1

    again = Run(store, run.plan, machine, job=run.id)
    assert (await again.run(resume=True)).outcome == "done"
    assert [e.step for e in store.events(run.id) if isinstance(e, StepStarted)] == ["first", "second"]


async def test_a_step_that_takes_too_long_while_the_machine_goes_down_stays_in_flight(
    store: Store, machine: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "STOP_GRACE", 0.05)

    async def slow(context: StepContext) -> None:
        run.runner.stop()
        await asyncio.sleep(60)

    run = Run(store, plan(scripted("slow", slow), write("second")), machine)
    ended = await run.run()
    assert ended.outcome == "interrupted"
    assert store.summary(run.id).step == "slow"


# going on after a crash ------------------------------------------------------------------------------------------


class PowerCut(BaseException):
    """Nothing handles it: as if the process had ended there."""


async def test_going_on_keeps_what_was_there_before_the_first_try(store: Store, machine: LocalHost) -> None:
    async def power_cut(context: StepContext) -> None:
        raise PowerCut

    run = Run(store, plan(write("hosts"), scripted("hostname", power_cut), write("third")), machine)
    with pytest.raises(PowerCut):
        await run.run()
    assert store.summary(run.id).status == "interrupted"
    assert store.summary(run.id).step == "hostname"

    again = Run(store, plan(write("hosts"), scripted("hostname", nothing), write("third")), machine, job=run.id)
    assert (await again.run(resume=True)).outcome == "done"
    assert store.before(run.id, "hostname").content("/etc/hostname") == b"raspberrypi\n"
    done = [(e.step, e.changed) for e in store.events(run.id) if isinstance(e, StepDone)]
    assert done == [("hosts", True), ("hostname", True), ("third", True)]


async def test_what_was_kept_half_is_kept_anew(store: Store, machine: LocalHost) -> None:
    run = Run(store, plan(write("hostname")), machine)
    half = store.before(run.id, "hostname", machine)
    await half.save_path("/etc/hostname")
    (Path(machine.address) / "etc/hostname").write_text("changed before anything was done\n")
    await run.run()
    assert store.before(run.id, "hostname").content("/etc/hostname") == b"changed before anything was done\n"


# two at once -----------------------------------------------------------------------------------------------------


async def test_jobs_that_change_the_machine_run_one_after_the_other_in_the_order_they_came(
    store: Store, machine: LocalHost
) -> None:
    order: list[str] = []
    go = asyncio.Event()

    def step(name: str) -> object:
        async def work(context: StepContext) -> None:
            order.append(name)
            if name == "a":
                await go.wait()

        return scripted(name, work)

    runs = [Run(store, plan(step(name)), machine) for name in "abcd"]
    tasks = []
    for each in runs:
        tasks.append(asyncio.create_task(each.run()))
        await until(lambda each=each: len(each.kinds) >= 2)  # type: ignore[misc]
    assert [store.summary(each.id).status for each in runs] == ["running", "waiting", "waiting", "waiting"]
    assert {store.summary(each.id).waits_for for each in runs[1:]} == {runs[0].id}
    runs[2].runner.cancel("pi")
    assert (await tasks[2]).outcome == "cancelled"
    go.set()
    assert [(await task).outcome for task in tasks] == ["done", "done", "cancelled", "done"]
    assert order == ["a", "b", "d"]
    waits = [e.holder for e in store.events(runs[3].id) if isinstance(e, Waiting)]
    assert waits[0] == runs[0].id
    assert "wait-over" in runs[3].kinds


async def test_a_place_in_the_queue_is_lost_with_its_holder(store: Store, machine: LocalHost) -> None:
    gone = create(store, plan(write("x")), machine)
    queue = store.root / "queue"
    queue.mkdir()
    (queue / f"{0:020d}.{gone}").touch()
    run = Run(store, plan(write("y")), machine)
    assert (await run.run()).outcome == "done"
    assert list(queue.iterdir()) == []


async def until(true: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  (what it waits for is in files)
            await asyncio.sleep(0.01)


# a full disk -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB for the state."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=384k,mode=0700", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
        while filler.write(b"x" * 4096):
            pass


async def test_without_space_for_what_it_replaces_a_step_is_not_begun(small_disk: Path, machine: LocalHost) -> None:
    (Path(machine.address) / "etc/large").write_bytes(os.urandom(400_000))
    as_it_was = listing(machine)
    store = Store(small_disk)
    run = Run(store, plan(write("large"), write("other")), machine)
    ended = await run.run()
    failed = next(e for e in store.events(run.id) if isinstance(e, StepFailed))
    assert (ended.outcome, ended.reason, failed.reason, failed.partly) == ("failed", "disk-full", "disk-full", False)
    assert listing(machine) == as_it_was


async def test_a_disk_that_fills_up_amid_a_job_ends_it_in_words(small_disk: Path, machine: LocalHost) -> None:
    store = Store(small_disk)

    async def fill_up(context: StepContext) -> None:
        fill(small_disk)
        context.output(b"lost\n" * 5000)

    run = Run(store, plan(scripted("first", fill_up), write("second")), machine)
    ended = await run.run()
    assert (ended.outcome, ended.reason) == ("failed", "disk-full")
    assert [(e.step, e.changed) for e in store.events(run.id) if isinstance(e, StepDone)] == [("first", True)]
    assert await fingerprint(machine, "/etc/second") == MISSING
    assert not [e for e in store.events(run.id) if isinstance(e, Output)]
    assert store.summary(run.id).status == "failed"


async def test_on_a_disk_that_is_full_already_nothing_is_begun(small_disk: Path, machine: LocalHost) -> None:
    as_it_was = listing(machine)
    store = Store(small_disk)
    job = create(store, plan(write("x")), machine)
    fill(small_disk)
    ended = await Run(store, plan(write("x")), machine, job=job).run()
    assert (ended.outcome, ended.reason) == ("failed", "disk-full")
    assert listing(machine) == as_it_was
    with pytest.raises(OSError, match="No space"):
        create(store, plan(write("x")), machine)
    assert store.ids() == [job]

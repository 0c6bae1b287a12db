"""Probation: who decides decides once, the script gives back every byte, and without systemd the worker itself does."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks import probation, way_back
from pi_installer_tui.tasks.before import Before
from pi_installer_tui.tasks.events import Armed, Confirmed, JobEnded, Reverted, StepDone, Waiting
from pi_installer_tui.tasks.jobs import cancel
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.probation import ConfirmError, confirm, look, with_attributes
from pi_installer_tui.tasks.reboot import Agreement, agree, next_time
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.steps import Link, Probation, Reboot, RemoveFile, RunCommand, Unit
from pi_installer_tui.tasks.steps.probation import Confirmation
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.tasks.undo import plan_undo

from .jobs import Run, create, listing, make_machine, write
from .test_local_host_files import ACCESS_LIST


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make_machine(tmp_path)


STEPS = (
    write("hostname", "attic\n", mode=0o600),
    write("made", "new\n", path="/etc/made/by/us"),
    RemoveFile(id="old", path="/etc/old"),
    Link(id="zone", path="/etc/localtime", target="/usr/share/zoneinfo/Europe/Berlin"),
)


def on_probation(seconds: int = 600, **more: Any) -> Plan:
    return Plan(
        steps=(write("hosts", "before\n"), Probation(id="trial", steps=STEPS, seconds=seconds, **more), write("last"))
    )


async def begun(store: Store, host: Host, plan: Plan) -> tuple[Run, asyncio.Task[JobEnded]]:
    """A job whose change waits for its confirmation."""
    run = Run(store, (await review(plan, host)).plan, host)
    task = asyncio.create_task(run.run())
    await until(lambda: any(isinstance(event, Waiting) for event in store.events(run.id)) or task.done())
    assert not task.done(), list(store.events(run.id))
    return run, task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  (it is a file that becomes true)
            await asyncio.sleep(0.02)


# in the worker's hands -----------------------------------------------------------------------------------------------


async def test_a_confirmed_change_stays_and_the_job_goes_on(store: Store, host: Host) -> None:
    run, task = await begun(store, host, on_probation())
    trial = look(store, run.id)
    assert trial is not None and trial.can_be_confirmed and 590 < trial.left <= 600
    assert store.summary(run.id).probation == "trial" and not (Path(host.address) / "etc/last").exists()
    await confirm(store, run.id, "pi", host)
    assert (await task).outcome == "done"
    assert (Path(host.address) / "etc/last").exists()
    assert [event.by for event in store.events(run.id) if isinstance(event, Confirmed)] == ["pi"]
    with pytest.raises(ConfirmError, match="nothing"):
        await confirm(store, run.id, "pi", host)


async def test_a_change_that_nobody_confirms_goes_back_to_the_byte(store: Store, host: Host) -> None:
    before = listing(host)
    run, task = await begun(store, host, on_probation(3))
    ended = await task
    assert (ended.outcome, ended.reason) == ("failed", "not-confirmed")
    after = listing(host)
    assert {path for path in before if before[path] != after.get(path)} == {"/etc/hosts"}, "what was done before stays"
    assert after.keys() == before.keys()
    assert "last" not in [event.step for event in store.events(run.id) if isinstance(event, StepDone)]
    undo = await plan_undo(store, run.id, host)
    assert [step.id for step in undo.steps] == ["undo-hosts"]


async def test_armed_is_on_disk_before_the_first_byte_changes(store: Store, host: Host) -> None:
    run, task = await begun(store, host, on_probation(3))
    kinds = [(event.kind, getattr(event, "step", "")) for event in store.events(run.id)]
    assert kinds.index(("armed", "trial")) < kinds.index(("step-started", "hostname"))
    for step in STEPS:
        assert store.before(run.id, step.id).complete
    await task


async def test_cancelling_takes_the_change_back(store: Store, host: Host) -> None:
    before = listing(host)["/etc/hostname"]
    run, task = await begun(store, host, on_probation())
    run.runner.cancel("pi")
    assert (await task).outcome == "cancelled"
    assert listing(host)["/etc/hostname"] == before
    assert [event.because for event in store.events(run.id) if isinstance(event, Reverted)] == ["cancelled"]


async def test_a_step_that_fails_on_probation_takes_the_others_back(store: Store, host: Host) -> None:
    before = listing(host)
    broken = RunCommand(id="broken", argv=("no-such-program",), probe="repeatable", covered=True)
    plan = Plan(steps=(Probation(id="trial", steps=(*STEPS, broken)), write("last")))
    run = Run(store, (await review(plan, host)).plan, host)
    ended = await run.run()
    assert (ended.outcome, ended.reason) == ("failed", "step-failed")
    assert listing(host) == before
    assert not store.summary(run.id).changed


async def test_what_cannot_be_taken_back_whole_ends_the_job_and_holds_no_other_up(store: Store, host: Host) -> None:
    run, task = await begun(store, host, on_probation())
    (blob,) = (store.folder(run.id) / "before/hostname/blobs").iterdir()
    blob.write_text("damaged\n")
    run.runner.cancel("pi")
    ended = await task
    assert (ended.outcome, ended.reason) == ("cancelled", "way-back-failed")
    assert probation.open_trial(store) is None
    again = Run(store, (await review(Plan(steps=(write("next"),)), host)).plan, host)
    async with asyncio.timeout(10):
        assert (await again.run()).outcome == "done"


async def test_a_change_cannot_be_confirmed_before_it_is_made(store: Store, host: Host) -> None:
    run, task = await begun(store, host, on_probation(3))
    (store.folder(run.id) / "probation/asking").unlink()
    with pytest.raises(ConfirmError, match="not-yet"):
        await confirm(store, run.id, "pi", host)
    await task
    with pytest.raises(ConfirmError, match="taken-back"):
        await confirm(store, run.id, "pi", host)


async def test_an_undo_of_what_was_on_probation_is_on_probation(store: Store, host: Host) -> None:
    before = listing(host)
    run, task = await begun(store, host, on_probation())
    await confirm(store, run.id, "pi", host)
    await task
    undo = await plan_undo(store, run.id, host)
    (trial,) = undo.trials
    assert undo.steps[-1] is trial, "at the end of the plan"
    assert {step.id for step in trial.steps} == {"undo-hostname", "undo-made", "undo-old", "undo-zone"}
    back, task = await begun(store, host, undo)
    await confirm(store, back.id, "pi", host)
    await task
    assert listing(host) == before


# what may be wrapped -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "install-packages", "id": "x", "packages": ["cowsay"]},
        {"kind": "reboot", "id": "x"},
        {"kind": "probation", "id": "x", "steps": [STEPS[0].model_dump()]},
        {"kind": "run-command", "id": "x", "argv": ["touch", "/x"], "probe": "repeatable"},
        {"kind": "run-command", "id": "x", "argv": ["systemctl", "reboot"], "probe": "repeatable", "again": True},
        {"kind": "run-command", "id": "x", "argv": ["/sbin/shutdown", "-r"], "probe": "repeatable", "again": True},
        {"kind": "unit", "id": "x", "name": "reboot.target", "active": True},
    ],
)
def test_what_a_script_cannot_take_back_is_refused(step: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Probation.model_validate({"id": "trial", "steps": [step]})


def test_a_plan_can_be_made_to_go_without() -> None:
    plain = on_probation().to_be_confirmed(Confirmation(by="none"))
    assert plain.trials == () and [step.id for step in plain.steps] == ["hosts", *(s.id for s in STEPS), "last"]
    auto = on_probation().to_be_confirmed(Confirmation(by="auto", seconds=60, peers=("attic",)))
    assert [(t.confirm, t.seconds, t.peers) for t in auto.trials] == [("auto", 60, ("attic",))]


# the script ----------------------------------------------------------------------------------------------------------


class Script:
    """The way back of the four file steps, on a folder that stands for the machine."""

    def __init__(self, tmp_path: Path, commands: tuple[way_back.Run, ...] = ()) -> None:
        self.etc = tmp_path / "root/etc"
        self.folder = tmp_path / "job/probation"
        self.folder.mkdir(parents=True)
        (tmp_path / "before").mkdir()
        self.host = make_machine(tmp_path)
        self.tmp = tmp_path
        self.commands = commands

    async def write(self) -> None:
        backs: list[way_back.Back] = []
        real = make_machine_paths(self.tmp)
        for number, path in enumerate(real):
            before = Before(self.tmp / f"before/{number}", real_host())
            await before.save_path(str(path))
            before.finish()
            backs += (with_attributes(self.folder, back) for back in way_back.paths_back(before))
        text = way_back.script(
            job="20260101-000000-abcd",
            folder=self.folder,
            lock=self.tmp / "lock",
            unit=self.tmp / "unit",
            wanted_by=self.tmp / "wants",
            backs=backs,
            activations=self.commands,
            done="back it is",
            restart="restart it",
            failed="did not work",
            motd=str(self.tmp / "motd.d/50"),
        )
        (self.folder / "way-back").write_bytes(text)
        (self.folder / "armed").write_text("{}")
        for name in ("unit", "wants"):
            (self.tmp / name).write_text(f"ExecStart=/bin/sh {self.folder}/way-back boot\n")

    def run(self) -> int:
        argv = ["sh", str(self.folder / "way-back")]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        self.said = done.stdout + done.stderr
        return done.returncode

    @property
    def standing(self) -> list[str]:
        return [name for name in probation.STANDINGS if (self.folder / name).exists()]


def make_machine_paths(tmp_path: Path) -> list[Path]:
    etc = tmp_path / "root/etc"
    return [
        etc / "hostname",
        etc / "locale",
        etc / "old",
        etc / "localtime",
        etc / "nothing here",
        etc / "it's; $(odd)",
    ]


#: capabilities(7), struct vfs_cap_data: version 2, effective, cap_net_raw
CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)


def real_host() -> Host:
    from pi_installer_tui.system.local import LocalHost

    return LocalHost()


def spoil(script: Script) -> None:
    """What the change did."""
    (script.etc / "hostname").write_text("attic\n")
    (script.etc / "locale").chmod(0o777)
    (script.etc / "old").unlink()
    (script.etc / "localtime").unlink()
    (script.etc / "localtime").write_text("not a link\n")
    (script.etc / "nothing here").write_text("made\n")
    (script.etc / "it's; $(odd)").unlink()


async def made(tmp_path: Path, *commands: way_back.Run) -> Script:
    script = Script(tmp_path, commands)
    (script.etc / "it's; $(odd)").write_bytes(b"\0\xff\n")
    await script.write()
    return script


async def test_the_script_gives_every_byte_back_and_takes_its_units_away(tmp_path: Path) -> None:
    script = await made(tmp_path)
    before = listing(script.host)
    spoil(script)
    assert script.run() == 0
    assert listing(script.host) == before
    assert script.standing == ["reverted"]
    assert not (tmp_path / "unit").exists() and not (tmp_path / "wants").exists()
    assert (tmp_path / "motd.d/50").read_text() == "back it is\n"
    assert (tmp_path / "job/unseen").exists()


async def test_the_script_does_nothing_once_the_change_is_confirmed(tmp_path: Path) -> None:
    script = await made(tmp_path)
    (script.folder / "armed").rename(script.folder / "confirmed")
    spoil(script)
    spoiled = listing(script.host)
    assert script.run() == 0
    assert listing(script.host) == spoiled
    assert script.standing == ["confirmed"]
    assert not (tmp_path / "unit").exists(), "what a power cut left of it is taken away"


async def test_a_script_leaves_the_unit_of_another_job_alone(tmp_path: Path) -> None:
    script = await made(tmp_path)
    (tmp_path / "unit").write_text("ExecStart=/bin/sh /another/job/way-back boot\n")
    assert script.run() == 0
    assert (tmp_path / "unit").exists() and (tmp_path / "wants").exists()


async def test_a_script_that_was_cut_off_begins_again(tmp_path: Path) -> None:
    script = await made(tmp_path)
    before = listing(script.host)
    spoil(script)
    (script.folder / "armed").rename(script.folder / "reverting")
    (script.etc / ".hostname.pi-installer-tui-0000ba4c").write_text("half")
    assert script.run() == 0
    assert listing(script.host) == before


@pytest.mark.parametrize("name", ["hostname", "nothing here", "localtime"])
async def test_the_script_removes_what_was_never_put_in_its_place(tmp_path: Path, name: str) -> None:
    script = await made(tmp_path)
    before = listing(script.host)
    spoil(script)
    (script.etc / f".{name}.pi-installer-tui-1a2b3c4d").write_text("half")
    assert script.run() == 0
    assert listing(script.host) == before


async def test_a_command_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = await made(tmp_path, way_back.Run(("test", "-e", str(gate))))
    before = listing(script.host)
    spoil(script)
    assert script.run() == 1
    assert listing(script.host) == before, "the files are back all the same"
    assert script.standing == ["reverting"]
    assert (tmp_path / "motd.d/50").read_text() == "did not work\n"
    gate.touch()
    assert script.run() == 0
    assert script.standing == ["reverted"]


async def test_the_script_gives_back_attributes_and_access_lists(tmp_path: Path) -> None:
    names = ("user.origin", "system.posix_acl_access", "security.capability")
    script = Script(tmp_path)
    path = script.etc / "hostname"
    path.chmod(0o640)
    for name, value in zip(names, (b"by hand\xff", ACCESS_LIST, CAPABILITY), strict=True):
        os.setxattr(path, name, value)
    had = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    assert set(names) <= had.keys()
    (script.etc / "it's; $(odd)").write_text("odd\n")
    await script.write()
    before = listing(script.host)
    path.unlink()
    path.write_text("attic\n")
    assert script.run() == 0
    assert {name: os.getxattr(path, name) for name in os.listxattr(path)} == had
    assert listing(script.host) == before


async def test_what_a_sensitive_command_says_is_nowhere(tmp_path: Path) -> None:
    command = ("sh", "-c", "echo top secret; exit 1")
    script = await made(tmp_path, way_back.Run(command, sensitive=True), way_back.Run(("echo", "plain")))
    assert script.run() == 1
    told = script.said + (script.folder / "log").read_text() + (tmp_path / "motd.d/50").read_text()
    assert "secret" in told.replace("top secret", "") and "top secret" not in told
    assert "failed: (secret)" in told and "plain" in told


async def test_a_damaged_copy_is_not_put_back_and_the_others_are(tmp_path: Path) -> None:
    script = await made(tmp_path)
    before = listing(script.host)
    spoil(script)
    (blob,) = (tmp_path / "before/0/blobs").iterdir()
    blob.write_text("damaged\n")
    assert script.run() == 1
    after = listing(script.host)
    assert {path for path in before if before[path] != after[path]} == {"/etc/hostname"}
    assert "damaged" in (script.folder / "log").read_text()


async def test_of_a_confirmation_and_the_way_back_at_the_same_moment_one_wins(tmp_path: Path) -> None:
    winners = set()
    for number in range(12):
        store = Store(tmp_path / str(number) / "state")
        host = make_machine(tmp_path / str(number))
        script = await made_for(store, host, tmp_path / str(number))
        said = await decided(store, host, script, number) if number == 0 else ""
        process = await asyncio.create_subprocess_exec("sh", str(script / "way-back"), stdout=subprocess.DEVNULL)
        if number == 11:
            await until(lambda script=script: not (script / "armed").exists())  # type: ignore[misc]
        said = said or await decided(store, host, script, number)
        await process.wait()
        assert [name for name in probation.STANDINGS if (script / name).exists()] == [said]
        winners.add(said)
    assert winners == {"reverted", "confirmed"}, "each of them in some of the cases"


async def decided(store: Store, host: Host, script: Path, number: int) -> str:
    """How it stands once somebody has tried to confirm it, `number` times two milliseconds from now."""
    await asyncio.sleep(0.002 * number)
    try:
        await confirm(store, script.parent.name, "pi", host)
    except ConfirmError:
        return "reverted"
    return "confirmed"


async def made_for(store: Store, host: Host, tmp_path: Path) -> Path:
    """A job whose change waits, with a script that has nothing to do."""
    job = create(store, on_probation(), host)
    folder = store.folder(job) / "probation"
    folder.mkdir()
    text = way_back.script(
        job=job, folder=folder, lock=store.root / "lock.change", unit=tmp_path / "unit", wanted_by=tmp_path / "wants",
        backs=(), activations=(), done="", restart="", failed="", motd=str(tmp_path / "motd"),
    )  # fmt: skip
    (folder / "way-back").write_bytes(text)
    trial = probation.Trial("trial", (), 60, 1e12, probation.boot_id(), "wait", outside=False)
    about = {"step": trial.step, "steps": [], "seconds": 60, "until": 1e12, "boot": trial.boot, "confirm": "wait"}
    (folder / "armed").write_text(json.dumps({**about, "outside": False}))
    (folder / "asking").touch()
    return folder


# units in the script -------------------------------------------------------------------------------------------------


def test_a_unit_goes_back_to_what_it_was(tmp_path: Path) -> None:
    before = Before(tmp_path, real_host())
    wants = "/etc/systemd/system/multi-user.target.wants/x.service"
    links = {wants: "/lib/systemd/system/x.service", "/etc/other": "y"}
    for name, value in {"enabled": "enabled", "active": "inactive", "links": links}.items():
        before.put(name, value)
    backs = Unit(id="x", name="x.service", enabled=False, active=True).way_back(before)
    assert backs == (
        way_back.Run(("systemctl", "stop", "x.service"), offline=True),
        way_back.Run(("systemctl", "enable", "x.service"), offline=True),
        way_back.PutLink(wants, "/lib/systemd/system/x.service"),
    )


# after the worker's death --------------------------------------------------------------------------------------------


async def test_what_the_way_back_did_outside_is_written_into_the_journal(store: Store, host: Host) -> None:
    run, task = await begun(store, host, on_probation())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    folder = store.folder(run.id) / "probation"
    (folder / "armed").rename(folder / "reverted")
    (folder / "log").write_text("put back: /etc/hostname\n")
    summary = store.summary(run.id)
    assert (summary.status, summary.reason, summary.probation) == ("failed", "not-confirmed", "")
    assert probation.settle(store, run.id) and not probation.settle(store, run.id)
    last = list(store.events(run.id))[-1]
    assert isinstance(last, JobEnded) and last.reason == "not-confirmed"
    assert store.summary(run.id) == summary or store.summary(run.id).status == summary.status


async def test_a_worker_that_died_while_it_waited_goes_on_waiting(store: Store, host: Host) -> None:
    run, task = await begun(store, host, on_probation())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    again = Run(store, store.plan(run.id), host, job=run.id)
    going = asyncio.create_task(again.run(resume=True))
    await until(lambda: sum(isinstance(event, Waiting) for event in store.events(run.id)) == 2)
    await confirm(store, run.id, "pi", host)
    assert (await going).outcome == "done"
    steps = [event.step for event in store.events(run.id) if isinstance(event, StepDone)]
    assert len(steps) == len(set(steps)), "no step that is done is repeated"
    assert sum(isinstance(event, Armed) for event in store.events(run.id)) == 1


async def died(store: Store, host: Host, plan: Plan) -> str:
    """A job whose change waits, and whose worker is gone."""
    run, task = await begun(store, host, plan)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return run.id


async def test_a_confirmation_that_comes_before_the_cancellation_counts(store: Store, host: Host) -> None:
    run, task = await begun(store, host, on_probation())
    (store.folder(run.id) / "probation/armed").rename(store.folder(run.id) / "probation/confirmed")
    run.runner.cancel("pi")
    assert (await task).outcome == "cancelled"
    assert (Path(host.address) / "etc/hostname").read_text() == "attic\n", (
        "it stays, and what came after it is left out"
    )
    assert not store.summary(run.id).probation
    assert not (Path(host.address) / "etc/last").exists()


async def test_no_job_ends_while_its_change_is_undecided(store: Store, host: Host) -> None:
    before = listing(host)
    job = await died(store, host, on_probation())
    again = Run(store, store.plan(job), host, job=job)
    again.runner.cancel("pi")
    assert (await again.run(resume=True)).outcome == "cancelled"
    assert {path for path, seen in listing(host).items() if before.get(path) != seen} == {"/etc/hosts"}
    assert probation.open_trial(store) is None


async def test_a_change_that_is_continued_does_not_wait_for_jobs_that_wait_for_it(store: Store, host: Host) -> None:
    job = await died(store, host, on_probation())
    other = Run(store, (await review(Plan(steps=(write("other"),)), host)).plan, host)
    waiting = asyncio.create_task(other.run())
    await until(lambda: store.progress(other.id).waits_what == "probation")
    again = Run(store, store.plan(job), host, job=job)
    going = asyncio.create_task(again.run(resume=True))
    await until(lambda: sum(isinstance(event, Waiting) for event in store.events(job)) == 2)
    await confirm(store, job, "pi", host)
    assert (await going).outcome == (await waiting).outcome == "done"


async def test_a_change_that_was_confirmed_without_its_worker_can_be_undone(store: Store, host: Host) -> None:
    job = await died(store, host, on_probation())
    await confirm(store, job, "pi", host)
    await cancel(store, job, "pi", host)
    assert store.summary(job).status == "cancelled" and not store.summary(job).probation
    undo = await plan_undo(store, job, host)
    assert undo.trials and not undo.blocked


# reboots -------------------------------------------------------------------------------------------------------------


def test_an_agreement_is_for_now_or_for_the_next_time_the_clock_says_so(store: Store, host: Host) -> None:
    job = create(store, Plan(steps=(Reboot(id="reboot"),)), host)
    agreement = Agreement(store.folder(job), "ask")
    assert agreement.when() == "" and not agreement.due()
    agree(store, job, "03:30")
    assert agreement.when() == "03:30" and not agreement.due()
    os.utime(store.folder(job) / "reboot.json", (0, 0))
    assert agreement.due(), "agreed to long ago"
    agree(store, job)
    assert agreement.due()
    assert not Agreement(store.folder(job), "ask", "another").due(), "it counts for the step that the job is at"


def test_a_time_of_day_is_the_next_one() -> None:
    noon = time.mktime((2026, 3, 28, 12, 0, 0, 0, 0, -1))
    assert time.localtime(next_time("13:00", noon))[:5] == (2026, 3, 28, 13, 0)
    assert time.localtime(next_time("03:30", noon))[:5] == (2026, 3, 29, 3, 30)


async def test_a_reboot_waits_and_can_be_cancelled(store: Store, host: Host) -> None:
    (Path(host.address) / "proc/sys/kernel/random").mkdir(parents=True)
    boot = Path(host.address) / "proc/sys/kernel/random/boot_id"
    boot.write_text("one\n")
    plan = Plan(steps=(write("first"), Reboot(id="reboot"), write("last")))
    run, task = await begun(store, host, plan)
    assert store.summary(run.id).waits_what == "reboot"
    run.runner.cancel("pi")
    assert (await task).outcome == "cancelled"


async def test_a_job_goes_on_in_the_next_boot_and_repeats_nothing(store: Store, host: Host) -> None:
    (Path(host.address) / "proc/sys/kernel/random").mkdir(parents=True)
    boot = Path(host.address) / "proc/sys/kernel/random/boot_id"
    boot.write_text("one\n")
    plan = Plan(steps=(write("first"), Reboot(id="reboot"), write("last")))
    run, task = await begun(store, host, plan)
    run.runner.stop()
    ended = await task
    assert (ended.outcome, ended.reason) == ("interrupted", "reboot")
    boot.write_text("two\n")
    again = Run(store, store.plan(run.id), host, job=run.id)
    assert (await again.run(resume=True)).outcome == "done"
    assert [e.step for e in store.events(run.id) if isinstance(e, StepDone)] == ["first", "reboot", "last"]

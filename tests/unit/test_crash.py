"""The worker is killed at every step boundary and inside every step. Nothing is ever half written, the journal names
the step in flight, a second run converges, and undo gives back the exact bytes.

A dry run records every point that the job passes, with the machine as it is there; then a real worker process is
killed at each, on a machine of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo import accounts as players
from pi_installer_tui.system.demo.packages import STATUS, automatic
from pi_installer_tui.system.files import LEFTOVER
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.points import CRASH, Points
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.steps import (
    Account,
    Directory,
    Edit,
    EditFile,
    InstallPackages,
    Link,
    Probe,
    RemoveFile,
    RemovePackages,
    RunCommand,
    Step,
    SudoersFile,
    Unit,
)
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.tasks.undo import plan_undo

from .jobs import Run, create, listing, make_machine, write

Listing = dict[str, tuple[str, int, int, int, bytes]]

FILES: tuple[Step, ...] = (
    write("hostname", "attic\n"),
    write("deep", path="/etc/made/by/us/file", mode=0o600),
    EditFile(id="hosts", path="/etc/hosts", format="hosts", edits=(Edit(key=("127.0.1.1",), value=("attic",)),)),
    EditFile(id="again", path="/etc/hosts", format="hosts", edits=(Edit(key=("10.0.0.1",), value=("nas",)),)),
    RemoveFile(id="old", path="/etc/old"),
    Link(id="localtime", path="/etc/localtime", target="/usr/share/zoneinfo/Europe/Berlin"),
    Directory(id="folder", path="/etc/folder", mode=0o750),
)

PROGRAMS: tuple[Step, ...] = (
    RunCommand(
        id="name",
        argv=("hostnamectl", "hostname", "attic"),
        probe=Probe(argv=("hostnamectl", "--static", "hostname"), output="attic"),
        touches=("/etc/hostname",),
        undo_argv=("hostnamectl", "hostname", "raspberrypi"),
    ),
    Unit(id="off", name="systemd-timesyncd.service", enabled=False, active=False),
    InstallPackages(id="install", packages=("htop",)),
    RemovePackages(id="remove", packages=("rsync",)),
    write("sshd", path="/etc/ssh/sshd_config.d/ours.conf"),
    Unit(id="restart", name="ssh.service", restart=True),
)

ACCOUNTS: tuple[Step, ...] = (
    Account(id="make", name="ada", uid=1001, home="/home/ada", comment="Ada", groups=("audio",), max_days=90),
    SudoersFile(id="rule", path="/etc/sudoers.d/ours", content="ada ALL=(ALL:ALL) NOPASSWD: ALL\n"),
    Account(id="lock", name="ada", locked=True, groups=("sudo",)),
    Account(
        id="go", name="pi", absent=True, home="/home/pi", home_then="archive", archive="/var/backups/home-pi.tar.gz"
    ),
)

STEPS = {"files": FILES, "programs": PROGRAMS, "accounts": ACCOUNTS}


@dataclass
class Passed:
    """A point of the dry run: its name as PI_INSTALLER_TUI_CRASH takes it, and the machine there."""

    name: str
    machine: Listing

    @property
    def in_flight(self) -> str:
        """The step that the journal must name."""
        step, _, point = self.name.partition(":")
        return "" if step == "-" or point.startswith("done:") else step


class Recorder(Points):
    """Points that note what the machine is like at each."""

    def __init__(self) -> None:
        super().__init__()
        self.host: Host
        self.points: list[Passed] = []

    def reached(self, point: str) -> None:
        super().reached(point)
        name = f"{self.step or '-'}:{point}"
        self.points.append(Passed(f"{name}:{self.passed[name]}", whole(self.host)))


@dataclass
class World:
    """A machine to be copied, and what its dry run found."""

    folder: Path
    demo: bool
    steps: tuple[Step, ...]
    before: Listing
    after: Listing
    points: list[Passed]
    undo_points: list[Passed]

    def copy(self, folder: Path) -> Host:
        shutil.copytree(self.folder, folder / "machine", symlinks=True)
        return open_machine(folder / "machine", self.demo)


def open_machine(folder: Path, demo: bool, points: Points | None = None) -> Host:
    between = points.reached if points else None
    if demo:
        return DemoHost(str(folder), between=between)
    return LocalHost(str(folder / "root"), between=between)


def whole(host: Host) -> Listing:
    """The machine without the temporary files that a crash may leave: they are in nobody's way."""
    return {path: entry for path, entry in exactly(host).items() if not LEFTOVER.fullmatch(path.rpartition("/")[2])}


#: what an undo doesn't give back: docs/undo.md
LEFT_OUT = re.compile(r"/(?:passwd|group|shadow|gshadow|subuid|subgid)-")


#: the day on which the tests began, as shadow(5) counts: the dry run may have been on another than a case is
BEGAN = int(time.time() // 86400)


def undated(shadow: bytes) -> bytes:
    """/etc/shadow without the day on which a password was last set, where that was while the tests ran."""
    lines = [line.split(b":") for line in shadow.splitlines()]
    for fields in lines:
        if len(fields) > 2 and fields[2].isdigit() and int(fields[2]) >= BEGAN:
            fields[2] = b"now"
    return b"\n".join(b":".join(fields) for fields in lines)


def exactly(host: Host) -> Listing:
    """The machine's files, of a demo also its packages and which of them came by themselves."""
    found = {path: entry for path, entry in listing(host).items() if not LEFT_OUT.fullmatch(path)}
    if "/shadow" in found:
        *about, content = found["/shadow"]
        found["/shadow"] = (*about, undated(content))  # type: ignore[assignment]
    if isinstance(host, DemoHost):
        names = re.findall(r"^Package: (\S+)\nStatus: install ok installed$", host.machine.text(STATUS) or "", re.M)
        found["packages"] = "", 0, 0, 0, " ".join(sorted(names)).encode()
        found |= {
            f"/home{path}": entry
            for path, entry in listing(host, "home").items()
            if "/.pi-installer-tui-" not in path  # where a home is unpacked
        }
        found["automatic"] = "", 0, 0, 0, " ".join(sorted(automatic(host.machine))).encode()
    return found


async def dry_run(folder: Path, demo: bool, steps: tuple[Step, ...]) -> World:
    pristine = folder / "pristine"
    if demo:
        DemoHost.create(str(pristine))
    else:
        make_machine(pristine)
    world = World(pristine, demo, steps, whole(open_machine(pristine, demo)), {}, [], [])
    (folder / "dry").mkdir()
    host = world.copy(folder / "dry")
    store = Store(folder / "dry/state")
    for plan_of in ("job", "undo"):
        recorder = Recorder()
        recorder.host = host
        host_with_points = open_machine(folder / "dry/machine", demo, recorder)
        plan = Plan(steps=steps) if plan_of == "job" else await plan_undo(store, store.ids()[0], host)
        run = Run(store, (await review(plan, host)).plan, host_with_points, points=recorder)
        ended = await run.run()
        assert (ended.outcome, ended.reason) == ("done", ""), list(store.events(run.id))
        if plan_of == "job":
            world.points, world.after = recorder.points, whole(host)
        else:
            world.undo_points = recorder.points
    assert whole(host) == world.before
    return world


@pytest.fixture(scope="module", autouse=True)
def quick_players() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    yield
    patch.undo()


WORLDS: dict[str, World] = {}


async def world_of(kind: str, tmp_path_factory: pytest.TempPathFactory) -> World:
    if kind not in WORLDS:
        folder = tmp_path_factory.mktemp(kind)
        WORLDS[kind] = await dry_run(folder, kind != "files", STEPS[kind])
    return WORLDS[kind]


def work(store: Store, job: str, *options: str, crash: str = "") -> int:
    """Runs a job's worker to its end and returns its status."""
    command = [sys.executable, "-P", "-m", "pi_installer_tui.worker", str(store.root), job, *options]
    environment = {**os.environ, CRASH: crash}
    done = subprocess.run(command, env=environment, cwd="/", stderr=subprocess.PIPE, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


#: how many points there are: test_every_point_is_a_case holds it
COUNTS = {
    ("files", "job"): 77,
    ("files", "undo"): 60,
    ("programs", "job"): 65,
    ("programs", "undo"): 53,
    ("accounts", "job"): 57,
    ("accounts", "undo"): 78,
}
CASES = [(kind, what, at) for (kind, what), count in COUNTS.items() for at in range(count)]


@pytest.mark.parametrize("kind", ["files", "programs", "accounts"])
async def test_every_point_is_a_case(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    world = await world_of(kind, tmp_path_factory)
    assert {(kind, "job"): len(world.points), (kind, "undo"): len(world.undo_points)} == {
        key: count for key, count in COUNTS.items() if key[0] == kind
    }
    passed = {point.name.partition(":")[0] for point in world.points}
    assert passed == {"-", *(step.id for step in world.steps)}
    for step in world.steps:
        inside = [p.name for p in world.points if p.name.startswith(f"{step.id}:")]
        assert len(inside) >= 6, inside


async def test_a_case_may_be_on_the_day_after_the_dry_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for later in (0, 86400):
        host = DemoHost.create(str(tmp_path / str(later)))
        monkeypatch.setattr(players, "time", SimpleNamespace(time=lambda later=later: time.time() + later))
        before = exactly(host)
        await Run(Store(tmp_path / f"state-{later}"), Plan(steps=ACCOUNTS[:1]), host).run()
        assert exactly(host) != before, "the account was made"
        found.append((exactly(host), host.machine.text("/etc/shadow")))
    (machine, shadow), (machine_later, shadow_later) = found
    assert shadow != shadow_later and machine == machine_later


@pytest.mark.long
@pytest.mark.parametrize(("kind", "what", "at"), CASES)
@pytest.mark.parametrize("second_run", ["continue", "anew"])
async def test_a_worker_killed_anywhere_leaves_a_job_that_converges_and_can_be_taken_back(
    kind: str, what: str, at: int, second_run: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    world = await world_of(kind, tmp_path_factory)
    point = (world.points if what == "job" else world.undo_points)[at]
    host = world.copy(tmp_path)
    store = Store(tmp_path / "state")

    async def plan_again() -> Plan:
        if what == "job":
            return (await review(Plan(steps=world.steps), host)).plan
        return (await review(await plan_undo(store, first, host), host)).plan

    first = create(store, (await review(Plan(steps=world.steps), host)).plan, host)
    killed = first
    if what == "undo":
        await Run(store, store.plan(first), host, job=first).run()
        killed = create(store, await plan_again(), host)

    assert work(store, killed, crash=point.name) == -signal.SIGKILL
    assert whole(host) == point.machine
    summary = store.summary(killed)
    assert (summary.status, summary.step) == ("interrupted", point.in_flight)

    wanted = world.after if what == "job" else world.before
    if second_run == "continue":
        assert work(store, killed, "--resume") == 0
        last = killed
    else:
        last = create(store, await plan_again(), host)
        assert work(store, last) == 0
    assert store.summary(last).status == "done", list(store.events(last))
    assert exactly(host) == wanted

    if what == "job":
        for job in dict.fromkeys((last, killed)):
            undo = Run(store, (await review(await plan_undo(store, job, host), host)).plan, host)
            assert (await undo.run()).outcome == "done", list(store.events(undo.id))
        assert exactly(host) == world.before

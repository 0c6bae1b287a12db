"""Jobs on real machines: transient units that outlive the session, the worker, the power; apt in their middle."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import Edit, EditFile, InstallPackages, Link, RemoveFile, Step, Unit, WriteFile

from .machine import LEFT_OUT, Machine
from .program import until

PYTHON = "/opt/pi-installer-tui/current/bin/python"
STATE = "/var/lib/pi-installer-tui"
#: a terminal that isn't sent REP (ECMA-48), which the emulator of the tests doesn't know
TERM = "screen-256color"

#: starts, continues, cancels and undoes jobs as the program does
SCRIPT = """\
import asyncio, sys, time
from pathlib import Path
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks import jobs
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.store import Store
from pi_installer_tui.tasks.undo import plan_undo

verb, argument = sys.argv[1:]
store, host = Store(Path("/var/lib/pi-installer-tui")), LocalHost()

async def start(plan):
    plan = (await review(plan, host)).plan
    job = store.create(plan, who="pi", host_kind="local", host_address="/")
    await jobs.launch(store, job, host)
    print(job, flush=True)

async def main():
    if verb == "start":
        await start(Plan.model_validate_json(Path(argument).read_text()))
    elif verb == "undo":
        plan = await plan_undo(store, argument, host)
        assert not plan.blocked, plan.blocked
        await start(plan)
    elif verb == "resume":
        await jobs.resume(store, argument, host)
    elif verb == "cancel":
        await jobs.cancel(store, argument, by="pi")

asyncio.run(main())
if sys.stdin.isatty():
    time.sleep(600)
"""

#: a package that takes its time to be configured, in a source of its own
SLOW_PACKAGE = """\
set -e
mkdir -p /root/slow/DEBIAN /root/slow/etc /root/repository
printf 'slow=yes\\n' >/root/slow/etc/slow.conf
printf '/etc/slow.conf\\n' >/root/slow/DEBIAN/conffiles
printf '#!/bin/sh\\nsleep 4\\n' >/root/slow/DEBIAN/postinst
chmod 755 /root/slow/DEBIAN/postinst
cat >/root/slow/DEBIAN/control <<END
Package: slow-package
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@localhost>
Description: takes its time
END
dpkg-deb --root-owner-group --build /root/slow /root/repository/slow.deb >/dev/null
cd /root/repository
{ cat /root/slow/DEBIAN/control
  echo "Filename: ./slow.deb"
  echo "Size: $(stat -c %s slow.deb)"
  echo "SHA256: $(sha256sum slow.deb | cut -d' ' -f1)"; } >Packages
chmod 755 /root
echo 'deb [trusted=yes] file:/root/repository ./' >/etc/apt/sources.list.d/slow.list
apt-get -q update -o Dir::Etc::sourcelist=sources.list.d/slow.list -o Dir::Etc::sourceparts=- \\
  -o APT::Get::List-Cleanup=0
"""

STEPS: tuple[Step, ...] = (
    WriteFile(id="write", path="/etc/made/by/us", content="ours\n", mode=0o600),
    EditFile(
        id="edit", path="/etc/default/locale", format="keyvalue", edits=(Edit(key=("LANG",), value="de_DE.UTF-8"),)
    ),
    RemoveFile(id="remove", path="/etc/motd"),
    Link(id="link", path="/etc/localtime", target="/usr/share/zoneinfo/Europe/Berlin"),
    InstallPackages(id="install", packages=("slow-package",)),
    Unit(id="unit", name="cron.service", enabled=False, active=False),
    WriteFile(id="last", path="/etc/last", content="done\n"),
)


class Jobs:
    """The jobs of a machine, and the machine as it was before them. takes: how long its package does, in shell; until
    `let_go` where nothing is said."""

    def __init__(self, machine: Machine, takes: str = "until test -e /root/go; do sleep 0.1; done") -> None:
        self.machine = machine
        machine.write("/root/job.py", SCRIPT)
        machine.run(["sh", "-c", SLOW_PACKAGE.replace("sleep 4", takes)])
        machine.write("/root/plan.json", Plan(steps=STEPS).model_dump_json())
        self.etc = self.listing()
        self.packages = machine.packages()

    def listing(self) -> dict[str, str]:
        return {path: entry for path, entry in self.machine.listing("/etc").items() if path not in LEFT_OUT}

    def call(self, verb: str, argument: str = "/root/plan.json") -> str:
        return self.machine.run([PYTHON, "/root/job.py", verb, argument]).stdout.strip()

    def let_go(self) -> None:
        self.machine.write("/root/go", "")

    def summary(self, job: str) -> dict[str, Any]:
        done = self.machine.run(["pi-installer-tui", "jobs", "show", job, "--json"])
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def events(self, job: str) -> list[dict[str, Any]]:
        journal = self.machine.root / f"{STATE}/jobs/{job}/events.jsonl".lstrip("/")
        lines = journal.read_bytes().splitlines(True) if journal.exists() else []
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def until(self, job: str, true: Callable[[list[dict[str, Any]]], bool], seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while not (events := self.events(job)) or not true(events):
            assert time.monotonic() < until, events[-5:]
            time.sleep(0.1)

    def until_dpkg_works(self, job: str) -> None:
        self.until(job, lambda events: self.machine.run(["pgrep", "-f", "slow-package.postinst"], check=False).ok)

    def ended(self, job: str) -> tuple[str, str]:
        """Waits for its end; how it was."""
        self.until(job, lambda events: events[-1]["kind"] == "job-ended")
        last = self.events(job)[-1]
        return last["outcome"], last["reason"]

    def unit(self, job: str) -> str:
        return f"pi-installer-tui-job-{job}.service"

    def check_applied(self) -> None:
        assert self.machine.read("/etc/last") == b"done\n"
        assert self.machine.read("/etc/slow.conf") == b"slow=yes\n"
        assert self.machine.run(["dpkg", "--audit"]).stdout == ""

    def check_undone(self, job: str) -> None:
        """Undoes a job, and compares the machine with what it was before all jobs."""
        assert self.ended(self.call("undo", job)) == ("done", "")
        assert self.machine.packages() == self.packages
        assert self.listing() == self.etc
        assert self.machine.run(["systemctl", "is-active", "cron.service"], check=False).stdout == "active\n"


@pytest.fixture
def jobs(installed: Machine) -> Jobs:
    return Jobs(installed)


def listed(machine: Machine) -> list[str]:
    return machine.run(["ls", f"{STATE}/jobs"], check=False).stdout.split()


@pytest.mark.long
def test_a_job_outlives_the_connection_and_the_login_that_started_it(jobs: Jobs) -> None:
    machine = jobs.machine
    line = machine.ssh_tty(["sudo", PYTHON, "/root/job.py", "start", "/root/plan.json"])
    line.wait_for("-")
    until(lambda: bool(listed(machine)))
    (job,) = listed(machine)
    jobs.until_dpkg_works(job)
    assert machine.run(["systemctl", "is-active", jobs.unit(job)]).stdout == "active\n"
    line.close()
    machine.run(["loginctl", "terminate-user", "pi"], check=False)
    jobs.let_go()
    assert jobs.ended(job) == ("done", "")
    jobs.check_applied()
    jobs.until(job, lambda events: not machine.run(["systemctl", "is-active", jobs.unit(job)], check=False).ok)
    assert [event["seq"] for event in jobs.events(job)] == list(range(1, len(jobs.events(job)) + 1))
    jobs.check_undone(job)


@pytest.mark.long
def test_a_killed_worker_takes_its_commands_along_and_the_job_goes_on(jobs: Jobs) -> None:
    job = jobs.call("start")
    jobs.until_dpkg_works(job)
    jobs.machine.run(["systemctl", "kill", "--kill-whom=main", "--signal=KILL", jobs.unit(job)])
    until(lambda: not jobs.machine.run(["pgrep", "dpkg|apt-get"], check=False).ok, 30)
    jobs.let_go()
    assert (jobs.summary(job)["outcome"], jobs.summary(job)["step"]) == ("interrupted", "install")
    jobs.call("resume", job)
    assert jobs.ended(job) == ("done", "")
    jobs.check_applied()
    jobs.check_undone(job)


@pytest.mark.long
def test_a_power_cut_amid_apt_is_gone_on_from_after_booting(jobs: Jobs) -> None:
    job = jobs.call("start")
    jobs.until_dpkg_works(job)
    jobs.machine.kill()
    jobs.machine.start()
    jobs.let_go()
    assert (jobs.summary(job)["outcome"], jobs.summary(job)["step"]) == ("interrupted", "install")
    jobs.call("resume", job)
    assert jobs.ended(job) == ("done", "")
    jobs.check_applied()
    jobs.check_undone(job)


@pytest.mark.long
def test_an_orderly_reboot_lets_dpkg_end_and_the_job_goes_on_afterwards(installed: Machine) -> None:
    jobs = Jobs(installed, takes="sleep 4")
    job = jobs.call("start")
    jobs.until_dpkg_works(job)
    # apt inhibits `systemctl reboot` while dpkg works; a button, Ctrl-Alt-Del or a UPS starts the target all the same
    jobs.machine.run(["systemctl", "start", "reboot.target", "--job-mode=replace-irreversibly", "--no-block"])
    jobs.machine.wait_stopped()
    jobs.machine.start()
    assert jobs.ended(job) == ("interrupted", "stopped")
    assert jobs.machine.run(["dpkg", "--audit"]).stdout == ""
    assert [event["step"] for event in jobs.events(job) if event["kind"] == "step-done"][-1] == "install"
    jobs.call("resume", job)
    assert jobs.ended(job) == ("done", "")
    jobs.check_applied()
    jobs.check_undone(job)


@pytest.mark.long
def test_a_cancelled_job_leaves_dpkg_in_order_and_can_be_undone(jobs: Jobs) -> None:
    job = jobs.call("start")
    jobs.until_dpkg_works(job)
    jobs.call("cancel", job)
    jobs.let_go()  # what dpkg mends is configured again
    assert jobs.ended(job) == ("cancelled", "")
    assert jobs.machine.run(["dpkg", "--audit"]).stdout == ""
    jobs.check_undone(job)


@pytest.mark.long
def test_a_screen_that_is_killed_amid_apt_leaves_the_job_alone_and_the_next_one_shows_it_all(
    installed: Machine,
) -> None:
    machine, jobs = installed, Jobs(installed)
    job = jobs.call("start")
    screen = machine.ssh_tty(["sudo", "pi-installer-tui"], term=TERM)
    screen.wait_for("Running")
    screen.type("g\r")
    screen.wait_for("install the package slow-package")
    jobs.until_dpkg_works(job)
    machine.run(["pkill", "-KILL", "-f", "bin/pi-installer-tui"])
    screen.close()
    machine.run(["loginctl", "terminate-user", "pi"], check=False)
    followers = [machine.start_process(["pi-installer-tui", "attach", job]) for _number in range(3)]
    jobs.let_go()
    assert jobs.ended(job) == ("done", "")
    printed = [line for e in jobs.events(job) if e["kind"] == "output" for line in e["text"].splitlines()]
    assert any("Setting up slow-package" in line for line in printed)
    for follower in followers:
        said = follower.communicate(timeout=60)[0].decode()
        assert follower.returncode == 0
        assert [line[6:] for line in said.splitlines() if line.startswith("    | ")] == printed
    with machine.ssh_tty(["sudo", "pi-installer-tui"], term=TERM) as again:
        again.wait_for("Last changes")
        again.type("h")
        again.wait_for("History")
        again.type("\r")
        again.wait_for("Setting up slow-package")
    jobs.check_applied()


@pytest.mark.long
def test_a_job_can_be_cancelled_from_any_of_its_followers(jobs: Jobs) -> None:
    machine = jobs.machine
    job = jobs.call("start")
    jobs.until_dpkg_works(job)
    followers = [machine.start_process(["pi-installer-tui", "attach", job]) for _number in range(2)]
    cancels = subprocess.Popen(machine.ssh_command(["sudo", "pi-installer-tui", "cancel", job]))
    jobs.until(job, lambda events: "cancel-requested" in {event["kind"] for event in events})
    jobs.let_go()  # what dpkg mends is configured again
    assert cancels.wait(120) == 0
    for follower in followers:
        said = follower.communicate(timeout=60)[0].decode()
        assert "Cancelling" in said and follower.returncode == 130

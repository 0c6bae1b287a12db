"""What stands still during a backup is started again whatever happens to it: the worker killed, the power cut. On real
machines with systemd and both versions of restic."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest

from pi_installer_tui.restic.place import Place
from pi_installer_tui.tasks.plan import Asked, Plan
from pi_installer_tui.tasks.steps import BackUp, KeepSnapshots, OpenRepository

from .lab import Lab
from .machine import Image, Machine
from .program import until
from .test_jobs import PYTHON, SCRIPT, STATE

#: seconds: work runs at nice 19, and gets little of a processor that others want (tasks/jobs.py)
PATIENCE = 300

UNIT = """\
[Service]
ExecStart=sleep infinity
"""


@pytest.fixture
def machine(lab: Lab, installed_image: Image) -> Iterator[Machine]:
    image = lab.layer(installed_image, "restic", sha256(b"restic").hexdigest(), _install)
    with lab.machine(image) as booted:
        booted.write("/root/job.py", SCRIPT)
        booted.write("/root/password", "correct horse\n", mode=0o600)
        booted.write("/etc/systemd/system/still.service", UNIT)
        booted.run(["systemctl", "start", "still.service"])
        booted.run(["sh", "-c", "mkdir -p /srv/data && head -c 20000000 /dev/urandom >/srv/data/big"])
        yield booted


def _install(machine: Machine) -> None:
    machine.run(["sh", "-c", "apt-get -q update && apt-get -qy install restic"])


def start(machine: Machine, *, slow: bool) -> str:
    """A run, which takes its time where it is `slow`."""
    place = Place("usb", "folder", "/root/password", path="/srv/repository", upload=300 if slow else None)
    plan = Plan(
        modules=("backup",),
        asked=Asked(module="backup", action="run", arguments={"job": "daily", "place": "usb"}),
        lane="work",
        name="backup.usb",
        steps=(
            OpenRepository(id="backup.open", place=place),
            BackUp(id="backup.run", place=place, job="daily", paths=("/srv/data",), stops=("unit:still.service",)),
            KeepSnapshots(id="backup.keep", place=place, job="daily", last=3),
        ),
    )
    machine.write("/root/plan.json", plan.model_dump_json())
    return machine.run([PYTHON, "/root/job.py", "start", "/root/plan.json"]).stdout.strip()


def active(machine: Machine) -> bool:
    return machine.run(["systemctl", "is-active", "still.service"], check=False).stdout.strip() == "active"


def outcome(machine: Machine, job: str) -> str:
    return str(
        json.loads(machine.run(["pi-installer-tui", "jobs", "show", job, "--json"], check=False).stdout)["outcome"]
    )


def done(machine: Machine, job: str) -> None:
    """Waits until it is; otherwise its last events are shown."""
    try:
        until(lambda: outcome(machine, job) == "done", PATIENCE)
    except AssertionError:
        events = machine.run(["tail", "--lines=20", f"{STATE}/jobs/{job}/events.jsonl"], check=False)
        processes = machine.run(["ps", "-eo", "pid,lstart,args"], check=False)
        raise AssertionError(events.stdout + events.stderr + processes.stdout) from None


def history(machine: Machine) -> list[dict[str, Any]]:
    done = machine.run(["cat", "/var/lib/pi-installer-tui/runs.jsonl"], check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _killed(machine: Machine, job: str) -> None:
    unit = f"pi-installer-tui-job-{job}.service"
    machine.run(["systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit])


def _powered_off(machine: Machine, job: str) -> None:
    machine.kill()
    machine.start()


def _cancelled(machine: Machine) -> str:
    """A run that is cancelled amid its work starts what it stopped, too."""
    machine.run(["sh", "-c", "head -c 20000000 /dev/urandom >/srv/data/big"])
    job = start(machine, slow=True)
    until(lambda: not active(machine), PATIENCE)
    until(lambda: machine.run(["sh", "-c", "ls /srv/repository/locks/*"], check=False).status == 0, PATIENCE)
    machine.run(["pi-installer-tui", "cancel", job])
    until(lambda: outcome(machine, job) == "cancelled", PATIENCE)
    assert active(machine)
    assert machine.run(["sh", "-c", "ls /srv/repository/locks"]).stdout.strip() == ""
    until(lambda: len(history(machine)) == 3, PATIENCE)
    return job


@pytest.mark.long
@pytest.mark.parametrize("death", [_killed, _powered_off])
def test_what_was_stopped_starts_again(machine: Machine, death: Callable[[Machine, str], None]) -> None:
    job = start(machine, slow=True)
    until(lambda: not active(machine), PATIENCE)
    until(lambda: machine.run(["sh", "-c", "ls /srv/repository/locks/*"], check=False).status == 0, PATIENCE)
    death(machine, job)
    until(lambda: active(machine), PATIENCE)
    until(lambda: outcome(machine, job) == "failed", PATIENCE)
    until(lambda: [run["outcome"] for run in history(machine)] == ["failed"], PATIENCE)
    assert history(machine)[0]["reason"] == "interrupted"
    assert not machine.run(["pgrep", "restic"], check=False).stdout

    again = start(machine, slow=False)
    done(machine, again)
    assert active(machine)
    assert machine.run(["sh", "-c", "ls /srv/repository/locks"]).stdout.strip() == ""
    run = history(machine)[-1]
    cancelled = _cancelled(machine)
    assert [run["job"] for run in history(machine)] == [job, again, cancelled]
    assert run["outcome"] == "done" and run["reported"]["size"] == 20_000_000 and run["reported"]["unread"] == 0

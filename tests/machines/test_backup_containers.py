"""Containers that stand still during a backup start again whatever happens to it, with a real Docker: after success and
failure, when the worker is killed, over a reboot and a power cut. Set up and started as a timer does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest

from .lab import Lab
from .machine import Image, Machine
from .program import newest_job, says, tui, until
from .test_backup_killed import UNIT, history, outcome
from .test_backup_module import let_in

SERVICE = "pi-installer-tui-backup-wiki.service"
#: what Docker knows as the volume `wiki`
VOLUME = "/var/lib/docker/volumes/wiki/_data"
#: KiB/s: so slow that something can happen amid the run
SLOW = 300
IMAGE = """
mkdir -p /tmp/small/bin
cp "$(which busybox)" /tmp/small/bin/busybox
for name in sh date sleep; do ln -s busybox /tmp/small/bin/$name; done
tar -C /tmp/small -c bin | docker import - small
"""
PACKAGES = ("docker.io", "busybox-static", "restic", "openssh-client")


@pytest.fixture
def machine(lab: Lab, installed_image: Image) -> Iterator[Machine]:
    """With a container that writes into a volume, one that has nothing to do with it, and a unit."""
    words = " ".join(PACKAGES)
    image = lab.layer(installed_image, "docker", sha256(words.encode()).hexdigest(), _install)
    with lab.machine(image) as booted:
        booted.run(["sh", "-ec", IMAGE])
        run = ["docker", "run", "--detach", "--network=none", "--restart=unless-stopped"]
        write = "trap exit TERM; while :; do date >/data/now; sleep 1; done"
        booted.run([*run, "--name=wiki", "--volume=wiki:/data", "small", "sh", "-c", write])
        booted.run([*run, "--name=other", "small", "sleep", "infinity"])
        booted.write("/etc/systemd/system/still.service", UNIT)
        booted.run(["systemctl", "start", "still.service"])
        yield booted


def _install(machine: Machine) -> None:
    machine.run(["apt-get", "update", "-qq"])
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    machine.run([*install, *PACKAGES])
    if not machine.run(["which", "docker"], check=False).ok:  # from Debian 13 on a package of its own
        machine.run([*install, "docker-cli"])


class Nas:
    """An SSH server, which is the machine itself, and the job `wiki` that goes there: its volume, and what is named."""

    def __init__(self, machine: Machine, upload: int | None = None) -> None:
        self.machine = machine
        key, host_key = let_in(machine)
        self.place = {"kind": "sftp", "host": "127.0.0.1", "user": "root", "path": "/srv/nas", "key": "backup.key",
                      "host_key": host_key, **({"upload": upload} if upload else {})}  # fmt: skip
        machine.write("/root/secrets.yaml", json.dumps({"backup.key": key}), 0o600)

    def set_up(self, *what: str) -> None:
        job = {"what": ["volume:wiki", *what], "stop": ["unit:still.service"], "places": ["nas"],
               "schedule": {"times": ["03:00"], "enabled": True}}  # fmt: skip
        setup = json.dumps({"version": 1, "backup": {"places": {"nas": self.place}, "jobs": {"wiki": job}}})
        tui(self.machine, "apply", "-", "--yes", "--json", "--secrets=/root/secrets.yaml", setup=setup)


def running(machine: Machine, container: str) -> bool:
    said = machine.run(["docker", "inspect", "--format={{.State.Running}}", container], check=False)
    return said.stdout.strip() == "true"


def all_run(machine: Machine) -> bool:
    unit = machine.run(["systemctl", "is-active", "still.service"], check=False).stdout.strip()
    return running(machine, "wiki") and running(machine, "other") and unit == "active"


def started_at(machine: Machine, container: str) -> str:
    return says(machine, "docker", "inspect", "--format={{.State.StartedAt}}", container)


@pytest.mark.long
def test_containers_start_again_after_success_and_after_failure(machine: Machine) -> None:
    nas = Nas(machine)
    nas.set_up()
    before, other = started_at(machine, "wiki"), started_at(machine, "other")
    machine.run(["systemctl", "start", SERVICE])
    assert [run["outcome"] for run in history(machine)] == ["done"]
    assert all_run(machine)
    assert started_at(machine, "wiki") != before and started_at(machine, "other") == other
    listed = json.loads(tui(machine, "backup", "list", "--json").stdout)["places"]["nas"]["snapshots"]
    assert [snapshot["paths"] for snapshot in listed] == [[VOLUME]]

    # a file that calls itself a database and is none: its dump fails amid the run
    machine.write("/srv/broken.db", b"SQLite format 3\0" + bytes(range(256)) * 40)
    nas.set_up("sqlite:/srv/broken.db")
    before = started_at(machine, "wiki")
    assert not machine.run(["systemctl", "start", SERVICE], check=False).ok
    run = history(machine)[-1]
    assert (run["outcome"], run["reason"]) == ("failed", "dump-failed")
    assert all_run(machine) and started_at(machine, "wiki") != before

    machine.run(["docker", "stop", "wiki"])
    nas.set_up()
    machine.run(["systemctl", "start", SERVICE])
    assert not running(machine, "wiki"), "what didn't run before isn't started"


def _killed(machine: Machine, job: str) -> None:
    unit = f"pi-installer-tui-job-{job}.service"
    machine.run(["systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit])


def _rebooted(machine: Machine, _job: str) -> None:
    machine.reboot()


def _powered_off(machine: Machine, _job: str) -> None:
    machine.kill()
    machine.start()


@pytest.mark.long
@pytest.mark.parametrize("death", [_killed, _rebooted, _powered_off])
def test_containers_start_again_when_the_run_dies(machine: Machine, death: Callable[[Machine, str], None]) -> None:
    machine.run(["sh", "-c", f"head -c 20000000 /dev/urandom >{VOLUME}/big"])
    Nas(machine, SLOW).set_up()
    machine.run(["systemctl", "start", "--no-block", SERVICE])
    until(lambda: not running(machine, "wiki"), 90)
    until(lambda: machine.run(["sh", "-c", "ls /srv/nas/locks/*"], check=False).ok, 60)
    assert running(machine, "other")
    job = newest_job(machine)
    assert outcome(machine, job) == "running"
    death(machine, job)
    until(lambda: all_run(machine), 90)
    until(lambda: outcome(machine, job) == "failed", 60)
    until(lambda: [run["outcome"] for run in history(machine)] == ["failed"], 60)
    until(lambda: machine.run(["cat", f"{VOLUME}/now"], check=False).stdout != "", 30)

"""PostgreSQL and MariaDB really backed up, proven and restored by the steps, and what was there given back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from pi_installer_tui.databases import Dump
from pi_installer_tui.restic.place import Place
from pi_installer_tui.tasks.plan import Asked, Plan
from pi_installer_tui.tasks.steps import BackUp, OpenRepository, RestoreDatabase, RestoreDrill

from .lab import Lab
from .machine import Image, Machine
from .program import until
from .test_jobs import PYTHON, SCRIPT

PACKAGES = ("mariadb-server", "postgresql", "restic")
PLACE = Place("usb", "folder", "/root/password", path="/srv/repository")
DUMPS = (Dump("postgresql", "shop"), Dump("mariadb", "shop"))
ASK = {
    "postgresql": ("runuser", "-u", "postgres", "--", "psql", "-qAtd"),
    "mariadb": ("mariadb", "-NBD"),
}
FLAG = {"postgresql": "-c", "mariadb": "-e"}


@pytest.fixture
def machine(lab: Lab, installed_image: Image) -> Iterator[Machine]:
    image = lab.layer(installed_image, "backup-databases", sha256(repr(PACKAGES).encode()).hexdigest(), _install)
    with lab.machine(image) as booted:
        until(lambda: booted.run(["mariadb", "-e", "select 1"], check=False).status == 0, 120)
        until(lambda: booted.run([*ASK["postgresql"], "postgres", "-c", "select 1"], check=False).status == 0, 120)
        booted.write("/root/job.py", SCRIPT)
        booted.write("/root/password", "correct horse\n", mode=0o600)
        booted.run([*ASK["postgresql"], "postgres", "-c", "create database shop"])
        booted.run(["mariadb", "-e", "create database shop"])
        for engine in ASK:
            ask(booted, engine, "create table sale (id int primary key, what varchar(40))")
            ask(booted, engine, "insert into sale values (1, 'tea'), (2, 'bread'), (3, 'ümlaut')")
        yield booted


def _install(machine: Machine) -> None:
    machine.run(["sh", "-c", f"apt-get -q update && apt-get -qy install --no-install-recommends {' '.join(PACKAGES)}"])


def ask(machine: Machine, engine: str, sql: str) -> str:
    return machine.run([*ASK[engine], "shop", FLAG[engine], sql]).stdout.strip()


def run(machine: Machine, verb: str, plan: Plan | str) -> str:
    argument = plan if isinstance(plan, str) else "/root/plan.json"
    if isinstance(plan, Plan):
        machine.write("/root/plan.json", plan.model_dump_json())
    job = machine.run([PYTHON, "/root/job.py", verb, argument]).stdout.strip()
    until(lambda: shown(machine, job)["outcome"] not in ("queued", "waiting", "running"), 300)
    wrong = [f"{step['id']}: {step.get('values')} {step.get('tail')}" for step in shown(machine, job)["steps"]]
    assert shown(machine, job)["outcome"] == "done", "\n".join(wrong)
    return job


def shown(machine: Machine, job: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        machine.run(["pi-installer-tui", "jobs", "show", job, "--json"], check=False).stdout
    )
    return found


@pytest.mark.long
def test_databases_come_back_and_go_back(machine: Machine) -> None:
    asked = Asked(module="backup", action="run", arguments={"job": "daily", "place": "usb"})
    work = Plan(
        modules=("backup",),
        asked=asked,
        lane="work",
        name="backup.usb",
        steps=(
            OpenRepository(id="open", place=PLACE),
            BackUp(id="run", place=PLACE, job="daily", paths=("/etc",), dumps=DUMPS, stops=("unit:mariadb.service",)),
            RestoreDrill(id="drill", place=PLACE, job="daily", dumps=DUMPS),
        ),
    )
    run(machine, "start", work)
    until(lambda: machine.run(["test", "-s", "/var/lib/pi-installer-tui/runs.jsonl"], check=False).ok, 60)
    history = machine.read("/var/lib/pi-installer-tui/runs.jsonl").decode()
    reported = json.loads(history)["reported"]
    assert reported["proven"] is True and reported["databases"] == 2 and len(reported["snapshots"]) == 2
    assert machine.run(["systemctl", "is-active", "mariadb"]).stdout.strip() == "active"

    for engine in ASK:
        ask(machine, engine, "delete from sale where id > 1")
    restore = Plan(
        modules=("backup",),
        steps=tuple(
            RestoreDatabase(id=f"restore-{dump.engine}", place=PLACE, snapshot=snapshot, dump=dump)
            for dump, snapshot in zip(DUMPS, reported["snapshots"], strict=True)
        ),
    )
    job = run(machine, "start", restore)
    for engine in ASK:
        assert ask(machine, engine, "select what from sale order by id").splitlines() == ["tea", "bread", "ümlaut"]
    run(machine, "undo", job)
    for engine in ASK:
        assert ask(machine, engine, "select what from sale order by id").splitlines() == ["tea"]
    assert machine.run(["sh", "-c", "ls /srv/repository/locks"]).stdout.strip() == ""

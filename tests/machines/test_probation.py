"""Changes that cannot lock anyone out: on real machines, over SSH, with the power cut at every stage."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import Reboot, WriteFile

from .machine import Image, Machine, run_on_host
from .program import (
    Before,
    address_of,
    assert_address,
    newest_job,
    says,
    setup_of,
    static,
    tui,
    undo,
    until,
    with_netplan,
    with_networkd_alone,
)

STATE = "/var/lib/pi-installer-tui"
PYTHON = "/opt/pi-installer-tui/current/bin/python"
MOTD = "/run/motd.d/50-pi-installer-tui"
#: an address that nobody here can reach
NOWHERE = {"method": "static", "address": "10.99.99.2/24", "gateway": "10.99.99.1"}
one_suite = pytest.mark.parametrize("suite", ["trixie"], indirect=True)


@pytest.fixture
def pi(installed: Machine) -> Machine:
    return installed


class Change:
    """A change of the machine's address, started over an SSH connection to it, which is still open."""

    def __init__(self, machine: Machine, eth0: dict[str, Any], *options: str, crash: str = "") -> None:
        self.machine = machine
        machine.write("/root/setup.yaml", setup_of({"network": {"eth0": eth0}}))
        argv = ["sudo", "env", *([f"PI_INSTALLER_TUI_CRASH={crash}"] if crash else []), "pi-installer-tui", "apply"]
        argv += ["/root/setup.yaml", "--yes", "--confirm", "wait", *options]
        self.line = subprocess.Popen(
            machine.ssh_command(argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    @property
    def job(self) -> str:
        """The id of the first job on the machine, "" while there is none."""
        folders = sorted((self.machine.root / f"{STATE}/jobs".lstrip("/")).glob("2*-*"))
        return folders[0].name if folders else ""

    def standing(self) -> str:
        """armed, asking, confirmed, reverting, reverted, or "" before all that."""
        folder = self.machine.root / f"{STATE}/jobs/{self.job}/probation".lstrip("/")
        for name in ("reverted", "reverting", "confirmed", "armed"):
            if self.job and (folder / name).exists():
                return "asking" if name == "armed" and (folder / "asking").exists() else name
        return ""

    def wait_for(self, *standings: str, seconds: float = 120) -> None:
        until(lambda: self.standing() in standings, seconds)

    def cut_line(self) -> None:
        self.line.kill()
        self.line.wait()


def reachable(machine: Machine, address: str | None = None) -> bool:
    return machine.ssh(["true"], address=address, check=False).ok


def told(machine: Machine) -> bytes:
    """What whoever logs in is told of jobs."""
    return machine.run(["cat", MOTD], check=False).stdout.encode()


def jobs_of(machine: Machine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(tui(machine, "jobs", "--json").stdout)["jobs"]
    return found


def assert_ran_before_the_network(machine: Machine) -> None:
    """The unit of the way back was through before NetworkManager or networkd, and sshd, began."""

    def moment(unit: str, when: str) -> int:
        return int(says(machine, "systemctl", "show", "--property", when, "--value", unit) or 0)

    done = moment("pi-installer-tui-way-back.service", "ExecMainExitTimestampMonotonic")
    others = ("NetworkManager.service", "systemd-networkd.service", "ssh.service")
    began = {unit: moment(unit, "ExecMainStartTimestampMonotonic") for unit in others}
    assert done and all(at == 0 or at > done for at in began.values()), (done, began)


def assert_nothing_armed(machine: Machine) -> None:
    """No unit, no link, no timer of a way back is left."""
    assert not [path for path in machine.listing("/etc/systemd") if "way-back" in path]
    assert "way-back" not in says(machine, "systemctl", "list-timers", "--all", "--no-pager")


def power_cut_and_boot(machine: Machine, *, wait: bool = True) -> None:
    machine.kill()
    run_on_host("ip", "-n", machine.network.namespace(machine.number), "address", "flush", "dev", "eth0")
    machine.start(wait=wait)


# going back ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def by(suite: str, backend: str, request: pytest.FixtureRequest, boot: Callable[[Image], Machine]) -> Machine:
    """A machine of that suite whose network is set up by `backend`."""
    netplan, _dash, renderer = backend.partition("-")
    machine = boot(request.getfixturevalue("netplan_image" if netplan == "netplan" else "installed_image"))
    if netplan == "netplan":
        with_netplan(machine, renderer)
    elif backend == "networkd":
        with_networkd_alone(machine)
    return machine


@pytest.mark.long
@pytest.mark.parametrize("backend", ["NetworkManager", "netplan-NetworkManager", "netplan-networkd", "networkd"])
def test_an_address_that_cannot_be_reached_goes_back_by_itself(by: Machine) -> None:
    pi = by
    before = Before(pi)
    change = Change(pi, NOWHERE, "--within", "15")
    change.wait_for("asking")
    change.cut_line()
    old = f"{pi.addr}/{pi.network.subnet.prefixlen}"
    assert reachable(pi), "the old address stays beside the new one"
    pi.run(["ip", "address", "del", old, "dev", "eth0"])
    assert not reachable(pi)
    change.wait_for("reverted")
    until(lambda: reachable(pi))
    assert_address(pi, pi.number)
    before.assert_as_before()
    assert_nothing_armed(pi)
    (job,) = jobs_of(pi)
    assert (job["status"], job["reason"]) == ("failed", "not-confirmed")
    until(lambda: b"taken back" in told(pi))
    assert "taken back" in pi.ssh_tty().wait_for("$"), "whoever logs in is told"
    tui(pi, "jobs", "show", job["id"])
    assert not pi.run(["test", "-e", MOTD], check=False).ok, "and not again once it was seen"


@pytest.mark.long(every=4)
@pytest.mark.parametrize("backend", ["netplan-NetworkManager", "netplan-networkd", "networkd"])
def test_switched_off_while_it_waits_it_boots_with_the_old_address(by: Machine) -> None:
    pi = by
    before = Before(pi)
    change = Change(pi, NOWHERE, "--within", "600")
    change.wait_for("asking")
    power_cut_and_boot(pi, wait=False)  # networkd counts eth0 as configured only when no router answers its questions
    until(lambda: reachable(pi))
    assert_ran_before_the_network(pi)
    assert change.standing() == "reverted"
    before.assert_as_before()
    assert_nothing_armed(pi)
    assert_address(pi, pi.number)
    change.cut_line()


@pytest.mark.long(every=4)
@pytest.mark.parametrize("backend", ["NetworkManager", "netplan-NetworkManager", "netplan-networkd", "networkd"])
def test_a_change_that_is_confirmed_from_its_new_address_stays(by: Machine) -> None:
    pi = by
    before = Before(pi)
    change = Change(pi, static(pi, 204), "--within", "300")
    change.wait_for("asking")
    new = address_of(pi, 204)
    refused = pi.ssh(["sudo", "pi-installer-tui", "confirm", change.job], check=False)
    assert refused.status == 1 and "ssh pi@" + new in refused.stderr, "the old connection proves nothing"
    assert change.standing() == "asking"
    until(lambda: reachable(pi, new))
    until(lambda: b"confirm " + change.job.encode() in told(pi))
    done = pi.ssh(["sudo", "pi-installer-tui", "confirm", change.job], address=new)
    assert "stays" in done.stdout
    until(lambda: jobs_of(pi)[0]["status"] == "done")
    change.cut_line()
    assert_address(pi, 204)
    assert_nothing_armed(pi)
    late = pi.ssh(["sudo", "pi-installer-tui", "confirm", change.job], address=new, check=False)
    assert late.status == 1
    undo(pi, change.job)
    before.assert_as_before()
    until(lambda: reachable(pi))


@one_suite
def test_an_undo_is_on_probation_too(pi: Machine) -> None:
    change = Change(pi, static(pi, 205), "--within", "300")
    change.wait_for("asking")
    tui(pi, "confirm", change.job, "--anyway")
    until(lambda: jobs_of(pi)[0]["status"] == "done")
    kept = Before(pi)
    process = pi.start_process(["pi-installer-tui", "undo", change.job, "--yes", "--confirm", "wait", "--within", "8"])
    until(lambda: len(jobs_of(pi)) == 2 and jobs_of(pi)[0]["status"] == "failed", 60)
    process.wait(30)
    kept.assert_as_before()
    assert reachable(pi, address_of(pi, 205))
    assert jobs_of(pi)[1]["undone_by"] == ""


@one_suite
def test_cancelling_takes_the_change_back_at_once(pi: Machine) -> None:
    before = Before(pi)
    change = Change(pi, NOWHERE, "--within", "600")
    change.wait_for("asking")
    tui(pi, "cancel", change.job)
    assert change.standing() == "reverted"
    before.assert_as_before()
    assert_nothing_armed(pi)
    assert jobs_of(pi)[0]["status"] == "cancelled"
    assert reachable(pi)


@one_suite
def test_the_next_job_waits_until_a_change_is_decided(pi: Machine) -> None:
    change = Change(pi, NOWHERE, "--within", "15", crash="system.network.probation:probation:asking")
    until(lambda: change.standing() == "asking" and jobs_of(pi)[0]["status"] == "interrupted")
    pi.write("/root/second.yaml", setup_of({"timezone": "Europe/Berlin"}))
    second = pi.start_process(["pi-installer-tui", "apply", "/root/second.yaml", "--yes"])
    until(lambda: jobs_of(pi)[0]["status"] == "waiting")
    assert change.standing() == "asking"
    change.wait_for("reverted")
    assert second.wait(60) == 0
    assert says(pi, "timedatectl", "show", "-p", "Timezone", "--value") == "Europe/Berlin"


# confirmed by itself -------------------------------------------------------------------------------------------------


@one_suite
def test_without_a_terminal_it_is_confirmed_when_gateway_and_peer_answer(pi: Machine) -> None:
    setup = setup_of({"network": {"eth0": static(pi, 206)}})
    began = time.monotonic()
    done = tui(pi, "apply", "-", "--yes", "--json", "--peer", pi.network.gateway, setup=setup)
    assert json.loads(done.stdout)["outcome"] == "done"
    assert time.monotonic() - began > 30
    assert_address(pi, 206)
    assert_nothing_armed(pi)


@one_suite
def test_without_a_terminal_it_goes_back_when_the_peer_does_not_answer(pi: Machine) -> None:
    before = Before(pi)
    setup = setup_of({"network": {"eth0": static(pi, 207)}})
    silent = address_of(pi, 250)
    done = tui(pi, "apply", "-", "--yes", "--json", "--peer", silent, "--within", "40", setup=setup, status=1)
    assert json.loads(done.stdout)["outcome"] == "failed"
    before.assert_as_before()
    assert reachable(pi)


# the power fails, or the worker --------------------------------------------------------------------------------------

#: where a job's worker is killed: outside of the change, at each of its stages, amid each of its steps
_INNER: dict[str, tuple[str, ...]] = {
    "profile": ("started", "captured", "file:replacing", "temporary-written", "renamed", "applied", "done")
}
_INNER |= dict.fromkeys(("reload", "apply"), ("started", "command:starting", "command:ended", "done"))
_INNER["keep-1"] = ("started", "applied", "done")
POINTS = [
    "-:locked",
    "-:compared",
    *(f"system.network.probation:probation:{at}" for at in ("script", "unit", "timer", "armed", "asking")),
    *(f"system.network.eth0.{step}:{point}" for step, points in _INNER.items() for point in points),
]
#: seconds after the change is made, within a deadline of 4 s: while it waits, and while it goes back
MOMENTS = [0.0, 1.0, 2.5, 3.6, 3.8, 3.9, 4.0, 4.1, 4.2, 4.3, 4.5, 4.8, 5.2]
STAGES = [*POINTS, *(f"after {moment}" for moment in MOMENTS)]


@pytest.mark.long(every=20)
@pytest.mark.parametrize("stage", STAGES)
def test_switched_off_at_any_stage_it_is_reachable_when_it_boots(pi: Machine, stage: str) -> None:
    before = Before(pi)
    change = started_until(pi, stage)
    power_cut_and_boot(pi)
    until(lambda: reachable(pi))
    settled(change)
    before.assert_as_before()
    assert_nothing_armed(pi)
    assert_address(pi, pi.number)


@pytest.mark.long(every=20)
@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_killed_at_any_stage_leaves_a_machine_that_is_reachable_in_time(pi: Machine, stage: str) -> None:
    before = Before(pi)
    change = started_until(pi, stage)
    pi.run(["systemctl", "kill", "--signal=KILL", "pi-installer-tui-job-*"], check=False)
    settled(change)
    until(lambda: reachable(pi))
    before.assert_as_before()
    assert_nothing_armed(pi)
    assert_address(pi, pi.number)


def started_until(pi: Machine, stage: str) -> Change:
    """A change to an unreachable address, up to a stage. At a point the worker is dead by then."""
    word, _blank, moment = stage.partition(" ")
    if word != "after":
        change = Change(pi, NOWHERE, "--within", "4", crash=stage)
        until(lambda: bool(change.job) and (pi.root / f"{STATE}/jobs/{change.job}/events.jsonl".lstrip("/")).exists())
        until(lambda: "interrupted" in {job["status"] for job in jobs_of(pi)} or change.standing() == "reverted")
        return change
    change = Change(pi, NOWHERE, "--within", "4")
    change.wait_for("asking")
    time.sleep(float(moment))
    return change


def settled(change: Change, seconds: float = 90) -> None:
    """Waits until the change is taken back, or was never armed."""
    until(lambda: change.standing() in ("", "reverted"), seconds)
    change.cut_line()
    (job,) = jobs_of(change.machine)
    journal = change.machine.root / f"{STATE}/jobs/{change.job}/events.jsonl".lstrip("/")
    if b'"kind":"armed"' in journal.read_bytes():
        assert change.standing() == "reverted"
        assert (job["status"], job["reason"]) == ("failed", "not-confirmed"), job
    else:
        assert job["status"] == "interrupted", job
        tui(change.machine, "cancel", job["id"])


@pytest.mark.long
@pytest.mark.parametrize("moment", [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2])
def test_switched_off_amid_a_confirmation_one_of_both_addresses_is_there(pi: Machine, moment: float) -> None:
    change = Change(pi, static(pi, 208), "--within", "600")
    change.wait_for("asking")
    process = pi.start_process(["pi-installer-tui", "confirm", change.job, "--anyway"])
    time.sleep(0.4 + moment)
    power_cut_and_boot(pi)
    process.kill()
    change.cut_line()
    standing = change.standing()
    assert standing in ("confirmed", "reverted")
    until(lambda: reachable(pi, address_of(pi, 208 if standing == "confirmed" else pi.number)))
    if standing == "confirmed" and jobs_of(pi)[0]["status"] == "interrupted":
        tui(pi, "continue", change.job)
    assert_address(pi, 208 if standing == "confirmed" else pi.number)
    assert_nothing_armed(pi)


# a way back that fails -----------------------------------------------------------------------------------------------


@one_suite
def test_a_way_back_that_fails_says_so_and_tries_again(pi: Machine) -> None:
    before = Before(pi)
    change = Change(pi, NOWHERE, "--within", "15")
    change.wait_for("asking")
    pi.run(["sh", "-c", "mv /usr/bin/nmcli /usr/bin/nmcli.away"])
    until(lambda: b"NOT" in told(pi))
    assert change.standing() == "reverting"
    pi.run(["sh", "-c", "mv /usr/bin/nmcli.away /usr/bin/nmcli"])
    change.wait_for("reverted")
    until(lambda: reachable(pi))
    before.assert_as_before()
    until(lambda: b"NOT" not in told(pi))  # or it is gone: the line has shown the end


@one_suite
def test_the_way_back_needs_no_python(pi: Machine) -> None:
    before = Before(pi)
    change = Change(pi, NOWHERE, "--within", "600")
    change.wait_for("asking")
    pi.run(["mv", "/opt/pi-installer-tui", "/opt/elsewhere"])
    pi.run(["sh", "-c", "chmod -x /usr/bin/python3*"])
    power_cut_and_boot(pi)
    until(lambda: reachable(pi))
    assert change.standing() == "reverted"
    pi.run(["mv", "/opt/elsewhere", "/opt/pi-installer-tui"])
    pi.run(["sh", "-c", "chmod +x /usr/bin/python3*"])
    before.assert_as_before()
    assert_nothing_armed(pi)


# who is told ---------------------------------------------------------------------------------------------------------


@one_suite
def test_everyone_who_is_logged_in_sees_the_countdown(pi: Machine) -> None:
    with pi.ssh_tty() as line:
        line.wait_for("$")
        change = Change(pi, NOWHERE, "--within", "12")
        line.wait_for(f"confirm {change.job or '2'}", 40)
        change.wait_for("reverted")
        assert re.search(r"goes back by itself in \d+ s", line.text)


# reboots -------------------------------------------------------------------------------------------------------------

START = """\
import asyncio, sys
from pathlib import Path
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks import jobs
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.review import review
from pi_installer_tui.tasks.store import Store

async def main():
    store, host = Store(Path("/var/lib/pi-installer-tui")), LocalHost()
    plan = (await review(Plan.model_validate_json(Path(sys.argv[1]).read_text()), host)).plan
    job = store.create(plan, who="pi", host_kind="local", host_address="/")
    await jobs.launch(store, job, host)
    print(job)

asyncio.run(main())
"""


def start(machine: Machine, plan: Plan) -> str:
    machine.write("/root/start.py", START)
    machine.write("/root/plan.json", plan.model_dump_json())
    return machine.run([PYTHON, "/root/start.py", "/root/plan.json"]).stdout.strip()


def with_reboot(when: str) -> Plan:
    return Plan(
        steps=(
            WriteFile(id="first", path="/etc/first", content="1\n"),
            Reboot(id="reboot", when=when),
            WriteFile(id="last", path="/etc/last", content="2\n", needs=("reboot",)),
        )
    )


def test_a_job_with_a_reboot_in_its_middle_ends_by_itself(pi: Machine) -> None:
    job = start(pi, with_reboot("now"))
    pi.wait_stopped()
    assert not (pi.root / "etc/last").exists()
    pi.start()
    until(lambda: (pi.root / "etc/last").exists(), 60)
    until(lambda: jobs_of(pi)[0]["status"] == "done")
    until(lambda: job.encode() in told(pi))  # its outcome waits for whoever logs in
    assert "Done" in pi.ssh(["sudo", "pi-installer-tui", "jobs", "show", job]).stdout
    assert not pi.run(["test", "-e", MOTD], check=False).ok


@one_suite
def test_a_reboot_waits_for_the_agreement(pi: Machine) -> None:
    job = start(pi, with_reboot("ask"))
    until(lambda: jobs_of(pi)[0]["status"] == "waiting")
    until(lambda: f"reboot {job}".encode() in told(pi))
    time.sleep(2)
    assert pi.running and newest_job(pi) == job
    tui(pi, "reboot", job)
    pi.wait_stopped()
    pi.start()
    until(lambda: jobs_of(pi)[0]["status"] == "done", 60)


@one_suite
def test_a_power_cut_counts_as_the_reboot_that_was_waited_for(pi: Machine) -> None:
    start(pi, with_reboot("ask"))
    until(lambda: jobs_of(pi)[0]["status"] == "waiting")
    pi.kill()
    pi.start()
    until(lambda: jobs_of(pi)[0]["status"] == "done", 60)
    assert pi.read("/etc/last") == b"2\n"


@one_suite
def test_a_job_that_was_cut_off_is_named_at_the_next_login(pi: Machine) -> None:
    change = Change(pi, NOWHERE, "--within", "600", crash="-:compared")
    until(lambda: bool(change.job) and jobs_of(pi)[0]["status"] == "interrupted")
    pi.kill()
    pi.start()
    until(lambda: pi.run(["test", "-e", MOTD], check=False).ok)
    said = pi.read(MOTD).decode()
    assert f"continue {change.job}" in said and "undo" in said
    change.cut_line()

"""The collector on real machines: set up, proven, told something else, over a reboot, taken away, and taken back."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from pi_installer_tui.modules.monitoring import service

from .conftest import install
from .machine import CHECKOUT, Machine
from .program import Before, newest_job, reboot, says, tui, until

UNIT = "pi-installer-tui-collector.service"
CONFIG, SECRET = "/etc/pi-installer-tui/collector.json", "/etc/pi-installer-tui/secrets/monitoring.hook"
PYTHON = "/opt/pi-installer-tui/current/bin/python"
FOLDER, READINGS = "/var/lib/pi-installer-tui/metrics", "/run/pi-installer-tui"
TOKEN = "tk-hunter2hunter2"
MONITORING: dict[str, Any] = {
    "enabled": True,
    "interval": 2,
    "usual_rules": True,
    "channels": {
        "login": {"by": "login-message"},
        "hook": {"by": "webhook", "url": "http://127.0.0.1:9/x", "token": "monitoring.hook"},
    },
    "rules": {"load": {"what": "metric", "metric": "load.1", "at": 1000}},
    "exporter": {"enabled": True},
}


def setup(**document: Any) -> str:
    return json.dumps({"version": 1, "monitoring": document})


def apply(machine: Machine, document: dict[str, Any], *argv: str) -> tuple[str, Any]:
    done = json.loads(tui(machine, "apply", "-", "--yes", "--json", *argv, setup=setup(**document)).stdout)
    assert done["outcome"] == "done" and {check["status"] for check in done["checks"]} == {"ok"}, done
    return str(done["job"]), done


def changed(machine: Machine, text: str) -> Any:
    return json.loads(tui(machine, "plan", "-", "--json", setup=text).stdout)["changed"]


def state(machine: Machine) -> Any:
    return json.loads(tui(machine, "status", "monitoring", "--json").stdout)["modules"]["monitoring"]


def unit(machine: Machine, name: str) -> str:
    return says(machine, "systemctl", "show", "--value", f"--property={name}", UNIT)


def now(machine: Machine) -> float:
    return float(says(machine, "date", "+%s.%N"))


@pytest.mark.long
def test_inside_its_fence_it_can_do_what_it_has_to_and_nothing_else(installed: Machine) -> None:
    fence = [f"--property={line}" for line in service.unit("/x").splitlines() if line.startswith(FENCE)]

    def inside(*argv: str) -> bool:
        return installed.run(["systemd-run", "--quiet", "--wait", "--pipe", *fence, *argv], check=False).ok

    assert len(fence) > 20
    assert inside("apt-get", "--simulate", "-qq", "--option=Debug::NoLocking=true", "dist-upgrade")
    assert inside("ping", "-n", "-q", "-c", "1", "-w", "3", "--", installed.network.gateway)
    assert inside("systemctl", "show", "--property=ActiveState", "--", "ssh.service")
    assert inside("journalctl", "--quiet", "--lines=1", "--output=json")
    assert inside("cat", "/etc/shadow")
    for path in (f"{FOLDER}/x", "/run/motd.d/x"):
        assert inside("sh", "-c", f"mkdir -p {path.rpartition('/')[0]} && touch {path}"), path
    for path in ("/etc/x", "/var/lib/pi-installer-tui/x", "/root/x", "/usr/x"):
        assert not inside("touch", path), path


#: the lines of the unit file that say what it may do
FENCE = ("NoNew", "Capability", "Protect", "ReadWrite", "Lock", "Restrict", "System", "UMask", "State", "Runtime",
         "Memory", "Tasks", "Nice", "IO", "CPU")  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("suite", ["trixie"], indirect=True)
def test_an_upgrade_restarts_it_and_uninstalling_takes_it_along(installed: Machine) -> None:
    apply(installed, {"enabled": True, "usual_rules": True})
    before = unit(installed, "MainPID")
    install(installed)
    assert unit(installed, "ActiveState") == "active" and unit(installed, "MainPID") != before
    assert int(unit(installed, "NRestarts")) == 0
    versions = says(installed, "ls", "/opt/pi-installer-tui/versions").splitlines()
    assert len(versions) == 1, "the version before isn't in use any more"
    assert not changed(installed, tui(installed, "export", "monitoring").stdout)

    installed.run(["sh", f"{CHECKOUT}/install.sh", "--uninstall"])
    assert unit(installed, "LoadState") == "not-found" and unit(installed, "ActiveState") == "inactive"
    assert f"{FOLDER}/history.db" in says(installed, "find", FOLDER)


#: the rules of a form tried against the journal, as the screen does it
_TRIED = """
import asyncio, json, sys, time
from pi_installer_tui.alerts.config import Rule
from pi_installer_tui.modules.monitoring.past_journal import tried
from pi_installer_tui.system.local import LocalHost

rules = [Rule(**each) for each in json.load(sys.stdin)]
first, found = asyncio.run(tried(rules, time.time(), LocalHost()))
print(json.dumps({each.rule.name: [each.of, [[name, s.since, s.until] for name, s in each.spans]] for each in found}))
"""


def test_rules_on_lines_and_services_are_tried_against_the_journal(installed: Machine) -> None:
    unit_file = "[Service]\nType=oneshot\nExecStart=sh -c 'echo out of beans; exit 3'\n"
    installed.write("/etc/systemd/system/coffee.service", unit_file)
    for _cup in range(3):
        installed.run(["systemctl", "start", "coffee.service"], check=False)
    rules = [
        {"name": "failed", "what": "service", "of": "*", "lasts": 1},
        {"name": "other", "what": "service", "of": "tea"},
        {"name": "beans", "what": "log", "of": "out of beans", "unit": "coffee", "count": 3, "lasts": 60},
        {"name": "often", "what": "log", "of": "out of beans", "count": 4, "lasts": 60},
    ]

    def found() -> dict[str, Any]:
        done = installed.run([PYTHON, "-c", _TRIED], stdin=json.dumps(rules).encode())
        return cast("dict[str, Any]", json.loads(done.stdout))

    until(lambda: "coffee.service" in [span[0] for span in found()["failed"][1]])
    said = found()
    ((_since, until_now),) = [span for name, *span in said["failed"][1] if name == "coffee.service"]
    assert until_now is None, "it fires still"
    assert "coffee.service" in said["failed"][0]
    assert said["other"] == [[], []] and said["often"] == [["journal"], []]
    assert [span[0] for span in said["beans"][1]] == ["coffee"]


@pytest.mark.long
def test_a_collector_comes_changes_survives_a_reboot_and_goes(installed: Machine) -> None:
    before = Before(installed)
    installed.write("/root/secrets.yaml", json.dumps({"monitoring.hook": TOKEN}), 0o600)
    job, _done = apply(installed, MONITORING, "--secrets=/root/secrets.yaml")

    it_runs_and_is_fenced_in(installed)
    the_secret_is_in_its_file_alone(installed)
    assert not changed(installed, setup(**MONITORING))
    assert not changed(installed, tui(installed, "export", "monitoring").stdout)
    assert "cpu" in says(installed, "python3", "-c", _FETCH)

    a_change_is_read_without_a_restart(installed)

    reboot(installed)
    until(lambda: unit(installed, "ActiveState") == "active", 60)
    until(lambda: _age(installed) < 20, 60)
    assert not changed(installed, tui(installed, "export", "monitoring").stdout)

    it_goes_and_comes_back(installed)
    tui(installed, "undo", newest_change(installed), "--yes")
    tui(installed, "undo", job, "--yes")
    before.assert_as_before()
    assert unit(installed, "LoadState") == "not-found"
    assert f"{FOLDER}/history.db" in says(installed, "find", FOLDER), "data is never taken by an undo"


_FETCH = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9105/metrics', timeout=5).read().decode())"


def _age(machine: Machine) -> float:
    """Seconds since the newest reading."""
    collected = state(machine)["collected"]
    last = collected.get("last") if collected else None
    return now(machine) - last if last else 1e9


def newest_change(machine: Machine) -> str:
    """The job that changed the interval: the only one that is neither taken back nor the first."""
    found = json.loads(tui(machine, "jobs", "--json").stdout)["jobs"]
    return next(str(job["id"]) for job in found[:-1] if not job.get("undone_by") and not job.get("undoes"))


def it_runs_and_is_fenced_in(machine: Machine) -> None:
    found = state(machine)
    assert found["collector"]["enabled"]["effective"] is True and found["collector"]["enabled"]["configured"] is True
    assert found["collector"]["restarts"] == 0 and 0 < found["collector"]["memory"] < 60_000_000
    assert found["history"]["bytes"] > 0 and _age(machine) < 20
    assert found["collected"]["firing"] == 0 and found["collected"]["trouble"] is None, found["collected"]
    assert "password" not in json.dumps(found) and TOKEN not in json.dumps(found)
    log = says(machine, "journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}")
    assert "Read-only" not in log and "denied" not in log and "Error" not in log, log
    assert int(unit(machine, "NRestarts")) == 0
    mode = says(machine, "stat", "--format=%a %U", CONFIG)
    assert mode == "600 root"
    namespace = says(machine, "sh", "-c", f"cat /proc/{unit(machine, 'MainPID')}/mountinfo | grep -c ' / / ro'")
    assert int(namespace) == 1, "its root is read-only"


def the_secret_is_in_its_file_alone(machine: Machine) -> None:
    assert machine.read(SECRET) == TOKEN.encode()
    assert says(machine, "stat", "--format=%a %U", SECRET) == "600 root"
    assert says(machine, "stat", "--format=%a %U", SECRET.rpartition("/")[0]) == "700 root"
    machine.run(["rm", "/root/secrets.yaml"])
    where = ["grep", "-rlF", TOKEN, "/etc", "/var/lib/pi-installer-tui", "/run", "/var/log"]
    found = machine.run(where, check=False).stdout.split()
    assert found == [SECRET]


def a_change_is_read_without_a_restart(machine: Machine) -> None:
    before = unit(machine, "MainPID")
    apply(machine, {"interval": 3, "rules": {"load": {"what": "metric", "at": -1, "severity": "critical"}}})
    assert unit(machine, "MainPID") == before and unit(machine, "ActiveState") == "active"
    assert json.loads(machine.read(CONFIG))["interval"] == 3
    until(lambda: state(machine)["collected"]["firing"] == 1)
    assert "Firing         1" in tui(machine, "status", "monitoring").stdout
    until(lambda: "load" in machine.read("/run/motd.d/52-pi-installer-tui-alerts").decode())


def it_goes_and_comes_back(machine: Machine) -> None:
    apply(machine, {"enabled": False})
    gone = newest_job(machine)
    assert unit(machine, "LoadState") == "not-found"
    assert says(machine, "find", FOLDER, "-name", "history.db") == f"{FOLDER}/history.db"
    assert not changed(machine, setup(enabled=False))
    assert state(machine)["settings"]["rules"]["load"]["at"] == -1, "rules and channels stay"
    tui(machine, "undo", gone, "--yes")
    assert unit(machine, "ActiveState") == "active" and unit(machine, "UnitFileState") == "enabled"
    apply(machine, {"enabled": False, "history": "remove"})
    assert not machine.run(["test", "-e", FOLDER], check=False).ok
    tui(machine, "undo", newest_job(machine), "--yes", status=0)
    until(lambda: unit(machine, "ActiveState") == "active")

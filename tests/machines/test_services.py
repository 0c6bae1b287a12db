"""Services on real machines: read as systemd has them, changed and given back, and never so that nobody gets in."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest

from .machine import Machine
from .program import Before, newest_job, says, tui, undo, until

PYTHON = "/opt/pi-installer-tui/current/bin/python"
one_suite = pytest.mark.parametrize("suite", ["trixie"], indirect=True)

READS = """
import asyncio, dataclasses, json, resource, sys, time
from pi_installer_tui.system import containers, services
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.reading import Known

asked = []

class Counting(LocalHost):
    async def run(self, argv, **more):
        asked.append(list(argv))
        return await super().run(argv, **more)

def plain(reading):
    if not isinstance(reading, Known):
        return {"unknown": getattr(reading, "reason", "missing")}
    return reading.value

async def main(unit):
    host = Counting()
    began, spent = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    units = await services.read(host)
    took, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime
    looks = len(asked)
    everything = plain(await services.read(host, everything=True))
    lines = plain(await services.last_lines(host, unit)) if unit else ()
    engines = {engine: plain(found) for engine, found in (await containers.read(host)).items()}
    used = {
        one.name: plain(await containers.usage(host, one))
        for found in engines.values() if isinstance(found, list) for one in found
    }
    found = plain(units)
    print(json.dumps({
        "commands": looks, "seconds": took, "cpu": cpu, "unknown": found.get("unknown", ""),
        "units": {n: dataclasses.asdict(u) for n, u in found.items()} if "unknown" not in found else {},
        "everything": {n: dataclasses.asdict(u) for n, u in everything.items() if "unknown" not in everything},
        "order": [n for n, u in found.items() if "unknown" not in found],
        "lines": lines if isinstance(lines, dict) else [dataclasses.asdict(line) for line in lines],
        "containers": {e: f if isinstance(f, dict) else [dataclasses.asdict(c) for c in f] for e, f in engines.items()},
        "usage": {n: u if isinstance(u, dict) else dataclasses.asdict(u) for n, u in used.items()},
    }))

asyncio.run(main(*sys.argv[1:] or [""]))
"""

#: services of every kind of trouble: the file, and what is said of it
TROUBLES = {
    "t-status": "[Service]\nExecStart=/bin/sh -c 'echo it broke >&2; exit 3'\n",
    "t-missing": "[Service]\nExecStart=/usr/bin/there-is-no-such-program\n",
    "t-user": "[Service]\nUser=nobody-at-all\nExecStart=/bin/true\n",
    "t-killed": "[Service]\nExecStart=/bin/sh -c 'kill -SEGV $$$$'\n",
    "t-slow": "[Service]\nType=notify\nTimeoutStartSec=1\nExecStart=/bin/sleep 60\n",
    "t-again": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=60\nExecStart=/bin/false\n",
    "t-limit": "[Unit]\nStartLimitBurst=2\n[Service]\nRestart=always\nRestartSec=0\nExecStart=/bin/false\n",
    "t-fine": "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    "t-once": "[Service]\nType=oneshot\nExecStart=/bin/echo done it\n",
    "t-along": "[Unit]\nBindsTo=t-fine.service\nAfter=t-fine.service\n[Service]\nExecStart=/bin/sleep infinity\n",
}


def look(machine: Machine, unit: str = "", user: str = "root") -> Any:
    return json.loads(machine.run([PYTHON, "-I", "-c", READS, *([unit] if unit else [])], user=user).stdout)


def act(machine: Machine, verb: str, unit: str, *options: str, status: int = 0) -> Any:
    return tui(machine, "act", "monitoring", verb, f"unit={unit}", "--yes", *options, status=status)


def active(machine: Machine, unit: str) -> str:
    return machine.run(["systemctl", "is-active", unit], check=False).stdout.strip()


@pytest.fixture
def troubled(installed: Machine) -> Machine:
    """A machine with services that failed in every way."""
    for name, text in TROUBLES.items():
        installed.write(f"/etc/systemd/system/{name}.service", text.encode())
    installed.run(["systemctl", "daemon-reload"])
    for name in TROUBLES:
        installed.run(["systemctl", "start", f"{name}.service"], check=False)
    installed.run(["systemctl", "mask", "--quiet", "e2scrub_reap.service"], check=False)
    until(lambda: says(installed, "systemctl", "show", "-P", "Result", "t-limit") not in ("success", ""))
    until(lambda: says(installed, "systemctl", "show", "-P", "SubState", "t-again") == "auto-restart")
    return installed


def test_services_are_read_as_systemd_has_them_by_two_commands(troubled: Machine) -> None:
    asked = int(time.time())
    found = look(troubled, "t-status.service")
    units = found["units"]
    assert found["commands"] == 2
    wanted = {
        "t-status": ("failed", "exit-code", "exited", 3),
        "t-missing": ("failed", "exit-code", "exited", 203),
        "t-user": ("failed", "exit-code", "exited", 217),
        "t-slow": ("failed", "timeout", "killed", 15),
        "t-again": ("activating", "exit-code", "exited", 1),
        "t-fine": ("active", "success", "", 0),
        "t-once": ("inactive", "success", "", 0),
    }
    for name, told in wanted.items():
        unit = units[f"{name}.service"]
        assert (unit["active"], unit["result"], unit["code"], unit["status"]) == told, unit
    assert not units["t-once.service"]["in_memory"], "systemd forgets what did its work"
    assert found["everything"]["t-once.service"]["type"] == "oneshot" and set(found["everything"]) == set(units)
    killed = units["t-killed.service"]
    assert killed["active"] == "failed" and killed["code"] in ("killed", "dumped") and killed["status"] == 11, killed
    assert units["t-limit.service"]["active"] == "failed" and units["t-limit.service"]["restarts"] >= 1
    assert units["t-fine.service"]["takes_along"] == ["t-along.service"]
    assert units["ssh.service"]["file"].endswith("/ssh.service") and units["ssh.service"]["pid"] > 0

    failed = [name for name in found["order"] if units[name]["active"] == "failed"]
    assert found["order"][: len(failed)] == failed and "t-missing.service" in failed
    assert found["order"][len(failed)] == "t-again.service", "what is started again and again comes next"
    assert [line["text"] for line in found["lines"] if line["source"] == "sh"] == ["it broke"]

    # as systemd itself says it, one by one
    now = time.time()
    same = 0
    for name in (n for n, u in units.items() if n.endswith(".service") and u["description"]):
        unit = units[name]
        properties = "ActiveState,UnitFileState,MainPID,ActiveEnterTimestamp,StateChangeTimestamp"
        answer = says(troubled, "systemctl", "show", "--timestamp=unix", f"--property={properties}", name)
        said = dict(line.split("=", 1) for line in answer.splitlines())
        if int(said["StateChangeTimestamp"].lstrip("@") or 0) >= asked:
            continue  # it came or went since
        same += 1
        told_state = said["ActiveState"], said.get("UnitFileState", ""), int(said["MainPID"])
        if unit["active"] in ("active", "failed"):
            assert (unit["active"], unit["enabled"], unit["pid"]) == told_state, name
        if unit["active"] == "active":
            assert abs(unit["since"] - int(said["ActiveEnterTimestamp"].lstrip("@"))) < 3, name
            assert unit["since"] <= now + 1
    assert same > 20
    listed = json.loads(says(troubled, "systemctl", "list-unit-files", "--type=service", "--output=json"))
    there = {f["unit_file"] for f in listed if "@." not in f["unit_file"] and f["state"] != "alias"}
    aliases = {alias for unit in units.values() for alias in unit["aliases"]}
    assert there <= {*units} | aliases, there - {*units} - aliases
    print(f"\n{len(units)} units: {found['seconds']:.3f} s, {found['cpu']:.3f} s of CPU by the two commands")


@one_suite
def test_who_may_not_read_the_journal_is_told_so_and_sees_the_services(troubled: Machine) -> None:
    found = look(troubled, "t-status.service", user="games")
    assert found["units"]["t-status.service"]["active"] == "failed"
    assert found["lines"] == {"unknown": "no permission for the journal"}


@pytest.mark.long
def test_a_service_is_started_stopped_enabled_and_given_back(troubled: Machine) -> None:
    before = Before(troubled)
    act(troubled, "enable", "t-fine")
    enabled = newest_job(troubled)
    assert says(troubled, "systemctl", "is-enabled", "t-fine") == "enabled"
    assert "everything is as wanted" in act(troubled, "enable", "t-fine").stdout
    act(troubled, "stop", "t-fine")
    stopped = newest_job(troubled)
    assert active(troubled, "t-fine") == active(troubled, "t-along") == "inactive"
    undo(troubled, stopped)
    assert active(troubled, "t-fine") == active(troubled, "t-along") == "active"
    pid = says(troubled, "systemctl", "show", "-P", "MainPID", "t-fine")
    act(troubled, "restart", "t-fine")
    assert says(troubled, "systemctl", "show", "-P", "MainPID", "t-fine") != pid
    act(troubled, "start", "t-once")
    undo(troubled, enabled)
    before.assert_as_before()

    broken = act(troubled, "start", "t-status", "--json", status=1)
    done = json.loads(broken.stdout)
    assert done["outcome"] == "failed", "systemd started it, and it ended: that is no success"
    assert "masked" in act(troubled, "start", "e2scrub_reap", status=3).stderr
    assert "no such service" in act(troubled, "stop", "nothing", status=3).stderr


class OverSsh:
    """An action that is started over a connection, which may break."""

    def __init__(self, machine: Machine, verb: str, unit: str, *options: str) -> None:
        self.machine = machine
        argv = ["sudo", "pi-installer-tui", "act", "monitoring", verb, f"unit={unit}", "--yes", *options]
        quiet = subprocess.DEVNULL
        self.line = subprocess.Popen(machine.ssh_command(argv), stdin=quiet, stdout=quiet, stderr=quiet)

    def standing(self) -> str:
        for name in ("reverted", "confirmed", "asking"):
            if list((self.machine.root / "var/lib/pi-installer-tui/jobs").glob(f"*/probation/{name}")):
                return name
        return ""

    def wait_for(self, standing: str, seconds: float = 120) -> None:
        until(lambda: self.standing() == standing, seconds)

    def end(self) -> None:
        self.line.kill()
        self.line.wait()


@pytest.mark.long
def test_ssh_is_not_stopped_over_ssh_and_restarts_after_its_own_test(installed: Machine) -> None:
    for verb in ("stop", "disable"):
        argv = ["sudo", "pi-installer-tui", "act", "monitoring", verb, "unit=ssh", "--yes"]
        refused = installed.ssh(argv, check=False)
        assert refused.status == 3 and "at the machine itself" in refused.stderr, refused
    assert active(installed, "ssh") == "active"
    assert json.loads(tui(installed, "jobs", "--json").stdout)["jobs"] == []

    pid = says(installed, "systemctl", "show", "-P", "MainPID", "ssh")
    installed.ssh(["sudo", "pi-installer-tui", "act", "monitoring", "restart", "unit=ssh", "--yes"])
    assert says(installed, "systemctl", "show", "-P", "MainPID", "ssh") != pid
    installed.write("/etc/ssh/sshd_config.d/broken.conf", b"NoSuchWord yes\n")
    pid = says(installed, "systemctl", "show", "-P", "MainPID", "ssh")
    argv = ["sudo", "pi-installer-tui", "act", "monitoring", "restart", "unit=ssh", "--yes", "--json"]
    broken = installed.ssh(argv, check=False)
    assert broken.status == 1 and json.loads(broken.stdout)["outcome"] == "failed"
    assert says(installed, "systemctl", "show", "-P", "MainPID", "ssh") == pid, "it still runs, untouched"


@pytest.mark.long
@one_suite
def test_a_network_that_was_stopped_is_started_again_unless_somebody_confirms(installed: Machine) -> None:
    change = OverSsh(installed, "stop", "NetworkManager", "--within", "10")
    change.wait_for("asking")
    assert active(installed, "NetworkManager") == "inactive"
    change.end()
    change.wait_for("reverted")
    until(lambda: active(installed, "NetworkManager") == "active")
    until(lambda: installed.ssh(["true"], check=False).ok)


@pytest.mark.long
@one_suite
def test_a_firewall_that_lets_nobody_in_goes_away_by_itself(installed: Machine) -> None:
    installed.run(["apt-get", "update", "-qq"])
    installed.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "nftables"])
    shut = "flush ruleset\ntable inet t {\n chain in { type filter hook input priority 0; policy drop; }\n}\n"
    installed.write("/etc/nftables.conf", f"#!/usr/sbin/nft -f\n{shut}".encode())
    change = OverSsh(installed, "start", "nftables", "--within", "10")
    until(lambda: "policy drop" in says(installed, "nft", "list", "ruleset"), 60)
    assert not installed.ssh(["true"], check=False).ok
    change.end()
    change.wait_for("reverted")
    until(lambda: installed.ssh(["true"], check=False).ok)
    assert says(installed, "nft", "list", "ruleset") == ""


@pytest.mark.long
@one_suite
def test_containers_of_both_engines_are_read(installed: Machine) -> None:
    installed.run(["apt-get", "update", "-qq"])
    packages = ["docker.io", "docker-cli", "podman", "crun"]
    installed.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages])
    image = "tar -C / -c bin sbin lib lib64 usr/bin usr/lib/x86_64-linux-gnu usr/lib64 etc | {engine} import - all"
    for engine in ("docker", "podman"):
        installed.run(["sh", "-c", image.format(engine=engine)])
        run = [engine, "run", "--network=none"]
        if engine == "podman":  # the machine's own control groups can't limit anything
            run += ["--runtime=crun", "--cgroups=disabled"]
        installed.run([*run, "--detach", "--name", "sleeps", "all", "sleep", "infinity"])
        installed.run([*run, "--name", "fails", "all", "sh", "-c", "exit 3"], check=False)
    installed.run(["docker", "run", "--detach", "--name", "serves", "-p", "8080:80", "all", "sleep", "infinity"])
    found = look(installed)
    for engine in ("docker", "podman"):
        by_name = {one["name"]: one for one in found["containers"][engine]}
        assert by_name["sleeps"]["state"] == "running" and by_name["fails"]["state"] == "exited", by_name
        assert by_name["fails"]["status"].startswith("Exited (3)")
    (serves,) = [one for one in found["containers"]["docker"] if one["name"] == "serves"]
    assert "0.0.0.0:8080->80/tcp" in serves["ports"]
    used = found["usage"]["serves"]
    # the memory isn't counted in every machine's control groups
    assert "%" in used["cpu"] and (not used["memory"] or "iB / " in used["memory"]), used
    assert look(installed, user="games")["containers"]["docker"] == {"unknown": "no permission to ask docker"}

    # a daemon that hangs: the client would wait for ever
    installed.run(["systemctl", "kill", "--signal=STOP", "docker.service"])
    began = time.monotonic()
    hung = look(installed)["containers"]["docker"]
    assert hung == {"unknown": "docker hasn't answered for 8 s: its daemon hangs"}
    assert time.monotonic() - began < 60
    installed.run(["systemctl", "kill", "--signal=CONT", "docker.service"])
    assert isinstance(look(installed)["containers"]["docker"], list)

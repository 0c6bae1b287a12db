"""The port of SSH is changed over SSH, on real machines: nobody is locked out, whatever happens in between."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from .machine import Machine
from .program import Before, says, tui, undo, until
from .test_probation import power_cut_and_boot
from .test_security import Change, changes, setup_of

FIREWALL: dict[str, Any] = {"enabled": True, "incoming": "deny"}


def gets_in(machine: Machine, port: int, *argv: str) -> subprocess.CompletedProcess[str]:
    """A new connection over a port."""
    ssh, *rest = machine.ssh_command(argv or ("true",))
    return subprocess.run([ssh, "-p", str(port), *rest], capture_output=True, text=True, check=False, timeout=60)


def assert_open(machine: Machine, *ports: int, closed: int = 0) -> None:
    """SSH is open on these ports; sshd that reads its files again doesn't listen for a moment."""
    until(lambda: all(gets_in(machine, port).returncode == 0 for port in ports))
    assert not closed or gets_in(machine, closed).returncode == 255


def rules(machine: Machine) -> str:
    return says(machine, "sh", "-c", "ufw show added")


@pytest.fixture
def pi(installed: Machine) -> Machine:
    """A machine with a firewall that lets in SSH, over a rule of ours."""
    tui(installed, "apply", "-", "--yes", "--confirm", "none", setup=setup_of({"firewall": FIREWALL}))
    return installed


@pytest.mark.long
def test_a_new_port_is_used_before_the_old_one_goes_and_an_undo_brings_it_back(pi: Machine) -> None:
    before = Before(pi)
    change = Change(pi, {"ssh": {"port": 2222}}, "--within", "120")
    change.wait_for("asking")
    assert_open(pi, 22, 2222)
    refused = gets_in(pi, 22, "sudo", "pi-installer-tui", "confirm", change.job)
    assert refused.returncode == 1 and "over port 2222" in refused.stdout + refused.stderr, refused
    assert change.standing() == "asking", "a login over the old port proves nothing"
    confirmed = gets_in(pi, 2222, "sudo", "pi-installer-tui", "confirm", change.job)
    assert confirmed.returncode == 0, confirmed
    until(lambda: change.status() not in ("running", "waiting"))
    assert change.status() == "done", tui(pi, "jobs", "show", change.job).stdout
    assert change.line.wait(30) == 0, "the first connection lives on to the end"
    assert_open(pi, 2222, closed=22)
    assert "2222" in rules(pi) and " 22/tcp" not in rules(pi)
    assert not changes(pi, {"ssh": {"port": [2222]}})
    pi.write("/root/exported.yaml", tui(pi, "export", "security").stdout)
    assert "2222" in pi.read("/root/exported.yaml").decode()
    assert tui(pi, "plan", "/root/exported.yaml").status == 0

    undo(pi, change.job)
    assert_open(pi, 22, closed=2222)
    before.assert_as_before()


@pytest.mark.long
def test_a_port_that_a_session_forwards_is_not_sshds_and_cannot_be_taken(installed: Machine) -> None:
    ssh, *rest = installed.ssh_command(["sleep", "60"])
    forwards = subprocess.Popen([ssh, "-R", "9022:127.0.0.1:22", *rest], stdin=subprocess.DEVNULL)
    try:
        until(lambda: ":9022 " in says(installed, "ss", "-H", "-l", "-t", "-n"))
        status = json.loads(tui(installed, "status", "security", "--json").stdout)
        assert status["modules"]["security"]["sshd"]["ports"] == [22]
        setup = setup_of({"ssh": {"port": [22, 9022]}})
        refused = tui(installed, "plan", "-", "--json", setup=setup, status=3)
        assert "port 9022 is taken" in refused.stdout
    finally:
        forwards.kill()


@pytest.mark.long
def test_without_a_login_over_the_new_port_all_goes_back_by_itself(pi: Machine) -> None:
    before, was = Before(pi), rules(pi)
    for end in ("nobody comes", "killed", "power cut"):
        change = Change(pi, {"ssh": {"port": 2222}}, "--within", "600" if end == "power cut" else "10")
        change.wait_for("asking")
        change.line.kill()
        if end == "killed":
            pi.run(["systemctl", "kill", "--signal=KILL", f"pi-installer-tui-job-{change.job}*.service"])
        elif end == "power cut":
            power_cut_and_boot(pi)
        assert_open(pi, 22)
        change.wait_for("reverted")
        assert_open(pi, 22, closed=2222)
        before.assert_as_before()
        assert rules(pi) == was, end


@pytest.mark.parametrize("suite", ["trixie"], indirect=True)
def test_killed_after_the_confirmation_both_ports_are_open_and_the_job_can_go_on(installed: Machine) -> None:
    pi = installed
    crash = "PI_INSTALLER_TUI_CRASH=security.ssh.close-file:started"
    change = Change(pi, {"ssh": {"port": 2222}}, "--within", "120", over_ssh=False, env=crash)
    change.wait_for("asking")
    assert gets_in(pi, 2222, "sudo", "pi-installer-tui", "confirm", change.job).returncode == 0
    until(lambda: change.status() == "interrupted")
    assert_open(pi, 22, 2222)
    tui(pi, "continue", change.job)
    assert_open(pi, 2222, closed=22)
    assert not changes(pi, {"ssh": {"port": 2222}})


@pytest.fixture
def by_socket(installed: Machine) -> Machine:
    """A machine on which systemd listens in sshd's place, and somebody has logged in already."""
    installed.run(["systemctl", "disable", "--quiet", "--now", "ssh.service"])
    installed.run(["systemctl", "enable", "--quiet", "--now", "ssh.socket"])
    assert_open(installed, 22)
    assert says(installed, "systemctl", "is-active", "ssh.service") == "active"
    return installed


@pytest.mark.long
def test_where_systemd_listens_its_socket_is_changed_the_same_way(by_socket: Machine) -> None:
    pi = by_socket
    before = Before(pi)
    change = Change(pi, {"ssh": {"port": 2222}}, "--within", "25")
    change.wait_for("asking")
    assert_open(pi, 22, 2222)
    change.wait_for("reverted")
    assert_open(pi, 22, closed=2222)
    before.assert_as_before()

    change = Change(pi, {"ssh": {"port": 2222, "max_auth_tries": 4}}, "--within", "120")
    until(lambda: change.standing() == "asking")
    confirmed = gets_in(pi, 2222, "sudo", "pi-installer-tui", "confirm", change.job)
    assert confirmed.returncode == 0, confirmed
    until(lambda: change.status() not in ("running", "waiting"))
    assert change.status() == "done", tui(pi, "jobs", "show", change.job).stdout
    assert change.line.wait(30) == 0, "the first connection lives on to the end"
    assert_open(pi, 2222, closed=22)
    assert not changes(pi, {"ssh": {"port": 2222, "max_auth_tries": 4}})
    pi.reboot()
    assert_open(pi, 2222, closed=22)

    undo(pi, change.job)
    assert_open(pi, 22, closed=2222)
    before.assert_as_before()


@pytest.mark.long
def test_bans_follow_the_port(installed: Machine) -> None:
    def banned_from() -> str:
        action = says(installed, "fail2ban-client", "get", "sshd", "actions").split()[-1]
        return says(installed, "fail2ban-client", "get", "sshd", "action", action, "port")

    def apply(**security: Any) -> None:
        tui(installed, "apply", "-", "--yes", "--confirm", "none", setup=setup_of(security))

    apply(bans={"enabled": True})
    assert banned_from() == "22"
    apply(ssh={"port": 2222})
    assert_open(installed, 2222, closed=22)
    until(lambda: banned_from() == "2222")
    assert not changes(installed, {"ssh": {"port": 2222}, "bans": {"enabled": True}})
    apply(ssh={"port": [22, 2222]}, bans={"enabled": True, "tries": 4})
    until(lambda: banned_from() == "22,2222")

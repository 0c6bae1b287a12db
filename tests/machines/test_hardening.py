"""What Security shuts beside the ways in, asked of real machines: by a login, by a program that goes, by a file
that was changed."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from pi_installer_tui.modules.security.issue import NOTICE

from .machine import Machine
from .program import Before, newest_job, says, tui, undo, until

SETTINGS = {
    "ssh": {"keepalive": 10, "log_level": "verbose", "notice": True, "max_sessions": 1},
    "updates": {"package_check": "weekly"},
    "kernel": {"rare_protocols": False, "rare_filesystems": False, "firewire": False, "core_dumps": False},
}
LICENSE = "/usr/share/common-licenses/BSD"


@pytest.mark.long
def test_each_does_what_it_says_and_goes_without_a_trace(installed: Machine, tmp_path: Path) -> None:
    before = Before(installed)
    setup = json.dumps({"version": 1, "security": SETTINGS})
    tui(installed, "apply", "-", "--yes", "--confirm", "none", setup=setup)
    job = newest_job(installed)
    assert json.loads(tui(installed, "plan", "-", "--json", setup=setup).stdout)["changed"] is False

    limit = ["prlimit", "--core", "--noheadings", "--output=HARD"]
    assert [installed.ssh([*who, *limit]).stdout.strip() for who in ((), ("sudo",))] == ["0", "0"]
    assert NOTICE in before_login(installed)
    installed.run(["journalctl", "--sync"])
    log = says(installed, "journalctl", "--no-pager", "_COMM=sshd", "+", "_COMM=sshd-session")
    assert re.search(r"Accepted key ED25519 SHA256:\S+ found at /home/pi/.ssh/authorized_keys", log), log[-2000:]

    one_connection(installed, tmp_path)
    ends_when_the_other_side_is_gone(installed)
    names_what_was_changed(installed)

    undo(installed, job)
    before.assert_as_before(upgraded=True)  # debsums brings perl, and that its own version of perl-base
    assert NOTICE not in before_login(installed)


def before_login(machine: Machine) -> str:
    """What ssh says of it, which it does unless it is told to be quiet."""
    loud = [word.replace("LogLevel=ERROR", "LogLevel=INFO") for word in machine.ssh_command(["true"])]
    return subprocess.run(loud, check=True, capture_output=True, text=True).stderr


def one_connection(machine: Machine, folder: Path) -> None:
    """A second session over the same connection is refused."""
    command = machine.ssh_command(["sleep", "60"])
    control = ["-o", f"ControlPath={folder}/c"]
    master = subprocess.Popen([command[0], "-M", *control, *command[1:]], stderr=subprocess.DEVNULL)
    try:
        until((folder / "c").exists)
        until(lambda: runs(machine, "sleep 60"))
        second = [command[0], *control, "-o", "ControlMaster=no", *machine.ssh_command(["true"])[1:]]
        refused = subprocess.run(second, check=False, capture_output=True, text=True)
        assert "open failed" in refused.stderr or "refused" in refused.stderr, refused
    finally:
        master.kill()
        master.wait()


def ends_when_the_other_side_is_gone(machine: Machine) -> None:
    """A client that is stopped answers nothing, while its kernel still acknowledges what comes."""
    client = subprocess.Popen(machine.ssh_command(["sleep", "4321"]), stderr=subprocess.DEVNULL)
    try:
        until(lambda: runs(machine, "sleep 4321"))
        client.send_signal(signal.SIGSTOP)
        was = connections(machine)
        assert was >= 1
        until(lambda: connections(machine) < was, 60)
    finally:
        client.kill()
        client.wait()


def runs(machine: Machine, command: str) -> bool:
    return command in machine.run(["ps", "-C", "sleep", "-o", "args="], check=False).stdout.splitlines()


def connections(machine: Machine) -> int:
    return len(says(machine, "ss", "-Htn", "state", "established", "sport = :22").splitlines())


def names_what_was_changed(machine: Machine) -> None:
    """Cron's weekly file finds one changed file of a package, and no other."""
    text = machine.read(LICENSE)
    machine.write(LICENSE, text + b"changed\n")
    machine.run(["/etc/cron.weekly/debsums"])
    machine.write(LICENSE, text)
    until(lambda: LICENSE in says(machine, "journalctl", "--no-pager", "-t", "debsums"))
    found = says(machine, "journalctl", "--no-pager", "-o", "cat", "-t", "debsums").splitlines()
    assert [line for line in found if "85-nm-unmanaged" not in line] == [LICENSE]  # the lab takes that rule away
    machine.run(["/etc/cron.daily/debsums"])
    assert len(says(machine, "journalctl", "--no-pager", "-o", "cat", "-t", "debsums").splitlines()) == len(found)

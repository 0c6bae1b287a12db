"""Hardening that locks nobody out, on real machines and over real SSH connections."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from .machine import Machine
from .program import Before, says, tui, undo, until

STATE = "/var/lib/pi-installer-tui"
OWN = "/etc/ssh/sshd_config.d/00-pi-installer-tui.conf"


@pytest.fixture
def pi(installed: Machine) -> Machine:
    """A machine with cloud-init's file, which lets passwords in and comes before sshd_config's own lines."""
    installed.write("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n")
    installed.run(["systemctl", "reload", "ssh.service"])
    return installed


def setup_of(security: dict[str, Any]) -> str:
    return json.dumps({"version": 1, "security": security})


class Change:
    """A change that is asked for over an SSH connection, which stays open, or by root in the machine."""

    def __init__(self, machine: Machine, security: dict[str, Any], *options: str, over_ssh: bool = True) -> None:
        self.machine = machine
        machine.write("/root/setup.yaml", setup_of(security))
        argv = ["pi-installer-tui", "apply", "/root/setup.yaml", "--yes", "--confirm", "wait", *options]
        command = machine.ssh_command(["sudo", *argv]) if over_ssh else machine.enter(argv)
        quiet = subprocess.DEVNULL
        self.line = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)

    @property
    def job(self) -> str:
        folders = sorted((self.machine.root / f"{STATE}/jobs".lstrip("/")).glob("2*-*"))
        return folders[-1].name if folders else ""

    def standing(self) -> str:
        folder = self.machine.root / f"{STATE}/jobs/{self.job}/probation".lstrip("/")
        for name in ("reverted", "reverting", "confirmed", "armed"):
            if self.job and (folder / name).exists():
                return "asking" if name == "armed" and (folder / "asking").exists() else name
        return ""

    def wait_for(self, *standings: str, seconds: float = 60) -> None:
        until(lambda: self.standing() in standings, seconds)

    def status(self) -> str:
        jobs = json.loads(tui(self.machine, "jobs", "--json").stdout)["jobs"]
        return str(next(job["status"] for job in jobs if job["id"] == self.job))


def changes(machine: Machine, security: dict[str, Any]) -> bool:
    said = json.loads(tui(machine, "plan", "-", "--json", setup=setup_of(security)).stdout)
    return bool(said["changed"])


def sshd(machine: Machine, keyword: str, user: str = "") -> str:
    more = ["-C", f"user={user},host=x,addr=10.0.0.1"] if user else []
    lines = says(machine, "sshd", "-T", *more).splitlines()
    return " ".join(line.partition(" ")[2] for line in lines if line.startswith(f"{keyword.lower()} "))


SSH = {
    "root_login": "no",
    "password_login": False,
    "users": ["pi"],
    "max_auth_tries": 4,
    "x11_forwarding": False,
    "tcp_forwarding": "local",
    "idle_timeout": 3600,
    "algorithms": "modern",
}


def test_only_a_new_login_confirms_a_change_of_sshd_and_an_undo_gives_every_byte_back(pi: Machine) -> None:
    before = Before(pi)
    was = says(pi, "sshd", "-T")
    change = Change(pi, {"ssh": SSH}, "--within", "120")
    change.wait_for("asking")
    job = change.job
    refused = pi.run(["pi-installer-tui", "confirm", job], check=False)
    assert refused.status == 1 and "logged in anew" in refused.stderr, refused
    anyway = pi.run(["pi-installer-tui", "confirm", job, "--anyway"], check=False)
    assert anyway.status == 1, "nobody sits at this machine"
    assert change.standing() == "asking", "the connection that started it is no proof"

    assert pi.ssh(["sudo", "pi-installer-tui", "confirm", job]).ok
    until(lambda: change.status() == "done")
    assert change.line.wait(30) == 0, "the first connection lives on to the end"
    assert sshd(pi, "PasswordAuthentication", "pi") == "no", "50-cloud-init.conf comes too late"
    assert sshd(pi, "AllowUsers") == "pi"
    assert sshd(pi, "PermitRootLogin") == "no"
    assert "sha1" not in sshd(pi, "MACs") and sshd(pi, "MACs")
    assert pi.ssh(["true"]).ok
    without_key = [part for part in pi.ssh_command(["true"]) if part not in ("-i", str(pi.image.private_key))]
    asked = subprocess.run([*without_key[:1], "-v", *without_key[1:]], capture_output=True, text=True, check=False)
    assert asked.returncode == 255 and "(publickey)" in asked.stderr, asked.stderr
    assert not changes(pi, {"ssh": SSH})
    exported = tui(pi, "export", "security").stdout
    pi.write("/root/exported.yaml", exported)
    assert json.loads(tui(pi, "plan", "/root/exported.yaml", "--json").stdout)["changed"] is False

    undo(pi, job)
    before.assert_as_before()
    assert says(pi, "sshd", "-T") == was
    assert pi.ssh(["true"]).ok


def test_a_key_owner_who_is_shut_out_is_let_in_again_by_itself(pi: Machine) -> None:
    pi.run(["useradd", "-m", "-s", "/bin/bash", "-G", "sudo", "maria"])
    pi.run(["chpasswd"], stdin="maria:a long secret\n")
    before = Before(pi)
    change = Change(pi, {"ssh": {"users": ["maria"]}}, "--within", "12", over_ssh=False)
    change.wait_for("asking")
    assert not pi.ssh(["true"], check=False).ok, "pi isn't among the allowed users"
    assert pi.run(["pi-installer-tui", "confirm", change.job], check=False).status == 1
    change.wait_for("reverted", seconds=30)
    change.line.wait(30)
    assert pi.ssh(["true"]).ok
    before.assert_as_before()
    assert sshd(pi, "AllowUsers") == ""


def test_what_would_lock_out_is_refused_before_anything_is_done(pi: Machine) -> None:

    def wrong(ssh: dict[str, Any]) -> str:
        done = pi.run(["pi-installer-tui", "plan", "-", "--json"], stdin=setup_of({"ssh": ssh}), check=False)
        assert done.status == 3, done
        return done.stdout

    assert "nobody who may use sudo" in wrong({"users": ["nobody"]})
    pi.run(["sh", "-c", "useradd -m -s /bin/bash otto"])
    assert "nobody who may use sudo" in wrong({"users": ["otto"]})
    plan = ["sudo", "pi-installer-tui", "plan", "-", "--json"]
    by_pi = pi.ssh(plan, stdin=setup_of({"ssh": {"users": ["otto"]}}), check=False)
    assert by_pi.status == 3 and "that is you" in by_pi.stdout, by_pi
    pi.run(["chmod", "g+w", "/home/pi/.ssh/authorized_keys"])
    assert "by a key" in wrong({"password_login": False}), "sshd takes no key from a file that others may write"
    pi.run(["chmod", "g-w", "/home/pi/.ssh/authorized_keys"])
    pi.run(["sh", "-c", "userdel -r otto 2>/dev/null; sed -i '1s/^/command=\"date\" /' /home/pi/.ssh/authorized_keys"])
    assert "by a key" in wrong({"password_login": False}), "a key for one command is no way in"
    assert not [path for path in pi.listing("/etc/ssh") if "pi-installer" in path]

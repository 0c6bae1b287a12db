"""`python -m benchmarks.others`: an apply that has nothing to do, against `ansible-playbook` on localhost and `pyinfra
@local` with the same tasks, on a test machine that is a finished home server. All three run in turns, as root, on the
machine itself; both others come from pip's index into an environment of their own. Needs root; docs/performance.md."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from statistics import median

from benchmarks import machine as hardware
from pi_installer_tui import setup_file
from tests.machines.conftest import REPOSITORY, checkout_digest, install
from tests.machines.lab import SUITES, Lab
from tests.machines.machine import Machine

RUNS = 5
#: how much faster than Ansible, at least
TIMES = 10.0

FOLDER = "/opt/others"
SETUP = f"{FOLDER}/home-server.yaml"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPYveCnZuwn36KJsgrkuzDKkWVBeZgF4muKyWgV56EEB ada@laptop"

#: a home server: who and where it is, who may log in, and what is kept out
HOME_SERVER = {
    "version": 1,
    "goals": ["home-server"],
    "system": {
        "hostname": "attic",
        "timezone": "Europe/Berlin",
        "locale": "de_DE.UTF-8",
        "keyboard": {"layout": "de", "variant": "nodeadkeys", "model": "pc105"},
    },
    "users": {
        "accounts": {
            "ada": {
                "comment": "Ada Lovelace",
                "role": "administrator",
                "shell": "/bin/bash",
                "keys": [KEY],
                "sudo_without_password": True,
            }
        }
    },
    "security": {
        "firewall": {
            "enabled": True,
            "incoming": "deny",
            "outgoing": "allow",
            "rules": {"web": {"action": "allow", "protocol": "tcp", "port": "80,443"}},
        },
        "ssh": {"root_login": "no", "password_login": False, "max_auth_tries": 3, "x11_forwarding": False},
        "bans": {"enabled": True},
        "updates": {"enabled": True},
        "kernel": {"hardened": True},
    },
}

#: what the apply writes as whole files; the others compare the same contents
FILES = (
    "/etc/default/locale",
    "/etc/default/keyboard",
    "/etc/sudoers.d/pi-installer-tui-ada",
    "/etc/ssh/sshd_config.d/00-pi-installer-tui.conf",
    "/etc/fail2ban/jail.d/zz-pi-installer-tui.local",
    "/etc/apt/apt.conf.d/20auto-upgrades",
    "/etc/apt/apt.conf.d/99pi-installer-tui-updates",
    "/etc/sysctl.d/99-zz-pi-installer-tui.conf",
)
PACKAGES = ("fail2ban", "python3-systemd", "ufw", "unattended-upgrades")
UNITS = ("ssh.service", "fail2ban.service", "ufw.service", "apt-daily.timer", "apt-daily-upgrade.timer")
GROUPS = ("adm", "sudo", "systemd-journal")


@dataclass(frozen=True, slots=True)
class Contender:
    """name: with its version. argv: what is measured; nothing_done: what its output has when it found nothing to do."""

    name: str
    argv: tuple[str, ...]
    nothing_done: re.Pattern[str]


def playbook(files: Sequence[str]) -> str:
    """The same with Ansible's own modules; each file is one task, and no sysctl is asked of the kernel."""
    copied: list[dict[str, object]] = [
        {"ansible.builtin.copy": {"src": f"{FOLDER}/files{path}", "dest": path}} for path in files
    ]
    started: list[dict[str, object]] = [
        {"ansible.builtin.systemd_service": {"name": unit, "enabled": True, "state": "started"}} for unit in UNITS
    ]
    tasks: list[dict[str, object]] = [
        {"ansible.builtin.hostname": {"name": "attic", "use": "systemd"}},
        {"ansible.builtin.lineinfile": {"path": "/etc/hosts", "regexp": r"^127\.0\.1\.1", "line": "127.0.1.1\tattic"}},
        {"community.general.timezone": {"name": "Europe/Berlin"}},
        {"community.general.locale_gen": {"name": "de_DE.UTF-8"}},
        {
            "ansible.builtin.user": {
                "name": "ada",
                "comment": "Ada Lovelace",
                "groups": list(GROUPS),
                "append": True,
                "shell": "/bin/bash",
            }
        },
        {"ansible.posix.authorized_key": {"user": "ada", "key": KEY}},
        {"ansible.builtin.apt": {"name": list(PACKAGES), "state": "present"}},
        *copied,
        {"community.general.ufw": {"state": "enabled"}},
        {"community.general.ufw": {"default": "deny", "direction": "incoming"}},
        {"community.general.ufw": {"default": "allow", "direction": "outgoing"}},
        {"community.general.ufw": {"rule": "allow", "port": "80,443", "proto": "tcp", "comment": "web"}},
        *started,
    ]
    return json.dumps([{"hosts": "localhost", "connection": "local", "tasks": tasks}])


def deploy(files: Sequence[str]) -> str:
    """The same with pyinfra's operations; it has none for ufw, whose own answer is looked at instead."""
    return f"""
from pyinfra import host
from pyinfra.facts.server import Command
from pyinfra.operations import apt, files, server, systemd

server.hostname(hostname="attic")
files.line(path="/etc/hosts", line=r"^127\\.0\\.1\\.1.*", replace="127.0.1.1\\tattic")
files.link(path="/etc/localtime", target="/usr/share/zoneinfo/Europe/Berlin")
server.locale(locale="de_DE.UTF-8")
server.user(user="ada", comment="Ada Lovelace", groups={list(GROUPS)!r}, append=True, shell="/bin/bash")
server.user_authorized_keys(user="ada", public_keys=[{KEY!r}])
apt.packages(packages={list(PACKAGES)!r})
for path in {list(files)!r}:
    files.put(src="{FOLDER}/files" + path, dest=path)
firewall = host.get_fact(Command, "ufw status verbose")
if not all(part in firewall for part in ("Status: active", "deny (incoming), allow (outgoing)", "80,443/tcp")):
    server.shell(commands=["ufw default deny incoming", "ufw allow proto tcp to any port 80,443", "ufw --force enable"])
for unit in {list(UNITS)!r}:
    systemd.service(service=unit, running=True, enabled=True)
"""


def get_others(machine: Machine) -> None:
    """Ansible and pyinfra, as pip's index has them, in an environment of their own."""
    machine.run(["apt-get", "update", "-qq"])
    machine.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "python3-venv"])
    machine.run(["python3", "-m", "venv", f"{FOLDER}/venv"])
    machine.run([f"{FOLDER}/venv/bin/pip", "install", "--quiet", "ansible", "pyinfra"], seconds=1800)


def prepare(machine: Machine) -> tuple[Contender, ...]:
    """Makes the machine the home server, and lets each of them run until it finds nothing to do."""
    machine.write(SETUP, setup_file.write(HOME_SERVER))
    ours = ("pi-installer-tui", "apply", "--yes", "--confirm", "none", SETUP)
    machine.run(ours)
    files = [path for path in FILES if machine.run(["test", "-f", path], check=False).ok]
    for path in files:
        machine.run(["install", "-D", path, f"{FOLDER}/files{path}"])
    machine.write(f"{FOLDER}/playbook.yaml", playbook(files))
    machine.write(f"{FOLDER}/deploy.py", deploy(files))
    found = (
        Contender("pi-installer-tui apply", ours, re.compile(r"^Nothing to do", re.MULTILINE)),
        Contender(
            f"ansible-playbook (ansible {_version(machine, 'ansible')})",
            (f"{FOLDER}/venv/bin/ansible-playbook", "-i", "localhost,", f"{FOLDER}/playbook.yaml"),
            re.compile(r"^localhost .* changed=0 +unreachable=0 +failed=0 ", re.MULTILINE),
        ),
        Contender(
            f"pyinfra @local (pyinfra {_version(machine, 'pyinfra')})",
            (f"{FOLDER}/venv/bin/pyinfra", "@local", f"{FOLDER}/deploy.py", "-y"),
            re.compile(r"^ *Grand total +[0-9]+ +- +- +[0-9]+ *$", re.MULTILINE),
        ),
    )
    for each in (*found[1:], found[0]):
        if not any(each.nothing_done.search(_run(machine, each)) for _try in range(3)):
            raise RuntimeError(f"{each.name} always finds something to do:\n{_run(machine, each)}")
    return found


def measure(machine: Machine, contenders: Sequence[Contender], runs: int) -> list[list[float]]:
    """Seconds of each run of each, in turns; a run that did something raises RuntimeError."""
    times: list[list[float]] = [[] for _ in contenders]
    for _ in range(runs):
        for each, into in zip(contenders, times, strict=True):
            started = time.monotonic()
            output = _run(machine, each)
            into.append(time.monotonic() - started)
            if not each.nothing_done.search(output):
                raise RuntimeError(f"{each.name} did something:\n{output}")
    return times


def _run(machine: Machine, contender: Contender) -> str:
    done = machine.run(contender.argv, env={"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}, check=False)
    return done.stdout + done.stderr


def _version(machine: Machine, package: str) -> str:
    shown = machine.run([f"{FOLDER}/venv/bin/pip", "show", package]).stdout
    return next(line.partition(": ")[2] for line in shown.splitlines() if line.startswith("Version:"))


def main() -> int:
    """Prints the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.others", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--suite", choices=SUITES, default=SUITES[-1])
    options = parser.parse_args()
    with Lab.open() as lab:
        others = lab.layer(
            lab.base(options.suite), "others", sha256(str(date.today()).encode()).hexdigest(), get_others
        )
        image = lab.layer(others, "benchmark", checkout_digest(REPOSITORY), install)
        with lab.machine(image) as machine:
            contenders = prepare(machine)
            times = measure(machine, contenders, options.runs)
    middle = [median(each) for each in times]
    load = os.getloadavg()[1]
    runs = f"median of {options.runs} runs each, in turns"
    print(f"{hardware.describe()}; Debian {options.suite}; load {load:.1f}; {runs}.\n")
    print("| nothing to do, same machine, same tasks | goal | seconds | slowest | times ours | met |")
    print("|---|---|---|---|---|---|")
    goals = ("", f"at least {TIMES:.0f} times ours", "more than ours")
    met = (True, middle[1] >= TIMES * middle[0], middle[2] > middle[0])
    for number, each in enumerate(contenders):
        word = "" if not number else "yes" if met[number] else "**no**"
        ratio = f"{middle[number] / middle[0]:.1f}"
        row = (each.name, goals[number], f"{middle[number]:.2f}", f"{max(times[number]):.2f}", ratio, word)
        print(f"| {' | '.join(row)} |")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())

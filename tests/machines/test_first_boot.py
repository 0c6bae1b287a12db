"""The setup file on the boot partition: applied by itself at boot, once per content, whatever cuts it off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .machine import CHECKOUT, Machine
from .program import says, tui, until
from .test_users import Person

FOLDER = "/boot/firmware"
FILE = f"{FOLDER}/pi-installer-tui.yaml"
SECRETS = f"{FOLDER}/pi-installer-tui.secrets.yaml"
MOTD = "/run/motd.d/50-pi-installer-tui"
OWN_MOTD = "/run/motd.d/51-pi-installer-tui-boot-file"
UNIT = "pi-installer-tui-first-boot.service"
PASSWORD = "Gauß & Söhne"

one_suite = pytest.mark.parametrize("suite", ["trixie"], indirect=True)


def put(machine: Machine, **more: Any) -> None:
    """Puts a setup file on the boot partition."""
    machine.write(FILE, json.dumps({"version": 1, "unattended": True, **more}))


def jobs(machine: Machine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(tui(machine, "jobs", "--json").stdout)["jobs"]
    return found


def ended(machine: Machine, count: int) -> None:
    """Until so many jobs are there and all of them are done."""
    until(lambda: [job["status"] for job in jobs(machine)] == ["done"] * count, 90)


def there(machine: Machine, path: str) -> bool:
    return machine.run(["test", "-e", path], check=False).ok


def boots(machine: Machine) -> None:
    """A reboot, until our unit has run, where its conditions let it."""
    machine.reboot()
    until(lambda: says(machine, "systemctl", "show", "-P", "ConditionTimestampMonotonic", UNIT) != "0")
    until(lambda: says(machine, "systemctl", "show", "-P", "SubState", UNIT) in ("dead", "failed"), 60)


@pytest.mark.long
def test_a_file_is_applied_at_boot_once_per_content_and_the_login_message_says_so(
    installed: Machine, tmp_path: Path
) -> None:
    ada = Person(tmp_path, installed, "ada")
    accounts = {"ada": {"role": "guest", "password": "users.ada", "keys": [ada.public]}}
    put(installed, system={"hostname": "attic"}, users={"accounts": accounts})
    installed.write(SECRETS, json.dumps({"users.ada": PASSWORD}))
    boots(installed)
    ended(installed, 1)
    assert says(installed, "hostname") == "attic"
    assert ada.by_password(PASSWORD, "id", "-un").stdout.strip() == "ada"
    assert not there(installed, SECRETS)
    found = installed.run(["grep", "-rlF", "Söhne", "/boot", "/var/lib/pi-installer-tui", "/etc", "/run"], check=False)
    assert not found.stdout
    message = installed.read(MOTD).decode()
    (job,) = jobs(installed)
    assert job["who"] == "first-boot" and job["id"] in message and "system.hostname" in message
    assert message in ada.by_key("cat", MOTD).stdout, "whoever logs in may read it"
    tui(installed, "jobs", "show", job["id"])
    assert not there(installed, MOTD), "it was seen"

    # the same content again: nothing, also where somebody has changed the machine since
    installed.run(["hostnamectl", "hostname", "mine"])
    boots(installed)
    assert len(jobs(installed)) == 1 and says(installed, "hostname") == "mine"
    assert not there(installed, MOTD) and not there(installed, OWN_MOTD)

    # a wrong one: nothing, and it says where, never what
    put(installed, system={"hostnam": "x"}, users={"accounts": {"ada": {"password": "hunter2"}}})
    boots(installed)
    told = ada.by_key("cat", OWN_MOTD).stdout
    assert "system.hostnam" in told and "users.accounts.ada.password" in told and "hunter2" not in told
    assert "hunter2" not in installed.run(["journalctl", "-u", UNIT]).stdout
    assert len(jobs(installed)) == 1

    # one that nobody let go by itself is only mentioned
    installed.write(FILE, "version: 1\nsystem: {hostname: loft}\n")
    boots(installed)
    assert FILE in installed.read(OWN_MOTD).decode()
    assert len(jobs(installed)) == 1

    # other content
    put(installed, system={"hostname": "loft"})
    boots(installed)
    ended(installed, 2)
    assert says(installed, "hostname") == "loft"
    assert not there(installed, OWN_MOTD)


@pytest.mark.long
@one_suite
@pytest.mark.parametrize("point", ["job-made", "remembered", "launched"])
def test_what_is_cut_off_before_the_job_is_under_way_is_done_once_in_the_end(installed: Machine, point: str) -> None:
    put(installed, users={"accounts": {"ada": {"role": "guest", "password": "users.ada"}}})
    installed.write(SECRETS, json.dumps({"users.ada": PASSWORD}))
    crash = {"PI_INSTALLER_TUI_CRASH": f"first-boot:{point}"}
    assert installed.run(["pi-installer-tui", "first-boot"], env=crash, check=False).status == -9
    installed.kill()
    installed.start()
    until(lambda: [job["status"] for job in jobs(installed) if job["status"] != "cancelled"] == ["done"], 90)
    until(lambda: not there(installed, SECRETS))
    hashed = says(installed, "getent", "shadow", "ada").split(":")[1]
    made = jobs(installed)
    boots(installed)
    assert jobs(installed) == made
    assert says(installed, "getent", "shadow", "ada").split(":")[1] == hashed != ""


def crash_in_the_last_step(machine: Machine) -> dict[str, str]:
    """The environment in which the job of the file is killed before its last step changes anything."""
    steps = json.loads(tui(machine, "plan", FILE, "--json", status=2).stdout)["steps"]
    return {"PI_INSTALLER_TUI_CRASH": f"{steps[-1]['id']}:captured"}


@pytest.mark.long
@one_suite
def test_a_power_cut_amid_the_job_ends_with_all_of_it_done_and_one_that_never_ends_is_left(installed: Machine) -> None:
    put(installed, system={"hostname": "attic", "timezone": "Europe/Berlin"})
    installed.run(["pi-installer-tui", "first-boot"], env=crash_in_the_last_step(installed))
    until(lambda: jobs(installed)[0]["status"] == "interrupted", 60)
    installed.kill()
    installed.start()
    ended(installed, 1)
    assert says(installed, "hostname") == "attic"
    assert says(installed, "timedatectl", "show", "--property=Timezone", "--value") == "Europe/Berlin"

    put(installed, system={"hostname": "loft"})
    crash = crash_in_the_last_step(installed)
    for _try in range(5):
        installed.run(["pi-installer-tui", "first-boot"], env=crash)
        until(lambda: jobs(installed)[0]["status"] == "interrupted", 60)
    record = json.loads(installed.read("/var/lib/pi-installer-tui/boot-file.json"))
    assert record["tries"] == 3 and len(jobs(installed)) == 2


@pytest.mark.long
@one_suite
def test_a_file_that_others_can_write_is_not_taken(installed: Machine) -> None:
    put(installed, system={"hostname": "attic"})
    installed.run(["chmod", "666", FILE])
    done = tui(installed, "first-boot", status=3)
    assert "others than root" in done.stdout and not jobs(installed)
    installed.run(["sh", f"{CHECKOUT}/install.sh", "--uninstall"])
    assert not there(installed, f"/etc/systemd/system/{UNIT}") and not there(installed, OWN_MOTD)

"""The command line and the way to root on a real machine, over a real SSH connection."""

from __future__ import annotations

import json
import re

import pytest

from .machine import Machine

pytestmark = pytest.mark.long(every=2)

PASSWORD = "correct horse battery staple"
SETUP = "version: 1\nsystem: {hostname: attic, timezone: Europe/Berlin}\n"


@pytest.fixture(name="asks")
def a_machine_whose_sudo_asks_for_a_password(installed: Machine) -> Machine:
    installed.run(["chpasswd"], stdin=f"pi:{PASSWORD}\n")
    installed.run(["sh", "-c", "rm -f /etc/sudoers.d/*pi*"])
    installed.write("/etc/sudoers.d/pi", "pi ALL=(ALL) ALL\n", 0o440)
    return installed


def test_without_root_the_machine_is_read_and_planned_and_left_alone(installed: Machine) -> None:
    before = installed.listing("/etc", "/var/lib/pi-installer-tui")
    program = "pi-installer-tui"
    status = installed.ssh([program, "status", "--json"])
    assert json.loads(status.stdout)["modules"]["system"]["hostname"]["configured"]
    exported = installed.ssh([program, "export"]).stdout
    assert installed.ssh([program, "plan", "-"], stdin=exported, check=False).status == 0
    assert installed.ssh([program, "plan", "-"], stdin=SETUP, check=False).status == 2
    for verb in (["apply", "-"], ["undo", "20250131-174502-x7k2"], ["cancel", "20250131-174502-x7k2"]):
        refused = installed.ssh([program, *verb], stdin=SETUP, check=False)
        assert refused.status == 4
        assert len(refused.stderr.strip().splitlines()) == 1
    assert installed.listing("/etc", "/var/lib/pi-installer-tui") == before


def test_applied_again_nothing_is_written_restarted_or_run_and_undone_it_is_as_before(installed: Machine) -> None:
    def services() -> set[str]:
        """What runs all the time, each with the id of its start."""
        argv = ["systemctl", "show", "--property=Id,InvocationID,SubState", "--state=running", "*.service"]
        passing = re.compile("Id=(systemd-(timedate|hostname|locale)d|NetworkManager-dispatcher|user@|pi-installer)")
        units = installed.run(argv).stdout.split("\n\n")
        return {unit for unit in units if "SubState=running" in unit and not passing.search(unit)}

    def apply(setup: str) -> dict[str, object]:
        done = installed.ssh(["sudo", "pi-installer-tui", "apply", "--yes", "--json", "-"], stdin=setup, check=False)
        assert done.status == 0, done.stdout + done.stderr
        document: dict[str, object] = json.loads(done.stdout)
        return document

    before = installed.listing("/etc")
    first = apply(SETUP)
    assert first["changed"] and first["who"] == "pi"

    applied, running = installed.listing("/etc", "/var/lib/pi-installer-tui"), services()
    assert not apply(SETUP)["changed"]
    assert installed.listing("/etc", "/var/lib/pi-installer-tui") == applied
    assert services() == running and len(running) > 4

    installed.ssh(["sudo", "pi-installer-tui", "undo", "--yes", str(first["job"])])
    assert installed.listing("/etc") == before


def test_sudo_asks_once_and_the_screens_are_roots(asks: Machine) -> None:
    # a package of that name where the user happens to be must never be root's
    asks.run(["install", "-d", "-o", "pi", "/home/pi/pi_installer_tui"])
    asks.write("/home/pi/pi_installer_tui/__init__.py", "open('/tmp/imported', 'w')\n")
    with asks.ssh_tty(["pi-installer-tui"], term="vt220") as terminal:
        terminal.wait_for("password for pi")
        terminal.type(f"{PASSWORD}\n")
        shown = terminal.wait_for("commands")
        assert "READ-ONLY" not in shown
        running = asks.run(["pgrep", "-u", "root", "-f", "-a", "--", "-m pi_installer_tui"]).stdout
        assert "--handed=TERM=vt220" in running and "--handed=SSH_CONNECTION=" in running
        terminal.wait_for("Wizard, 1 of")  # a fresh machine
        terminal.type("q")
        terminal.wait_for("Last changes")
        terminal.type("q")
        assert terminal.wait() == 0
    assert not asks.run(["test", "-e", "/tmp/imported"], check=False).ok


def test_a_refusal_opens_screens_that_only_look(asks: Machine) -> None:
    with asks.ssh_tty(["pi-installer-tui"]) as terminal:
        terminal.wait_for("password for pi")
        terminal.type("\x03")
        terminal.wait_for("READ-ONLY")
        terminal.wait_for("commands")
        terminal.type("q")
        assert terminal.wait() == 0


def test_without_sudo_the_screens_only_look(installed: Machine) -> None:
    installed.run(["mv", "/usr/bin/sudo", "/usr/bin/sudo.away"])
    with installed.ssh_tty(["pi-installer-tui"]) as terminal:
        terminal.wait_for("READ-ONLY")
        terminal.wait_for("commands")
        terminal.type("q")
        assert terminal.wait() == 0


def test_read_only_asks_nobody(asks: Machine) -> None:
    with asks.ssh_tty(["pi-installer-tui", "--read-only"]) as terminal:
        assert "password" not in terminal.wait_for("READ-ONLY")

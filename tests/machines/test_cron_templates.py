"""The templates whose commands need a machine, run as cron runs them: updates, certificates, a restart that updates
ask for. (The backup job's: test_backup_module.py, the databases': test_databases.py, those that need only files:
tests/unit/test_cron_templates.py.)"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest

from pi_installer_tui.modules.cron.templates import fill
from pi_installer_tui.modules.cron.templates_usual import USUAL
from pi_installer_tui.system.host import Completed

from .machine import Machine
from .program import says, until

#: a package in two versions, and the lists of an archive that has the second one
MAKE = """
set -e
for version in 1 2; do
    mkdir -p /tmp/p/DEBIAN /srv/archive
    printf 'Package: harmless\\nVersion: %s\\nArchitecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n' $version >/tmp/p/DEBIAN/control
    dpkg-deb --root-owner-group --build /tmp/p /srv/archive/harmless_$version.deb >/dev/null
done
dpkg -i /srv/archive/harmless_1.deb >/dev/null
"""  # noqa: E501

SENSOR = "/srv/it's a sensor"


def run(machine: Machine, name: str, values: Mapping[str, str], *, status: int = 0) -> Completed:
    """A template's command with cron's environment."""
    filled = fill(USUAL[name], values)
    environment = ["PATH=/usr/bin:/bin", "HOME=/root", f"LOGNAME={filled.user}", "SHELL=/bin/sh"]
    done = machine.run(["env", "-i", *environment, "/bin/sh", "-c", filled.command], user=filled.user, check=False)
    assert done.status == status, f"{filled.command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.mark.parametrize("suite", ["trixie"], indirect=True)
def test_updates_are_told_and_a_restart_comes_only_when_they_ask_for_it(machine: Machine) -> None:
    machine.run(["sh", "-c", MAKE])
    archive = machine.read("/srv/archive/harmless_2.deb")
    listed = (
        "Package: harmless\nVersion: 2\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"
        f"Filename: ./harmless_2.deb\nSize: {len(archive)}\nSHA256: {hashlib.sha256(archive).hexdigest()}\n"
    )
    machine.write("/srv/archive/Packages", listed)
    machine.run(["sh", "-c", "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*"])
    machine.write("/etc/apt/sources.list", "deb [trusted=yes] file:/srv/archive ./\n")
    told = run(machine, "updates", {"which": "all"})
    assert told.stdout.startswith("harmless [1] (2 ") and told.stdout.count("\n") == 1, told.stdout
    assert run(machine, "updates", {"which": "security"}).stdout == ""
    assert says(machine, "dpkg-query", "-W", "-f=${Version}", "harmless") == "1", "nothing was installed"

    planned = "/run/systemd/shutdown/scheduled"
    assert run(machine, "reboot", {"minutes": "60"}).stdout == ""
    assert not machine.run(["test", "-e", planned], check=False).ok
    machine.write("/run/reboot-required", "*** System restart required ***\n")
    try:
        run(machine, "reboot", {"minutes": "60"})
        assert b"MODE=reboot" in machine.read(planned)
    finally:
        machine.run(["shutdown", "-c"])


@pytest.mark.parametrize("suite", ["bookworm"], indirect=True)
def test_the_hook_of_a_renewal_is_one_word_that_reloads_the_service(machine: Machine) -> None:
    stand_in = (
        '#!/bin/sh\nprintf "%s\\n" "$@" >/run/told\nwhile [ "$1" != --deploy-hook ]; do shift; done\nsh -c "$2"\n'
    )
    machine.write("/usr/bin/certbot", stand_in, 0o755)
    unit = "[Service]\nExecStart=sleep infinity\nExecReload=touch /run/reloaded\n"
    machine.write("/etc/systemd/system/web@a.service", unit)
    machine.run(["systemctl", "start", "web@a.service"])
    run(machine, "certificates", {"service": "web@a"})
    words = machine.read("/run/told").decode().splitlines()
    assert words == ["renew", "--quiet", "--no-random-sleep-on-renew", "--deploy-hook", "systemctl reload web@a"]
    machine.run(["test", "-e", "/run/reloaded"])


@pytest.mark.long
def test_the_real_certbot_takes_the_words(machine: Machine) -> None:
    machine.run(["apt-get", "update", "-qq"])
    machine.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "certbot"], seconds=1200)
    run(machine, "certificates", {"service": "cron"})
    assert "No renewals were attempted" in machine.read("/var/log/letsencrypt/letsencrypt.log").decode()


@pytest.mark.long
@pytest.mark.parametrize("suite", ["trixie"], indirect=True)
def test_a_job_from_a_template_is_made_on_the_screen_and_run_by_cron(installed: Machine) -> None:
    machine = installed
    machine.write(SENSOR, "48312\n")
    with machine.tty(["pi-installer-tui"]) as terminal:
        terminal.wait_for("Scheduled jobs", 60)
        terminal.type(":scheduled jobs\r")
        terminal.wait_for("by next run", 60)
        terminal.type("n")
        terminal.wait_for("one from a template")
        terminal.type("jj\r")
        terminal.wait_for("Keep a log of the temperature")
        terminal.type("jjjjjj\r")
        terminal.wait_for("every 5 minutes", 30)
        for way, value, seen in (
            ("", "1", "every minute"),
            ("j", "/srv/log", ">>/srv/log"),
            ("jj", SENSOR, "a sensor'"),
        ):
            terminal.type(f"{way}\r")
            terminal.wait_for("leave field")
            terminal.type(f"\x15{value}\r")
            terminal.wait_for("take back")
            terminal.wait_for(seen, 30)
        terminal.type("jjjj ")
        terminal.wait_for("[x] on", 30)
        terminal.type("p")
        terminal.wait_for("y agrees and runs it", 60)
        terminal.type("y")
        terminal.wait_for("Done", 300)
    line = machine.read("/var/spool/cron/crontabs/root").decode().splitlines()[-1]
    assert line.startswith("*/1 * * * * /usr/local/bin/cron-record -n temperature -- ") and "\\%Y" in line
    record = "/var/log/cron-record/root/temperature.jsonl"
    until(lambda: machine.run(["grep", "-qs", '"what": *"done"', record], check=False).ok, 180)
    assert machine.read("/srv/log").decode().splitlines()[0].endswith(" 48.3")

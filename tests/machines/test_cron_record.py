"""Recorded jobs by Debian's own cron: what fails and what doesn't come is an alert by the rules that Monitoring sets
up, and what records them needs nothing of this program."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pi_installer_tui.system.cron.wrapped import PROGRAM, Wrapped, script, wrap

from .machine import CHECKOUT, Machine
from .program import says, tui, until

LOGS = "/var/log/cron-record"
RECORD = f"{LOGS}/pi/check.jsonl"
COLLECTOR = "pi-installer-tui-collector.service"
MONITORING = {"enabled": True, "interval": 2, "usual_rules": True, "channels": {"login": {"by": "login-message"}}}
#: what fails until it is mended
CHECK = Wrapped("check", 'echo "said as $LOGNAME in $PWD"; test -e /var/tmp/mended', lock=True, timeout=50)
DUMP = Wrapped("dump", "echo dumped >/var/tmp/dump")
SERVICE = "[Service]\nType=oneshot\nExecStart=/bin/false\n"
TIMER = "[Timer]\nOnActiveSec=1s\n"
#: a timer that comes to be due when its service isn't there any more
LATE, SOON = "[Timer]\nOnCalendar=2199-01-01\n", "[Timer]\nOnCalendar=*:*:*\nAccuracySec=1s\n"


def prepare(machine: Machine) -> None:
    """What the module's plan puts there."""
    machine.write(PROGRAM, script(), 0o755)
    machine.run(["install", "-d", "-m", "755", LOGS])
    machine.run(["install", "-d", "-m", "700", "-o", "pi", "-g", "pi", f"{LOGS}/pi"])


def crontab(machine: Machine, *lines: str) -> None:
    machine.run(["crontab", "-u", "pi", "-"], stdin="".join(f"{line}\n" for line in lines))


def ends(machine: Machine) -> list[dict[str, Any]]:
    """Runs of `check` that have ended."""
    path = machine.root / RECORD.removeprefix("/")
    lines = path.read_text().splitlines() if path.exists() else []
    return [found for found in map(json.loads, lines) if "what" in found]


def firing(machine: Machine) -> set[tuple[str, str]]:
    told = json.loads(tui(machine, "alerts", "--json").stdout)["alerts"]
    return {(alert["rule"], alert["of"]) for alert in told}


def endings(machine: Machine, rule: str) -> list[tuple[str, str]]:
    told = json.loads(tui(machine, "alerts", "history", "--json").stdout)["alerts"]
    return [(alert["of"], alert["ending"]) for alert in told if alert["rule"] == rule]


@pytest.mark.long
def test_a_job_that_fails_or_does_not_come_is_an_alert_until_it_is_mended(installed: Machine) -> None:
    machine = installed
    setup = json.dumps({"version": 1, "monitoring": MONITORING})
    assert json.loads(tui(machine, "apply", "-", "--yes", "--json", setup=setup).stdout)["outcome"] == "done"
    prepare(machine)
    units = {"broken.service": SERVICE, "broken.timer": TIMER, "gone.service": SERVICE, "gone.timer": LATE}
    for name, text in units.items():
        machine.write(f"/etc/systemd/system/{name}", text)
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "start", "broken.timer", "gone.timer", "cron.service"])
    machine.run(["rm", "/etc/systemd/system/gone.service"])
    machine.run(["systemctl", "mask", "gone.service"])
    machine.write("/etc/systemd/system/gone.timer", SOON)
    machine.run(["systemctl", "daemon-reload"])
    crontab(machine, "PATH=/usr/bin:/bin", f"* * * * * {wrap(CHECK)}")

    until(lambda: bool(ends(machine)), seconds=240)
    first = ends(machine)[0]
    assert (first["what"], first["status"], first["tail"]) == ("failed", 1, "said as pi in /home/pi\n")
    assert says(machine, "stat", "-c", "%U %a", RECORD) == "pi 600"
    failed, broken = ("cron-failed", "cron.pi.check.failed"), ("failed-services", "broken.service")
    gone = ("failed-timers", "gone.timer")
    until(lambda: {failed, broken, gone} <= firing(machine), seconds=240)
    assert "pi.check" in tui(machine, "alerts").stdout

    machine.run(["touch", "/var/tmp/mended"])
    machine.run(["systemctl", "reset-failed", "gone.timer"])
    until(lambda: {failed, gone}.isdisjoint(firing(machine)), seconds=300)
    assert ends(machine)[-1]["what"] == "done"
    assert endings(machine, "cron-failed") == [("cron.pi.check.failed", "recovered")]
    assert endings(machine, "failed-timers") == [("gone.timer", "recovered")], "no other timer of Debian's"
    assert endings(machine, "cron-missed") == []

    # as after two days without power
    machine.run(["systemctl", "stop", COLLECTOR, "cron.service"])
    far = (int(says(machine, "date", "+%H")) + 6) % 24  # it doesn't come by itself now
    crontab(machine, f"* * * * * {wrap(CHECK)}", f"0 {far} * * * {wrap(DUMP)}")
    machine.run(["touch", "--date=2 days ago", "/var/spool/cron/crontabs/pi"])
    machine.run(["systemctl", "start", COLLECTOR, "cron.service"])
    missed = ("cron-missed", "cron.pi.dump.overdue")
    until(lambda: missed in firing(machine), seconds=240)
    machine.run(["sh", "-c", wrap(DUMP)], user="pi")
    until(lambda: missed not in firing(machine), seconds=120)
    assert endings(machine, "cron-missed") == [("cron.pi.dump.overdue", "recovered")]
    assert machine.read("/var/tmp/dump") == b"dumped\n"

    done = machine.run(["sh", f"{CHECKOUT}/install.sh", "--uninstall"])
    assert f"Jobs of crontabs are run by {PROGRAM}, so what that needs stays." in done.stdout
    assert "python3-venv" not in machine.packages()
    ran = len(ends(machine))
    until(lambda: len(ends(machine)) > ran, seconds=240)
    assert ends(machine)[-1]["what"] == "done"

"""The collector as a service on real machines: under systemd, killed by it, through a power cut."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from .machine import Machine
from .program import until

PYTHON = "/opt/pi-installer-tui/current/bin/python"
FOLDER, RUNTIME = "/var/lib/pi-installer-tui/metrics", "/run/pi-installer-tui"
UNIT = "/etc/systemd/system/collector.service"

#: an hour lasts two minutes, so that a test sees some
SERVICE = f"""\
[Unit]
StartLimitIntervalSec=0
[Service]
Type=notify
ExecStart={PYTHON} -I -m pi_installer_tui.metrics.collector
ExecReload=/bin/kill -HUP $MAINPID
Environment=PI_INSTALLER_TUI_COLLECTOR_INTERVAL=0.2 PI_INSTALLER_TUI_COLLECTOR_MINUTE=2
Environment=PI_INSTALLER_TUI_COLLECTOR_HOUR=10
Restart=on-failure
RestartSec=100ms
WatchdogSec=10
StateDirectory=pi-installer-tui/metrics
StateDirectoryMode=0700
RuntimeDirectory=pi-installer-tui
RuntimeDirectoryPreserve=restart
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
MemoryMax=64M
[Install]
WantedBy=multi-user.target
"""

#: prints, of the minutes and the single samples: numbers, samples, times; and whether the files are whole
ROWS = f"""\
import json
from contextlib import closing
from pi_installer_tui.metrics.database import Database

def rows(path, ring):
    with closing(Database.read(path)) as database:
        assert database.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        size = database.about(f"size.{{ring}}")
        newest = database.newest(ring, size) or 0
        found = database.rows(ring, size, database.oldest(ring, size), newest)
        return [(row.number, row.run, row.samples, row.at) for row in found]

print(json.dumps([rows("{FOLDER}/history.db", "minutes"), rows("{RUNTIME}/raw.db", "raw")]))
"""

Rows = list[tuple[int, int, int, float]]


def start(machine: Machine) -> None:
    machine.write(UNIT, SERVICE)
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "enable", "--now", "collector.service"])


def rows(machine: Machine) -> tuple[Rows, Rows]:
    minutes, singles = json.loads(machine.run([PYTHON, "-I", "-c", ROWS]).stdout)
    return [tuple(row) for row in minutes], [tuple(row) for row in singles]


def of_the_newest_run(machine: Machine) -> Rows:
    minutes, _singles = rows(machine)
    return [row for row in minutes if row[1] == minutes[-1][1]]


def runs_of(machine: Machine) -> int:
    """How often it was started, of those that have written a minute."""
    return len({row[1] for row in rows(machine)[0]})


def property_of(machine: Machine, name: str) -> str:
    return machine.run(["systemctl", "show", "-P", name, "collector.service"]).stdout.strip()


def answering(machine: Machine, other_than: str = "") -> str:
    """Waits until the collector runs and has said so; the number of its process."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pid = property_of(machine, "MainPID")
        if property_of(machine, "ActiveState") == "active" and pid not in ("", "0", other_than):
            return pid
        time.sleep(0.3)
    raise AssertionError(machine.run(["systemctl", "status", "collector.service"], check=False).stdout)


def test_a_service_that_keeps_answers_and_is_asked_by_the_command_line(installed: Machine) -> None:
    config = {"version": 1, "exporter": {"address": "127.0.0.1", "port": 9105}}
    installed.write("/etc/pi-installer-tui/collector.json", json.dumps(config), 0o600)
    start(installed)
    document: dict[str, Any] = {}

    def kept() -> bool:
        document.update(json.loads(installed.run(["pi-installer-tui", "metrics", "--json"]).stdout))
        return document["source"] == "collector" and "cpu.used" in document["values"]

    until(kept)
    assert abs(document["at"] - time.time()) < 30
    assert document["values"]["disk./.used"] > 0
    assert document["values"]["memory.used"] > 0
    # others may not read it, and look for themselves
    assert json.loads(installed.run(["pi-installer-tui", "metrics", "--json"], user="pi").stdout)["source"] == "look"
    assert installed.run(["ls", FOLDER], user="pi", check=False).status != 0
    scrape = (
        "import urllib.request as u; r = u.urlopen('http://127.0.0.1:9105/metrics', timeout=9); "
        "print(r.headers['Content-Type']); print(r.read().decode())"
    )
    text = installed.run([PYTHON, "-I", "-c", scrape]).stdout
    assert text.startswith("text/plain; version=0.0.4")
    assert "\npi_installer_tui_memory_used_percent " in text
    assert property_of(installed, "NRestarts") == "0"
    assert property_of(installed, "ActiveState") == "active"
    installed.run(["systemctl", "reload", "collector.service"])
    until(lambda: len(rows(installed)[1]) > 20)
    seen = len(rows(installed)[1])
    installed.run(["systemctl", "stop", "collector.service"])
    assert property_of(installed, "Result") == "success"
    minutes = json.loads(
        installed.run([PYTHON, "-I", "-c", ROWS.replace(f', rows("{RUNTIME}/raw.db", "raw")', "")]).stdout
    )[0]
    assert sum(samples for _number, _run, samples, _at in minutes) >= seen
    assert [number for number, *_rest in minutes] == list(range(1, len(minutes) + 1))


@pytest.mark.long
@pytest.mark.parametrize("suite", ["trixie"], indirect=True)
def test_systemd_s_kill_loses_no_sample_and_a_hung_one_is_started_again(installed: Machine) -> None:
    start(installed)
    for _ in range(5):
        time.sleep(1.5)
        installed.run(["systemctl", "kill", "--signal=KILL", "collector.service"])
    pid = answering(installed)
    installed.run(["kill", "-STOP", pid])
    assert answering(installed, other_than=pid)  # the watchdog started it again
    time.sleep(5)
    minutes, singles = rows(installed)
    written = minutes[-1][3]
    assert sum(row[2] for row in minutes) == sum(1 for row in singles if row[3] <= written)
    assert [row[0] for row in singles] == list(range(1, len(singles) + 1))


@pytest.mark.long
def test_power_cuts_lose_the_minute_that_went_on_and_nothing_else(installed: Machine) -> None:
    start(installed)
    kept: Rows = []
    for _cut in range(3):
        until(lambda: len(of_the_newest_run(installed)) > 2)
        before, singles = rows(installed)
        assert before[: len(kept)] == kept
        installed.kill()
        installed.start()
        answering(installed)
        until(lambda: runs_of(installed) > len({row[1] for row in before}))  # noqa: B023
        kept, _singles = rows(installed)
        assert kept[: len(before)] == before, "what was on the disk before the cut is there after it"
        of_the_run = [row for row in kept if row[1] == before[-1][1]]
        # at most the minute that went on at the cut is missing of that run
        assert singles[-1][3] - of_the_run[-1][3] < 2 * 2

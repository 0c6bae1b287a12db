"""The verb `alerts` in real processes: what fires, what fired, acknowledging, and mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.alerts.config import Channel, Config, Rule
from pi_installer_tui.alerts.engine import Engine
from pi_installer_tui.metrics.places import FOLDER

RULES = (
    Rule(name="disks", what="metric", of="disk.*.used", at=90, severity="critical"),
    Rule(name="load", what="metric", of="load.5", at=4),
)
NOON = 1764241200.0


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A demo machine whose collector has seen something."""
    program(tmp_path, "jobs")
    folder = tmp_path / "root" / str(FOLDER).lstrip("/")
    folder.mkdir(parents=True)
    config = Config(rules=RULES, channels=(Channel("hook", "webhook", url="http://127.0.0.1:1/"),))
    engine = Engine(config, folder, motd=tmp_path / "motd")
    for n, values in enumerate([{"disk./\x1b[2J.used": 95.0}, {"load.5": 9.0}, {"load.5": 1.0}]):
        engine.sample(NOON + 10 * n, 10.0 * n, values)
    engine.close()
    return tmp_path


def program(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pi_installer_tui", "--demo-root", str(folder), *argv],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ) | {"TZ": "UTC"},
        timeout=60,
    )


def listed(folder: Path, *argv: str) -> list[dict[str, Any]]:
    done = program(folder, "alerts", *argv, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["version"] == 1 and not document["failed"]
    found: list[dict[str, Any]] = document["alerts"]
    return found


def test_what_fires_and_what_fired_are_listed(demo: Path) -> None:
    done = program(demo, "alerts")
    assert done.returncode == 0
    first = done.stdout.splitlines()[0]
    assert first == "    1  2025-11-27 11:00  critical  /\\x1b[2J: space in use 95 %"
    assert "load" not in done.stdout and "hook: waits" in done.stdout
    past = program(demo, "alerts", "history").stdout
    assert "load over 5 minutes 9" in past and "over 2025-11-27 11:00" in past
    assert [each["rule"] for each in listed(demo)] == ["disks"]
    assert [(each["rule"], each["firing"]) for each in listed(demo, "history")] == [("load", False), ("disks", True)]


def test_an_alert_is_acknowledged_with_a_note(demo: Path) -> None:
    done = program(demo, "alerts", "ack", "1", "--note", "more space is ordered")
    assert (done.returncode, done.stdout) == (0, "Alert 1 isn't told again.\n")
    (alert,) = listed(demo)
    assert alert["note"] == "more space is ordered" and alert["acknowledged_by"] and alert["acknowledged"]
    assert "more space is ordered" in program(demo, "alerts").stdout


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (["ack", "77"], 3, "there is no alert 77"),
        (["ack", "x"], 3, "invalid int value"),
        (["test", "hook"], 1, "the demo sends nothing"),
        (["frobnicate"], 3, "invalid choice"),
    ],
)
def test_mistakes_have_their_status(demo: Path, argv: list[str], status: int, said: str) -> None:
    done = program(demo, "alerts", *argv)
    assert done.returncode == status
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_machine_without_a_collector_and_one_with_a_damaged_file(tmp_path: Path) -> None:
    assert program(tmp_path, "alerts").stdout == "No alert fires.\n"
    assert program(tmp_path, "alerts", "history").stdout == "No alert yet.\n"
    folder = tmp_path / "root" / str(FOLDER).lstrip("/")
    folder.mkdir(parents=True)
    (folder / "alerts.db").write_bytes(b"x" * 5000)
    done = program(tmp_path, "alerts")
    assert done.returncode == 1 and "alerts.db" in done.stderr

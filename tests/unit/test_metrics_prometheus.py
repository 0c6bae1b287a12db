"""Prometheus's text format: names, escapes, and every metric that there is."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from pi_installer_tui import cli
from pi_installer_tui.cli import metrics as verb
from pi_installer_tui.metrics import names, prometheus
from pi_installer_tui.metrics.clock import Clock
from pi_installer_tui.metrics.recorder import Recorder

#: https://prometheus.io/docs/instrumenting/exposition_formats/
_SAMPLE = re.compile(r'([a-z_][a-z0-9_]*)(?:\{([a-z]+)="((?:[^"\\\n]|\\["\\n])*)"\})? (-?[0-9.e+-]+|NaN|[+-]Inf)')


def samples(text: str) -> dict[tuple[str, str], float]:
    """Reads the format by its own rules: HELP, TYPE, then the samples of that name."""
    found: dict[tuple[str, str], float] = {}
    current = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split()[2]
            assert not any(key[0] == current for key in found), "the samples of a name stand together"
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {current} gauge"
        else:
            match = _SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == current
            of = re.sub(r"\\(.)", lambda escaped: {"n": "\n"}.get(escaped[1], escaped[1]), match[3] or "")
            found[match[1], of] = float(match[4])
    assert text == "" or text.endswith("\n")
    return found


def test_every_metric_has_a_name_of_its_own_with_its_unit() -> None:
    called = [prometheus.name(kind) for kind in names.KINDS]
    assert len(set(called)) == len(called)
    assert {"pi_installer_tui_cpu_used_percent", "pi_installer_tui_net_sent_bytes_per_second",
            "pi_installer_tui_core_frequency_megahertz", "pi_installer_tui_load_1",
            "pi_installer_tui_power_under_voltage_since_boot",
            "pi_installer_tui_system_uptime_seconds"} <= set(called)  # fmt: skip


def test_values_come_back_as_they_are() -> None:
    odd = 'a"b\\c\nd {}'
    text = prometheus.text(
        {f"disk.{odd}.used": 12.5, "disk./.used": 1e-7, "disk./.free": 79349215232.0, "cpu.used": 100.0, "load.1": 0.1,
         "no.such.metric": 1.0, "cpu.0.used": 1.0}
    )  # fmt: skip
    assert samples(text) == {
        ("pi_installer_tui_disk_used_percent", odd): 12.5,
        ("pi_installer_tui_disk_used_percent", "/"): 1e-7,
        ("pi_installer_tui_disk_free_bytes", "/"): 79349215232.0,
        ("pi_installer_tui_cpu_used_percent", ""): 100.0,
        ("pi_installer_tui_load_1", ""): 0.1,
    }
    assert "79349215232\n" in text


def test_nothing_is_an_empty_text() -> None:
    assert prometheus.text({}) == ""


# the verb ------------------------------------------------------------------------------------------------------------


def test_the_verb_looks_twice_where_no_collector_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pi_installer_tui.cli.machine.STATE", tmp_path)
    assert cli.main(["metrics"]) == 0
    found = samples(capsys.readouterr().out)
    assert 0 <= found["pi_installer_tui_cpu_used_percent", ""] <= 100
    assert cli.main(["metrics", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == 1
    assert document["source"] == "look"
    assert document["values"]["memory.available"] > 0
    assert abs(document["at"] - time.time()) < 60


@pytest.mark.parametrize(("age", "source"), [(0, "collector"), (3600, "look")])
def test_the_collector_s_values_count_while_they_are_fresh(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    age: float,
    source: str,
) -> None:
    monkeypatch.setattr("pi_installer_tui.cli.machine.STATE", tmp_path)
    monkeypatch.setattr(verb, "RUNTIME", tmp_path / "run")
    clock = Clock(wall=lambda: time.time() - age)
    recorder = Recorder(
        tmp_path / "metrics", tmp_path / "run", raw=10, minutes=100, hours=10, boot="b", clock=clock, say=print
    )
    recorder.sample(time.monotonic(), {"load.1": 42.0})
    recorder.close()
    assert cli.main(["metrics", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["source"] == source
    assert (document["values"]["load.1"] == 42.0) is (source == "collector")


def test_the_demo_machine_shows_what_its_tree_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--demo", "metrics"]) == 0
    found = samples(capsys.readouterr().out)
    assert found["pi_installer_tui_temperature_now_celsius", "cpu-thermal"] > 0

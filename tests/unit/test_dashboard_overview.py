"""The dashboard's lines: only what there is, in the room there is, and what is worth a look has a sign."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from rich.cells import cell_len

from pi_installer_tui.console.glyphs import GLYPHS
from pi_installer_tui.metrics import rates
from pi_installer_tui.metrics.clock import Clock
from pi_installer_tui.metrics.history import History
from pi_installer_tui.metrics.reading import Reader
from pi_installer_tui.metrics.recorder import Recorder
from pi_installer_tui.screens.monitoring import power, sampling
from pi_installer_tui.screens.monitoring.overview import WIDTHS, Overview, metrics
from pi_installer_tui.screens.monitoring.sampling import CELL, RANGES, Live, Range, View, recall
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.demo.numbers import _CORES, _NET, Numbers, Past
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.widgets.chart import Point
from pi_installer_tui.widgets.rows import Row

ASCII = GLYPHS["ascii"]


def view(values: Mapping[str, float], live: bool = True) -> View:
    chosen = RANGES[0 if live else 2]
    points = {name: [Point(value, value, value)] for name, value in values.items()}
    return View(chosen, values, {} if live else values, points, 0.0, float(chosen.seconds))


def rows(values: Mapping[str, float], width: int = 80) -> list[Row]:
    return Overview(view(values), ASCII, width).rows()


def said(row: Row) -> str:
    return " ".join(cell.text for cell in row.cells)


def test_what_there_is_not_is_not_shown() -> None:
    assert rows({}) == []
    only = rows({"cpu.used": 3.0, "temperature.soc.now": 40.0})
    assert [row.cells[0].text for row in only if row.heading] == ["Processor", "Heat and power"]
    assert only[-2].cells[1].text == ""  # no `power ok` from a machine that doesn't tell


def test_what_is_worth_a_look_has_a_sign_beside_its_colour() -> None:
    found = {row.id: row for row in rows({"memory.used": 91.0, "disk./.used": 40.0, "temperature.soc.now": 82.0})}
    assert found["memory"].cells[1].text.strip() == "! 91 %"
    assert found["disk:/"].cells[1].text.strip() == "40 %"
    assert found["temperature:soc"].cells[1].text.strip() == "! 82  C"
    (fan,) = (row for row in rows({"fan.pwmfan.speed": 0.0}) if row.id)
    assert "stands still" in said(fan)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("cores", [1, 4, 6, 64])
def test_all_cores_fit(width: int, cores: int) -> None:
    values = {"cpu.used": 100.0, **{f"core.{n}.used": 100.0 for n in range(cores)}}
    lines = [row for row in rows(values, width) if not row.id and not row.heading]
    assert sum(said(line).count("100 %") for line in lines) == cores
    for line in lines:
        assert sum(cell_len(cell.text) for cell in line.cells) <= width - 3


def test_columns_hold_the_longest_values() -> None:
    values = {"net.enx001122334455.received": 999.9e6, "net.enx001122334455.sent": 999.9e6,
              "disk./srv/data/photographs.used": 100.0, "disk./srv/data/photographs.free": 3e12}  # fmt: skip
    for row in rows(values):
        if row.id:
            assert all(cell_len(cell.text) <= room for cell, room in zip(row.cells, WIDTHS, strict=True) if room)


def test_frequencies_of_cores_that_differ() -> None:
    values = {"cpu.used": 1.0, "core.0.frequency": 600.0, "core.1.frequency": 2400.0, "load.1": 0.5}
    assert rows(values)[0].cells[1].text == "load 0.50   600-2400 MHz"


def test_power_now_comes_before_power_since_the_start() -> None:
    found, advice = power.said(view({"power.throttled": 1.0, "power.under-voltage-since-boot": 1.0}), ASCII)
    assert [cell.text for cell in found] == ["! Throttled: now", "! Since the start there was: under-voltage"]
    assert "5.1 V" in advice
    assert "heat sink" in power.said(view({"power.soft-limit": 1.0}), ASCII)[1]
    assert power.said(view({"power.under-voltage": 0.0}), ASCII) == ([], "")
    assert rows({"power.under-voltage": 0.0})[-1].cells[1].text == "power ok"


def test_power_of_a_day_is_a_length_of_time() -> None:
    day = View(RANGES[2], {"power.under-voltage": 0.01}, {"power.under-voltage": 1.0}, {}, 0.0, 86_400.0)
    (found,), _advice = power.said(day, ASCII)
    assert found.text == "! under-voltage for 14 min in 24 h"


def test_live_cells_move_on_every_few_seconds_and_leave_gaps() -> None:
    class Nothing:
        def look(self) -> tuple[float, Mapping[str, float]]:
            raise NotImplementedError

    live = Live(Nothing())
    for at, value in ((100.0, 10.0), (101.0, 30.0), (100.0 + 3 * CELL, 50.0)):
        live.add(at, {"cpu.used": value})
    assert list(live.view().points["cpu.used"][-5:]) == [None, Point(10, 20, 30), None, None, Point(50, 50, 50)]
    # what isn't there any more isn't shown
    live.add(130.0, {"memory.used": 1.0})
    assert metrics("cpu", live.view()) == ("cpu.used",) and "cpu.used" not in live.view().values


def test_what_the_demo_plays_is_read_as_what_it_means(tmp_path: Path) -> None:
    host = DemoHost.create(str(tmp_path / "demo"))
    numbers = Numbers(host.address)
    reader = Reader(Path(host.address, "root"), numbers.statvfs)
    numbers.play(5000.0)
    before = reader.read(5000.0)
    numbers.play(5060.0)
    values = rates.values(before, reader.read(5060.0))
    for number, core in enumerate(_CORES):
        mean = (core.total(5060) - core.total(5000)) / 60 * 100
        assert values[f"core.{number}.used"] == pytest.approx(mean, abs=0.1)
    received = _NET["eth0"][0]
    assert values["net.eth0.received"] == pytest.approx((received.total(5060) - received.total(5000)) / 60, rel=1e-3)
    assert values["disk./.free"] == pytest.approx(25_448_300_544, abs=5000)
    assert 40 < values["temperature.cpu-thermal.now"] < 60
    assert values["core.3.frequency"] in (1500.0, 1800.0)


def test_the_past_of_the_demo_is_its_present_looked_back_at() -> None:
    found = recall(Past(started=1_000_000.0), RANGES[1], until=1_010_000.0)
    assert found.points["cpu.used"][0] is not None
    assert found.values["cpu.used"] < found.highest["cpu.used"]
    assert set(metrics("net:eth0", found)) == {"net.eth0.received", "net.eth0.sent"}


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A collector's history of the two hours up to now; the values it was given."""
    clock = [time.clock_gettime(time.CLOCK_BOOTTIME) - 7200, time.time() - 7200]
    recorder = Recorder(
        tmp_path / "state",
        tmp_path / "run",
        raw=720,
        minutes=10_080,
        hours=9600,
        boot="this",
        clock=Clock(lambda: clock[0], lambda: clock[1], lambda: True),
        say=lambda said: pytest.fail(said),
    )
    used = [float(number % 50) for number in range(720)]
    for value in used:
        clock[0] += 10
        clock[1] += 10
        seen = {"power.under-voltage": 0.0, "power.under-voltage-since-boot": 1.0}
        recorder.sample(clock[0], {"cpu.used": value, **seen})
    recorder.close()
    monkeypatch.setattr(sampling, "open_history", lambda: History.open(tmp_path / "state", tmp_path / "run"))
    yield used


@pytest.mark.parametrize("chosen", RANGES[1:])
def test_what_the_collector_kept_is_what_a_range_shows(history: list[float], chosen: Range) -> None:
    found = sampling.recalled(LocalHost(), chosen)
    shown = history[-chosen.seconds // 10 :]
    assert found.values["cpu.used"] == pytest.approx(sum(shown) / len(shown), abs=1.0)
    assert found.highest["cpu.used"] == 49.0
    there = [number for number, point in enumerate(found.points["cpu.used"]) if point is not None]
    # no gaps in the time that was kept, and nothing before it
    assert there == list(range(there[0], there[-1] + 1))
    kept = min(7200, chosen.seconds) / chosen.seconds * chosen.points
    assert abs(len(there) - kept) <= 2
    assert chosen.points - 1 - there[-1] <= 1
    assert Overview(found, ASCII, 80).rows()


def test_what_the_firmware_said_before_is_remembered_from_the_collector(history: list[float]) -> None:
    assert sampling.seen_since_boot() == {"under-voltage"}


def test_what_was_seen_before_the_machine_started_is_not(history: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "now", lambda: time.time() + 1e6)
    assert sampling.seen_since_boot() == set()


def test_without_a_collector_there_is_no_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "open_history", lambda: History.open(tmp_path, tmp_path))
    with pytest.raises(sampling.NoPast, match="module Monitoring"):
        sampling.recalled(LocalHost(), RANGES[1])
    assert sampling.seen_since_boot() == set()


def test_a_history_that_is_no_database_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "history.db").write_bytes(b"not at all" * 1000)
    monkeypatch.setattr(sampling, "open_history", lambda: History.open(tmp_path, tmp_path))
    with pytest.raises(sampling.NoPast, match="can't be read"):
        sampling.recalled(LocalHost(), RANGES[1])


def test_this_machine_is_looked_at() -> None:
    source = sampling.source_of(LocalHost())
    source.look()
    at = time.monotonic()
    while time.monotonic() - at < 0.3:
        sum(range(1000))
    _at, values = source.look()
    assert 0 < values["cpu.used"] <= 100 and 0 < values["memory.used"] < 100
    assert metrics("cpu", _viewed(_at, values)) == ("cpu.used", "load.1")


def _viewed(at: float, values: Mapping[str, float]) -> View:
    live = Live(sampling.source_of(LocalHost()))
    live.add(at, values)
    return live.view()

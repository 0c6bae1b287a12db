"""The dashboard: what the machine has is on it, in words and the console's glyphs, nothing of what it lacks; it looks
only while it is seen, and keeps a terminal still."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.app import Opened
from pi_installer_tui.console import Terminal, detect
from pi_installer_tui.screens.monitoring import sampling
from pi_installer_tui.screens.monitoring.chart import ChartScreen
from pi_installer_tui.screens.monitoring.dashboard import Dashboard
from pi_installer_tui.screens.monitoring.processes import ProcessesScreen
from pi_installer_tui.screens.monitoring.watching import WatchingScreen
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.widgets.rows import Rows
from tests.screens import golden
from tests.screens.conftest import Program

#: a serial cable to a VT220
SERIAL = detect({"TERM": "vt220"}, Terminal(tty="/dev/ttyS0", speed=115_200))
SLOW = detect({"TERM": "vt220"}, Terminal(tty="/dev/ttyS0", speed=9600))
#: Friday 2026-11-27 12:00 UTC
NOON = 1_795_780_800.0


class Clock:
    """The demo machine's time: seconds since its start."""

    def __init__(self) -> None:
        self.now = 20_000.0

    def time(self) -> float:
        """Seconds since the epoch."""
        return NOON - 20_000 + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Time stands still unless it is moved."""
    found = Clock()
    monkeypatch.setattr(DemoHost, "uptime", property(lambda _host: found.now))
    monkeypatch.setattr(sampling, "now", found.time)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield found
    monkeypatch.undo()
    time.tzset()


@asynccontextmanager
async def opened(start: Any, clock: Clock, **how: Any) -> AsyncIterator[tuple[Program, Dashboard]]:
    """The dashboard after two minutes of looks, its timer stopped."""
    async with start(**how) as program:
        await program.until(lambda: program.app.is_open)
        await program.until("System")
        await program.press("m")
        await program.until(lambda: isinstance(program.app.screen, Dashboard))
        screen = program.app.screen
        await program.until(lambda: screen.live is not None and bool(screen.live.view().values))
        await stop(program, screen)
        for _second in range(120):
            clock.now += 1
            screen.live.add(*screen.live.source.look())
        screen.draw()
        screen.query_one(Rows).action_first()
        await program.pilot.pause()
        yield program, screen


async def stop(program: Program, screen: WatchingScreen[Any]) -> None:
    """No look but those that a test asks for."""
    await program.until(lambda: screen._soon is not None)
    assert screen._timer is not None and screen._soon is not None
    screen._timer.pause()
    screen._soon.stop()
    await program.until(lambda: not screen._looking)


def bits(machine: Opened, text: str) -> None:
    """What the firmware says: get_throttled, in hexadecimal."""
    path = Path(machine.host.address, "root/sys/devices/platform/soc/soc:firmware/get_throttled")
    path.chmod(0o644)
    path.write_text(f"{text}\n", encoding="ascii")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_all_of_a_pi_at_once(start: Any, clock: Clock, size: tuple[int, int]) -> None:
    async with opened(start, clock, size=size) as (program, _screen):
        for said in ("Since the start there was: under-voltage", "5.1 V", "all cores", "MHz", "load", "memory", "swap",
                     "mmcblk0", "eth0", "wlan0", "cpu-thermal", "25.4 GB free"):  # fmt: skip
            assert said in program.text
        await golden.check(program.app, "dashboard")


async def test_a_serial_line_gets_ascii(start: Any, clock: Clock) -> None:
    async with opened(start, clock, profile=SERIAL) as (program, _screen):
        body = program.text.split("\n", 2)[2]
        drawn = [line for line in body.splitlines() if "all cores" in line or "eth0" in line]
        assert len(drawn) == 2 and all(line.isascii() for line in drawn)
        await golden.check(program.app, "dashboard-serial")


async def test_under_voltage_now_is_said_with_what_to_do(start: Any, clock: Clock, machine: Opened) -> None:
    bits(machine, "50005")
    async with opened(start, clock) as (program, _screen):
        assert "! Under-voltage, Throttled: now" in program.text
        await golden.check(program.app, "dashboard-under-voltage")


async def test_a_machine_without_sensors_shows_none(start: Any, clock: Clock, machine: Opened) -> None:
    root = Path(machine.host.address, "root")
    for folder in ("sys/class/thermal", "sys/class/hwmon", "sys/devices/platform", "sys/devices/system/cpu/cpufreq"):
        shutil.rmtree(root / folder, ignore_errors=True)
    async with opened(start, clock) as (program, _screen):
        assert "Heat and power" not in program.text and "power ok" not in program.text
        assert "voltage" not in program.text
        await golden.check(program.app, "dashboard-bare")


async def test_ranges_show_the_past_with_its_highest_values(start: Any, clock: Clock) -> None:
    async with opened(start, clock) as (program, screen):
        for title in ("1 h", "24 h", "7 d", "30 d"):
            await program.press("right")
            await program.until(f"Dashboard: {title}")
            await program.until("at most")
        assert not screen.check_action("range", (1,))
        await program.press("left", "left")
        await program.until("Dashboard: 24 h")
        await program.until("under-voltage for")
        await golden.check(program.app, "dashboard-day")


@pytest.mark.parametrize(("size", "profile"), [((80, 24), None), ((120, 40), None), ((80, 24), SERIAL)])
async def test_a_chart_has_axes_of_time_and_value(
    start: Any, clock: Clock, size: tuple[int, int], profile: Any
) -> None:
    how = {"profile": profile} if profile is not None else {}
    async with opened(start, clock, size=size, **how) as (program, screen):
        screen.query_one(Rows).select("net:eth0")
        await program.press("enter")
        await program.until(lambda: isinstance(program.app.screen, ChartScreen))
        chart = program.app.screen
        assert isinstance(chart, ChartScreen)
        await stop(program, chart)
        await program.until("eth0: receiving")
        for said in ("eth0: sending", "most", "now", "-1 min", "0 B/s"):
            assert said in program.text
        name = "chart-serial" if profile is not None else "chart"
        await golden.check(program.app, f"{name}-live")
        await program.press("right", "right")
        await program.until("Chart: 24 h")
        await program.until("12:00")
        await golden.check(program.app, f"{name}-day")
        await program.press("up")
        await program.until("mmcblk0: writing")
        await program.press("q")
        await program.until("Dashboard: 24 h")
        row = screen.query_one(Rows).row
        assert row is not None and row.id == "io:mmcblk0"


async def test_without_a_collector_it_says_how_the_past_is_kept(
    start: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_host: object, _range: object) -> object:
        raise sampling.NoPast("Nothing is kept.")

    async with opened(start, clock) as (program, _screen):
        monkeypatch.setattr("pi_installer_tui.screens.monitoring.watching.recalled", none)
        await program.press("right")
        await program.until("Nothing is kept.")
        await program.press("left")
        await program.until("all cores")


async def test_it_stops_while_it_is_not_seen(start: Any) -> None:
    async with start() as program:
        await program.until(lambda: program.app.is_open)
        await program.press("m")
        await program.until("all cores")
        screen = program.app.screen
        looks = _counted(screen)
        await program.until(lambda: len(looks) >= 2)
        await program.press("question_mark")
        await program.until("What the machine does: processor")
        await asyncio.sleep(0.2)
        before = len(looks)
        await asyncio.sleep(2.5)
        assert len(looks) == before
        await program.press("q")
        await program.until(lambda: len(looks) > before)


def _counted(screen: Any) -> list[float]:
    found: list[float] = []
    look: Callable[[], Any] = screen.live.source.look

    def counting() -> Any:
        found.append(time.monotonic())
        return look()

    screen.live.source.look = counting
    return found


@pytest.mark.parametrize(("profile", "seconds"), [(SERIAL, 1.0), (SLOW, 2.0)])
async def test_a_slow_line_is_told_less_often(start: Any, profile: Any, seconds: float) -> None:
    async with start(profile=profile) as program:
        await program.until(lambda: program.app.is_open)
        await program.press("m")
        await program.until(lambda: isinstance(program.app.screen, Dashboard))
        assert program.app.screen.every == seconds


async def test_processes_in_their_order_and_those_that_are_sought(start: Any, clock: Clock) -> None:
    async with opened(start, clock) as (program, _screen):
        await program.press("p")
        await program.until(lambda: isinstance(program.app.screen, ProcessesScreen))
        screen = program.app.screen
        assert isinstance(screen, ProcessesScreen)
        await program.until(lambda: screen._scans >= 1)
        await stop(program, screen)
        clock.now += 10
        before = screen._scans
        screen.look()
        await program.until(lambda: screen._scans > before)
        await program.until("weather/station")
        await program.until(lambda: screen._scans > 1)
        await golden.check(program.app, "processes")

        def lines() -> list[str]:
            return [row.cells[4].text for row in screen.query_one(Rows).rows]

        assert lines()[0].startswith("python3 /home/pi/weather")
        await program.press("m")
        assert lines()[0].startswith("python3 /home/pi/garden")
        await program.press("n")
        assert lines()[0] == "/sbin/init"
        await program.press("slash", *"root ssh")
        await program.until("only root ssh")
        assert all("ssh" in line for line in lines()) and len(lines()) == 2
        await program.press("escape")
        assert len(lines()) > 10


async def test_nothing_reads_the_processes_until_they_are_shown(start: Any, clock: Clock, machine: Opened) -> None:
    async with opened(start, clock):
        assert await machine.host.text("/proc/1/stat") is None

"""The machine at a glance: what every board really has, and nothing that it hasn't."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pi_installer_tui.system import machine
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.machine import Address, Architecture, Power
from pi_installer_tui.system.reading import Known, Missing, Unknown, known


@pytest.fixture
def demo(tmp_path: Path) -> DemoHost:
    return DemoHost.create(str(tmp_path / "demo"))


class Board:
    """A machine of a few files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.host = LocalHost(str(root))

    def put(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


async def test_the_demo_shows_every_value(demo: DemoHost) -> None:
    found = await machine.read(demo)
    assert known(found.model) == "Raspberry Pi 4 Model B Rev 1.5"
    assert known(found.release) == "Raspberry Pi OS 13 (trixie)"
    assert known(found.architecture) == Architecture("arm64", "aarch64")
    assert known(found.addresses) == (
        Address("eth0", "192.168.1.23", 24, dynamic=True),
        Address("wlan0", "192.168.1.57", 24, dynamic=True),
    )
    assert known(found.power) == Power(now=(), since_boot=("under-voltage", "throttled"))
    disks = known(found.disks)
    assert disks is not None
    assert [disk.mount for disk in disks] == ["/", "/boot/firmware", "/mnt/backup"]
    for name in machine.ALL:
        assert isinstance(getattr(found, name), Known), name


async def test_a_real_machine_is_read_without_a_guess() -> None:
    found = await machine.read(LocalHost())
    memory, disks = known(found.memory), known(found.disks)
    assert memory is not None
    assert 0 < memory.available <= memory.total
    assert known(found.kernel) == Path("/proc/sys/kernel/osrelease").read_text().strip()  # noqa: ASYNC240
    assert disks is not None
    assert all(0 <= disk.used <= disk.total for disk in disks)
    for name in machine.ALL:
        assert getattr(found, name) is not None, name


async def test_a_machine_that_has_nothing_says_so(board: Board) -> None:
    found = await machine.read(board.host)
    for name in ("model", "release", "kernel", "uptime", "temperature", "power", "memory", "load", "disks"):
        assert isinstance(getattr(found, name), Missing), name
    assert isinstance(found.architecture, Unknown)
    assert isinstance(found.addresses, Unknown)


@pytest.mark.parametrize(
    ("bits", "now", "since"),
    [
        ("0", (), ()),
        ("50005", ("under-voltage", "throttled"), ("under-voltage", "throttled")),
        ("e0000", (), ("frequency-capped", "throttled", "soft-temperature-limit")),
        ("8", ("soft-temperature-limit",), ()),
        ("0x50000", (), ("under-voltage", "throttled")),
    ],
)
async def test_the_firmwares_bits_get_their_names(
    board: Board, bits: str, now: tuple[str, ...], since: tuple[str, ...]
) -> None:
    board.put("/sys/devices/platform/soc/soc:firmware/get_throttled", f"{bits}\n")
    assert known(await machine.power(board.host)) == Power(now, since)


async def test_the_firmware_is_found_where_a_pi_5_has_it(board: Board) -> None:
    board.put("/sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled", "1\n")
    assert known(await machine.power(board.host)) == Power(("under-voltage",), ())


async def test_the_voltage_sensor_counts_where_the_bits_stay_zero(board: Board) -> None:
    board.put("/sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    board.put("/sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    board.put("/sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")
    assert known(await machine.power(board.host)) == Power(("under-voltage",), None)
    board.put("/sys/devices/platform/soc/soc:firmware/get_throttled", "0\n")
    assert known(await machine.power(board.host)) == Power(("under-voltage",), ("under-voltage",))


async def test_bits_that_are_no_number_are_unknown(board: Board) -> None:
    board.put("/sys/devices/platform/soc/soc:firmware/get_throttled", "oops\n")
    assert isinstance(await machine.power(board.host), Unknown)


async def test_only_the_cpus_own_sensor_is_the_temperature(board: Board) -> None:
    board.put("/sys/class/thermal/thermal_zone0/type", "acpitz\n")
    board.put("/sys/class/thermal/thermal_zone0/temp", "27800\n")
    board.put("/sys/class/hwmon/hwmon0/name", "nvme\n")
    board.put("/sys/class/hwmon/hwmon0/temp1_input", "41850\n")
    assert await machine.temperature(board.host) == Missing()
    board.put("/sys/class/hwmon/hwmon1/name", "k10temp\n")
    board.put("/sys/class/hwmon/hwmon1/temp1_input", "-1500\n")
    assert known(await machine.temperature(board.host)) == -1.5


async def test_a_placeholder_in_the_firmware_is_no_model(board: Board) -> None:
    board.put("/sys/class/dmi/id/product_name", "To Be Filled By O.E.M.\n")
    assert isinstance(await machine.model(board.host), Missing)
    board.put("/sys/class/dmi/id/product_name", "ThinkCentre M910q\n")
    assert known(await machine.model(board.host)) == "ThinkCentre M910q"


@pytest.mark.parametrize(
    ("userland", "kernel", "mixed"),
    [("armhf", "aarch64", True), ("armhf", "armv7l", False), ("arm64", "aarch64", False), ("i386", "x86_64", True)],
)
def test_a_32_bit_userland_on_a_64_bit_kernel_is_told(userland: str, kernel: str, mixed: bool) -> None:
    assert Architecture(userland, kernel).mixed is mixed


async def test_a_disk_counts_once_and_memory_and_networks_never(board: Board) -> None:
    (board.root / "mnt/my disk").mkdir(parents=True)
    board.put(
        "/proc/self/mounts",
        "/dev/sda1 / ext4 ro,relatime 0 0\n/dev/sda1 /var/lib/docker ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n"
        "nas:/x /mnt/nas nfs4 rw 0 0\n/dev/sdb1 /mnt/my\\040disk vfat rw 0 0\n/dev/sdc1 /gone ext4 rw 0 0\n",
    )
    disks = known(await machine.disks(board.host))
    assert disks is not None
    assert [(disk.mount, disk.read_only) for disk in disks] == [("/", True), ("/mnt/my disk", False)]


@pytest.mark.parametrize(("text", "count"), [("0", 1), ("0-3", 4), ("0-1,4-7", 6), ("", None), ("x", None)])
async def test_cpus_are_counted(board: Board, text: str, count: int | None) -> None:
    board.put("/proc/loadavg", "0.10 0.20 0.30 1/100 1\n")
    board.put("/sys/devices/system/cpu/online", f"{text}\n")
    load = known(await machine.load(board.host))
    assert load is not None
    assert (load.averages, load.cpus) == ((0.1, 0.2, 0.3), count)


@pytest.mark.parametrize("name", ["uptime", "loadavg", "meminfo"])
async def test_what_can_not_be_parsed_is_unknown(board: Board, name: str) -> None:
    board.put(f"/proc/{name}", "garbage\n")
    reader = {"uptime": machine.uptime, "loadavg": machine.load, "meminfo": machine.memory}[name]
    assert isinstance(await reader(board.host), Unknown)


async def test_no_value_waits_for_a_slow_one(demo: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asyncio.Event()
    run = demo.run

    async def slow(argv: Sequence[str]) -> Completed:
        await answer.wait()
        return await run(argv)

    monkeypatch.setattr(demo, "run", slow)
    came = []
    async for name, _reading in machine.glance(demo, machine.LIVE):
        came.append(name)
        if len(came) == len(machine.LIVE) - 1:
            answer.set()
    assert sorted(came) == sorted(machine.LIVE)
    assert came[-1] == "addresses"


async def test_looking_again_costs_one_command(demo: DemoHost, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []
    run = demo.run

    async def counted(argv: Sequence[str]) -> Completed:
        ran.append(tuple(argv))
        return await run(argv)

    monkeypatch.setattr(demo, "run", counted)
    async for _name, _reading in machine.glance(demo, machine.LIVE):
        pass
    assert ran == [("ip", "-j", "addr")]


def test_nothing_costly_is_imported_for_it() -> None:
    script = "import sys, pi_installer_tui.system.machine, pi_installer_tui.system.local; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert not {"pydantic", "psutil", "textual", "rich", "yaml"} & set(loaded)

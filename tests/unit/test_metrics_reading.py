"""The arithmetic, against /proc and /sys of a Pi 3, 4, 5 and Zero 2 (recorded/metrics/README.md: what is recorded)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from pi_installer_tui.metrics import names
from pi_installer_tui.metrics.filesystems import mount_points
from pi_installer_tui.metrics.rates import Values, values
from pi_installer_tui.metrics.reading import Reader
from pi_installer_tui.metrics.sensors import Sensors

from .metrics_trees import change, lay_out


class Disk:
    """statvfs of a card of 14 GB, half full, with 5 % for root."""

    f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree = 4096, 3_600_000, 1_800_000, 1_620_000, 900_000, 675_000


def statvfs(_path: str) -> os.statvfs_result:
    return cast(os.statvfs_result, Disk)


def two_looks(name: str, root: Path) -> tuple[Values, Values]:
    lay_out(name, root)
    reader = Reader(root, statvfs)
    first = reader.read(at=1000.0)
    change(name, root)
    return values(None, first), values(first, reader.read(at=1010.0))


def test_a_pi_3_is_read_exactly(tmp_path: Path) -> None:
    _first, second = two_looks("pi3", tmp_path)
    assert second == pytest.approx(
        {
            "cpu.used": 50.0,  # 2000 of 4000 ticks
            "core.0.used": 100.0,
            "core.1.used": 100.0,
            "core.2.used": 0.0,  # 100 ticks of waiting for the card are no use
            "core.3.used": 0.0,
            "core.0.frequency": 1400.0,
            "core.1.frequency": 1400.0,
            "core.2.frequency": 1400.0,
            "core.3.frequency": 1400.0,
            "load.1": 0.74,
            "load.5": 2.5,
            "load.15": 4.16,
            "memory.used": 100 * (929100 - 525648) / 929100,
            "memory.available": 525648 * 1024,
            "swap.used": 100 * 1024 / 204796,
            "io.mmcblk0.read": 20480 * 512 / 10,
            "io.mmcblk0.written": 10240 * 512 / 10,
            "io.mmcblk0.busy": 25.0,  # 2500 of 10000 ms
            "net.eth0.received": 60_000.0,
            "net.eth0.sent": 10_000.0,
            "net.wlan0.received": 0.0,
            "net.wlan0.sent": 0.0,
            "temperature.cpu-thermal.now": 61.224,  # once, though it is a zone and a chip
            "power.under-voltage": 0.0,
            "power.frequency-capped": 0.0,
            "power.throttled": 0.0,
            "power.soft-limit": 0.0,
            "power.under-voltage-since-boot": 0.0,
            "power.frequency-capped-since-boot": 0.0,
            "power.throttled-since-boot": 0.0,
            "power.soft-limit-since-boot": 1.0,  # it was so at the first look, and the kernel has cleared the bit
            "system.uptime": 8338.12,
        }
    )


def test_a_pi_4_has_its_file_systems_once_and_no_rates_of_a_disk_that_was_changed(tmp_path: Path) -> None:
    first, second = two_looks("pi4", tmp_path)
    assert {name for name in second if name.startswith("disk.")} == {
        "disk./.used", "disk./.free", "disk./.inodes",
        "disk./boot/firmware.used", "disk./boot/firmware.free", "disk./boot/firmware.inodes",
    }  # fmt: skip
    assert second["disk./.used"] == pytest.approx(100 * 1_800_000 / 3_420_000)
    assert second["disk./.free"] == 1_620_000 * 4096
    assert second["disk./.inodes"] == 25.0
    assert not any(name.startswith("io.sda.") for name in second)  # its counters began anew
    assert second["io.mmcblk0.written"] == 20480 * 512 / 10
    assert second["net.eth0.received"] == 100_000_000.0
    assert not any("veth" in name or ".lo." in name for name in second)
    # core 1 was switched off, and waiting went back by 10 ticks
    assert "core.1.used" not in second
    assert second["core.2.used"] == pytest.approx(100 * 500 / 990)
    assert second["cpu.used"] == pytest.approx(100 * 1500 / 4500)
    assert {name for name in second if name.startswith("power.") and second[name]} == {
        "power.under-voltage", "power.throttled", "power.under-voltage-since-boot", "power.throttled-since-boot",
    }  # fmt: skip
    assert first["load.1"] == 0.74
    assert not any(name.endswith((".used", ".busy")) for name in first if name.startswith(("cpu", "core", "io")))


def test_a_pi_5_has_a_fan_two_temperatures_and_under_voltage_from_hwmon(tmp_path: Path) -> None:
    first, second = two_looks("pi5", tmp_path)
    assert {name: first[name] for name in first if name.startswith(("temperature", "fan", "power"))} == {
        "temperature.cpu-thermal.now": 52.45,
        "temperature.rp1_adc.now": 55.472,
        "fan.pwmfan.speed": 1468.0,
        "power.under-voltage": 0.0,
        "power.under-voltage-since-boot": 0.0,
    }
    assert second["power.under-voltage"] == second["power.under-voltage-since-boot"] == 1.0
    assert second["fan.pwmfan.speed"] == 0.0
    assert second["cpu.used"] == 0.0
    assert "swap.used" not in second  # it has none
    assert "system.uptime" not in second  # it wasn't recorded
    assert second["io.nvme0n1.read"] == 0.0


def test_a_zero_2_s_counters_run_over_32_bits(tmp_path: Path) -> None:
    _first, second = two_looks("zero2", tmp_path)
    assert second["io.mmcblk0.read"] == 2000 * 512 / 10
    assert second["io.mmcblk0.busy"] == 10.0
    assert second["net.wlan0.received"] == (4294967296 - 4294900000 + 32704) / 10
    assert second["net.wlan0.sent"] == 100.0
    assert second["swap.used"] == 50.0
    assert not any(name.startswith("power.") for name in second)


@pytest.mark.parametrize("name", ["pi3", "pi4", "pi5", "zero2"])
def test_every_value_is_a_metric_that_has_a_name(name: str, tmp_path: Path) -> None:
    for metric in two_looks(name, tmp_path)[1]:
        names.kind(metric)


def test_an_empty_tree_gives_nothing(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    first = reader.read(at=1.0)
    assert values(first, reader.read(at=2.0)) == {}


def test_this_machine_is_read() -> None:
    reader = Reader()
    first = reader.read()
    found = values(first, reader.read(at=first.at + 1))
    assert found["memory.available"] > 0
    assert found["system.processes"] > 1
    assert 0 < found["disk./.used"] <= 100


def test_a_sensor_that_comes_later_is_found(tmp_path: Path) -> None:
    lay_out("zero2", tmp_path)
    reader = Reader(tmp_path, statvfs)
    assert reader.read().fans == {}
    for path, text in (("name", "gpio_fan\n"), ("fan1_input", "5000\n")):
        place = tmp_path / "sys/class/hwmon/hwmon7" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    looks = [reader.read() for _ in range(30)]
    assert looks[-1].fans == {"gpio_fan": 5000.0}


def test_two_drives_of_a_kind_have_names_of_their_own(tmp_path: Path) -> None:
    for number in (0, 1):
        folder = tmp_path / f"sys/class/hwmon/hwmon{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text("nvme\n")
        (folder / "temp1_input").write_text(f"{30 + number}000\n")
        (folder / "temp1_label").write_text("Composite\n")
        (folder / "device").symlink_to(f"../../nvme/nvme{number}")
    sleeping = tmp_path / "sys/class/hwmon/hwmon2"
    sleeping.mkdir()
    (sleeping / "name").write_text("drivetemp\n")
    (sleeping / "temp1_input").write_text("35000\n")
    assert Reader(tmp_path).read().temperatures == {"nvme0": 30.0, "nvme1": 31.0}


MOUNTS = r"""
1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:2 / /mnt/my\040disk rw shared:1 - ext4 /dev/sda2 rw
3 1 8:2 /sub /srv rw - ext4 /dev/sda2 rw
4 1 0:50 / /mnt/nas rw - nfs4 nas:/ rw
5 4 8:3 / /mnt/nas/local rw - ext4 /dev/sda3 rw
6 1 0:51 / /mnt/cloud rw - fuse.rclone remote: rw
7 1 0:52 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
8 1 8:4 / /data rw - xfs /dev/sda4 rw
9 8 0:53 / /data rw - cifs //nas/x rw
10 1 0:54 / /tmp rw - tmpfs tmpfs rw
11 1 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
"""


def test_only_file_systems_on_disks_are_asked_and_none_that_may_hang() -> None:
    assert mount_points(MOUNTS) == ["/", "/mnt/my disk"]


def test_a_container_s_root_counts() -> None:
    assert mount_points("1 0 0:52 / / rw - overlay overlay rw\n") == ["/"]


@pytest.mark.parametrize(("clears", "now"), [(True, 1.0), (False, 0.0)])
def test_what_has_been_is_now_only_where_the_kernel_clears_it(tmp_path: Path, clears: bool, now: float) -> None:
    """Without the driver rpi_volt the firmware's bits of `has been so` stay until the machine starts again."""
    firmware = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    firmware.parent.mkdir(parents=True)
    firmware.write_text("50000\n")
    if clears:
        chip = tmp_path / "sys/class/hwmon/hwmon0"
        chip.mkdir(parents=True)
        (chip / "name").write_text("rpi_volt\n")
        (chip / "in0_lcrit_alarm").write_text("1\n")
    sensors = Sensors(str(tmp_path))
    sensors.find()
    for _look in range(2):
        power = sensors.power()
        assert power is not None
        assert power.now["under-voltage"] == power.now["throttled"] == bool(now)
        assert power.since_boot["under-voltage"] and power.since_boot["throttled"]
        assert not power.since_boot["soft-limit"]
    firmware.write_text("50005\n")
    power = sensors.power()
    assert power is not None and power.now["under-voltage"] and power.now["throttled"]

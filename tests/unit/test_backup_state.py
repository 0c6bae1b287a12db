"""What the module Backup reads: for Home only what its line tells of, and of disks what lsblk and blkid say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.modules import load, names
from pi_installer_tui.modules.backup import MODULE, state
from pi_installer_tui.modules.backup.places import FolderPlace
from pi_installer_tui.modules.backup.trial import kept
from pi_installer_tui.modules.base import Module
from pi_installer_tui.system import disks
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.reading import MISSING, Known, known


@pytest.mark.parametrize("name", names())
async def test_home_says_the_same_as_the_whole_state(tmp_path: Path, name: str) -> None:
    host = DemoHost.create(str(tmp_path / "demo"))
    module: Module[Any, Any] = load(name)
    assert module.summary(await module.read_summary(host)) == module.summary(await module.read(host))


async def test_home_asks_no_program_but_systemctl_of_backups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = DemoHost.create(str(tmp_path / "demo"))
    asked: list[str] = []
    run = host.run

    async def noted(argv: Sequence[str], **more: Any) -> Completed:
        asked.append(argv[0])
        return await run(argv, **more)

    monkeypatch.setattr(host, "run", noted)
    found = await MODULE.read_summary(host)
    assert set(asked) == {"systemctl"} and "proven" in MODULE.summary(found)
    await MODULE.read(host)
    assert {"restic", "lsblk"} <= set(asked)


async def test_a_place_can_name_every_file_system_that_can_be_mounted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also one on LVM over RAID, once, and one that only the device itself knows of."""
    volume = {
        "path": "/dev/mapper/a-b",
        "type": "lvm",
        "size": 9,
        "fstype": "xfs",
        "uuid": "v",
        "mountpoints": ["/srv"],
    }
    raid = {"path": "/dev/md0", "type": "raid1", "size": 9, "fstype": "LVM2_member", "children": [volume]}
    told = [
        {"path": "/dev/sda", "type": "disk", "size": 9, "fstype": "linux_raid_member", "children": [raid]},
        {"path": "/dev/sdb", "type": "disk", "size": 9, "fstype": "linux_raid_member", "children": [raid]},
        {"path": "/dev/sdc", "type": "disk", "size": 9, "fstype": "swap", "uuid": "s"},
        {"path": "/dev/sdd", "type": "disk", "size": 9, "fstype": "crypto_LUKS", "uuid": "c"},
        {"path": "/dev/sde", "type": "disk", "size": 9},
        {"path": "/dev/sdf", "type": "disk", "size": 9, "fstype": "ext4"},
    ]
    probed = {"/dev/sde": "DEVNAME=/dev/sde\nTYPE=vfat\nLABEL=STICK\n"}

    async def run(argv: Any, **more: Any) -> Completed:
        said = json.dumps({"blockdevices": told}) if argv[0] == "lsblk" else probed.get(argv[-1], "")
        return Completed(tuple(argv), 0 if said else 2, said, "")

    host = LocalHost(str(tmp_path))
    monkeypatch.setattr(host, "run", run)
    found = await disks.file_systems(host)
    assert [each.path for each in found] == ["/dev/mapper/a-b", "/dev/sde"]
    read = state.State(config=MISSING, mode=0, python="", devices=Known(found))
    assert MODULE.choices(read, "devices") == ("UUID=v", "LABEL=STICK")


@pytest.mark.parametrize(
    ("udev", "device", "wanted"),
    [('{"blockdevices": [{"label": "a"}]}', "", "a"), ('{"blockdevices": [{"label": null}]}', "b", "b"), ("", "", "")],
)
async def test_a_label_is_asked_of_udev_and_then_of_the_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, udev: str, device: str, wanted: str
) -> None:
    async def run(argv: Any, **more: Any) -> Completed:
        said = udev if argv[0] == "lsblk" else device
        return Completed(tuple(argv), 0 if said else 2, said, "")

    host = LocalHost(str(tmp_path))
    monkeypatch.setattr(host, "run", run)
    assert await disks.named(host, "/dev/sda1", "LABEL") == wanted


async def test_the_demo_has_its_card_and_the_usb_disk(tmp_path: Path) -> None:
    read = await MODULE.read(DemoHost.create(str(tmp_path / "demo")))
    assert {"LABEL=backup", "LABEL=rootfs"} <= set(MODULE.choices(read, "devices"))
    assert known(read.restic)


async def test_places_whose_trial_is_kept_are_read(tmp_path: Path) -> None:
    host = DemoHost.create(str(tmp_path / "demo"))
    assert (await state.read(host)).trials == frozenset()
    place = FolderPlace(kind="folder", path="/mnt/usb/restic")
    await kept.keep(host, "usb", place, (), 1.0)
    assert (await state.read(host)).trials == frozenset({"usb"})

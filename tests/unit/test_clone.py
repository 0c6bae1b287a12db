"""The plan of a copied card, its partition table, and the names in fstab and cmdline.txt."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.modules.backup.cloning import Clone, plan, targets, validate
from pi_installer_tui.system import disks
from pi_installer_tui.system.disks import Block
from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.steps import CloneDisk, StepError
from pi_installer_tui.tasks.steps.clone import renamed, replaced, table

GB = 1000**3


def part(path: str, number: int, size: int, system: str, *mounts: str, disk: str = "8a7fecad") -> Block:
    uuid = f"{disk[:4]}-{number:04}"
    return Block(path, "part", size, partition_id=f"{disk}-{number:02}", file_system=system, uuid=uuid, mounts=mounts)


BOOT, ROOT = (
    part("/dev/mmcblk0p1", 1, GB // 2, "vfat", "/boot/firmware"),
    part("/dev/mmcblk0p2", 2, 31 * GB, "ext4", "/"),
)
CARD = Block("/dev/mmcblk0", "disk", 32 * GB, table="dos", table_id="8a7fecad", holds=(BOOT, ROOT))
STICK = Block("/dev/sda", "disk", 64 * GB, model="Extreme", serial="4C53", link="/dev/disk/by-id/usb-Extreme-0:0")
TELL = Clone(target="/dev/sda", confirm="4C53")


def test_the_plan_installs_what_it_takes_and_copies() -> None:
    found = plan((CARD, STICK), 5 * GB, TELL)
    packages, copy = found.steps
    assert isinstance(copy, CloneDisk) and packages.kind == "install-packages"
    assert (copy.source, copy.target, copy.identity) == ("/dev/mmcblk0", STICK.link, STICK.identity)
    assert "irreversible" in copy.risks and "lost" in found.notices[0].text
    assert found.lane == "change" and found.asked is not None and "confirm" not in found.asked.arguments
    assert targets((CARD, STICK)) == (STICK,)


@pytest.mark.parametrize(
    ("found", "told", "place"),
    [
        ((CARD, STICK), Clone(target="/dev/sdb", confirm="4C53"), "target"),
        ((CARD, STICK), Clone(target="/dev/mmcblk0", confirm="/dev/mmcblk0"), "target"),
        ((CARD, STICK), Clone(target="/dev/sda", confirm="/dev/sda"), "confirm"),
        ((CARD, STICK), Clone(target="/dev/sda"), "confirm"),
        ((CARD, replace(STICK, read_only=True)), TELL, "target"),
        ((CARD, replace(STICK, holds=(part("/dev/sda1", 1, GB, "ext4", "/mnt"),))), TELL, "target"),
        ((CARD, replace(STICK, holds=(part("/dev/sda1", 1, GB, "swap", "[SWAP]"),))), TELL, "target"),
        ((STICK,), TELL, "target"),
    ],
)
def test_a_disk_in_use_and_a_name_that_wasnt_typed_are_refused(
    found: tuple[Block, ...], told: Clone, place: str
) -> None:
    (mistake,) = validate(found, told)
    assert mistake.place == place
    assert not validate((CARD, STICK), TELL)


def test_what_lies_below_counts_as_in_use() -> None:
    """A root file system on LVM on encryption on a partition."""
    volume = Block("/dev/mapper/vg-root", "lvm", GB, file_system="ext4", mounts=("/srv",))
    crypt = Block("/dev/mapper/luks", "crypt", GB, file_system="LVM2_member", holds=(volume,))
    onto = replace(STICK, holds=(replace(part("/dev/sda1", 1, GB, "crypto_LUKS"), holds=(crypt,)),))
    assert [mistake.place for mistake in validate((CARD, onto), TELL)] == ["target"]


@pytest.mark.parametrize(
    ("card", "stick", "used"),
    [
        (CARD, replace(STICK, size=5 * GB), 5 * GB),
        (replace(CARD, holds=(BOOT, replace(ROOT, file_system="btrfs"))), STICK, GB),
        (replace(CARD, holds=(replace(BOOT, mounts=()), ROOT)), STICK, GB),
        (replace(CARD, holds=(replace(BOOT, file_system="ext4"), ROOT)), STICK, GB),
    ],
)
def test_what_would_not_boot_or_not_fit_is_blocked(card: Block, stick: Block, used: int) -> None:
    found = plan((card, stick), used, TELL)
    assert not found.steps and found.blocked


def sectors(**more: Any) -> dict[str, Any]:
    first = {"node": "/dev/mmcblk0p1", "start": 8192, "size": 1048576, "type": "c"}
    second = {"node": "/dev/mmcblk0p2", "start": 1056768, "size": 60000000, "type": "83"}
    return {"label": "dos", "id": "0x8a7fecad", "partitions": [second, first], **more}


def test_the_table_is_the_same_with_a_name_of_its_own_and_takes_what_room_there_is() -> None:
    script = "label: dos\nlabel-id: 0x0badcafe\nunit: sectors\n\nstart=8192, size=1048576, type=c\n"
    assert table(sectors(), "0x0badcafe") == f"{script}start=1056768, type=83\n"
    extended = sectors(partitions=[{"node": "x", "start": 1, "size": 2, "type": "5"}])
    for wrong in (extended, {"label": "bsd"}, {}):
        with pytest.raises(StepError):
            table(wrong, "0x1")


COPY = replace(
    STICK,
    holds=(part("/dev/sda1", 1, GB, "vfat", disk="0badcafe"), part("/dev/sda2", 2, GB, "ext4", disk="0badcafe")),
)


def test_only_the_names_of_its_partitions_change() -> None:
    names = renamed(CARD, COPY)
    text = (
        b"PARTUUID=8a7fecad-02 / ext4 defaults 0 1\nuuid=8A7F-0001\t/boot/firmware vfat\n/dev/mmcblk0p2 /x\n"
        b"/dev/mmcblk0p21 /y\nLABEL=rootfs /z\r\n#PARTUUID=8a7fecad-02\nroot=PARTUUID=8a7fecad-02 rootwait\xff"
    )
    assert replaced(text, names) == (
        b"PARTUUID=0badcafe-02 / ext4 defaults 0 1\nUUID=0bad-0001\t/boot/firmware vfat\nPARTUUID=0badcafe-02 /x\n"
        b"/dev/mmcblk0p21 /y\nLABEL=rootfs /z\r\n#PARTUUID=8a7fecad-02\nroot=PARTUUID=0badcafe-02 rootwait\xff"
    )


@given(st.binary(max_size=300))
def test_other_bytes_stay(text: bytes) -> None:
    names = renamed(CARD, COPY)
    if not any(name.lower().encode() in text.lower() for name in names):
        assert replaced(text, names) == text


async def test_disks_are_read_as_lsblk_and_blkid_tell_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What lsblk doesn't know, since udev hasn't told it, the device itself says."""
    told = {
        "blockdevices": [
            {"name": "zram0", "path": "/dev/zram0", "type": "disk", "size": 100, "mountpoints": ["[SWAP]"]},
            {"name": "sr0", "path": "/dev/sr0", "type": "rom", "size": 100, "mountpoints": [None]},
            {"name": "sdb", "path": "/dev/sdb", "type": "disk", "size": 0, "mountpoints": [None]},
            {
                "name": "sda", "path": "/dev/sda", "type": "disk", "size": 1000, "ro": False, "model": "Extreme ",
                "mountpoints": [None],
                "children": [{"name": "sda1", "path": "/dev/sda1", "type": "part", "size": 900, "mountpoints": ["/x"]}],
            },
        ]
    }  # fmt: skip
    probed = {
        "/dev/sda": "DEVNAME=/dev/sda\nPTTYPE=gpt\nPTUUID=aa\n",
        "/dev/sda1": "DEVNAME=/dev/sda1\nTYPE=ext4\nUUID=u\nPART_ENTRY_UUID=p\n",
    }

    async def run(argv: Any, **more: Any) -> Completed:
        said = json.dumps(told) if argv[0] == "lsblk" else probed.get(argv[-1], "")
        return Completed(tuple(argv), 0 if said else 2, said, "" if said else f"{argv[-1]}: No medium found")

    host = LocalHost(str(tmp_path))
    monkeypatch.setattr(host, "run", run)
    (found,) = await disks.disks(host)
    assert (found.path, found.model, found.table, found.table_id) == ("/dev/sda", "Extreme", "gpt", "aa")
    assert found.used_for == ("/x",) and found.holds[0].file_system == "ext4"
    assert found.identity == "Extreme||1000|aa|/dev/sda=:1000|/dev/sda1=p:900"

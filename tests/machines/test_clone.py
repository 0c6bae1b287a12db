"""The running card copied to another one: real disks (loop devices of this host), a real Debian on the source, and a
machine that boots from the copy."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from pi_installer_tui.system import disks
from pi_installer_tui.system.disks import Block
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.tasks.before import Before
from pi_installer_tui.tasks.plan import Plan
from pi_installer_tui.tasks.steps import StepContext, StepError
from pi_installer_tui.tasks.steps.clone import MOUNT, CloneDisk

from .lab import Lab
from .machine import Image, run_on_host

GIB = 1024**3
#: a kernel without vfat has its first partition as ext4 here: then only the vfat's own branch isn't seen at work
KNOWS_FAT = "\tvfat\n" in Path("/proc/filesystems").read_text()
#: as Raspberry Pi OS has it, the first partition smaller
TABLES = {
    "dos": "label: dos\nlabel-id: 0x8a7fecad\n\nstart=8192, size=131072, type=c\nstart=139264, type=83\n",
    "gpt": 'label: gpt\n\nstart=8192, size=131072, type=uefi, name="boot"\nstart=139264, type=linux, name="root"\n',
}
CMDLINE = "console=serial0,115200 console=tty1 root={root} rootfstype=ext4 fsck.repair=yes rootwait\n"
FSTAB = """proc            /proc           proc    defaults          0       0
{boot}  /boot/firmware  vfat    defaults          0       2
{root}  /               ext4    defaults,noatime  0       1
# {root} is named in a comment too
LABEL=other  /mnt  auto  noauto  0  0
"""


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """What the step installs on a machine."""
    packages = ["dosfstools", "e2fsprogs", "fdisk", "rsync"]
    run_on_host("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "install", "-y", *packages)


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """The copy is always mounted in the same place, and this is one machine for all processes of the tests."""
    with Path("/run/lock/pi-installer-tui-clone-tests").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def card(folder: Path, name: str, size: int) -> Iterator[str]:
    """An empty disk, and its path."""
    image = folder / name
    with image.open("wb") as file:
        file.truncate(size)
    device = run_on_host("losetup", "--find", "--show", str(image)).stdout.strip()
    try:
        yield device
    finally:
        run_on_host("partx", "--delete", device, check=False)
        run_on_host("losetup", "--detach", device)


@contextmanager
def mounted(device: str, at: Path, *options: str) -> Iterator[Path]:
    at.mkdir(parents=True, exist_ok=True)
    run_on_host("mount", *options, device, str(at))
    try:
        yield at
    finally:
        run_on_host("umount", str(at))


def shown(device: str) -> Block:
    found = asyncio.run(disks.disk(LocalHost(), device))
    assert found is not None
    return found


@contextmanager
def source(folder: Path, size: int, table: str = "dos") -> Iterator[tuple[str, Path]]:
    """A card as Raspberry Pi OS lays it out, mounted as it is on a running one."""
    with ExitStack() as stack:
        device = stack.enter_context(card(folder, "source.img", size))
        script = folder / "table"
        script.write_text(TABLES[table])
        run_on_host("sh", "-c", 'sfdisk --quiet --no-reread "$1" <"$2"; partx --update "$1"', "-", device, str(script))
        make = ("mkfs.vfat", "-F", "32", "-n") if KNOWS_FAT else ("mkfs.ext4", "-q", "-L")
        run_on_host(*make, "bootfs", f"{device}p1")
        run_on_host("mkfs.ext4", "-q", "-L", "rootfs", f"{device}p2")
        root = stack.enter_context(mounted(f"{device}p2", folder / "root"))
        boot = stack.enter_context(mounted(f"{device}p1", root / "boot/firmware"))
        first, second = shown(device).holds
        (boot / "cmdline.txt").write_text(CMDLINE.format(root=f"PARTUUID={second.partition_id}"))
        (boot / "config.txt").write_text("arm_64bit=1\n")
        (root / "etc").mkdir()
        (root / "etc/fstab").write_text(FSTAB.format(boot=f"UUID={first.uuid}", root=f"PARTUUID={second.partition_id}"))
        (root / "etc/fstab").chmod(0o640)
        yield device, root


def oddities(root: Path) -> None:
    """What a copy may lose."""
    odd = root / "srv/odd"
    odd.mkdir(parents=True)
    (odd / "one\ntwo \x1b[2J").write_text("name")
    Path(os.fsdecode(bytes(odd) + b"/not utf-8 \xff")).write_bytes(os.urandom(100_000))
    (odd / "linked").write_text("twice")
    (odd / "again").hardlink_to(odd / "linked")
    (odd / "link").symlink_to("../nowhere")
    with (odd / "sparse").open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    (odd / "setuid").write_text("")
    (odd / "setuid").chmod(0o4755)
    os.setxattr(odd / "linked", "user.note", b"kept")
    os.chown(odd / "link", 1234, 2345, follow_symlinks=False)
    os.mkfifo(odd / "fifo")
    # not of the second in which they are copied: rsync compares times of what isn't a regular file by whole seconds
    for number, path in enumerate((*sorted(odd.iterdir()), odd, odd.parent)):
        os.utime(path, ns=(at := 1_000_000_000_123_456_789 + number, at), follow_symlinks=False)


def listing(root: Path) -> dict[str, tuple[object, ...]]:
    """All on one file system: kind, mode, owner, time, links, attributes, size and SHA-256. (Of whole contents pytest
    would make a difference in words, for hours.)"""
    found: dict[str, tuple[object, ...]] = {}
    device = root.stat().st_dev
    for where, folders, files in os.walk(root):
        for path in (Path(where, name) for name in (*folders, *files)):
            status = path.lstat()
            if status.st_dev != device:
                continue
            link = path.readlink() if path.is_symlink() else ""
            data = (status.st_size, sha256(path.read_bytes()).hexdigest()) if stat.S_ISREG(status.st_mode) else ()
            noted = {a: os.getxattr(path, a, follow_symlinks=False) for a in os.listxattr(path, follow_symlinks=False)}
            links = 1 if stat.S_ISDIR(status.st_mode) else status.st_nlink
            kept = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, links, link, data, noted)
            found[ascii(str(path.relative_to(root)))[1:-1]] = kept
        folders[:] = [each for each in folders if Path(where, each).lstat().st_dev == device]
    found.pop("lost+found", None)
    return found


def context(host: LocalHost, folder: Path) -> StepContext:
    return StepContext(
        host=host,
        before=Before(folder / "before", host),
        output=lambda chunk: None,
        progress=lambda *args: None,
        waiting=lambda what, holder: None,
        reached=lambda point: None,
    )


def cloned(root: Path, device: str, target: str, folder: Path) -> CloneDisk:
    """Runs the step."""
    host = LocalHost()
    step = CloneDisk(id="backup.clone", source=device, target=target, identity=shown(target).identity, root=str(root))
    assert Plan.model_validate_json(Plan(steps=(step,)).model_dump_json()).steps == (step,)
    asyncio.run(step.apply(context(host, folder)))
    return step


@pytest.mark.long
@pytest.mark.parametrize(("table", "size"), [("dos", 600), ("gpt", 1500), ("dos", 300)])
def test_the_copy_is_the_same_and_names_its_own_partitions(tmp_path: Path, table: str, size: int) -> None:
    with source(tmp_path, 500 * 1024**2, table) as (device, root), card(tmp_path, "target", size * 1024**2) as target:
        oddities(root)
        cloned(root, device, target, tmp_path)
        old, new = shown(device), shown(target)
        assert new.table == old.table and new.table_id != old.table_id
        assert [each.label for each in new.holds] == ["bootfs", "rootfs"]
        assert {each.uuid for each in new.holds}.isdisjoint(each.uuid for each in old.holds)
        assert new.holds[1].size > (size - 80) * 1024**2, "the last one takes what room there is"
        with mounted(f"{target}p2", tmp_path / "copy") as copy:
            with mounted(f"{target}p1", copy / "boot/firmware") as boot:
                by_id = f"PARTUUID={new.holds[1].partition_id}"
                assert (boot / "cmdline.txt").read_text() == CMDLINE.format(root=by_id)
                assert (boot / "config.txt").read_text() == "arm_64bit=1\n"
            fstab = (copy / "etc/fstab").read_text()
            assert fstab == FSTAB.format(boot=f"UUID={new.holds[0].uuid}", root=by_id)
            assert (copy / "etc/fstab").stat().st_mode & 0o7777 == 0o640
            before, after = listing(root), listing(copy)
            for each in ("etc/fstab", "etc", "boot/firmware", "boot"):
                before.pop(each, None), after.pop(each, None)
            assert after == before
            sparse = (copy / "srv/odd/sparse").stat()
            assert sparse.st_blocks * 512 < sparse.st_size / 10
        assert MOUNT not in Path("/proc/self/mountinfo").read_text()


def test_a_disk_that_is_in_use_or_another_one_is_not_touched(tmp_path: Path) -> None:
    with source(tmp_path, 300 * 1024**2) as (device, root), card(tmp_path, "target", 300 * 1024**2) as target:
        run_on_host("mkfs.ext4", "-q", "-F", target)
        before = start_of(tmp_path / "target")
        step = CloneDisk(id="c", source=device, target=target, identity=shown(target).identity, root=str(root))
        host = LocalHost()
        for wrong, reason in (
            (replace_step(step, identity="another"), "disk-changed"),
            (replace_step(step, target=device, identity=shown(device).identity), "disk-changed"),
            (replace_step(step, target="/dev/nothing"), "no-disk"),
        ):
            with pytest.raises(StepError) as found:
                asyncio.run(wrong.apply(context(host, tmp_path)))
            assert found.value.reason == reason
        with mounted(target, tmp_path / "busy"), pytest.raises(StepError) as found:
            asyncio.run(replace_step(step, identity=shown(target).identity).apply(context(host, tmp_path)))
        assert found.value.reason == "disk-in-use"
        whole = next(each for each in asyncio.run(disks.disks(host)) if "/" in each.used_for)
        with pytest.raises(StepError) as found:
            onto = replace_step(step, target=whole.path, identity=whole.identity)
            asyncio.run(onto.apply(context(host, tmp_path)))
        assert found.value.reason == "disk-in-use", "never onto what holds /"
        with mounted(target, tmp_path / "busy"):
            pass
        assert start_of(tmp_path / "target") == before


def start_of(disk: Path) -> bytes:
    """Where a partition table would be, before what ext4 itself writes (its superblock is at 1024)."""
    with disk.open("rb") as file:
        return file.read(1024)


def replace_step(step: CloneDisk, **change: object) -> CloneDisk:
    return step.model_copy(update=change)


@pytest.mark.long
def test_a_machine_boots_from_the_copy(lab: Lab, bare_image: Image, tmp_path: Path) -> None:
    with source(tmp_path, 2 * GIB) as (device, root), card(tmp_path, "target", 3 * GIB) as target:
        for layer in reversed(bare_image.layers):
            run_on_host("cp", "--archive", "--no-target-directory", f"{layer}/etc/.", str(root / "etc"))
            for name in sorted(each.name for each in layer.iterdir() if each.name not in ("etc", "boot")):
                run_on_host("cp", "--archive", f"{layer}/{name}", str(root))
        cloned(root, device, target, tmp_path)
        with (
            mounted(f"{target}p2", tmp_path / "copy") as copy,
            lab.machine(replace(bare_image, layers=(copy,))) as machine,
        ):
            said = machine.run(["cat", "/etc/os-release"]).stdout
            assert re.search(r"^ID=debian$", said, re.MULTILINE)
            assert machine.run(["systemctl", "is-system-running", "--wait"], check=False).stdout.strip() in (
                "running",
                "degraded",
            )

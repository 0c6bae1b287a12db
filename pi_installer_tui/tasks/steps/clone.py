"""CloneDisk: the disk that the machine runs from is copied to another one, which boots in its place: a new partition
table with names of its own, new file systems, all files, and fstab and cmdline.txt that name the new partitions.

The copy doesn't boot before it is whole: cmdline.txt comes last."""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
import random
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.system import disks
from pi_installer_tui.system.disks import Block
from pi_installer_tui.system.host import Host, HostError
from pi_installer_tui.system.paths import STATE
from pi_installer_tui.tasks.steps.base import AbsolutePath, Overlay, Preview, StepBase, StepContext, StepError
from pi_installer_tui.tasks.steps.commands import Tail, run, shown
from pi_installer_tui.tasks.steps.diff import clipped
from pi_installer_tui.tasks.store import MARK

FILE_SYSTEMS = ("ext4", "vfat", "swap")
#: where the copy is mounted meanwhile
MOUNT = "/run/pi-installer-tui/clone"
#: what isn't copied: of kernel and runtime, scratch, and what only makes sense on the running system
LEFT_OUT = ("/proc/*", "/sys/*", "/dev/*", "/run/*", "/tmp/*", "/lost+found", "/swap.img")
CMDLINE, FSTAB = "cmdline.txt", "/etc/fstab"
#: files that are compared afterwards, and of which size at most, in bytes
SAMPLE, SAMPLE_MOST = 200, 16 * 1024 * 1024
#: seconds until the kernel and udev show new partitions
_APPEAR = 15
#: rsync(1): some files vanished while they were being copied, which is usual on a running system
_VANISHED = 24
#: rsync's --info=progress2: `  1,234,567  12%   10.00MB/s    0:00:10`
_PROGRESS = re.compile(rb"\s([\d,.]+)\s+(\d{1,3})%\s+(\S+/s)")
#: FAT32 has at least so many bytes (65,525 clusters)
_FAT32 = 64 * 1024 * 1024


class CloneDisk(StepBase):
    """The disk `source`, whose root file system is mounted at `root`, is copied to `target`, whose `identity`
    (disks.Block) is as it was shown. All that was on the target is gone, and no undo brings it back."""

    kind: Literal["clone-disk"] = "clone-disk"
    source: AbsolutePath
    target: AbsolutePath
    identity: str
    root: AbsolutePath = "/"

    def describe(self) -> str:
        return clipped(_("copy the running system to {path}"), self.target)

    def paths(self) -> tuple[str, ...]:
        return ()

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        found = await disks.disk(host, self.target)
        return {f"disk:{self.target}": "" if found is None else found.identity}

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        found = await disks.disk(host, self.target)
        if found is None:
            raise StepError("no-disk", path=self.target)
        return Preview(
            "note", _("everything on {path} is lost: {disk}").format(path=self.target, disk=described(found))
        )

    async def done(self, host: Host) -> bool:
        return False

    async def apply(self, context: StepContext) -> None:
        host = context.host
        await _unmount(host)
        source, target = await self._looked_at(host)
        mounted = _mounted_of(source, self.root)
        context.reached("clone:partitioning")
        context.progress(None, "partition", self.target)
        parts = await _partition(context, source, target)
        for old, new in zip(source.holds, parts, strict=True):
            await _make(context, old, new)
        # names of the new file systems are known only now
        target = await self._again(host)
        try:
            names = renamed(source, target)
            await _mount(context, mounted, source, target)
            context.reached("clone:copying")
            await self._copy(context, mounted, source)
            await self._rename(context, mounted, names)
            context.reached("clone:copied")
            await run(context, ["sync", "--file-system", MOUNT])
            compared = await self._compare(context)
        finally:
            await _unmount(host)
        await _check(context, target)
        context.report({"files": compared, "disk": described(target)})

    async def _looked_at(self, host: Host) -> tuple[Block, Block]:
        source, target = await disks.disk(host, self.source), await disks.disk(host, self.target)
        if source is None or target is None:
            raise StepError("no-disk", path=self.source if source is None else self.target)
        if target.identity != self.identity or target.path == source.path:
            raise StepError("disk-changed", path=self.target)
        if target.used_for:
            raise StepError("disk-in-use", path=self.target, mounts=", ".join(target.used_for))
        return source, target

    async def _again(self, host: Host) -> Block:
        found = await disks.disk(host, self.target)
        if found is None:
            raise StepError("no-disk", path=self.target)
        return found

    async def _copy(self, context: StepContext, mounted: Sequence[str], source: Block) -> None:
        fat = {mount: each.file_system == "vfat" for each in source.holds for mount in each.mounts}
        for number, mount in enumerate(mounted):
            from_, to = f"{mount.rstrip('/')}/", f"{_inside(mount, self.root)}/"
            left_out = [*(LEFT_OUT if number == 0 else ()), f"/{CMDLINE}"]
            if number == 0:
                left_out += [each.removeprefix(self.root.rstrip("/")) for each in await self._not_copied(context.host)]
            excludes = [word for each in left_out for word in ("--exclude", each)]
            # FAT keeps neither owners nor rights, and times to two seconds (rsync(1), --modify-window)
            kept = ["-rtx", "--modify-window=2"] if fat[mount] else ["-aHAXSx", "--numeric-ids"]
            argv = ["rsync", *kept, "--info=progress2", "--no-inc-recursive", *excludes, from_, to]
            tail = Tail()
            async with context.host.start(argv) as process:
                async for chunk in process.chunks():
                    tail.feed(chunk)
                    if (found := _PROGRESS.findall(chunk)) and number == 0:
                        _size, percent, rate = found[-1]
                        context.progress(int(percent) / 100, "copy", rate.decode())
                status = await process.wait()
            if status not in (0, _VANISHED):
                raise StepError("command-failed", tail.lines(), command=shown(argv), status=str(status))

    async def _not_copied(self, host: Host) -> list[str]:
        """Swap files (a copy would have holes), and jobs that run: on the copy they would look interrupted."""
        found = [line.split()[0] for line in (await host.text("/proc/swaps") or "").splitlines()[1:] if line[:1] == "/"]
        found = [each for each in found if not each.startswith("/dev/")]
        jobs = f"{self.root.rstrip('/')}{STATE}/jobs"
        for job in await host.listdir(jobs):
            if await host.stat(f"{jobs}/{job}/{MARK}") is not None:
                found.append(f"{jobs}/{job}")
        return found

    async def _rename(self, context: StepContext, mounted: Sequence[str], names: Mapping[str, str]) -> None:
        """fstab and cmdline.txt of the copy name its own partitions."""
        host = context.host
        for mount in mounted:
            for path in ((FSTAB,) if mount == mounted[0] else ()) + (f"/{CMDLINE}",):
                origin = f"{mount.rstrip('/')}{path}"
                found = await host.stat(origin)
                if found is None or found.kind != "file":
                    continue
                text = await host.read(origin)
                await host.replace(
                    f"{_inside(mount, self.root)}{path}",
                    replaced(text, names),
                    mode=found.mode,
                    uid=found.uid,
                    gid=found.gid,
                    xattrs={},
                )

    async def _compare(self, context: StepContext) -> int:
        """Files picked at random that are older than the copy, by hash. The number that was compared."""
        context.progress(None, "compare", "")
        list_ = ["find", MOUNT, "-xdev", "-type", "f", "-size", f"-{SAMPLE_MOST}c", "-mmin", "+60", "-print0"]
        names = [each for each in (await context.host.run(list_)).stdout.split("\0") if each and "\ufffd" not in each]
        picked = random.SystemRandom().sample(names, min(SAMPLE, len(names)))
        compared = 0
        for name in picked:
            origin = f"{self.root.rstrip('/')}{name.removeprefix(MOUNT)}"
            if name.endswith((FSTAB, CMDLINE)):
                continue
            try:
                before = await context.host.stat(origin)
                same = _digest(await context.host.read(origin)) == _digest(await context.host.read(name))
                after = await context.host.stat(origin)
            except FileNotFoundError:
                continue
            if before != after:
                continue  # it changed meanwhile
            copied = await context.host.stat(name)
            if not same and copied is not None and after is not None and copied.mtime_ns == after.mtime_ns:
                raise StepError("copy-differs", path=origin)
            compared += 1
        return compared


def described(disk: Block) -> str:
    """A disk in words: what it is, how large, and what is on it."""
    from pi_installer_tui.tasks.words import size

    what = " ".join(each for each in (disk.model, disk.serial) if each) or disk.path
    there = ", ".join(" ".join(w for w in (each.file_system, each.label, size(each.size)) if w) for each in disk.holds)
    return f"{what}, {size(disk.size)}" + (f" ({there})" if there else "")


def table(source: Mapping[str, Any], identifier: str) -> str:
    """sfdisk's script for a table like the source's, with a new identity, the last partition as large as there is room.
    Raises StepError `not-clonable` for what it can't carry over."""
    label = source.get("label")
    if label not in ("dos", "gpt"):
        raise StepError("not-clonable", what=str(label or ""))
    lines = [f"label: {label}", *([f"label-id: {identifier}"] if label == "dos" else []), "unit: sectors", ""]
    parts = sorted(source.get("partitions", ()), key=lambda each: int(each["start"]))
    for each in parts:
        if label == "dos" and str(each["type"]).lower() in ("5", "f", "85"):
            raise StepError("not-clonable", what=_("an extended partition"))
        words = [f"start={each['start']}"]
        words += [f"size={each['size']}"] if each is not parts[-1] else []
        words.append(f"type={each['type']}")
        words += [f'name="{each["name"]}"'] if each.get("name") and '"' not in each["name"] else []
        words += [f'attrs="{each["attrs"]}"'] if each.get("attrs") and '"' not in each["attrs"] else []
        words += ["bootable"] if each.get("bootable") else []
        lines.append(", ".join(words))
    return "\n".join(lines) + "\n"


def renamed(source: Block, target: Block) -> dict[str, str]:
    """What names each partition of the source, and what names the same one of the target."""
    names: dict[str, str] = {}
    for old, new in zip(source.holds, target.holds, strict=True):
        by_id = f"PARTUUID={new.partition_id}"
        names[old.path] = by_id
        if old.partition_id:
            names[f"PARTUUID={old.partition_id}"] = by_id
            names[f"/dev/disk/by-partuuid/{old.partition_id}"] = f"/dev/disk/by-partuuid/{new.partition_id}"
        if old.uuid and new.uuid:
            names[f"UUID={old.uuid}"] = f"UUID={new.uuid}"
            names[f"/dev/disk/by-uuid/{old.uuid}"] = f"/dev/disk/by-uuid/{new.uuid}"
    return names


def replaced(text: bytes, names: Mapping[str, str]) -> bytes:
    """The text with each name, where it stands as a whole word or behind `root=`, replaced; every other byte stays."""
    by_length = sorted(names, key=len, reverse=True)
    pattern = rb"(?<![^\s=])(?:" + b"|".join(re.escape(each.encode()) for each in by_length) + rb")(?=\s|$)"
    lower = {name.lower().encode(): new.encode() for name, new in names.items()}
    return re.sub(pattern, lambda found: lower[found[0].lower()], text, flags=re.IGNORECASE)


def _mounted_of(source: Block, root: str) -> tuple[str, ...]:
    """Where the source's partitions are mounted below root, outer ones first. Raises StepError `not-clonable`."""
    found = []
    for each in source.holds:
        if each.file_system not in FILE_SYSTEMS:
            raise StepError("not-clonable", what=f"{each.path}: {each.file_system or '?'}")
        if each.file_system == "swap":
            continue
        place = next((m for m in each.mounts if m == root or m.startswith(f"{root.rstrip('/')}/")), None)
        if place is None:
            raise StepError("not-clonable", what=_("{path} isn't mounted").format(path=each.path))
        found.append(place)
    return tuple(sorted(found, key=len))


def _inside(mount: str, root: str) -> str:
    """Where the copy of a mounted file system is mounted."""
    return MOUNT if mount == root else f"{MOUNT}/{posixpath.relpath(mount, root)}"


async def _partition(context: StepContext, source: Block, target: Block) -> list[str]:
    """Makes the partitions and returns their paths when they are there."""
    host = context.host
    identifier = f"0x{secrets.randbits(32) or 1:08x}"
    script = table(await disks.table(host, source.path), identifier)
    for each in (*(block.path for block in target.holds), target.path):
        await run(context, ["wipefs", "--all", "--quiet", each])
    done = await host.run(["sfdisk", "--quiet", "--no-reread", "--wipe", "always", target.path], input=script.encode())
    if not done.ok:
        raise StepError(
            "command-failed", tuple(done.stderr.splitlines()[-10:]), command="sfdisk", status=str(done.status)
        )
    async for _try in _patiently():
        # the kernel takes partitions of a disk that nobody uses; partx(8) tells it of those that it hasn't taken
        if not (await host.run(["blockdev", "--rereadpt", target.path])).ok:
            await host.run(["partx", "--update", target.path])
        found = await disks.disk(host, target.path)
        paths = [each.path for each in found.holds] if found else []
        if len(paths) < len(source.holds):
            await host.run(["partx", "--add", target.path])
        elif all([await host.stat(path) is not None for path in paths]):
            return paths
    raise StepError("no-partitions", path=target.path)


async def _patiently() -> AsyncIterator[None]:
    import asyncio

    for _second in range(_APPEAR):
        yield
        await asyncio.sleep(1)


async def _make(context: StepContext, old: Block, new: str) -> None:
    """The file system that a partition has, new and empty."""
    context.progress(None, "format", new)
    label = old.label
    match old.file_system:
        case "ext4":
            argv = ["mkfs.ext4", "-q", "-F", *(["-L", label] if label else []), new]
        case "vfat":
            fat = ["-F", "32"] if old.size >= _FAT32 else []
            argv = ["mkfs.vfat", *fat, *(["-n", label] if label else []), new]
        case _:
            argv = ["mkswap", *(["-L", label] if label else []), new]
    await run(context, argv)


async def _mount(context: StepContext, mounted: Sequence[str], source: Block, target: Block) -> None:
    host, root = context.host, mounted[0]
    made = ""
    for part in MOUNT.split("/")[1:]:
        made += f"/{part}"
        with contextlib.suppress(FileExistsError):
            await host.mkdir(made, mode=0o700, uid=0, gid=0)
    for mount in mounted:
        number = next(n for n, each in enumerate(source.holds) if mount in each.mounts)
        inside = _inside(mount, root)
        if mount != root:
            await host.run(["mkdir", "--parents", inside], check=True)
        await run(context, ["mount", target.holds[number].path, inside])


async def _unmount(host: Host) -> None:
    """Takes away what is mounted there, by an earlier run too. Raises HostError where that can't be."""
    mounts = [line.split()[4] for line in (await host.text("/proc/self/mountinfo") or "").splitlines()]
    for mount in sorted((each for each in mounts if f"{each}/".startswith(f"{MOUNT}/")), key=len, reverse=True):
        done = await host.run(["umount", mount])
        if not done.ok:
            raise HostError(done.stderr.strip() or f"{mount} can't be unmounted")


async def _check(context: StepContext, target: Block) -> None:
    """The new file systems, looked at without changing them."""
    context.progress(None, "check", target.path)
    for each in target.holds:
        if each.file_system in ("ext4", "vfat"):
            await run(
                context, [f"fsck.{each.file_system}", "-n", *(["-f"] if each.file_system == "ext4" else []), each.path]
            )


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()

"""Restoring into a folder of ours: every file is read again and compared with the snapshot, while what was written goes
to the disk. restic 0.14 tells of no progress, so the disk is looked at; it makes no sparse files, so holes are dug."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import subprocess
from collections.abc import Callable, Sequence

from pi_installer_tui.restic.answers import Progress
from pi_installer_tui.restic.engine import Restic
from pi_installer_tui.tasks.steps.backup.working import Bounded, Rate, in_thread, real
from pi_installer_tui.tasks.steps.base import StepContext, StepError

#: bytes that a file must have for holes to be worth while
_WORTH = 1024 * 1024
#: bytes that are read at a time, and that are a block of a file system, the smallest hole
_PIECE, _BLOCK = 1024 * 1024, 4096


async def restore(
    context: StepContext,
    engine: Restic,
    snapshot: str,
    folder: str,
    paths: Sequence[str],
    *,
    expected: Callable[[], int],
) -> None:
    """Restores paths of a snapshot (("/",): all) into a folder. expected: bytes, 0 while nobody knows. Raises Trouble,
    StepError where something could not be restored, or isn't what the snapshot says."""
    began = (await context.host.disk(folder)).used
    lines = Bounded(context)
    full = not await engine.able("restore-sparse")
    settling: list[asyncio.Task[None]] = []

    async def look() -> Progress:
        size = expected()
        done = max(0, (await context.host.disk(folder)).used - began)
        done = min(done, size) if size else done
        return Progress(min(0.99, done / size) if size else None, bytes_done=done, bytes_total=size)

    def written() -> None:
        settling.append(asyncio.create_task(_settle(context, folder, full)))

    try:
        done = await engine.restore(
            snapshot,
            paths,
            folder,
            verify=True,
            progress=Rate(context, "restore"),
            look=look,
            written=written,
            said=lines.say,
        )
        lines.finish()
        if done.errors:
            tail = tuple(f"{path}: {why}" for path, why in done.errors[:25])
            raise StepError("not-restored", tail, count=str(len(done.errors)), path=done.errors[0][0])
        for each in settling:
            await each
    finally:
        for each in settling:
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await each


async def _settle(context: StepContext, folder: str, full: bool) -> None:
    """Holes, and all to the disk (sync(1)). full: what is empty was written too."""
    if full:
        await in_thread(lambda stop: _dig(real(context.host, folder), stop))
    await context.host.run(["sync", "--file-system", folder])


def _dig(folder: bytes, stop: Callable[[], bool]) -> None:
    """Holes for what is empty in large files: they read the same, and take less. A file's times stay; one with
    capabilities is left alone, for the kernel would take them away.

    fallocate(1) is asked only where there is something to dig: it drops what it has read from the page cache
    (util-linux's sys-utils/fallocate.c, POSIX_FADV_DONTNEED), which is read again just then."""
    for where, _folders, names in os.walk(folder):
        for name in names:
            if stop():
                return
            path = os.path.join(where, name)  # noqa: PTH118  (bytes)
            found = os.lstat(path)
            full = stat.S_ISREG(found.st_mode) and _WORTH <= found.st_size <= found.st_blocks * 512
            if full and "security.capability" not in os.listxattr(path, follow_symlinks=False) and _empty(path, stop):
                subprocess.run([b"fallocate", b"--dig-holes", b"--", path], capture_output=True, check=False)
                os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def _empty(path: bytes, stop: Callable[[], bool]) -> bool:
    """Whether a block somewhere in a file is empty."""
    piece, block = bytearray(_PIECE), bytes(_BLOCK)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  (bytes)
        while (size := file.readinto(piece)) and not stop():
            if piece.find(block, 0, size) >= 0:
                return True
    return False

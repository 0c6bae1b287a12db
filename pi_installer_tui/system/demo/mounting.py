"""Players that plug the demo's USB disk in and out: mount, umount. What is on it is out of reach meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

from pi_installer_tui.system.demo.disks import BLOCKS, MOUNTINFO, MOUNTS, SPACE, block_of, mounts
from pi_installer_tui.system.demo.players import Call, Refused, player
from pi_installer_tui.system.demo.tree import Machine

#: where the content of a disk lies that isn't mounted
_AWAY = "/run/demo/unmounted"


@player("umount")
async def umount(call: Call) -> int:
    """A disk of the demo, by its device or mount point: what is on it is out of reach then."""
    options, machine = call.options("-l", "--lazy", "-f", "--force", "-q", "--quiet"), call.machine
    for word in options.words:
        block = block_of(word)
        with machine.locked():
            found = [each for each in mounts(machine) if each.target == word or (block and each.source == block.path)]
            if not found:
                raise Refused(f"umount: {word}: not mounted.", 32)
            if not found[-1].source.startswith("/dev/sd"):
                raise Refused(f"umount: {word}: target is busy.", 32)
            target, source = found[-1].target, found[-1].source
            away = f"{_AWAY}/{source.rpartition('/')[2]}"
            machine.write(f"{away}.space", next(line for line in _lines(machine, SPACE) if line.split()[0] == target))
            machine.write(f"{away}.line", found[-1].line)
            machine.files.rename(target, away)
            machine.files.mkdir(target, mode=0o755, uid=0, gid=0)
            _put(machine, MOUNTINFO, [each.line for each in mounts(machine) if each != found[-1]])
            _put(machine, MOUNTS, [line for line in _lines(machine, MOUNTS) if line.split()[1] != target])
            _put(machine, SPACE, [line for line in _lines(machine, SPACE) if line.split()[0] != target])
    return 0


@player("mount")
async def mount(call: Call) -> int:
    """The demo's USB disk, where it was; without arguments what is mounted."""
    options, machine = call.options("-t=", "--types=", "-o=", "--options=", "-a", "--all"), call.machine
    if not options.words:
        for each in mounts(machine):
            await call.out(f"{each.source} on {each.target} type {each.fstype} ({each.options})")
        return 0
    word = options.words[0]
    block = block_of(word) or next((each for each in BLOCKS if each.label and word == f"/mnt/{each.label}"), None)
    if block is None:
        raise Refused(f"mount: {word}: can't find in /etc/fstab.", 1)
    with machine.locked():
        away = f"{_AWAY}/{block.name}"
        if not machine.exists(away):
            raise Refused(f"mount: {word}: {block.path} already mounted or mount point busy.", 32)
        line, space = (machine.text(f"{away}.line") or ""), machine.text(f"{away}.space") or ""
        target = options.words[1] if len(options.words) > 1 else space.split()[0]
        if not machine.exists(target):
            raise Refused(f"mount: {target}: mount point does not exist.", 32)
        old = line.split(" ")[4]
        if machine.files.listdir(target):
            raise Refused(f"mount: {target}: the demo's mount points are empty", 32)
        machine.files.remove(target)
        machine.files.rename(away, target)
        _put(machine, MOUNTINFO, [*_lines(machine, MOUNTINFO), line.replace(f" {old} ", f" {target} ")])
        _put(machine, MOUNTS, [*_lines(machine, MOUNTS), f"{block.path} {target} {block.fstype} rw,noatime 0 0"])
        _put(machine, SPACE, [*_lines(machine, SPACE), " ".join([target, *space.split()[1:]])])
        for name in ("line", "space"):
            machine.remove(f"{away}.{name}")
    return 0


def _lines(machine: Machine, path: str) -> list[str]:
    return (machine.text(path) or "").splitlines()


def _put(machine: Machine, path: str, lines: list[str]) -> None:
    """Of files that nobody may write: the kernel makes them up."""
    at = Path(machine.files.at(path, follow=True))
    new = at.with_name(f".{at.name}.new")
    new.write_text("".join(f"{line}\n" for line in lines))
    new.chmod(at.stat().st_mode & 0o777)
    os.replace(new, at)  # noqa: PTH105

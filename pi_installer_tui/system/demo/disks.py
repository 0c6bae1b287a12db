"""Players of disks: lsblk, findmnt, blkid. What is mounted stands in /proc/self/mountinfo, the disks themselves
in BLOCKS: the card, and a USB disk with backups."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pi_installer_tui.system.demo.players import Call, Options, Refused, player, table
from pi_installer_tui.system.demo.tree import Machine

MOUNTINFO, MOUNTS, SPACE = "/proc/self/mountinfo", "/proc/self/mounts", "/run/demo/disks"


@dataclass(frozen=True)
class Block:
    """A block device, as lsblk(8) has it. size, start: bytes."""

    name: str
    numbers: str
    size: int
    kind: str = "disk"
    parent: str = ""
    fstype: str = ""
    label: str = ""
    uuid: str = ""
    partuuid: str = ""
    start: int = 0
    model: str = ""
    serial: str = ""
    transport: str = ""
    parttype: str = ""

    @property
    def path(self) -> str:
        return f"/dev/{self.name}"


BLOCKS = (
    Block("sda", "8:0", 64_021_856_256, model="Ultra Fit", serial="4C530001230408117105", transport="usb"),
    Block(
        "sda1",
        "8:1",
        64_020_807_680,
        "part",
        "sda",
        "ext4",
        "backup",
        "0c3f1f6e-4b58-4c62-9a0f-6e6a1b0f7d21",
        "7d3a61b2-01",
        1_048_576,
        parttype="0x83",
    ),
    Block("mmcblk0", "179:0", 31_914_983_424, serial="0x4c9b1d27", transport="mmc"),
    Block(
        "mmcblk0p1",
        "179:1",
        536_870_912,
        "part",
        "mmcblk0",
        "vfat",
        "bootfs",
        "5616-E33D",
        "4e639091-01",
        8_388_608,
        parttype="0xc",
    ),
    Block(
        "mmcblk0p2",
        "179:2",
        31_369_723_904,
        "part",
        "mmcblk0",
        "ext4",
        "rootfs",
        "2e1b3f0a-8d57-44b4-b9a1-7d2f6c5e8093",
        "4e639091-02",
        545_259_520,
        parttype="0x83",
    ),
)


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo (proc_pid_mountinfo(5)). line: the whole."""

    target: str
    source: str
    fstype: str
    options: str
    numbers: str
    root: str
    line: str


def mounts(machine: Machine) -> list[Mount]:
    """What is mounted, in its order."""
    found = []
    for line in (machine.text(MOUNTINFO) or "").splitlines():
        words, rest = line.partition(" - ")[0].split(" "), line.partition(" - ")[2].split(" ")
        options = ",".join(dict.fromkeys(f"{words[5]},{rest[2]}".split(",")))
        found.append(Mount(words[4], rest[1], rest[0], options, words[2], words[3], line))
    return found


def mount_points(machine: Machine) -> list[str]:
    return [each.target for each in mounts(machine)]


def _holding(machine: Machine, path: str) -> Mount | None:
    """The mount that a path lies in."""
    real = machine.files.realpath(path)
    inside = [each for each in mounts(machine) if f"{real}/".startswith(f"{each.target.rstrip('/')}/")]
    return max(inside, key=lambda each: len(each.target), default=None)


def block_of(name: str) -> Block | None:
    """By its path, its name, `LABEL=...`, `UUID=...` or `PARTUUID=...`."""
    key, equals, value = name.partition("=")
    value = value.strip('"')
    for each in BLOCKS:
        known = {"LABEL": each.label, "UUID": each.uuid, "PARTUUID": each.partuuid}.get(key) if equals else None
        if name in (each.path, each.name) or (value and known == value):
            return each
    return None


def _space(machine: Machine, target: str) -> tuple[int, int, int] | None:
    for line in (machine.text(SPACE) or "").splitlines():
        point, *numbers = line.split()
        if point == target:
            total, used, free = map(int, numbers)
            return total, used, free
    return None


def _size(amount: int) -> str:
    """As lsblk and findmnt write sizes for people."""
    value, units = float(amount), iter("BKMGT")
    unit = next(units)
    while value >= 1024:
        value, unit = value / 1024, next(units)
    return f"{value:.1f}".removesuffix(".0") + unit


def _columns(options: Options, usual: str) -> list[str]:
    asked = options.value("-o", "--output")
    return [*(usual.split(",") if asked.startswith("+") or not asked else ()), *asked.strip("+").upper().split(",")][
        : None if asked else -1
    ]


# lsblk ----------------------------------------------------------------------------------------------------------------

_NUMBERS = ("SIZE", "FSSIZE", "FSUSED", "FSAVAIL", "START", "PARTN", "LOG-SEC", "PHY-SEC")
_FLAGS = ("RM", "RO", "ROTA", "HOTPLUG")


def _shown(machine: Machine, block: Block) -> dict[str, Any]:
    """Every column."""
    points = [each.target for each in mounts(machine) if each.source == block.path]
    space = _space(machine, points[0]) if points else None
    top = next((each for each in BLOCKS if each.name == block.parent), block)
    return {
        "NAME": block.name,
        "KNAME": block.name,
        "PATH": block.path,
        "PKNAME": block.parent or None,
        "MAJ:MIN": block.numbers,
        "RM": top.transport == "usb",
        "HOTPLUG": top.transport == "usb",
        "RO": False,
        "ROTA": False,
        "SIZE": block.size,
        "START": block.start // 512 or None,
        "PARTN": int(block.name[-1]) if block.parent else None,
        "TYPE": block.kind,
        "FSTYPE": block.fstype or None,
        "LABEL": block.label or None,
        "UUID": block.uuid or None,
        "PARTUUID": block.partuuid or None,
        "PARTLABEL": None,
        "PARTTYPE": block.parttype or None,
        "PTTYPE": "dos",
        "PTUUID": next((each.partuuid[:8] for each in BLOCKS if each.parent == top.name), None),
        "MOUNTPOINT": points[0] if points else None,
        "MOUNTPOINTS": points or [None],
        "FSSIZE": space[0] if space else None,
        "FSUSED": space[1] if space else None,
        "FSAVAIL": space[2] if space else None,
        "FSROOTS": ["/"] if points else [None],
        "MODEL": block.model or None,
        "VENDOR": "SanDisk " if block.transport == "usb" else None,
        "SERIAL": block.serial or None,
        "TRAN": block.transport or None,
        "LOG-SEC": 512,
        "PHY-SEC": 512,
        "STATE": "running" if block.transport == "usb" else None,
    }


@player("lsblk")
async def lsblk(call: Call) -> int:
    options = call.options(
        *("-J", "--json", "-b", "--bytes", "-l", "--list", "-o=", "--output=", "-n", "--noheadings", "-d", "--nodeps"),
        *("-p", "--paths", "-a", "--all", "-f", "--fs", "-O", "--output-all", "-e=", "--exclude=", "-P", "--pairs"),
        *("-s", "--inverse", "-r", "--raw", "-I=", "--include="),
    )
    columns = _columns(options, "NAME,MAJ:MIN,RM,SIZE,RO,TYPE,MOUNTPOINTS")
    if options.has("-f", "--fs"):
        columns = ["NAME", "FSTYPE", "LABEL", "UUID", "FSAVAIL", "MOUNTPOINTS"]
    blocks = [each for each in BLOCKS if not each.parent]
    if options.words:
        blocks = []
        for word in options.words:
            found = block_of(word)
            if found is None:
                raise Refused(f"lsblk: {word}: not a block device", 32)
            blocks.append(found)
    rows = [_row(call.machine, each, columns, options) for each in blocks]
    if options.has("-l", "--list"):
        rows = [flat for row in rows for flat in _flat(row)]
    if options.has("-J", "--json"):
        await call.out(json.dumps({"blockdevices": rows}, indent=3))
        return 0
    await _print(call, columns, [flat for row in rows for flat in _flat(row)], options)
    return 0


def _row(machine: Machine, block: Block, columns: Sequence[str], options: Options) -> dict[str, Any]:
    every = _shown(machine, block)
    unknown = [column for column in columns if column not in every]
    if unknown and not options.has("-O", "--output-all"):
        raise Refused(f"lsblk: unknown column: {','.join(unknown)}")
    if options.has("-O", "--output-all"):
        columns = [*every]
    if options.has("-p", "--paths"):
        every |= {"NAME": block.path, "KNAME": block.path, "PKNAME": f"/dev/{block.parent}" if block.parent else None}
    if not options.has("-b", "--bytes"):
        for name in ("SIZE", "FSSIZE", "FSUSED", "FSAVAIL"):
            every[name] = _size(every[name]) if every[name] is not None else None
    row = {column.lower(): every[column] for column in columns}
    below = [each for each in BLOCKS if each.parent == block.name]
    if below and not options.has("-d", "--nodeps"):
        row["children"] = [_row(machine, each, columns, options) for each in below]
    return row


def _flat(row: dict[str, Any]) -> list[dict[str, Any]]:
    below = row.pop("children", [])
    return [row, *(flat for each in below for flat in _flat(each))]


async def _print(call: Call, columns: Sequence[str], rows: list[dict[str, Any]], options: Options) -> None:
    def text(value: Any) -> str:
        if isinstance(value, list):
            return "\n".join(each or "" for each in value)
        if isinstance(value, bool):
            return str(int(value))
        return "" if value is None else str(value)

    cells = [[text(value) for value in row.values()] for row in rows]
    if options.has("-P", "--pairs"):
        for row in cells:
            await call.out(" ".join(f'{name}="{cell}"' for name, cell in zip(columns, row, strict=True)))
        return
    lines = table([*([list(columns)] if not options.has("-n", "--noheadings") else []), *cells], gap=1)
    await call.out("\n".join(line.rstrip() for line in lines))


# findmnt --------------------------------------------------------------------------------------------------------------


@player("findmnt")
async def findmnt(call: Call) -> int:
    options = call.options(
        *("-J", "--json", "-b", "--bytes", "-l", "--list", "-o=", "--output=", "-n", "--noheadings", "-r", "--raw"),
        *("-M=", "--mountpoint=", "-T=", "--target=", "-S=", "--source=", "-t=", "--types=", "-k", "--kernel"),
        *("-f", "--first-only", "-R", "--submounts", "--real", "-P", "--pairs", "-e", "--evaluate", "-U", "--uniq"),
        *("-v", "--nofsroot", "-D", "--df"),
    )
    machine, columns = call.machine, _columns(options, "TARGET,SOURCE,FSTYPE,OPTIONS")
    found = mounts(machine)
    for word in options.words:
        block = block_of(word)
        found = [each for each in found if each.target == word or (block is not None and each.source == block.path)]
    if options.has("-M", "--mountpoint"):
        found = [each for each in found if each.target == options.value("-M", "--mountpoint")]
    if options.has("-T", "--target"):
        path = options.value("-T", "--target")
        holding = _holding(machine, path) if machine.exists(path) else None
        found = [each for each in found if each == holding]
    if options.has("-S", "--source"):
        word = options.value("-S", "--source")
        block = block_of(word)
        found = [each for each in found if each.source == (block.path if block is not None else word)]
    if options.has("-t", "--types"):
        found = [each for each in found if each.fstype in options.value("-t", "--types").split(",")]
    if options.has("-f", "--first-only"):
        found = found[:1]
    if not found:
        return 1
    rows = [_found(machine, each, columns, options) for each in found]
    if options.has("-J", "--json"):
        await call.out(json.dumps({"filesystems": rows}, indent=3))
    else:
        await _print(call, columns, rows, options)
    return 0


def _found(machine: Machine, mount: Mount, columns: Sequence[str], options: Options) -> dict[str, Any]:
    block, space = block_of(mount.source), _space(machine, mount.target)
    every: dict[str, Any] = {
        "TARGET": mount.target,
        "SOURCE": mount.source,
        "FSTYPE": mount.fstype,
        "OPTIONS": mount.options,
        "MAJ:MIN": mount.numbers,
        "FSROOT": mount.root,
        "UUID": block.uuid if block is not None else None,
        "LABEL": block.label if block is not None else None,
        "PARTUUID": block.partuuid if block is not None else None,
        "SIZE": space[0] if space else None,
        "USED": space[1] if space else None,
        "AVAIL": space[2] if space else None,
    }
    unknown = [column for column in columns if column not in every]
    if unknown:
        raise Refused(f"findmnt: unknown column: {','.join(unknown)}")
    if not options.has("-b", "--bytes"):
        for name in ("SIZE", "USED", "AVAIL"):
            every[name] = _size(every[name]) if every[name] is not None else None
    return {column.lower(): every[column] for column in columns}


@player("blkid", folder="/usr/sbin")
async def blkid(call: Call) -> int:
    options = call.options(
        *("-p", "--probe", "-s=", "--match-tag=", "-o=", "--output=", "-L=", "--label=", "-U=", "--uuid="),
    )
    for key in ("LABEL", "UUID"):
        name = options.value(f"-{key[0]}", f"--{key.lower()}")
        if name:
            found = block_of(f"{key}={name}")
            if found is None:
                return 2
            await call.out(found.path)
            return 0
    wanted = options.values("-s", "--match-tag")
    blocks = [block_of(word) for word in options.words] or list(BLOCKS)
    result = 2
    for each in blocks:
        if each is None or not each.uuid:
            continue
        tags = {"LABEL": each.label, "UUID": each.uuid, "TYPE": each.fstype, "PARTUUID": each.partuuid}
        tags = {key: value for key, value in tags.items() if not wanted or key in wanted}
        if tags:
            result = 0
            if options.value("-o", "--output") == "value":
                await call.out("\n".join(tags.values()))
            else:
                await call.out(f"{each.path}: " + " ".join(f'{key}="{value}"' for key, value in tags.items()))
    return result

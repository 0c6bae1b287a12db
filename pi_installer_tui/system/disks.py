"""Disks and what is on them: partitions, file systems, where they are mounted. Sources: lsblk(8), sfdisk(8), their
JSON; proc(5) for what is swapped on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pi_installer_tui.system.host import Host, HostError

_COLUMNS = "NAME,PATH,TYPE,SIZE,RO,MODEL,SERIAL,TRAN,PTTYPE,PTUUID,PARTUUID,FSTYPE,UUID,LABEL,MOUNTPOINTS"
BY_ID = "/dev/disk/by-id"
#: what lsblk calls a file system, and nobody mounts
_NOT_MOUNTED = ("swap", "crypto_LUKS")


@dataclass(frozen=True, slots=True)
class Block:
    """A disk, a partition, or what is built on one (LVM, md, dm-crypt). size: bytes; holds: what is built on it;
    mounts: where it is mounted, `[SWAP]` for swap that is on; link: a disk's name that stays when disks are plugged in
    another order, ""; table: `dos`, `gpt`, "" where it has no partitions."""

    path: str
    kind: str
    size: int
    read_only: bool = False
    model: str = ""
    serial: str = ""
    bus: str = ""
    table: str = ""
    table_id: str = ""
    partition_id: str = ""
    file_system: str = ""
    uuid: str = ""
    label: str = ""
    mounts: tuple[str, ...] = ()
    holds: tuple[Block, ...] = field(default=())
    link: str = ""

    @property
    def all(self) -> Iterator[Block]:
        """It, and everything on it."""
        yield self
        for each in self.holds:
            yield from each.all

    @property
    def used_for(self) -> tuple[str, ...]:
        """Where anything on it is mounted, `[SWAP]` too."""
        return tuple(dict.fromkeys(mount for each in self.all for mount in each.mounts))

    @property
    def identity(self) -> str:
        """What tells it from another one, and from itself with other partitions on it."""
        there = (f"{each.path}={each.partition_id or each.uuid}:{each.size}" for each in self.all)
        return "|".join((self.model, self.serial, str(self.size), self.table_id, *there))


async def disks(host: Host) -> tuple[Block, ...]:
    """Whole disks that something can be written to: no CD drives, no RAM, no empty card readers. Raises HostError,
    CommandNotFound."""
    found = await _read(host)
    links = await _links(host)
    whole = [each for each in found if each.kind in ("disk", "loop") and each.size and "/zram" not in each.path]
    return tuple(replace(each, link=links.get(each.path, "")) for each in whole)


async def file_systems(host: Host) -> tuple[Block, ...]:
    """All that can be mounted by a UUID or a label, whatever it is on. Raises HostError, CommandNotFound."""
    found = [each for top in await _read(host) for each in top.all]
    wanted = [each for each in found if each.file_system not in ("", *_NOT_MOUNTED) and (each.uuid or each.label)]
    return tuple({each.path: each for each in wanted}.values())


async def named(host: Host, path: str, key: Literal["UUID", "LABEL"]) -> str:
    """The UUID or the label of what is on a device: by what udev knows, else by what the device says itself; "" where
    it has none. Raises CommandNotFound."""
    done = await host.run(["lsblk", "--json", "--nodeps", "--output", key, "--", path])
    with suppress(ValueError, KeyError, IndexError, TypeError, AttributeError):
        if told := json.loads(done.stdout)["blockdevices"][0].get(key.lower()):
            return str(told)
    done = await host.run(["blkid", "--probe", "--match-tag", key, "--output", "value", path])
    return done.stdout.strip() if done.ok else ""


async def _read(host: Host) -> list[Block]:
    done = await host.run(["lsblk", "--json", "--bytes", "--output", _COLUMNS], check=True)
    try:
        devices = json.loads(done.stdout)["blockdevices"]
        probed = await _probed(host, [str(each["path"]) for each in _every(devices) if not each.get("fstype")])
        return [_block(each, probed) for each in devices]
    except (ValueError, KeyError, TypeError):
        raise HostError("lsblk's answer can't be read") from None


async def _links(host: Host) -> Mapping[str, str]:
    """The stable names of disks, by their paths (udev(7), 60-persistent-storage.rules)."""
    found: dict[str, str] = {}
    for name in await host.listdir(BY_ID):
        if "-part" not in name:
            found.setdefault(await host.realpath(f"{BY_ID}/{name}"), f"{BY_ID}/{name}")
    return found


def _every(devices: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for each in devices:
        yield each
        yield from _every(each.get("children") or ())


async def _probed(host: Host, paths: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """What blkid(8) finds on the devices themselves: lsblk only knows what udev has told it. Each is asked for itself,
    for blkid ends at the first that can't be read (an empty card reader, a disk that was just pulled out)."""
    found = {}
    for path in paths:
        done = await host.run(["blkid", "--probe", "--output", "export", path])
        found[path] = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return found


async def disk(host: Host, path: str) -> Block | None:
    """The disk of that path, or of a link to it. Raises HostError."""
    real = await host.realpath(path)
    return next((each for each in await disks(host) if each.path == real), None)


async def table(host: Host, path: str) -> Mapping[str, Any]:
    """A disk's partition table as sfdisk has it: label, id, unit, sectorsize, and partitions with node, start, size (in
    sectors), type, bootable, name, attrs. Raises HostError, CommandNotFound."""
    done = await host.run(["sfdisk", "--json", path], check=True)
    try:
        found = json.loads(done.stdout)["partitiontable"]
    except (ValueError, KeyError, TypeError):
        raise HostError("sfdisk's answer can't be read") from None
    return found if isinstance(found, dict) else {}


def _block(found: Mapping[str, Any], probed: Mapping[str, Mapping[str, str]]) -> Block:
    path = str(found.get("path") or f"/dev/{found['name']}")
    seen = probed.get(path, {})

    def text(key: str, probe: str = "") -> str:
        return str(found.get(key) or seen.get(probe) or "").strip()

    return Block(
        path=path,
        kind=text("type"),
        size=int(found.get("size") or 0),
        read_only=bool(found.get("ro")),
        model=text("model"),
        serial=text("serial"),
        bus=text("tran"),
        table=text("pttype", "PTTYPE"),
        table_id=text("ptuuid", "PTUUID"),
        partition_id=text("partuuid", "PART_ENTRY_UUID"),
        file_system=text("fstype", "TYPE"),
        uuid=text("uuid", "UUID"),
        label=text("label", "LABEL"),
        mounts=tuple(str(each) for each in found.get("mountpoints") or () if each),
        holds=tuple(_block(each, probed) for each in found.get("children") or ()),
    )

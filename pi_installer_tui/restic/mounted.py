"""Whether the disk of a folder place is where it has to be, so that a backup never fills the card that it was meant to
save. Source: findmnt(8), its JSON."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from typing import Any, Literal

from pi_installer_tui.restic.answers import Trouble
from pi_installer_tui.restic.place import Place
from pi_installer_tui.system.disks import named
from pi_installer_tui.system.host import Host

#: what is wrong: nothing is mounted there; another disk is; the folder isn't on that disk; it can't be written
Wrong = Literal["", "nothing", "other", "elsewhere", "read-only"]


@dataclass(frozen=True, slots=True)
class Mounted:
    """A folder place's disk. wrong: see `Wrong`; read-only is wrong only for who writes. source: what is mounted there;
    free and total: bytes, None where it isn't there."""

    wrong: Wrong
    source: str = ""
    free: int | None = None
    total: int | None = None

    @property
    def readable(self) -> bool:
        return self.wrong in ("", "read-only")


async def look(host: Host, place: Place) -> Mounted:
    """Looks whether the disk is there. A place without a device: any disk is right that has the folder. Raises OSError,
    CommandNotFound."""
    folder = await _existing(host, place.path)
    if not place.device:
        found = await _findmnt(host, "--target", folder)
        return await _sized(host, "read-only" if _read_only(found) else "", found, folder)
    mount = await host.realpath(place.mount)
    found = await _findmnt(host, "--mountpoint", mount)
    if found is None:
        return Mounted("nothing")
    source = str(found.get("source") or "")
    if not await _is(host, place.device, found):
        return Mounted("other", source)
    holding = await _findmnt(host, "--target", folder)
    if holding is None or holding.get("target") != mount:
        return Mounted("elsewhere", source)
    return await _sized(host, "read-only" if _read_only(found) else "", found, folder)


async def require(host: Host, place: Place, *, write: bool = False) -> Mounted:
    """What `look` says, where the place can be used. Raises Trouble `not-mounted`, `refused` where it has to be written
    and can't be; CommandNotFound."""
    try:
        found = await look(host, place)
    except OSError as error:
        raise Trouble("refused", place=place.name, cause="permission", line=f"{place.path}: {error.strerror}") from None
    if not found.readable:
        raise Trouble(
            "not-mounted",
            place=place.name,
            device=place.device,
            mount=place.mount,
            path=place.path,
            wrong=found.wrong,
            source=found.source,
        )
    if write and found.wrong == "read-only":
        raise Trouble("refused", place=place.name, cause="read-only", line=found.source)
    return found


async def _existing(host: Host, path: str) -> str:
    """The nearest folder to a path that is there, its links resolved."""
    path = await host.realpath(path)
    while path != "/" and await host.stat(path) is None:
        path = posixpath.dirname(path)
    return path


async def _findmnt(host: Host, by: str, path: str) -> dict[str, Any] | None:
    """The uppermost file system there."""
    columns = "TARGET,SOURCE,UUID,LABEL,OPTIONS"
    done = await host.run(["findmnt", "--json", "--output", columns, by, path])
    if not done.ok:
        return None
    found = json.loads(done.stdout or "{}").get("filesystems") or []
    return dict(found[-1]) if found else None


async def _is(host: Host, device: str, found: dict[str, Any]) -> bool:
    """Whether that is mounted: by what udev knows, else by what the disk says itself."""
    key, _equals, wanted = device.partition("=")
    if told := found.get(key.lower()):
        return str(told) == wanted
    source = str(found.get("source") or "").partition("[")[0]  # a subvolume's or a bind mount's folder comes after it
    return await named(host, source, "UUID" if key == "UUID" else "LABEL") == wanted


def _read_only(found: dict[str, Any] | None) -> bool:
    return found is not None and "ro" in str(found.get("options") or "").split(",")


async def _sized(host: Host, wrong: Wrong, found: dict[str, Any] | None, folder: str) -> Mounted:
    usage = await host.disk(folder)
    return Mounted(wrong, str((found or {}).get("source") or ""), usage.free, usage.total)

"""A folder on a disk of this machine is tried: is the disk there, and can a file be made, read again and removed."""

from __future__ import annotations

import asyncio
import os
import posixpath
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.places import FolderPlace
from pi_installer_tui.modules.backup.placing import place_of
from pi_installer_tui.modules.backup.trial import repository
from pi_installer_tui.modules.backup.trial.tried import Tried
from pi_installer_tui.restic.mounted import look
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.tasks.words import size

T = TypeVar("T")


async def tries(host: Host, settings: FolderPlace) -> AsyncIterator[Tried]:
    """What is tried of a folder."""
    path = settings.path
    if path is None:
        yield Tried("settings", False, _("no folder is given"))
        return
    disk = await _disk(host, settings)
    yield disk
    if disk.ok is False:
        return
    try:
        at = await _aside(lambda: _nearest(host, path))
        names = await _aside(lambda: host.listdir(at))
    except OSError as error:
        yield Tried("place", False, f"{error.filename or path}: {error.strerror}")
        return
    there = at == path
    if there:
        yield Tried("place", True, path)
    else:
        yield Tried("place", True, _("{path} isn't there yet; the first run makes it").format(path=path))
    yield Tried("list", True, at)
    async for tried in _file(host, at):
        yield tried
    try:
        usage = await _aside(lambda: host.disk(at))
        sizes = {"free": size(usage.free), "total": size(usage.total)}
        yield Tried("space", None, _("{free} of {total} are free").format(**sizes))
    except OSError as error:
        yield Tried("space", None, str(error.strerror))
    yield repository.found(set(names) if there else set())


async def _aside(call: Callable[[], Awaitable[T]]) -> T:
    """File operations in a thread: a disk on the network, or one that dies, lets them hang."""

    async def run() -> T:
        return await call()

    return await asyncio.to_thread(lambda: asyncio.run(run()))


async def _nearest(host: Host, path: str) -> str:
    """The folder itself, or the nearest above it that is there. Raises OSError."""
    while (found := await host.stat(await host.realpath(path))) is None and path != "/":
        path = posixpath.dirname(path)
    if found is not None and found.kind != "directory":
        raise NotADirectoryError(20, _("is not a folder"), path)
    return path


async def _file(host: Host, at: str) -> AsyncIterator[Tried]:
    folder = posixpath.join(at, f".pi-installer-tui-trial-{secrets.token_hex(8)}")
    file, content = f"{folder}/file", secrets.token_bytes(64)
    uid, gid = os.geteuid(), os.getegid()
    try:
        await _aside(lambda: host.mkdir(folder, mode=0o700, uid=uid, gid=gid))
    except OSError as error:
        yield Tried("write", False, f"{at}: {error.strerror}")
        return
    try:
        try:
            await _aside(lambda: host.replace(file, content, mode=0o600, uid=uid, gid=gid))
            yield Tried("write", True, _("a file was made in {folder}").format(folder=at))
            back = await _aside(lambda: host.read(file))
        except OSError as error:
            yield Tried("write", False, f"{at}: {error.strerror}")
            return
        if back != content:
            yield Tried("read", False, _("it isn't what was written"))
        else:
            yield Tried("read", True, _("it is what was written"))
        try:
            await _aside(lambda: host.remove(file))
            yield Tried("delete", True, _("it is gone again"))
        except OSError as error:
            yield Tried("delete", False, f"{at}: {error.strerror}")
    finally:
        if await host.stat(file) is not None:
            await host.remove(file)
        await host.remove(folder)


async def _disk(host: Host, settings: FolderPlace) -> Tried:
    device, mount, path = settings.device, settings.mount, settings.path or ""
    if device is None:
        return Tried("disk", None, _("none is named: where nothing is mounted there, the backup fills the card"))
    if mount is None:
        return Tried("disk", False, _("where {device} is mounted isn't given").format(device=device))
    try:
        found = await look(host, place_of("trial", settings))
    except (CommandNotFound, OSError) as error:
        return Tried("disk", None, str(error))
    match found.wrong:
        case "nothing":
            return Tried("disk", False, _("nothing is mounted at {mount}").format(mount=mount))
        case "other":
            said = _("at {mount} is another disk: {source}").format(mount=mount, source=found.source)
            return Tried("disk", False, said)
        case "elsewhere":
            return Tried("disk", False, _("{path} isn't on the disk at {mount}").format(path=path, mount=mount))
    said = _("{device} is mounted at {mount}: {source}")
    return Tried("disk", True, said.format(device=device, mount=mount, source=found.source))

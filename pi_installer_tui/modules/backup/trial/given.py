"""What a trial works with: the values of a place's secrets, and a folder that only root reads, in memory where there is
one, for what `ssh` and `restic` want as a file. It is gone afterwards."""

from __future__ import annotations

import os
import secrets as random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from pi_installer_tui.modules.backup.places import PlaceSettings
from pi_installer_tui.modules.backup.placing import secret_path
from pi_installer_tui.system.host import Host

#: the fields that name one
FIELDS = ("password", "secret", "key")


async def values(host: Host, settings: PlaceSettings, given: Mapping[str, str]) -> dict[str, str]:
    """Field -> value, of those of a place's secrets that were given or lie on the machine already."""
    found: dict[str, str] = {}
    for field in FIELDS:
        name = getattr(settings, field, None)
        if name is None:
            continue
        value = given.get(name) or await _kept(host, name)
        if value:
            found[field] = value
    return found


async def _kept(host: Host, name: str) -> str:
    try:
        return (await host.read(secret_path(name), follow=False)).decode("utf-8", "replace").rstrip("\r\n")
    except OSError:
        return ""


class Scratch:
    """A folder for the time of a trial."""

    def __init__(self, host: Host, path: str) -> None:
        self._host = host
        self.path = path

    async def put(self, name: str, text: str) -> str:
        """A file in it, 0600, and its path. Raises OSError."""
        path = f"{self.path}/{name}"
        await self._host.replace(path, text.encode(), mode=0o600, uid=os.geteuid(), gid=os.getegid())
        return path

    async def text(self, name: str) -> str | None:
        """A file in it, None where there is none."""
        return await self._host.text(f"{self.path}/{name}")


@asynccontextmanager
async def scratch(host: Host) -> AsyncIterator[Scratch]:
    """Raises OSError where none can be made."""
    name = f"pi-installer-tui-trial-{random.token_hex(8)}"
    path = f"/run/{name}"
    try:
        await host.mkdir(path, mode=0o700, uid=os.geteuid(), gid=os.getegid())
    except PermissionError:
        path = f"/tmp/{name}"
        await host.mkdir(path, mode=0o700, uid=os.geteuid(), gid=os.getegid())
    try:
        yield Scratch(host, path)
    finally:
        await _clear(host, path)


async def _clear(host: Host, path: str) -> None:
    for name in await host.listdir(path):
        below = f"{path}/{name}"
        found = await host.stat(below)
        if found is not None and found.kind == "directory":
            await _clear(host, below)
        elif found is not None:
            await host.remove(below)
    await host.remove(path)

"""Which databases are here: on the machine's own servers, in containers, as files. Servers are asked; SQLite's files
are looked for where they usually are, by their names and then by their first bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pi_installer_tui.databases import ACCOUNTS, Dump, Engine, Found
from pi_installer_tui.databases.scratch import ask
from pi_installer_tui.databases.sqlite import is_database
from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host, HostError

#: where SQLite's files usually are
ROOTS = ("/var/lib", "/var/www", "/srv", "/opt", "/home", "/root", "/etc")
#: seconds for the search through them; a card with very many files is left half searched
PATIENCE = 30.0
#: seconds for a server to say which databases it has
_SERVER = 20.0
_NAMES = ("*.db", "*.db3", "*.sqlite", "*.sqlite3", "*.s3db", "*.sdb")
#: what is made again by itself: caches, indexes of packages and of the desktop, browsers' own, others' layers
_LEFT_OUT = (
    "/var/lib/apt",
    "/var/lib/command-not-found",
    "/var/lib/containerd",
    "/var/lib/containers/storage/overlay*",
    "/var/lib/docker/overlay2",
    "/var/lib/docker/rootfs",
    "/var/lib/docker/buildkit",
    "/var/lib/dpkg",
    "/var/lib/mysql",
    "/var/lib/PackageKit",
    "/var/lib/pi-installer-tui/jobs",
    "/var/lib/pi-installer-tui/scratch",
    "/var/lib/postgresql",
    "/var/lib/fail2ban",
    "/var/lib/snapd",
    "*/.cache",
    "*/.mozilla",
    "*/.config/chromium",
    "*/.config/google-chrome",
    "*/.config/BraveSoftware",
    "*/.local/share/gvfs-metadata",
    "*/.local/share/Trash",
    "*/.thunderbird",
    "*/.var/app",
    "*/node_modules",
    "*/site-packages",
    "*/.git",
)

#: a server of this machine's own: its dumping program, and the folder that comes with Debian's package
_HERE: tuple[tuple[Engine, str, str], ...] = (
    ("postgresql", "pg_dump", "/var/lib/postgresql"),
    ("mariadb", "mariadb-dump", "/var/lib/mysql"),
)

#: what clients say where no server is behind the socket
_ASLEEP = ("failed: No such file or directory", "failed: Connection refused", "Can't connect to local")


@dataclass(frozen=True, slots=True)
class Running:
    """A container that runs a server: its name (`podman:NAME` for Podman's), and its folders: in the container, on the
    machine."""

    engine: Engine
    container: str
    folders: Mapping[str, str]


async def find(host: Host, containers: Sequence[Running] = (), roots: Sequence[str] = ROOTS) -> tuple[Found, ...]:
    """All databases of servers, and SQLite's files below the roots. Never raises for what isn't here."""
    asked: list[tuple[Engine, str, Mapping[str, str]]] = []
    for engine, client, server in _HERE:
        if await host.which(client) and await host.stat(server):
            asked.append((engine, "", {}))
    asked += [(each.engine, each.container, each.folders) for each in containers]
    found = await asyncio.gather(*(_servers(host, *each) for each in asked), sqlite_files(host, roots))
    return tuple(one for each in found for one in each)


async def _servers(host: Host, engine: Engine, container: str, folders: Mapping[str, str]) -> tuple[Found, ...]:
    try:
        async with asyncio.timeout(_SERVER):
            said = json.loads((await ask(host, "list", engine, "", container)).stdout)
    except TimeoutError:
        return (Found(Dump(engine, "", container), why=_("its server doesn't answer")),)
    except (HostError, ValueError) as error:
        asleep = any(words in str(error) for words in _ASLEEP)
        return (Found(Dump(engine, "", container), why=_("its server doesn't run") if asleep else str(error)),)
    folder = str(said["folder"])
    files = () if container and not (folder := _outside(folder, folders)) else (folder,)
    names = [*sorted(said["databases"]), ACCOUNTS]
    return tuple(Found(Dump(engine, name, container), said["databases"].get(name), files) for name in names)


def _outside(path: str, folders: Mapping[str, str]) -> str:
    """A container's path as the machine sees it, "" where it is in the container's own layer."""
    for inside in sorted(folders, key=len, reverse=True):
        if path == inside or path.startswith(inside.rstrip("/") + "/"):
            return folders[inside] + path[len(inside.rstrip("/")) :]
    return ""


async def sqlite_files(host: Host, roots: Sequence[str] = ROOTS) -> tuple[Found, ...]:
    """SQLite's files below those folders, on their own file systems; as far as it came in PATIENCE."""
    there = []
    for root in roots:
        with contextlib.suppress(PermissionError):
            if (at := await host.stat(root)) and at.kind == "directory":
                there.append(root)
    if not there:
        return ()
    left_out = [word for path in _LEFT_OUT for word in ("-path", path, "-o")][:-1]
    names = [word for name in _NAMES for word in ("-path", name, "-o")][:-1]
    argv = ["find", *there, "-xdev", "(", *left_out, ")", "-prune", "-o", "-type", "f"]
    argv += ["(", *names, ")", "-printf", r"\0%s %p\0"]
    said = b""
    with contextlib.suppress(TimeoutError, CommandNotFound):
        async with asyncio.timeout(PATIENCE), host.start(argv) as process:
            async for chunk in process.chunks():
                said += chunk
    found: list[Found] = []
    for size, path in re.findall(rb"\0(\d+) (/[^\0]+)\0", said):
        text = path.decode("utf-8", "surrogateescape")
        with contextlib.suppress(OSError):
            if text.isprintable() and is_database((await host.read_part(text, 0, 16)).data):
                files = tuple(text + suffix for suffix in ("", "-wal", "-shm", "-journal"))
                found.append(Found(Dump("sqlite", text), int(size), files))
    return tuple(sorted(found, key=lambda each: each.dump.of))

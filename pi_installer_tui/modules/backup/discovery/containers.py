"""Containers, and what of them is worth keeping: compose projects with their folder and volumes, and other volumes.
Docker and Podman are asked by `inspect`; of what they answer only what is needed is kept, since passwords are in it."""

from __future__ import annotations

import asyncio
import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pi_installer_tui.databases import Engine, Found
from pi_installer_tui.databases.finding import Running
from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.discovery.found import Worthwhile, below, literally, once
from pi_installer_tui.system.host import CommandNotFound, Host, HostError

#: seconds after which an engine hangs (system/containers.py)
_PATIENCE = 10.0
#: folders of the machine that containers look into, and media that are too large to be kept unasked
_NOT = ("/bin", "/boot", "/dev", "/etc", "/lib", "/media", "/mnt", "/proc", "/run", "/sys", "/tmp", "/usr", "/var/run")
#: a variable that an image of a server sets, and where its files are
_SERVERS: tuple[tuple[str, Engine, str], ...] = (
    ("PG_MAJOR", "postgresql", "/var/lib/postgresql"),
    ("MARIADB_VERSION", "mariadb", "/var/lib/mysql"),
    ("MYSQL_VERSION", "mariadb", "/var/lib/mysql"),
)


@dataclass(frozen=True, slots=True)
class Mount:
    """source: on the machine; volume: its name, "" of a folder that is bound."""

    source: str
    target: str
    volume: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Box:
    """A container. name: `podman:NAME` of Podman's; server: the engine of the database that it runs."""

    name: str
    running: bool
    mounts: tuple[Mount, ...]
    project: str = ""
    folder: str = ""
    files: tuple[str, ...] = ()
    server: Engine | None = None
    data: str = ""


@dataclass(frozen=True, slots=True)
class Boxes:
    """All that an engine has. volumes: folders by name; why: why one can't be asked, by engine."""

    boxes: tuple[Box, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def servers(self) -> tuple[Running, ...]:
        return tuple(
            Running(box.server, box.name, {mount.target: mount.source for mount in box.mounts})
            for box in self.boxes
            if box.running and box.server
        )


async def look(host: Host) -> Boxes:
    """The containers and volumes of Docker and Podman."""
    boxes: list[Box] = []
    volumes: dict[str, str] = {}
    why: dict[str, str] = {}
    for engine in ("docker", "podman"):
        if await host.which(engine) is None or (engine == "docker" and await host.stat("/run/docker.sock") is None):
            continue
        try:
            async with asyncio.timeout(_PATIENCE):
                ids = (await host.run([engine, "ps", "--all", "--quiet", "--no-trunc"], check=True)).stdout.split()
                names = (await host.run([engine, "volume", "ls", "--quiet"], check=True)).stdout.split()
                found = await _inspect(host, engine, "container", ids)
                kept = await _inspect(host, engine, "volume", names)
        except TimeoutError:
            why[engine] = _("{engine} doesn't answer").format(engine=engine)
        except CommandNotFound:
            continue
        except (HostError, ValueError, KeyError, TypeError, AttributeError) as error:
            why[engine] = str(error)
        else:
            boxes += [_box(engine, each) for each in found]
            prefix = "" if engine == "docker" else "podman:"
            local = [each for each in kept if each.get("Driver", "local") == "local" and each.get("Mountpoint")]
            volumes |= {prefix + each["Name"]: each["Mountpoint"] for each in local}
    return Boxes(tuple(sorted(boxes, key=lambda box: box.name)), volumes, why)


async def _inspect(host: Host, engine: str, kind: str, names: Sequence[str]) -> list[dict[str, Any]]:
    if not names:
        return []
    done = await host.run([engine, kind, "inspect", *names])  # one that went away meanwhile makes it end with 1
    found = json.loads(done.stdout or "[]")
    return [dict(each) for each in found]


def _box(engine: str, said: Mapping[str, Any]) -> Box:
    prefix = "" if engine == "docker" else "podman:"
    config = said.get("Config") or {}
    labels = config.get("Labels") or {}
    variables = {each.partition("=")[0]: each.partition("=")[2] for each in config.get("Env") or ()}
    server, data = next(((e, folder) for key, e, folder in _SERVERS if key in variables), (None, ""))
    mounts = tuple(
        Mount(
            source=str(each.get("Source") or ""),
            target=str(each.get("Destination") or ""),
            volume=prefix + str(each["Name"]) if each.get("Type") == "volume" and each.get("Name") else "",
            writable=bool(each.get("RW", True)),
        )
        for each in said.get("Mounts") or ()
        if each.get("Type") in ("volume", "bind")
    )
    files = str(labels.get("com.docker.compose.project.config_files") or "")
    return Box(
        name=prefix + str(said.get("Name") or "").lstrip("/"),
        running=bool((said.get("State") or {}).get("Running")),
        mounts=mounts,
        project=str(labels.get("com.docker.compose.project") or ""),
        folder=str(labels.get("com.docker.compose.project.working_dir") or ""),
        files=tuple(file for file in files.split(",") if file.startswith("/")),
        server=server,
        data=variables.get("PGDATA", data) if server == "postgresql" else data,
    )


def worthwhile(found: Boxes, databases: Sequence[Found]) -> list[Worthwhile]:
    """Compose projects, then volumes that belong to none."""
    by_box: dict[str, list[Found]] = {}
    for each in databases:
        if each.dump.container and not each.why:
            by_box.setdefault(each.dump.container, []).append(each)
        for box in found.boxes if each.dump.engine == "sqlite" else ():
            if any(below(each.dump.of, [mount.source]) for mount in box.mounts if mount.writable):
                by_box.setdefault(box.name, []).append(each)
    projects: dict[str, list[Box]] = {}
    for box in found.boxes:
        if box.project and box.folder:
            projects.setdefault(posixpath.normpath(box.folder), []).append(box)
    kept = [_project(folder, boxes, by_box) for folder, boxes in sorted(projects.items())]
    for name, source in sorted(found.volumes.items()):
        users = [box for box in found.boxes if any(mount.volume == name for mount in box.mounts)]
        if _nameless(name) and not users:
            continue
        dumped = [one for box in users for one in by_box.get(box.name, ()) if one.dump.container]
        if any(below(file, [source]) for one in dumped for file in one.files):
            continue  # its database is offered by itself
        title = _("Volume {name}").format(name=name if not _nameless(name) else f"{name[:12]}…")
        about = _("of the container {name}").format(name=", ".join(box.name for box in users)) if users else ""
        project = next((f"compose:{folder}" for folder, boxes in projects.items() if set(users) & set(boxes)), "")
        stops = _stops(users, [source], by_box)
        writers = tuple(f"container:{box.name}" for box in users)
        kept.append(Worthwhile(f"volume:{name}", title, about, (source,), stops=stops, writers=writers, within=project))
    return kept


def _nameless(volume: str) -> bool:
    """One that the engine named itself: its container made it without being told to."""
    name = volume.rpartition(":")[2]
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


def _project(folder: str, boxes: Sequence[Box], by_box: Mapping[str, Sequence[Found]]) -> Worthwhile:
    sources = [m.source for box in boxes for m in box.mounts if m.volume or (m.writable and not below(m.source, _NOT))]
    paths = [folder]
    for path in [*(file for box in boxes for file in box.files), *sorted(sources)]:
        if path.count("/") > 1 and not below(path, paths):
            paths.append(path)
    databases = [one for box in boxes for one in by_box.get(box.name, ()) if one.dump.container]
    excludes = once(literally(file) for one in databases for file in one.files)
    title = _("Compose project {name}").format(name=boxes[0].project)
    return Worthwhile(
        f"compose:{folder}",
        title,
        _("its folder, volumes and databases"),
        tuple(paths),
        excludes,
        tuple(one.dump for one in databases),
        _stops(boxes, paths, by_box),
        tuple(f"container:{box.name}" for box in boxes),
    )


def _stops(boxes: Sequence[Box], paths: Sequence[str], by_box: Mapping[str, Sequence[Found]]) -> tuple[str, ...]:
    """Those that write into what is kept as files. One whose database is dumped goes on."""
    return once(
        f"container:{box.name}"
        for box in boxes
        if box.running
        and box.name not in by_box
        and any(mount.writable and below(mount.source, paths) for mount in box.mounts)
    )

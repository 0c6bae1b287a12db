"""What is: what was applied, the secrets, units and timers that belong to it, restic, the disks, the runs so far, and
which recovery kits were read back. What only an action has to know is asked of the repositories (asking.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup import applied, due, timers
from pi_installer_tui.modules.backup.asking import Asked
from pi_installer_tui.modules.backup.placing import KNOWN_HOSTS, SECRETS
from pi_installer_tui.modules.backup.settings import BackupSettings
from pi_installer_tui.modules.interpreter import python
from pi_installer_tui.system.disks import Block, file_systems
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.reading import MISSING, Known, Reading, Unknown, known
from pi_installer_tui.tasks.runs import Run
from pi_installer_tui.tasks.runs import read as read_runs

if TYPE_CHECKING:
    from pi_installer_tui.modules.backup.discovery import Worthwhile

#: recovery kits that somebody has read back: a file of each place, with the kit's code
KITS = "/var/lib/pi-installer-tui/backup/kits"
#: the last trial of a place: a file of each, `PLACE.json`
TRIALS = "/var/lib/pi-installer-tui/backup/trials"


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer of ours. following, last: seconds since 1970; None: there is none, or systemd doesn't say."""

    enabled: bool
    active: bool
    following: float | None = None
    last: float | None = None


@dataclass(frozen=True, slots=True)
class State:
    """config: what was applied; mode: the file's permission bits. secrets: those that have a value; folder: theirs
    is there. known_hosts: texts by place. units: unit files of ours, by name; timers by name. due: what the collector
    is told of when backups are due, "" where nothing. restic: its version; ssh: the program is there. devices: file
    systems that can be mounted. repositories: places in folders that hold one. mounts: where file systems are mounted.
    kits: codes of recovery kits that were read back, by place. trials: places of which the last one is kept.
    worthwhile: what is worth keeping here. asked: what an action asked for beside."""

    config: Reading[BackupSettings]
    mode: int
    python: str
    secrets: Reading[frozenset[str]] = MISSING
    folder: bool = False
    known_hosts: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    timers: Reading[Mapping[str, Timer]] = MISSING
    due: str = ""
    restic: Reading[str] = MISSING
    ssh: bool = False
    devices: Reading[tuple[Block, ...]] = MISSING
    mounts: tuple[str, ...] = ()
    repositories: frozenset[str] = frozenset()
    runs: tuple[Run, ...] = ()
    kits: Mapping[str, str] = field(default_factory=dict)
    trials: frozenset[str] = frozenset()
    worthwhile: tuple[Worthwhile, ...] = ()
    asked: Asked = field(default_factory=Asked)

    @property
    def applied(self) -> BackupSettings:
        """What was applied; nothing where that is unknown."""
        return known(self.config) or BackupSettings()


async def read_summary(host: Host) -> State:
    """Of the state what tells how the jobs stand: what was applied, the timers, the runs, the kits. No other program is
    asked than systemctl."""
    config, mode = await applied.read(host)
    names = [name for name in await _unit_names(host) if name.endswith(".timer")]
    return State(
        config=config,
        mode=mode,
        python=python(host.kind),
        timers=await _timers(host, names),
        runs=await _runs(host),
        kits=await _texts(host, KITS),
    )


async def read(host: Host) -> State:
    """The state."""
    from pi_installer_tui.modules.backup.proposing import propose

    standing = await read_summary(host)
    names, folder = await _secrets(host)
    return replace(
        standing,
        secrets=names,
        folder=folder,
        known_hosts=await _texts(host, KNOWN_HOSTS),
        units={name: await _text(host, f"{timers.FOLDER}/{name}") for name in await _unit_names(host)},
        due=await _text(host, due.PATH),
        restic=await _restic(host),
        ssh=await host.which("ssh") is not None,
        devices=await _devices(host),
        mounts=await _mounts(host),
        repositories=await _repositories(host, known(standing.config)),
        trials=await _trials(host),
        worthwhile=await propose(host) if host.privileged else (),
    )


async def _secrets(host: Host) -> tuple[Reading[frozenset[str]], bool]:
    """The secrets that are there, and whether their folder is."""
    try:
        there = await host.stat(SECRETS) is not None
        return Known(frozenset(name for name in await host.listdir(SECRETS) if name.startswith("backup."))), there
    except PermissionError:
        return Unknown(_("no permission for {path}").format(path=SECRETS)), True


async def _text(host: Host, path: str) -> str:
    try:
        return await host.text(path) or ""
    except OSError:
        return ""


async def _texts(host: Host, folder: str) -> dict[str, str]:
    """The files of a folder by name."""
    try:
        return {name: await _text(host, f"{folder}/{name}") for name in await host.listdir(folder)}
    except OSError:
        return {}


async def _trials(host: Host) -> frozenset[str]:
    with suppress(OSError):
        return frozenset(name.removesuffix(".json") for name in await host.listdir(TRIALS) if name.endswith(".json"))
    return frozenset()


async def _unit_names(host: Host) -> list[str]:
    names = await host.listdir(timers.FOLDER)
    return [name for name in names if name.startswith(timers.PREFIX) and name.endswith((".service", ".timer"))]


async def _timers(host: Host, names: list[str]) -> Reading[Mapping[str, Timer]]:
    """What systemd says of timers (systemctl(1), show and list-timers)."""
    if not names:
        return Known({})
    try:
        shown = await host.run(["systemctl", "show", "--property=Id,UnitFileState,ActiveState", *names], check=True)
        listed = await host.run(["systemctl", "list-timers", "--all", "--output=json", *names])
        moments = {row["unit"]: row for row in json.loads(listed.stdout or "[]")} if listed.ok else {}
    except (HostError, ValueError, KeyError, TypeError) as error:
        return Unknown(str(error))
    found = {}
    for block in shown.stdout.split("\n\n"):
        said = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if name := said.get("Id"):
            row = moments.get(name, {})
            on, active = said.get("UnitFileState") == "enabled", said.get("ActiveState") == "active"
            found[name] = Timer(on, active, _moment(row.get("next")), _moment(row.get("last")))
    return Known(found)


def _moment(microseconds: object) -> float | None:
    """Since 1970; nothing, or 0, for never."""
    return microseconds / 1e6 if isinstance(microseconds, int) and microseconds > 0 else None


async def _restic(host: Host) -> Reading[str]:
    """`restic 0.14.0 compiled with go1.19.4 on linux/amd64`"""
    try:
        said = (await host.run(["restic", "version"])).stdout.split()
    except CommandNotFound:
        return MISSING
    return Known(said[1]) if len(said) > 1 else Unknown(_("restic doesn't say its version"))


async def _devices(host: Host) -> Reading[tuple[Block, ...]]:
    try:
        return Known(await file_systems(host))
    except HostError as error:
        return Unknown(str(error))


async def _mounts(host: Host) -> tuple[str, ...]:
    """Where file systems are mounted: the fifth field of a line (proc_pid_mountinfo(5))."""
    lines = (await _text(host, "/proc/self/mountinfo")).splitlines()
    return tuple(line.split(" ")[4].replace("\\040", " ") for line in lines if line.count(" ") > 5)


async def _repositories(host: Host, config: BackupSettings | None) -> frozenset[str]:
    """The places in folders that hold a repository: its file `config` (restic's design document)."""
    found = []
    for name, place in (config.places or {}).items() if config is not None else ():
        if place.kind == "folder" and place.path:
            try:
                if await host.stat(f"{place.path}/config") is not None:
                    found.append(name)
            except OSError:
                continue
    return frozenset(found)


async def _runs(host: Host) -> tuple[Run, ...]:
    try:
        return await read_runs(host)
    except OSError:
        return ()

"""What is: what the collector is told, whether it runs and since when, what it takes, and what it has kept."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from pi_installer_tui.alerts.config import PATH as CONFIG
from pi_installer_tui.alerts.config import Config, load
from pi_installer_tui.alerts.history import alerts
from pi_installer_tui.i18n import _
from pi_installer_tui.metrics.history import History
from pi_installer_tui.modules.monitoring import past, service
from pi_installer_tui.modules.monitoring.cutting import Board
from pi_installer_tui.modules.monitoring.wanted import SECRETS
from pi_installer_tui.system import machine
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.machine import Power
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, Value, known

_PROPERTIES = (
    "ActiveState",
    "UnitFileState",
    "ActiveEnterTimestamp",
    "ExecReload",
    "MainPID",
    "MemoryCurrent",
    "NRestarts",
)


@dataclass(frozen=True, slots=True)
class File:
    """A file of the history. size: bytes; at: seconds since 1970 at which it was last written."""

    path: str
    size: int
    at: float


@dataclass(frozen=True, slots=True)
class Collected:
    """What the collector has to say. last: seconds since 1970 of its newest reading; trouble: why it can't write to the
    disk; firing: alerts that fire, unseen: those of them that nobody has acknowledged."""

    last: float | None
    trouble: str
    firing: int
    unseen: int


@dataclass(frozen=True, slots=True)
class State:
    """config: what the collector's file says; mode: its permission bits. unit: the service's file, "" for none; python:
    the interpreter that it is to be started with. enabled: whether it is enabled, and whether it runs. failed: systemd
    has given it up. since: seconds since 1970; memory: bytes; restarts: how often systemd had to. stale: it runs by an
    older state of its file. secrets: the files that hold secrets, by the secrets' names; folder: theirs is there.
    history: the files in which it keeps what it found. board: the machine's services, read for actions only."""

    config: Reading[Config]
    mode: int
    unit: str
    python: str
    enabled: Value[bool]
    failed: bool = False
    since: Reading[int] = MISSING
    memory: Reading[int] = MISSING
    restarts: Reading[int] = MISSING
    stale: bool = False
    secrets: Reading[frozenset[str]] = MISSING
    history: Reading[tuple[File, ...]] = MISSING
    collected: Reading[Collected] = MISSING
    power: Reading[Power] = MISSING
    folder: bool = False
    board: Board = field(default_factory=Board)

    @property
    def runs(self) -> bool:
        """The collector runs."""
        return known(self.enabled.effective) is True

    @property
    def there(self) -> bool:
        """There is something of the service to be taken away."""
        return bool(self.unit) or self.runs or known(self.enabled.configured) is True


async def read(host: Host) -> State:
    """The state."""
    config, mode, changed = await _config(host)
    unit = await _unit(host)
    shown, reason = await _shown(host)
    enabled: Value[bool] = Value(Unknown(reason), Unknown(reason))
    if not reason:
        active = shown.get("ActiveState", "") in ("active", "reloading", "refreshing")
        source = Source(service.PATH) if unit else None
        enabled = Value(Known(shown.get("UnitFileState") == "enabled", source), Known(active))
    running = known(enabled.effective) is True
    names, folder = await _secrets(host)
    return State(
        config=config,
        mode=mode,
        unit=unit,
        python=service.python(host.kind),
        enabled=enabled,
        failed=shown.get("ActiveState") == "failed",
        since=_number(shown.get("ActiveEnterTimestamp", "").removeprefix("@")) if running else MISSING,
        memory=await _memory(host, shown) if running else MISSING,
        restarts=_number(shown.get("NRestarts", "")) if running else MISSING,
        stale=running and _stale(shown, changed),
        secrets=names,
        history=await _history(host),
        collected=_collected(host),
        power=await machine.power(host),
        folder=folder,
    )


async def _config(host: Host) -> tuple[Reading[Config], int, int]:
    """What the file says, its mode, and when it was changed (seconds since 1970)."""
    try:
        found, text = await host.stat(CONFIG), await host.text(CONFIG)
    except PermissionError:
        return Unknown(_("no permission for {path}").format(path=CONFIG)), 0, 0
    if found is None or text is None:
        return MISSING, 0, 0
    try:
        config = load(text)
    except ValueError as error:
        return Unknown(f"{CONFIG}: {error}"), found.mode, 0
    return Known(config, Source(CONFIG)), found.mode, found.mtime_ns // 1_000_000_000


async def _unit(host: Host) -> str:
    try:
        return await host.text(service.PATH) or ""
    except PermissionError:
        return ""


async def _shown(host: Host) -> tuple[dict[str, str], str]:
    """What systemd says of the service, or why it says nothing."""
    asks = ["systemctl", "show", "--timestamp=unix", f"--property={','.join(_PROPERTIES)}", service.NAME]
    try:
        answer = await host.run(asks)
    except CommandNotFound as error:
        return {}, str(error)
    if not answer.ok:
        return {}, (answer.stderr.strip().splitlines() or [_("systemctl fails")])[-1]
    return dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line), ""


async def _memory(host: Host, shown: dict[str, str]) -> Reading[int]:
    """What the process holds (VmRSS, proc_pid_status(5)), else what systemd accounts, which kernels of Raspberry Pi OS
    don't unless asked to (cgroup_enable=memory)."""
    with contextlib.suppress(PermissionError):
        text = await host.text(f"/proc/{shown.get('MainPID', '0')}/status")
        if text is not None and (found := re.search(r"^VmRSS:\s+(\d+) kB$", text, re.MULTILINE)):
            return Known(int(found[1]) * 1024)
    return _number(shown.get("MemoryCurrent", ""))


def _number(text: str) -> Reading[int]:
    """MemoryCurrent is `[not set]` without the accounting, and 2**64-1 in older versions of systemd."""
    return Known(int(text)) if text.isdecimal() and int(text) < 2**63 else MISSING


def _stale(shown: dict[str, str], changed: int) -> bool:
    """Whether the file was changed after the collector last read it: at its start or at a reload (in whole seconds)."""
    moments = re.findall(r"start_time=\[@(\d+)\]", shown.get("ExecReload", ""))
    moments += re.findall(r"@(\d+)", shown.get("ActiveEnterTimestamp", ""))
    return bool(moments) and changed > max(map(int, moments))


async def _secrets(host: Host) -> tuple[Reading[frozenset[str]], bool]:
    """The secrets that are there, and whether their folder is."""
    try:
        there = await host.stat(SECRETS) is not None
        return Known(frozenset(n for n in await host.listdir(SECRETS) if n.startswith("monitoring."))), there
    except PermissionError:
        return Unknown(_("no permission for {path}").format(path=SECRETS)), True


def _collected(host: Host) -> Reading[Collected]:
    """Asked of its databases: a few rows, which is quicker than handing it to a thread."""
    try:
        return Known(_ask(past.folder(host), past.runtime(host)))
    except FileNotFoundError:
        return MISSING
    except PermissionError as error:
        return Unknown(_("no permission for {path}").format(path=error.filename or service.FOLDER))
    except (OSError, ValueError) as error:
        return Unknown(str(error))


def _ask(folder: Path, runtime: Path) -> Collected:
    firing = alerts(folder, firing=True)
    with History.open(folder, runtime) as history:
        newest, trouble = history.last(), history.trouble()
    unseen = sum(alert.acknowledged is None for alert in firing)
    return Collected(newest[0] if newest is not None else None, trouble, len(firing), unseen)


async def _history(host: Host) -> Reading[tuple[File, ...]]:
    """Every file of the history, without what SQLite keeps beside it for a moment."""
    try:
        found = []
        for name in await host.listdir(service.FOLDER):
            status = await host.stat(f"{service.FOLDER}/{name}")
            if status is not None and status.kind == "file":
                found.append(File(f"{service.FOLDER}/{name}", status.size, status.mtime_ns / 1e9))
    except PermissionError:
        return Unknown(_("no permission for {path}").format(path=service.FOLDER))
    return Known(tuple(found)) if found else MISSING

"""systemd's services as systemd itself sees them, with the sockets and timers that start them: two commands a look.

What is loaded comes from `systemctl show`, which has every property at once; what is only a file from
`systemctl list-unit-files`.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Completed, Host
from pi_installer_tui.system.reading import Known, Reading, Unknown

#: the kinds that are looked at; a socket and a timer because they start services
KINDS = ("service", "socket", "timer")

#: systemd's words (systemctl(1), org.freedesktop.systemd1(5)) for a unit that runs
_RUNS = frozenset({"active", "reloading", "refreshing", "activating", "deactivating"})

_LINKS = ("TriggeredBy", "Triggers", "Requires", "RequiredBy", "BoundBy", "ConsistsOf")
_PROPERTIES = (
    *("Id", "Names", "Description", "LoadState", "ActiveState", "SubState", "Result", "Type", "RemainAfterExit"),
    *("NRestarts", "MemoryCurrent", "MainPID", "ExecMainCode", "ExecMainStatus", "UnitFileState", "FragmentPath"),
    *("ActiveEnterTimestamp", "ActiveExitTimestamp", "InactiveEnterTimestamp", "InactiveExitTimestamp"),
    *("ActiveEnterTimestampMonotonic", "ActiveExitTimestampMonotonic"),
    *("InactiveEnterTimestampMonotonic", "InactiveExitTimestampMonotonic"),
    *("CanStart", "CanStop", "NeedDaemonReload"),
    *_LINKS,
)

#: the time at which a unit came to be what it is, as `systemctl status` chooses it
_SINCE = {
    "active": "ActiveEnter",
    "reloading": "ActiveEnter",
    "refreshing": "ActiveEnter",
    "inactive": "InactiveEnter",
    "failed": "InactiveEnter",
    "activating": "InactiveExit",
}

#: what systemd prints for a number that isn't kept: UINT64_MAX, in words since systemd 233
_UNSET = frozenset({"", "[not set]", "[no data]", "infinity", str(2**64 - 1)})


@dataclass(frozen=True, slots=True)
class Service:
    """A unit. Texts are systemd's own words; names are whole (`ssh.service`).

    active, sub:   ActiveState and SubState: `failed`, `activating` and `auto-restart`
    result:        how its last run ended: `success`, `exit-code`, `oom-kill` (systemd.exec(5), $SERVICE_RESULT)
    code, status:  what became of its main process: `exited` and the exit status, `killed` or `dumped` and the signal
    restarts:      how often systemd itself started it again since somebody did; None: of no service
    memory:        bytes of its control group, page cache included; where the kernel doesn't count that, what its main
                   process has in memory (`main_only`); None where that isn't known either
    since:         seconds since 1970 at which it came to be in this state; None: never, or not known
    enabled:       UnitFileState: `enabled`, `disabled`, `static`, `masked` ...; "" where it has no file
    file:          its unit file; "" where it has none
    requires:      units without which it doesn't run
    takes_along:   units that are stopped with it
    triggered_by:  sockets and timers that start it
    stale:         its file has changed since systemd read it
    in_memory:     False: systemd has forgotten it, and all that is known is its file's state
    """

    name: str
    description: str = ""
    load: str = "loaded"
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    code: str = ""
    status: int = 0
    restarts: int | None = None
    memory: int | None = None
    main_only: bool = False
    since: float | None = None
    enabled: str = ""
    file: str = ""
    pid: int = 0
    type: str = ""
    remains: bool = False
    can_start: bool = True
    can_stop: bool = True
    stale: bool = False
    in_memory: bool = True
    aliases: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    takes_along: tuple[str, ...] = ()
    triggered_by: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """service, socket or timer."""
        return self.name.rpartition(".")[2]

    @property
    def runs(self) -> bool:
        """Whether there is something to stop."""
        return self.active in _RUNS

    @property
    def failed(self) -> bool:
        """Whether it gave up, or is started again and again."""
        return self.active == "failed" or self.restarting

    @property
    def restarting(self) -> bool:
        """Whether it ended by itself and systemd waits to start it again (systemd.service(5), RestartSec=)."""
        return self.sub in ("auto-restart", "auto-restart-queued")

    @property
    def at_boot(self) -> bool:
        """Whether it is started with the machine, for its own sake."""
        return self.enabled in ("enabled", "enabled-runtime", "generated")

    @property
    def own(self) -> bool:
        """Whether its file was made on this machine, and isn't a package's."""
        return self.file.startswith("/etc/systemd/system/")

    @property
    def ends_by_itself(self) -> bool:
        """Whether it does its work and isn't active any more (systemd.service(5), Type=oneshot)."""
        return self.type == "oneshot" and not self.remains


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the journal. at: seconds since 1970; priority: 0 (emergency) to 7 (debug), as syslog(3) has them."""

    at: float
    priority: int
    source: str
    text: str


async def read(host: Host, *, everything: bool = False) -> Reading[Mapping[str, Service]]:
    """Every service, socket and timer by its name, in the order in which they are shown. Unknown without systemd.

    everything: also all properties of those that systemd doesn't have in its memory, by a third command that makes it
    read their files."""
    if not await host.systemd():
        return Unknown(_("systemd doesn't run here: there are no services to ask for"))
    files = ["systemctl", "list-unit-files", "--all", f"--type={','.join(KINDS)}", "--output=json"]
    try:
        shown, listed = await asyncio.gather(_show(host, [f"*.{kind}" for kind in KINDS]), host.run(files))
        for asked in (shown, listed):
            if not asked.ok:
                return Unknown(_("systemctl doesn't answer: {why}").format(why=_last(asked)))
        now, uptime = time.time(), await _uptime(host)
        found = {unit.name: unit for unit in merged(shown.stdout, json.loads(listed.stdout or "[]"), now, uptime)}
        sleeping = [unit.name for unit in found.values() if not unit.in_memory]
        if everything and sleeping:
            asked = await _show(host, sleeping)
            found |= {unit.name: replace(unit, in_memory=False) for unit in _parsed(asked.stdout, now, uptime)}
    except CommandNotFound:
        return Unknown(_("systemctl is not installed"))
    except (ValueError, KeyError, TypeError):
        return Unknown(_("systemctl answered something that isn't understood"))
    weighed = [await _weighed(host, unit) for unit in found.values()]
    return Known({unit.name: unit for unit in ordered(weighed)})


async def read_one(host: Host, name: str) -> Service | None:
    """A unit with all its properties; None where systemd says nothing of it."""
    asked = await _show(host, [name])
    units = _parsed(asked.stdout, time.time(), await _uptime(host)) if asked.ok else []
    return await _weighed(host, units[0]) if len(units) == 1 and units[0].name == name else None


async def _weighed(host: Host, unit: Service) -> Service:
    """The same with the memory of its main process, where the kernel counts none for control groups (Raspberry Pi OS
    has that switched off). Source: proc_pid_status(5), VmRSS."""
    if unit.memory is not None or not unit.pid:
        return unit
    try:
        status = await host.text(f"/proc/{unit.pid}/status") or ""
    except OSError:  # it has just ended
        return unit
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    return replace(unit, memory=int(found[1]) * 1024, main_only=True) if found else unit


async def _show(host: Host, names: Sequence[str]) -> Completed:
    asks = ["systemctl", "show", "--all", "--timestamp=unix", f"--property={','.join(_PROPERTIES)}", "--", *names]
    return await host.run(asks)


async def last_lines(host: Host, unit: str, count: int = 10) -> Reading[tuple[LogLine, ...]]:
    """The last lines that a unit, or systemd about it, wrote to the journal, oldest first."""
    fields = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER"
    argv = ["journalctl", "--no-pager", "--output=json", f"--output-fields={fields}", f"--lines={count}"]
    try:
        answer = await host.run([*argv, f"--unit={unit}"])
    except CommandNotFound:
        return Unknown(_("journalctl is not installed"))
    lines = tuple(line for text in answer.stdout.splitlines() if (line := _log_line(text)) is not None)
    # journalctl(1) tells on standard error whose messages are left out, and ends with 0 all the same
    if not lines and ("insufficient permissions" in answer.stderr or "not seeing messages" in answer.stderr):
        return Unknown(_("no permission for the journal"))
    if not answer.ok and not lines:
        return Unknown(_("journalctl doesn't answer: {why}").format(why=_last(answer)))
    return Known(lines)


def ordered(services: Iterable[Service]) -> list[Service]:
    """What gave up first, then what keeps being started again, then all others by name."""
    return sorted(services, key=lambda s: (s.active != "failed", not s.restarting, s.name.casefold()))


def merged(shown: str, files: Sequence[Mapping[str, str]], now: float, uptime: float | None) -> list[Service]:
    """The units that `systemctl show` printed, and those that are only a file of `list-unit-files`. A unit that is
    only named by others and isn't there is left out; so is a template without an instance.

    now: seconds since 1970; uptime: seconds since the kernel began, None where it isn't known."""
    found = {unit.name: unit for unit in _parsed(shown, now, uptime)}
    known = {alias for service in found.values() for alias in service.aliases} | set(found)
    for file in files:
        name, state = file["unit_file"], file["state"]
        if name not in known and "@." not in name and state != "alias":
            load = "masked" if state.startswith("masked") else "loaded"
            found[name] = Service(name, load=load, enabled=state, can_start=load != "masked", in_memory=False)
    takes = _transitive(found)
    return ordered(replace(s, takes_along=takes[s.name]) if takes[s.name] else s for s in found.values())


def _parsed(shown: str, now: float, uptime: float | None) -> list[Service]:
    """The units that `systemctl show` printed, without those that aren't there and are only named by others."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.split("\n\n")]
    there = [b for b in blocks if b and (b["LoadState"] != "not-found" or b["ActiveState"] != "inactive")]
    return [_service(values, now, uptime) for values in there]


def _service(values: Mapping[str, str], now: float, uptime: float | None) -> Service:
    words = {name: tuple(values.get(name, "").split()) for name in _LINKS}
    along = dict.fromkeys((*words["RequiredBy"], *words["BoundBy"], *words["ConsistsOf"]))
    name = values["Id"]
    return Service(
        name=name,
        description=values.get("Description", ""),
        load=values["LoadState"],
        active=values["ActiveState"],
        sub=values["SubState"],
        result=values.get("Result", "success"),
        code=_CODES.get(values.get("ExecMainCode", ""), ""),
        status=_number(values.get("ExecMainStatus", "")) or 0,
        restarts=_number(values.get("NRestarts", "")),
        memory=_number(values.get("MemoryCurrent", "")),
        since=_since(values, now, uptime),
        enabled=values.get("UnitFileState", ""),
        file=values.get("FragmentPath", ""),
        pid=_number(values.get("MainPID", "")) or 0,
        type=values.get("Type", ""),
        remains=values.get("RemainAfterExit") == "yes",
        can_start=values.get("CanStart", "yes") == "yes",
        can_stop=values.get("CanStop", "yes") == "yes",
        stale=values.get("NeedDaemonReload") == "yes",
        aliases=tuple(alias for alias in values.get("Names", "").split() if alias != name),
        requires=words["Requires"],
        takes_along=tuple(along),
        triggered_by=words["TriggeredBy"],
        triggers=words["Triggers"],
    )


#: si_code of SIGCHLD (sigaction(2)), which ExecMainCode is
_CODES = {"1": "exited", "2": "killed", "3": "dumped"}


def _number(text: str) -> int | None:
    return None if text in _UNSET or not text.isdecimal() else int(text)


def _since(values: Mapping[str, str], now: float, uptime: float | None) -> float | None:
    """By the monotonic clock: a Pi without a clock of its own notes times of 1970, or of when it was switched off,
    until the network tells it better. By the other one where that can't be."""
    name = f"{_SINCE.get(values['ActiveState'], 'ActiveExit')}Timestamp"
    monotonic = _number(values.get(f"{name}Monotonic", ""))
    if monotonic == 0:
        return None
    if monotonic is not None and uptime is not None and (ago := uptime - monotonic / 1e6) >= -1:
        return now - max(ago, 0.0)
    stamp = _number(values.get(name, "").removeprefix("@").partition(".")[0])
    return float(stamp) if stamp else None


def _transitive(found: Mapping[str, Service]) -> dict[str, tuple[str, ...]]:
    """What is stopped with each, also by way of others."""
    result = {}
    for name in found:
        seen: dict[str, None] = {}
        todo = [*found[name].takes_along]
        while todo:
            each = todo.pop(0)
            if each != name and each not in seen:
                seen[each] = None
                todo += found[each].takes_along if each in found else ()
        result[name] = tuple(seen)
    return result


async def _uptime(host: Host) -> float | None:
    """Seconds since the kernel began (proc_uptime(5)): what systemd's monotonic times count from, but for the time
    that the machine slept."""
    try:
        return float((await host.text("/proc/uptime") or "").split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _log_line(text: str) -> LogLine | None:
    """A line of `journalctl --output=json` (systemd's Journal JSON Format: bytes that aren't text are a list of
    numbers, a field that is too long is null)."""
    try:
        entry = json.loads(text)
        message = entry.get("MESSAGE") or ""
        if isinstance(message, list):
            message = bytes(message).decode("utf-8", "replace")
        return LogLine(
            at=int(entry["__REALTIME_TIMESTAMP"]) / 1e6,
            priority=int(entry.get("PRIORITY") or 6),
            source=str(entry.get("SYSLOG_IDENTIFIER") or ""),
            text=str(message),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _last(answer: Completed) -> str:
    """The last line that a command said, or its exit status."""
    said = (answer.stderr or answer.stdout).strip().splitlines()[-1:]
    return said[0] if said else _("exit status {status}").format(status=answer.status)

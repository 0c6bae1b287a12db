"""The player of systemd, systemctl. A unit's file and its links stand in the tree, whether it runs in
/run/demo/active: a line `unit load active sub [since-in-microseconds restarts]`."""

from __future__ import annotations

import configparser
import hashlib
import json
import re
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from pi_installer_tui.system.demo import collector
from pi_installer_tui.system.demo.players import Call, Refused, player, table
from pi_installer_tui.system.demo.tree import Machine

ETC = "/etc/systemd/system"
LIB = "/usr/lib/systemd/system"
ACTIVE = "/run/demo/active"


@dataclass(frozen=True)
class Running:
    """What systemd has in its memory of a unit. since: microseconds since 1970."""

    active: str = "inactive"
    sub: str = "dead"
    since: int = 0
    restarts: int = 0


def full_name(name: str) -> str:
    """`ssh` is `ssh.service`."""
    return name if re.search(r"\.(service|socket|timer|target|path|mount|slice|device)$", name) else f"{name}.service"


def fragment(machine: Machine, name: str) -> str | None:
    """The unit's file; of an instance (getty@tty1) the template's. None where there is none."""
    template = re.sub(r"@[^.]*\.", "@.", name)
    for path in (f"{ETC}/{name}", f"{LIB}/{name}", f"{ETC}/{template}", f"{LIB}/{template}"):
        if machine.exists(path):
            return path
    return None


def real_name(machine: Machine, name: str) -> str:
    """The unit behind an alias (sshd.service is ssh.service)."""
    path = fragment(machine, name)
    found = machine.files.stat(path) if path else None
    target = found.target if found and found.target else ""
    aliased = target.rpartition("/")[2]
    return aliased if aliased.endswith(f".{name.rpartition('.')[2]}") and "@" not in name else name


def settings(machine: Machine, name: str) -> dict[str, dict[str, str]]:
    """A unit file's sections."""
    path = fragment(machine, name)
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#", ";"))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((machine.text(path) if path else "") or "")
    return {section: dict(parser[section]) for section in parser.sections()}


def active_units(machine: Machine) -> dict[str, Running]:
    """All that aren't plainly inactive."""
    found = {}
    for line in (machine.text(ACTIVE) or "").splitlines():
        name, _load, active, sub, *rest = line.split()
        since, restarts = (*rest, "0", "0")[:2]
        found[name] = Running(active, sub, int(since), int(restarts))
    return found


def is_active(machine: Machine, name: str) -> bool:
    return active_units(machine).get(real_name(machine, full_name(name)), Running()).active == "active"


def set_active(machine: Machine, name: str, on: bool) -> None:
    """Starts or stops a unit; one that runs is started anew."""
    name = real_name(machine, full_name(name))
    known = active_units(machine)
    known.pop(name, None)
    if tunnel := re.fullmatch(r"wg-quick@(.+)\.service", name):
        from pi_installer_tui.system.demo import wireguard

        if not wireguard.switched(machine, tunnel[1], on):
            known[name] = Running("failed", "failed", time.time_ns() // 1000)
            on = False
    if on:
        kind = name.rpartition(".")[2]
        oneshot = settings(machine, name).get("Service", {}).get("Type") == "oneshot"
        sub = {"timer": "waiting", "socket": "listening", "target": "active"}.get(kind, "running")
        known[name] = Running("active", "exited" if oneshot else sub, time.time_ns() // 1000)
    machine.write(
        ACTIVE,
        "".join(f"{n} loaded {r.active} {r.sub} {r.since} {r.restarts}\n" for n, r in known.items()),
    )


def began(machine: Machine, name: str, at: int) -> None:
    """Says since when a unit runs: seconds since 1970."""
    text = machine.text(ACTIVE) or ""
    machine.write(ACTIVE, re.sub(rf"^({re.escape(name)} \S+ \S+ \S+)$", rf"\1 {at}000000 0", text, flags=re.MULTILINE))


@dataclass(frozen=True)
class Look:
    """What is asked of many units, looked up once. active: as of `active_units`. wanted: the names of enabled units.
    elapsed: of timers, what was computed by then (timers.py)."""

    active: Mapping[str, Running]
    wanted: frozenset[str]
    elapsed: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)


def look(machine: Machine) -> Look:
    folders = [f for f in machine.files.listdir(ETC) if f.endswith((".wants", ".requires"))]
    wanted = frozenset(name for folder in folders for name in machine.files.listdir(f"{ETC}/{folder}"))
    return Look(active_units(machine), wanted)


def enabled_state(machine: Machine, name: str, seen: Look | None = None) -> str:
    """As `systemctl is-enabled` says."""
    for folder in (ETC, LIB):
        found = machine.files.stat(f"{folder}/{name}")
        if found and (found.target == "/dev/null" or (found.kind == "file" and found.size == 0)):
            return "masked"
        if found and found.kind == "link":
            return "alias"
    if fragment(machine, name) is None:
        return "not-found"
    if name in seen.wanted if seen is not None else wants(machine, name):
        return "enabled"
    install = settings(machine, name).get("Install", {})
    if not any(key in install for key in ("WantedBy", "RequiredBy", "Alias", "Also")):
        return "static"
    return "disabled" if any(key in install for key in ("WantedBy", "RequiredBy", "Alias")) else "indirect"


def wants(machine: Machine, name: str) -> list[str]:
    """The links that enable a unit."""
    folders = [f for f in machine.files.listdir(ETC) if f.endswith((".wants", ".requires"))]
    return [f"{ETC}/{folder}/{name}" for folder in folders if machine.exists(f"{ETC}/{folder}/{name}")]


def set_enabled(machine: Machine, name: str, on: bool) -> list[str]:
    """Makes or removes the links that [Install] asks for; what systemctl says about each."""
    name = full_name(name)
    said = []
    install = settings(machine, name).get("Install", {})
    fragment_path = fragment(machine, name) or f"{LIB}/{name}"
    links = [f"{ETC}/{target}.wants/{name}" for target in install.get("WantedBy", "").split()]
    links += [f"{ETC}/{target}.requires/{name}" for target in install.get("RequiredBy", "").split()]
    links += [f"{ETC}/{alias}" for alias in install.get("Alias", "").split()]
    for link in links:
        if on and not machine.exists(link):
            folder = link.rpartition("/")[0]
            if not machine.exists(folder):
                machine.files.mkdir(folder, mode=0o755, uid=0, gid=0)
            machine.files.symlink(link, fragment_path)
            said.append(f"Created symlink '{link}' → '{fragment_path}'.")
    if not on:
        aliases = [link for link in links if link.rpartition("/")[0] == ETC and machine.exists(link)]
        for link in (*wants(machine, name), *aliases):
            machine.remove(link)
            said.append(f"Removed '{link}'.")
    return said


def _memory(name: str) -> str:
    """Some bytes, for a unit always the same."""
    return str(collector.MEMORY if name == collector.UNIT else (2 + zlib.crc32(name.encode()) % 60) * 262_144)


def stamp(microseconds: int, *, unix: bool = False) -> str:
    """A time as systemctl writes it."""
    if unix:
        return f"@{microseconds // 1_000_000}"
    return time.strftime("%a %Y-%m-%d %H:%M:%S UTC", time.gmtime(microseconds / 1e6))


def property_values(machine: Machine, name: str, *, unix: bool = False, seen: Look | None = None) -> dict[str, str]:
    """What `systemctl show` says of a unit; unix: times in seconds since 1970."""
    seen = seen or look(machine)
    name = real_name(machine, full_name(name))
    path = fragment(machine, name)
    state = enabled_state(machine, name, seen)
    running = seen.active.get(name, Running())
    said = settings(machine, name)
    unit, service = said.get("Unit", {}), said.get("Service", {})
    load = "masked" if state == "masked" else "loaded" if path else "not-found"
    reloaded = machine.memory("systemd").get("reloaded", 0)
    changed = machine.files.stat(path) if path else None
    lives = running.sub == "running" and name.endswith(".service")
    since = stamp(running.since, unix=unix) if running.since else ""
    timer, ran = {}, {}
    if name.endswith(".timer"):
        from pi_installer_tui.system.demo.timers import elapses

        timer = elapses(machine, name, seen, unix=unix)
    elif service and running.active == "inactive":
        from pi_installer_tui.system.demo.timers import started

        ran = started(machine, name, seen, unix=unix)
    command = service.get("ExecStart", "")
    words = f"{{ path={command.split()[0]} ; argv[]={command} ; ignore_errors=no ; pid=0 }}" if command else ""
    failed = running.active == "failed"
    reloaded_at = machine.memory("reloads").get(name)
    reload = f"{{ argv[]=/bin/kill -HUP $MAINPID ; start_time=[@{reloaded_at}] ; status=0/0 }}" if reloaded_at else ""
    return {
        **({"ExecReload": reload} if reload else {}),
        **({"ExecStart": words, "User": service.get("User", "")} if words else {}),
        **timer,
        "Type": service.get("Type", "simple"),
        "MainPID": str(400 + zlib.crc32(f"{name}{running.since}".encode()) % 30_000) if lives else "0",
        "NRestarts": str(running.restarts),
        "Result": "exit-code" if failed else "success",
        "ExecMainCode": "1" if failed else "0",
        "ExecMainStatus": "1" if failed else "0",
        "MemoryCurrent": _memory(name) if lives else "[not set]",
        "Id": name,
        "Names": name,
        "Description": unit.get("Description", name),
        "LoadState": load,
        "ActiveState": running.active,
        "SubState": running.sub,
        "FragmentPath": path or "",
        "UnitFileState": "" if state == "not-found" else state,
        "StateChangeTimestamp": since,
        "ActiveEnterTimestamp": since,
        "ActiveEnterTimestampMonotonic": str(running.since),
        "InactiveEnterTimestamp": since if failed else "",
        "NeedDaemonReload": "yes" if changed and reloaded and changed.mtime_ns > reloaded else "no",
        "CanReload": "yes" if "ExecReload" in service else "no",
        "CanStart": "yes",
        "InvocationID": hashlib.md5(f"{name}{running.since}".encode()).hexdigest() if running.since else "",
        "ConditionResult": "yes" if running.active == "active" else "no",
        **ran,
    }


@player("systemctl")
async def systemctl(call: Call) -> int:
    options = call.options(
        *("--now", "--quiet", "-q", "--value", "--no-legend", "--plain", "--all", "-a", "--failed", "--no-pager"),
        *("--no-ask-password", "--no-block", "--full", "-l", "--force", "-f", "--system", "--runtime"),
        *("--property=", "-p=", "-P=", "--type=", "-t=", "--state=", "--output=", "-o=", "--job-mode=", "--lines="),
        *("-n=", "--timestamp="),
    )
    verb, *words = options.words or ["list-units"]
    machine = call.machine
    names = [full_name(word) for word in words]
    quiet = options.has("--quiet", "-q")
    if verb == "show":
        unix = options.value("--timestamp") == "unix"
        asked = [*options.values("--property", "-p", "-P")]
        return await _show(call, names, asked, options.has("--value", "-P"), unix=unix)
    if verb in ("is-active", "is-failed"):
        known = active_units(machine)
        states = [known.get(real_name(machine, name), Running()).active for name in names]
        if not quiet:
            await call.out("\n".join(states))
        wanted = "active" if verb == "is-active" else "failed"
        missing = all(fragment(machine, name) is None for name in names)
        return 0 if wanted in states else (4 if missing else 3 if verb == "is-active" else 1)
    if verb == "is-enabled":
        states = [enabled_state(machine, name) for name in names]
        if not quiet:
            await call.out("\n".join(states))
        good = any(state in ("enabled", "static", "alias", "indirect", "enabled-runtime") for state in states)
        return 0 if good else 4 if set(states) == {"not-found"} else 1
    if verb in ("enable", "disable", "mask", "unmask"):
        return await _link(call, verb, names, now=options.has("--now"), quiet=quiet)
    if verb in _JOBS:
        return await _job(call, verb, names)
    if verb == "daemon-reload":
        await call.pause(0.4)
        with machine.locked():
            machine.remember("systemd", {"reloaded": time.time_ns()})
        return 0
    if verb in ("list-units", "list-unit-files"):
        kinds = [k for value in options.values("--type", "-t") for k in value.split(",")]
        states = ["failed"] if options.has("--failed") else options.values("--state")
        return await _list(call, verb, names, kinds, states, options.value("--output", "-o"),
                           legend=not options.has("--no-legend"))  # fmt: skip
    if verb == "list-timers":
        from pi_installer_tui.system.demo.timers import list_timers

        return await list_timers(call, names, options.value("--output", "-o"))
    if verb == "is-system-running":
        await call.out("running")
        return 0
    if verb == "cat":
        for name in names:
            path = fragment(machine, name)
            if path is None:
                raise Refused(f"No files found for {name}.")
            await call.out(f"# {path}\n{machine.text(path)}", end="")
        return 0
    if verb == "status":
        return await _status(call, names)
    if verb in ("reset-failed", "daemon-reexec"):
        return 0
    raise Refused(f"Unknown command verb '{verb}'.")


async def _show(call: Call, names: list[str], asked: list[str], bare: bool, *, unix: bool) -> int:
    wanted = [name for value in asked for name in value.split(",")]
    seen = look(call.machine)
    if any("*" in name for name in names):
        # a pattern is about what systemd has in its memory
        known = sorted(seen.active)
        names = [unit for unit in known if any(fnmatchcase(unit, name) for name in names)]
    for at, name in enumerate(names):
        if at:
            await call.out()
        for key, value in property_values(call.machine, name, unix=unix, seen=seen).items():
            if key in wanted or not wanted:
                await call.out(value if bare else f"{key}={value}")
    return 0


async def _link(call: Call, verb: str, names: list[str], *, now: bool, quiet: bool) -> int:
    machine = call.machine
    await call.pause(0.3)
    for name in names:
        if fragment(machine, name) is None and verb in ("enable", "disable"):
            raise Refused(f"Failed to {verb} unit: Unit {name} does not exist")
        state = enabled_state(machine, name)
        if verb == "enable" and state == "masked":
            raise Refused(f"Failed to enable unit: Unit {ETC}/{name} is masked")
        if verb == "enable" and state == "static" and not quiet:
            await call.err("The unit files have no installation config (WantedBy=, RequiredBy=, UpheldBy=,\n"
                           "Also=, or Alias= settings in the [Install] section, and DefaultInstance= for\n"
                           "template units). This means they are not meant to be enabled or disabled using systemctl."
                           )  # fmt: skip
        with machine.locked():
            said = []
            if verb in ("enable", "disable"):
                said = set_enabled(machine, real_name(machine, name), verb == "enable")
            elif verb == "mask" and state != "masked":
                machine.files.symlink(f"{ETC}/{name}", "/dev/null")
                said = [f"Created symlink '{ETC}/{name}' → '/dev/null'."]
            elif verb == "unmask" and state == "masked" and machine.remove(f"{ETC}/{name}"):
                said = [f"Removed '{ETC}/{name}'."]
            if now:
                set_active(machine, name, verb == "enable")
        if said and not quiet:
            await call.err("\n".join(said))
    return 0


_JOBS = ("start", "stop", "restart", "reload", "reload-or-restart", "try-restart", "try-reload-or-restart")


async def _job(call: Call, verb: str, names: list[str]) -> int:
    machine = call.machine
    for name in names:
        real = real_name(machine, name)
        if fragment(machine, name) is None:
            if verb == "stop" and real not in active_units(machine):
                raise Refused(f"Failed to stop {name}: Unit {name} not loaded.", 5)
            raise Refused(f"Failed to {verb} {name}: Unit {name} not found.", 5)
        if enabled_state(machine, name) == "masked" and verb != "stop":
            raise Refused(f"Failed to {verb} {name}: Unit {name} is masked.")
        running = is_active(machine, name)
        if verb == "reload" and not running:
            raise Refused(f"{name} is not active, cannot reload.", 1)
        await call.pause(0.1 if "reload" in verb else 0.6)
        with machine.locked():
            if verb == "stop":
                set_active(machine, name, False)
            elif "reload" in verb and running:
                machine.remember("reloads", {**machine.memory("reloads"), real: int(time.time())})
                if real == collector.UNIT:
                    collector.started(machine)
                continue
            elif verb in ("restart", "reload-or-restart") or running == verb.startswith("try-"):
                set_active(machine, name, True)
        if real == collector.UNIT and is_active(machine, real):
            with machine.locked():
                collector.started(machine)
        if real in ("NetworkManager.service",) and verb in ("start", "restart", "reload-or-restart", "try-restart"):
            from pi_installer_tui.system.demo import network

            with machine.locked():
                network.start_up(machine)
    return 0


async def _list(
    call: Call, verb: str, patterns: list[str], kinds: list[str], states: list[str], output: str, *, legend: bool
) -> int:
    machine = call.machine
    rows = []
    if verb == "list-unit-files":
        names = {n for folder in (LIB, ETC) for n in machine.files.listdir(folder) if "." in n and n[-6:] != ".wants"}
        seen = look(machine)
        for name in sorted(names):
            if not kinds or name.rpartition(".")[2] in kinds:
                rows.append({"unit_file": name, "state": enabled_state(machine, name, seen), "preset": "enabled"})
    else:
        for name, running in sorted(active_units(machine).items(), key=lambda pair: pair[0].lower()):
            description = settings(machine, name).get("Unit", {}).get("Description", name)
            rows.append({"unit": name, "load": "loaded", "active": running.active, "sub": running.sub,
                         "description": description})  # fmt: skip
    key = "unit_file" if verb == "list-unit-files" else "unit"
    rows = [row for row in rows if not kinds or row[key].rpartition(".")[2] in kinds]
    rows = [row for row in rows if not states or any(value in states for value in row.values())]
    rows = [row for row in rows if not patterns or row[key] in patterns]
    if output == "json":
        await call.out(json.dumps(rows, separators=(",", ":")))
    elif rows:
        await call.out("\n".join(line.rstrip() for line in table([list(row.values()) for row in rows], gap=1)))
    if legend and output != "json":
        await call.out(f"\n{len(rows)} {'unit files' if key == 'unit_file' else 'loaded units'} listed.")
    return 0


async def _status(call: Call, names: list[str]) -> int:
    worst = 0
    for name in names:
        values = property_values(call.machine, name)
        if values["LoadState"] == "not-found":
            await call.err(f"Unit {name} could not be found.")
            worst = 4
            continue
        sign = "●" if values["ActiveState"] == "active" else "○"
        await call.out(f"{sign} {values['Id']} - {values['Description']}")
        await call.out(f"     Loaded: loaded ({values['FragmentPath']}; {values['UnitFileState']}; preset: enabled)")
        await call.out(f"     Active: {values['ActiveState']} ({values['SubState']})")
        if values["ActiveState"] != "active":
            worst = worst or 3
    return worst


def fail(machine: Machine, name: str) -> None:
    """Lets a unit fail, for tests of what comes then: it is restarted once and then stays failed."""
    known = active_units(machine)
    known[full_name(name)] = replace(known.get(full_name(name), Running()), active="failed", sub="failed", restarts=1)
    machine.write(
        ACTIVE,
        "".join(f"{n} loaded {r.active} {r.sub} {r.since} {r.restarts}\n" for n, r in known.items()),
    )

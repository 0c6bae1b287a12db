"""The timers of the system and of the users, as systemd has them: four commands a manager. Of a user whose manager
doesn't run, the unit files in the home. Sources: systemctl(1), org.freedesktop.systemd1(5), systemd.timer(5)."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Completed, Host, HostError
from pi_installer_tui.system.reading import MISSING, Known, Missing, Reading, Unknown
from pi_installer_tui.system.timers.conversion import Timing
from pi_installer_tui.system.timers.unit import MONOTONIC, read_file, span, timing

_OF_TIMERS = (
    *("Id", "Names", "Description", "LoadState", "ActiveState", "UnitFileState", "FragmentPath", "NeedDaemonReload"),
    *("Unit", "TimersCalendar", "TimersMonotonic", "OnClockChange", "OnTimezoneChange", "Persistent"),
    *("RandomizedDelayUSec", "Result"),
)
_OF_SERVICES = (
    *("Id", "Names", "LoadState", "ActiveState", "SubState", "Result", "User", "FragmentPath", "ExecStart"),
    *("ExecMainCode", "ExecMainStatus", "InactiveExitTimestamp", "InactiveExitTimestampMonotonic"),
    *("InactiveEnterTimestampMonotonic", "ConditionResult", "ConditionTimestamp"),
)
_ENTRY = re.compile(r"\{ (\w+)=(.*) ; next_elapse=.*\}")
_EXEC = re.compile(r"\{ path=(.*?) ; argv\[\]=(.*?) ; (?:ignore_errors|flags)=")
#: si_code of SIGCHLD (sigaction(2)), which ExecMainCode is
_CODES = {"1": "exited", "2": "killed", "3": "dumped"}
#: where a user's own units are (systemd.unit(5))
_HOMES = (".config/systemd/user", ".local/share/systemd/user")


@dataclass(frozen=True, slots=True)
class LastRun:
    """How the started unit ran last, since the machine started. at: when it began, seconds since 1970. result:
    `success`, `exit-code`, `timeout` ... (systemd.exec(5), $SERVICE_RESULT), `condition` where a condition of its unit
    kept it from running, "" while it runs. code, status: `exited` and the exit status, `killed` or `dumped` and the
    signal. seconds: how long it took, None while it runs."""

    at: float
    result: str
    code: str = ""
    status: int = 0
    seconds: float | None = None

    @property
    def running(self) -> bool:
        """It hasn't ended yet."""
        return not self.result


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer. owner: the user whose manager has it, "" the system's. starts: the unit that it starts. commands: what
    that one runs, as systemd shows it (words joined by blanks: for people, not to run again). user: as whom it runs,
    "" the owner. timing: times and settings; its calendars are in the normalised form, where systemd has read it.
    monotonic: settings other than OnCalendar= with their seconds. enabled: UnitFileState (`enabled`, `static` ...).
    active: it waits for its time. file: "" where it has none (systemd-run). next: its next start; Missing: there is
    none. last: when it started something last; Missing: never, of one that isn't persistent since the machine started.
    stale: its file has changed since it was read."""

    name: str
    owner: str
    starts: str
    timing: Timing
    next: Reading[float]
    last: Reading[float]
    run: Reading[LastRun]
    description: str = ""
    commands: tuple[str, ...] = ()
    user: str = ""
    monotonic: tuple[tuple[str, float], ...] = ()
    enabled: str = ""
    active: bool = False
    file: str = ""
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """All timers, the system's first, by names. untold: what couldn't be read, and why, sentences in words."""

    timers: tuple[Timer, ...] = ()
    untold: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Account:
    name: str
    uid: int
    gid: int
    home: str


async def read(host: Host) -> Found:
    """The timers of all managers that run, and those in the homes of users whose manager doesn't."""
    if not await host.systemd():
        return Found(untold=(_("systemd doesn't run here: there are no timers."),))
    accounts = await _accounts(host)
    running = [account for account in accounts if await _runs(host, account)]
    asked = await asyncio.gather(_manager(host), *(_user_manager(host, account) for account in running))
    at_rest = await asyncio.gather(*(_in_home(host, each) for each in accounts if each not in running))
    timers: list[Timer] = []
    untold: list[str] = []
    for owner, found in zip(("", *(account.name for account in running)), asked, strict=True):
        if isinstance(found, Known):
            timers += found.value
        elif isinstance(found, Unknown):
            whose = _("The timers of {user} can't be told: {why}.") if owner else _("The system's timers: {why}.")
            untold.append(whose.format(user=owner, why=found.reason))
    for found_at_rest in at_rest:
        timers += found_at_rest.timers
        untold += found_at_rest.untold
    return Found(tuple(sorted(timers, key=lambda timer: (timer.owner, timer.name))), tuple(untold))


async def waiting(host: Host) -> Reading[tuple[str, ...]]:
    """The names of the system's timers that wait for their time, by one command."""
    try:
        answer = await host.run(["systemctl", "list-timers", "--output=json"])
        if not answer.ok:
            return Unknown(_("systemctl doesn't answer: {why}").format(why=_last_line(answer)))
        return Known(tuple(each["unit"] for each in json.loads(answer.stdout or "[]")))
    except CommandNotFound as error:
        return Unknown(_("{program} is not installed").format(program=error.program))
    except (ValueError, KeyError, TypeError):
        return Unknown(_("systemctl answered something that isn't understood"))


# a manager --------------------------------------------------------------------------------------------------------


async def _manager(
    host: Host, owner: str = "", before: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Reading[tuple[Timer, ...]]:
    control = [*before, "systemctl", *(["--user"] if owner else [])]

    async def show(properties: Iterable[str], names: Sequence[str]) -> Completed:
        asks = [*control, "show", "--all", "--timestamp=unix", f"--property={','.join(properties)}"]
        return await host.run([*asks, "--", *names], env=env)

    try:
        shown, times, files = await asyncio.gather(
            show(_OF_TIMERS, ["*.timer"]),
            host.run([*control, "list-timers", "--all", "--output=json"], env=env),
            host.run([*control, "list-unit-files", "--all", "--type=timer", "--output=json"], env=env),
        )
        for answer in (shown, times, files):
            if not answer.ok:
                return Unknown(_("systemctl doesn't answer: {why}").format(why=_last_line(answer)))
        loaded = blocks(shown.stdout)
        names = {name for block in loaded for name in block.get("Names", "").split()}
        listed = [(each["unit_file"], each["state"]) for each in json.loads(files.stdout or "[]")]
        asleep = [n for n, state in listed if n not in names and "@." not in n and state not in ("alias", "masked")]
        if asleep:
            loaded += blocks((await show(_OF_TIMERS, asleep)).stdout)
        loaded = [block for block in loaded if block.get("LoadState") in ("loaded", "masked", "bad-setting", "error")]
        starts = sorted({block["Unit"] for block in loaded if block.get("Unit")})
        services = blocks((await show(_OF_SERVICES, starts)).stdout) if starts else []
        return Known(tuple(merged(loaded, services, json.loads(times.stdout or "[]"), owner)))
    except CommandNotFound as error:
        return Unknown(_("{program} is not installed").format(program=error.program))
    except (ValueError, KeyError, TypeError):
        return Unknown(_("systemctl answered something that isn't understood"))


async def _user_manager(host: Host, account: _Account) -> Reading[tuple[Timer, ...]]:
    """A user's manager answers that user alone."""
    env = {"XDG_RUNTIME_DIR": f"/run/user/{account.uid}"}
    if not host.privileged:
        if account.uid != os.getuid():
            return Unknown(_("that takes root"))
        return await _manager(host, account.name, env=env)
    # setpriv(1) and no login session: asking leaves no trace
    who = ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups", "--"]
    return await _manager(host, account.name, who, env)


def merged(
    timers: Sequence[Mapping[str, str]],
    services: Sequence[Mapping[str, str]],
    times: Sequence[Mapping[str, object]],
    owner: str = "",
) -> list[Timer]:
    """The timers out of what `systemctl show` says of them and of what they start, and what `list-timers` says."""
    started = {name: block for block in services for name in block.get("Names", "").split()}
    known = {str(each["unit"]): each for each in times}
    return [
        _timer(block, started.get(block.get("Unit", ""), {}), known.get(block["Id"], {}), owner) for block in timers
    ]


def _timer(block: Mapping[str, str], service: Mapping[str, str], times: Mapping[str, object], owner: str) -> Timer:
    entries = [match for line in block.get("TimersCalendar", "").split("\n") if (match := _ENTRY.fullmatch(line))]
    spans = [match for line in block.get("TimersMonotonic", "").split("\n") if (match := _ENTRY.fullmatch(line))]
    monotonic = tuple((match[1].replace("USec", "Sec"), span(match[2])) for match in reversed(spans))
    boots = [seconds for name, seconds in monotonic if name == "OnBootSec"]
    others = [name for name in MONOTONIC if any(name == each for each, _seconds in monotonic)]
    others += [name for name in ("OnClockChange", "OnTimezoneChange") if block.get(name) == "yes"]
    delay = block.get("RandomizedDelayUSec", "0")
    active = block.get("ActiveState") in ("active", "activating")
    last: Reading[float] = _micro(times.get("last"))
    if not active and last == MISSING:
        last = Unknown(_("the timer doesn't wait for a time, and systemd keeps no past of it"))
    return Timer(
        name=block["Id"],
        owner=owner,
        starts=block.get("Unit", ""),
        timing=Timing(
            calendars=tuple(match[2] for match in reversed(entries)),
            on_boot=min(boots) if boots else None,
            others=tuple(others),
            persistent=block.get("Persistent") == "yes",
            random_delay=span(delay) if delay != "infinity" else 0.0,
        ),
        next=_micro(times.get("next")) if active else MISSING,
        last=last,
        run=_run(service, last),
        description=block.get("Description", ""),
        commands=tuple(match[2] for line in service.get("ExecStart", "").split("\n") if (match := _EXEC.match(line))),
        user=service.get("User", ""),
        monotonic=monotonic,
        enabled=block.get("UnitFileState", ""),
        active=active,
        file=block.get("FragmentPath", ""),
        stale=block.get("NeedDaemonReload") == "yes",
    )


def _micro(value: object) -> Known[float] | Missing:
    """A time of list-timers: microseconds since 1970, null or 0 for none."""
    return Known(value / 1e6) if isinstance(value, int) and 0 < value < 2**63 else MISSING


def _run(service: Mapping[str, str], last: Reading[float]) -> Reading[LastRun]:
    if not service or service.get("LoadState") != "loaded":
        return Unknown(_("the unit that it starts isn't there"))
    began, ended = (int(service.get(f"Inactive{edge}TimestampMonotonic") or 0) for edge in ("Exit", "Enter"))
    start = _stamp(service.get("InactiveExitTimestamp", ""))
    refused = _stamp(service.get("ConditionTimestamp", "")) if service.get("ConditionResult") == "no" else None
    if refused is not None and refused >= (start or 0):
        return Known(LastRun(refused, "condition"))
    if not began or start is None:
        if isinstance(last, Known):
            return Unknown(_("it ran before the machine started, of which only the journal may know"))
        return last  # not at all, or nobody knows
    if service.get("ActiveState") in ("activating", "deactivating", "reloading") or ended < began:
        return Known(LastRun(start, ""))
    code, status = _CODES.get(service.get("ExecMainCode", ""), ""), service.get("ExecMainStatus", "")
    took = (ended - began) / 1e6
    return Known(LastRun(start, service.get("Result", ""), code, int(status) if status.isdecimal() else 0, took))


def _stamp(text: str) -> float | None:
    """`@1795829974`, as --timestamp=unix prints it."""
    return float(text[1:]) if re.fullmatch(r"@\d+", text) and text != "@0" else None


def blocks(shown: str) -> list[dict[str, str]]:
    """The units that `systemctl show` printed. A property that it prints several times has its values line by line."""
    found = []
    for text in re.split(r"\n{2,}", shown.strip("\n")):
        block: dict[str, str] = {}
        for line in text.split("\n"):
            name, equals, value = line.partition("=")
            if equals:
                block[name] = f"{block[name]}\n{value}" if name in block else value
        if "Id" in block:
            found.append(block)
    return found


# users ------------------------------------------------------------------------------------------------------------


async def _accounts(host: Host) -> list[_Account]:
    """root, and those that people have (adduser.conf(5), FIRST_UID), with their homes."""
    found = []
    for line in (await host.text("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdecimal() and fields[3].isdecimal() and fields[5].startswith("/"):
            account = _Account(fields[0], int(fields[2]), int(fields[3]), fields[5])
            if account.uid == 0 or 1000 <= account.uid < 65534:
                found.append(account)
    return found


async def _runs(host: Host, account: _Account) -> bool:
    try:
        return await host.stat(f"/run/user/{account.uid}/systemd/private") is not None
    except PermissionError:  # somebody's folder, which is there as long as its manager runs
        return True
    except OSError:
        return False


async def _in_home(host: Host, account: _Account) -> Found:
    """A user's unit files, without what other files add to them."""
    timers: dict[str, Timer] = {}
    untold: list[str] = []
    for folder in (f"{account.home}/{each}" for each in _HOMES):
        try:
            names = [name for name in await host.listdir(folder) if name.endswith(".timer") and "@." not in name]
            wanted = await host.listdir(f"{folder}/timers.target.wants") if names else ()
        except OSError as error:
            said = _("The timers of {user} can't be told: {why}.")
            untold.append(said.format(user=account.name, why=error.strerror or type(error).__name__))
            continue
        for name in names:
            try:
                if name not in timers:
                    timers[name] = await _at_rest(host, account, folder, name, name in wanted)
            except (OSError, HostError, ValueError):
                untold.append(_("{file} can't be read.").format(file=f"{folder}/{name}"))
    return Found(tuple(timers.values()), tuple(untold))


async def _at_rest(host: Host, account: _Account, folder: str, name: str, wanted: bool) -> Timer:
    text = (await host.read(f"{folder}/{name}", follow=False)).decode("utf-8", "replace")
    file = read_file(text)
    starts = file.one("Timer", "Unit") or f"{name.removesuffix('.timer')}.service"
    commands: tuple[str, ...] = ()
    if "/" not in starts:
        try:
            service = await host.read(f"{folder}/{starts}", follow=False)
            commands = read_file(service.decode("utf-8", "replace")).get("Service", "ExecStart")
        except OSError:
            commands = ()
    rests = Unknown(_("the manager of {user} doesn't run").format(user=account.name))
    settings = ("OnBootSec", *MONOTONIC)
    return Timer(
        name=name,
        owner=account.name,
        starts=starts,
        timing=timing(file),
        next=rests,
        last=rests,
        run=rests,
        description=file.one("Unit", "Description"),
        commands=commands,
        monotonic=tuple((each, span(value)) for each in settings for value in file.get("Timer", each)),
        enabled="enabled" if wanted else "disabled" if file.get("Install", "WantedBy") else "static",
        file=f"{folder}/{name}",
    )


def _last_line(answer: Completed) -> str:
    said = (answer.stderr or answer.stdout).strip().splitlines()[-1:]
    return said[0] if said else _("exit status {status}").format(status=answer.status)

"""What cron and timers started, from the journal, newest first, a page at a time: a journal of a year costs no more
than one of a day. Sources: journalctl(1), systemd.journal-fields(7), sd-messages.h, cron(8) (-L), Debian's cron.c."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pi_installer_tui.i18n import _
from pi_installer_tui.system.entries import LogError
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.journal import Journal

#: sd-messages.h, what a manager says of a unit
_STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
_STARTED = "39f53479d3a045ac8e11786248231fbf"
_NOT_STARTED = "be02cf6855d2428ba40df7e9d022f03d"
_EXITED = "98e322203f7a4ed290d09fe03c09fe15"
_SUCCESS = "7ad2d189f7e94e70a38c781354912448"
_FAILURE = "d9b373ed55a64feb8242e02dbe79a49c"
_MESSAGES = (_STARTING, _STARTED, _NOT_STARTED, _EXITED, _SUCCESS, _FAILURE)
_FIELDS = (
    *("MESSAGE", "MESSAGE_ID", "UNIT", "USER_UNIT", "INVOCATION_ID", "USER_INVOCATION_ID", "UNIT_RESULT"),
    *("EXIT_CODE", "EXIT_STATUS", "COMMAND", "_PID", "_UID", "_BOOT_ID", "SYSLOG_IDENTIFIER"),
)
#: cron.c, log_it: `(user) CMD (command)`, with -L 8 the process in front of the command
_CRON = re.compile(r"\((?P<user>[^)]*)\) (?P<what>CMD|END) \((?:\[(?P<pid>\d+)\] )?(?P<command>.*)\)\s*", re.DOTALL)
_GRANDCHILD = re.compile(
    r"\(CRON\) error \(grandchild #(?P<pid>\d+) (?:failed with exit status (?P<status>\d+)"
    r"|terminated by signal (?P<signal>\d+))"
)
_REFUSED = re.compile(r"not seeing messages from other users|insufficient permissions|Permission denied", re.I)
#: entries that a run has at the most, as a rule
_EACH = 6

Kind = Literal["cron", "timer"]


@dataclass(frozen=True, slots=True)
class Run:
    """Something that ran. at: when it began, seconds since 1970; None: before the oldest entry that is kept. user: as
    whom (cron), or whose manager did it ("" the system's). command: cron's; "" of a unit. unit: the service, "" of
    cron. result: systemd's word (`success`, `exit-code`, `signal` ...), `interrupted` where the machine went down
    before it ended, "" where it isn't known: it still runs, or cron doesn't log it. status: the exit status or the
    signal, None: not known. seconds: how long it took, None: not known."""

    kind: Kind
    at: float | None
    user: str = ""
    command: str = ""
    unit: str = ""
    result: str = ""
    status: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose past is wanted. cron: of all crontabs. units: services of the system's manager. of_users: a user's name and
    number, and a service of that user's manager."""

    cron: bool = True
    units: tuple[str, ...] = ()
    of_users: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended, and what it has seen of runs that began before."""

    cursor: str
    open: Mapping[str, _Seen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Runs, the newest first by their begin. further: where the next page begins, None: there is no more. begins: the
    time of the oldest entry that the journal has, known on the last page. untold: what of the past can't be told, and
    why, sentences in words."""

    runs: tuple[Run, ...] = ()
    further: Place | None = None
    begins: float | None = None
    untold: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What later entries said of a run. tick: of its end, seconds since the kernel began. listed: it has been on a page
    already, begun with its `Started`."""

    run: Run
    tick: float | None = None
    listed: bool = False


async def read(host: Host, asked: Asked, count: int = 50, further: Place | None = None) -> Page:
    """The newest runs, or those before a page's `further`. Raises LogError where there is no journal to read."""
    matches = _matches(asked)
    if not matches:
        return Page()
    state = _State(asked, await _boot(host), dict(further.open) if further else {})
    cursor = further.cursor if further else ""
    runs: list[Run] = []
    untold: dict[str, None] = {}
    more = True
    while more and len(runs) < count:
        entries, more = await _entries(host, matches, cursor, count * _EACH, untold)
        for number, entry in enumerate(entries, 1):
            cursor = entry["__CURSOR"]
            if (run := state.take(entry)) is not None:
                runs.append(run)
            if len(runs) == count:
                more = more or number < len(entries)
                break
    if more:
        return Page(tuple(runs), Place(cursor, state.open), untold=tuple(untold))
    runs += state.orphans()
    begins, why = await _past(host)
    return Page(tuple(runs), None, begins, (*untold, *why))


def _matches(asked: Asked) -> list[str]:
    """journalctl(1): fields of a group have all to be right, + stands between groups."""
    messages = [f"MESSAGE_ID={each}" for each in _MESSAGES]
    groups = []
    if asked.cron:
        groups.append(["_UID=0", "SYSLOG_IDENTIFIER=CRON"])
    if asked.units:
        groups.append(["_PID=1", *messages, *(f"UNIT={unit}" for unit in asked.units)])
    for uid in sorted({uid for _name, uid, _unit in asked.of_users}):
        mine = [f"USER_UNIT={unit}" for _name, of, unit in asked.of_users if of == uid]
        groups.append([f"_UID={uid}", "_COMM=systemd", *messages, *mine])
    return [word for number, group in enumerate(groups) for word in (*(["+"] if number else []), *group)]


async def _entries(
    host: Host, matches: Sequence[str], cursor: str, count: int, untold: dict[str, None]
) -> tuple[list[dict[str, Any]], bool]:
    """The entries before one, the newest first, and whether there may be more."""
    lines = count + (1 if cursor else 0)
    argv = ["journalctl", "--no-pager", "--output=json", f"--output-fields={','.join(_FIELDS)}", "--reverse"]
    argv += [f"--lines={lines}", *([f"--cursor={cursor}"] if cursor else []), *matches]
    try:
        answer = await host.run(argv)
    except CommandNotFound:
        raise LogError(_("journalctl is not installed: this machine has no journal.")) from None
    except HostError as error:
        raise LogError(str(error)) from None
    found = [entry for line in answer.stdout.split("\n") if (entry := _object(line)) is not None]
    if _REFUSED.search(answer.stderr):
        if not found and "No journal files were opened" in answer.stderr:
            raise LogError(_("The journal may not be read: that takes root, or the group adm or systemd-journal."))
        part = _("Only a part of the journal may be read: that takes root, or the group adm or systemd-journal.")
        untold[part] = None
    elif "No journal files were found" in answer.stderr + answer.stdout:
        raise LogError(_("There is no journal on this machine."))
    elif not answer.ok and not found:
        said = (answer.stderr.strip().splitlines() or [""])[-1]
        raise LogError(_("journalctl says: {what}").format(what=said))
    return [entry for entry in found if entry["__CURSOR"] != cursor], len(found) >= lines


async def _past(host: Host) -> tuple[float | None, tuple[str, ...]]:
    """When the journal begins, and what is missing before that."""
    try:
        boots = await Journal(host).boots()
    except (LogError, ValueError, KeyError, TypeError):
        boots = ()
    begins = boots[-1].first if boots else None
    try:
        kept = await host.stat("/var/log/journal") is not None
    except OSError:
        kept = True
    if not kept:
        return begins, (_("The journal is only in memory: what ran before the machine started is lost."),)
    return begins, (_("What ran before the oldest entry of the journal is not known any more."),)


async def _boot(host: Host) -> str:
    try:
        return (await host.text("/proc/sys/kernel/random/boot_id") or "").strip().replace("-", "")
    except OSError:
        return ""


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("__CURSOR"), str) else None


def _text(value: Any) -> str:
    """A field: text, numbers where its bytes aren't text, a list of these where it is there several times."""
    if isinstance(value, list):
        if all(isinstance(each, int) for each in value):
            return bytes(each & 255 for each in value).decode("utf-8", "replace")
        return _text(value[0])
    return value if isinstance(value, str) else ""


class _State:
    """Entries in, from the newest to the oldest; a run out where it begins."""

    def __init__(self, asked: Asked, boot: str, seen: dict[str, _Seen]) -> None:
        self.open = seen
        self._boot = boot
        self._users = {uid: name for name, uid, _unit in asked.of_users}

    def take(self, entry: Mapping[str, Any]) -> Run | None:
        at, tick = (_micro(entry.get(name)) for name in ("__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP"))
        boot = _text(entry.get("_BOOT_ID"))
        message = _text(entry.get("MESSAGE"))
        if _text(entry.get("SYSLOG_IDENTIFIER")) == "CRON":
            return self._cron(message, _text(entry.get("_PID")), boot, at, tick)
        unit = _text(entry.get("UNIT")) or _text(entry.get("USER_UNIT"))
        key = _text(entry.get("INVOCATION_ID")) if "UNIT" in entry else _text(entry.get("USER_INVOCATION_ID"))
        if not unit or not key:
            return None
        return self._unit(entry, key, unit, message, boot, at, tick)

    def orphans(self) -> list[Run]:
        """Runs whose begin isn't kept any more."""
        found = [seen.run for seen in self.open.values() if not seen.listed]
        self.open = {}
        return [run for run in found if run.kind == "timer" or run.command]

    # cron -------------------------------------------------------------------------------------------------------

    def _cron(self, message: str, pid: str, boot: str, at: float | None, tick: float | None) -> Run | None:
        if failed := _GRANDCHILD.match(message):
            signal, status = failed["signal"], failed["status"]
            run = Run("cron", None, result="signal" if signal else "exit-code", status=int(signal or status))
            self.open[f"failed {boot} {failed['pid']}"] = _Seen(run)
            return None
        match = _CRON.fullmatch(message)
        if match is None:
            return None
        user, command = match["user"], match["command"].strip()
        if match["what"] == "END":
            ended = _Seen(Run("cron", None, user, command), tick)
            self.open[f"ended {boot} {match['pid'] or f'{user} {command}'}"] = ended
            return None
        # without -L 8 the process that logs is the one that becomes the command
        grandchild = match["pid"] or pid
        failure = self.open.pop(f"failed {boot} {grandchild}", None)
        end = self.open.pop(f"ended {boot} {grandchild}", None) or self.open.pop(f"ended {boot} {user} {command}", None)
        run = Run("cron", at, user, command, seconds=_took(tick, end.tick if end else None))
        if failure is not None:
            return replace(run, result=failure.run.result, status=failure.run.status)
        return run

    # units ------------------------------------------------------------------------------------------------------

    def _unit(
        self,
        entry: Mapping[str, Any],
        key: str,
        unit: str,
        message: str,
        boot: str,
        at: float | None,
        tick: float | None,
    ) -> Run | None:
        user = self._users.get(int(_text(entry.get("_UID")) or -1), "") if "USER_UNIT" in entry else ""
        seen = self.open.get(key) or _Seen(Run("timer", None, user, unit=unit))
        kind = _text(entry.get("MESSAGE_ID"))
        if kind == _STARTING or (kind == _STARTED and not message.startswith("Finished ")):
            listed = seen.listed
            # what is started, and was `Starting` before, begins with that: it comes on its page already
            self.open.pop(key, None)
            if kind == _STARTED:
                self.open[key] = replace(seen, listed=True)
            return None if listed else self._begun(seen, boot, at, tick)
        run = seen.run
        if kind == _EXITED and _text(entry.get("COMMAND")) in ("", "ExecStart"):
            status = _text(entry.get("EXIT_STATUS"))
            run = replace(run, status=int(status) if status.isdecimal() else run.status)
        elif kind == _FAILURE:
            run = replace(run, result=_text(entry.get("UNIT_RESULT")) or _result(message))
        elif kind == _SUCCESS or (kind == _STARTED and not run.result):
            run = replace(run, result="success", status=0)
        elif kind == _NOT_STARTED and not run.result:
            run = replace(run, result="failed")
        self.open[key] = replace(seen, run=run, tick=seen.tick if seen.tick is not None else tick)
        return None

    def _begun(self, seen: _Seen, boot: str, at: float | None, tick: float | None) -> Run:
        run = replace(seen.run, at=at, seconds=_took(tick, seen.tick))
        if run.result == "failed" and seen.run.status is not None:
            run = replace(run, result="exit-code")
        return replace(run, result="interrupted") if not run.result and self._boot and boot != self._boot else run


def _result(message: str) -> str:
    """`Failed with result 'exit-code'.`, of a user's manager, which has no field for it."""
    match = re.search(r"with result '([a-z-]+)'", message)
    return match[1] if match else "failed"


def _micro(value: Any) -> float | None:
    return int(value) / 1e6 if isinstance(value, str) and value.isdecimal() else None


def _took(began: float | None, ended: float | None) -> float | None:
    return ended - began if began is not None and ended is not None and ended >= began else None

"""What the recorder wrote down of a job's runs, and how long they usually take. Records belong to users: each line is
looked at before it is believed, and what a job said may hold anything, escape sequences too."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from .wrapped import NAME

if TYPE_CHECKING:
    from pi_installer_tui.system.host import Host

LOGS = "/var/log/cron-record"
PINGS = "/etc/cron-record"
VERSION = 1
#: bytes of a record that are read at the most, from its end, and those in which the last run is: its longest line twice
MOST, LAST = 1024 * 1024, 64 * 1024
BOOT = "/proc/sys/kernel/random/boot_id"

#: done: with status 0 | failed: with another one, or by a signal of its own doing | timeout: ended since it took too
#: long | killed: somebody ended it | locked: not started, since it still ran | running | interrupted: it began, and the
#: machine or the recorder was gone before it ended
What = Literal["done", "failed", "timeout", "killed", "locked", "running", "interrupted"]
_ENDS = frozenset(get_args(What)) - {"running", "interrupted"}
#: what can be true: letters of an id and of a reason, seconds since 1970 (the year 9998: a date in every time zone),
#: wait(2), signal(7), further tries than a line can ask for
_ID, _REASON, _LATEST, _STATUS, _SIGNAL, _TRIES = 64, 200, 253_370_764_800, 255, 64, 1_000
_PROCESS = re.compile(r"([0-9a-f]{8})-([0-9]{1,10})-([0-9]{1,20})")
#: those after which a job isn't as it should be
BAD: frozenset[What] = frozenset(("failed", "timeout", "killed", "interrupted"))
#: a trend is of so many runs at the most, and of so many at least
_RECENT, _FEWEST = 30, 5
#: what is longer or shorter by less than so many seconds is usual
_SLACK = 2.0


@dataclass(frozen=True, slots=True)
class Record:
    """A run. id: `boot-process-start`, see recorder.identity. begin, end: seconds since 1970; seconds: by a clock that
    never jumps. status, signal: how the command ended, of the last try. tail: the last lines of its output; cut: there
    was more. ping: why a dead man's switch couldn't be told, in English."""

    id: str
    begin: float
    what: What
    end: float | None = None
    seconds: float | None = None
    status: int | None = None
    signal: int | None = None
    tries: int = 0
    tail: str = ""
    cut: bool = False
    ping: str = ""


@dataclass(frozen=True, slots=True)
class Trend:
    """How long a job takes. typical: seconds, of those that were done. recent: seconds of these, the newest last.
    newest: how the newest run compares, whatever came of it."""

    typical: float
    recent: tuple[float, ...]
    newest: Literal["usual", "longer", "shorter"]


def path(user: str, name: str) -> str:
    """Where a job's record is. Raises ValueError for what can't be the name of one."""
    if NAME.fullmatch(name) is None or not user or "/" in user or "\0" in user or user in (".", ".."):
        raise ValueError(name)
    return f"{LOGS}/{user}/{name}.jsonl"


async def read(host: Host, user: str, name: str, *, most: int = MOST) -> tuple[Record, ...]:
    """A job's runs, the newest first; none where there is no record. most: bytes from the end of it, LAST are enough
    for the last run. Raises PermissionError: it is another user's."""
    try:
        where = path(user, name)
        stat = await host.stat(where)
        if stat is None or stat.kind != "file":
            return ()
        start = max(0, stat.size - most)
        part = await host.read_part(where, start, most)
    except PermissionError:
        raise
    except (OSError, ValueError):
        return ()
    data = part.data.partition(b"\n")[2] if start else part.data
    found = list(parse(data))
    if any(record.what == "interrupted" for record in found):
        boot = (await _file(host, BOOT)).strip()
        for at, record in enumerate(found):
            told = process(record.id, boot) if record.what == "interrupted" else None
            if told is not None and began(await _file(host, f"/proc/{told[0]}/stat")) == told[1]:
                found[at] = replace(record, what="running")
    return tuple(found)


def parse(data: bytes) -> tuple[Record, ...]:
    """Runs from a record's bytes, the newest first; what is no line of ours is left out. A run that has no end is
    `interrupted`: whether it still goes on, others have to say (`process`)."""
    found: dict[str, Record] = {}
    for line in data.split(b"\n"):
        try:
            said = json.loads(line)
            run = said["id"]
            if said["v"] != VERSION or not isinstance(run, str) or len(run) > _ID:
                continue
            if "ping" in said:
                if run in found:
                    found[run] = replace(found[run], ping=_text(said["ping"])[:_REASON])
            elif "what" not in said:
                found.setdefault(run, Record(run, _time(said["begin"]), "interrupted"))
            elif said["what"] in _ENDS:
                found[run] = _ended(said)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue
    return tuple(sorted(found.values(), key=lambda record: record.begin, reverse=True))


def process(run: str, boot: str) -> tuple[int, str] | None:
    """The recorder's process of a run and when that began (`began`), None where the machine has started anew since.
    boot: of the machine (BOOT)."""
    found = _PROCESS.fullmatch(run)
    return (int(found[2]), found[3]) if found is not None and boot.startswith(found[1]) else None


def began(stat: str) -> str:
    """When a process began, in ticks since the start of the machine: proc_pid_stat(5), field 22; "" for none."""
    rest = stat.rpartition(")")[2].split()
    return rest[19] if len(rest) > 19 and rest[0] != "Z" else ""


def trend(records: tuple[Record, ...]) -> Trend | None:
    """How long a job usually takes, by the runs that were done, and how its newest one compares: out of line is what is
    beyond twice or half of the typical time and beyond what such runs scatter. None: there were too few."""
    ran = [record for record in records if record.seconds is not None and record.what not in ("locked", "running")]
    done = [record.seconds for record in ran[1:] if record.what == "done" and record.seconds is not None][:_RECENT]
    if len(done) < _FEWEST or ran[0].seconds is None:
        return None
    typical = _median(done)
    scatter = max(_SLACK, 6 * _median([abs(each - typical) for each in done]))
    newest = ran[0].seconds
    out: Literal["usual", "longer", "shorter"] = "usual"
    if newest > max(2 * typical, typical + scatter):
        out = "longer"
    elif newest < min(typical / 2, typical - scatter):
        out = "shorter"
    shown = [record.seconds for record in ran if record.what == "done" and record.seconds is not None][:_RECENT]
    return Trend(typical, tuple(reversed(shown)), out)


def _median(values: list[float]) -> float:
    """The middle one. (The module statistics takes 10 ms to import.)"""
    middle, odd = divmod(len(values), 2)
    ordered = sorted(values)
    return ordered[middle] if odd else (ordered[middle - 1] + ordered[middle]) / 2


async def _file(host: Host, name: str) -> str:
    try:
        return (await host.read(name)).decode("utf-8", "replace")
    except OSError:
        return ""


def _ended(said: dict[str, Any]) -> Record:
    """Raises ValueError, KeyError, TypeError."""
    return Record(
        said["id"],
        _time(said["begin"]),
        said["what"],
        _time(said["end"]),
        _time(said["seconds"]),
        _whole(said.get("status"), _STATUS),
        _whole(said.get("signal"), _SIGNAL),
        _whole(said.get("tries"), _TRIES) or 0,
        _text(said.get("tail", "")),
        said.get("cut") is True,
    )


def _time(value: object) -> float:
    """Raises ValueError, TypeError."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LATEST:
        raise ValueError(value)
    return float(value)


def _text(value: object) -> str:
    """JSON can have half a character (RFC 8259, 8.2), which nothing can show."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _whole(value: object, most: int) -> int | None:
    """Raises ValueError, TypeError."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(value)
    return value

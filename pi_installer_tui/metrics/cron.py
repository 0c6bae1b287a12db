"""Whether jobs of crontabs that are recorded come when they are due, and what came of the last run of each. Crontabs
and records are read again only when they have changed; what understands them is imported with the first such job."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pi_installer_tui.metrics import files
from pi_installer_tui.metrics.look import Job

if TYPE_CHECKING:
    from datetime import tzinfo

    from pi_installer_tui.system.cron.fields import Schedule
    from pi_installer_tui.system.cron.records import What

CRONTAB, FOLDER, SPOOL = "/etc/crontab", "/etc/cron.d", "/var/spool/cron/crontabs"
LOCALTIME = "/etc/localtime"
LOGS = "/var/log/cron-record"
BOOT = "/proc/sys/kernel/random/boot_id"
PROGRAM = b"/usr/local/bin/cron-record"
#: jobs of a user that are watched at most (nobody keeps another's from it) and lines of one, bytes of a crontab, and
#: those of a record's end that are read: two of its longest
MOST, LARGEST, END = 64, 1024 * 1024, 64 * 1024
#: seconds that a run may be ahead of the clock and still be believed: beyond that the clock was wrong when it ran
AHEAD = 3600.0
#: seconds that a run may begin before its time, by a clock that is being set right
EARLY = 30
#: seconds for which a job is told to be well after its line went: else what fired would never end
GONE = 3600.0

Key = tuple[str, str]


@dataclass(slots=True)
class _Watched:
    """A job. lines: its schedules, and from when on each is waited for. runs: id, begin and what came of it, the newest
    first. due: when the first run after `base`, the begin of the last one, should be there."""

    path: str
    lines: list[tuple[Schedule, float]] = field(default_factory=list)
    seen: object = ""
    runs: list[tuple[str, float, What]] = field(default_factory=list)
    base: float | None = -1.0
    due: float | None = None


class Jobs:
    """Reads below `root`, "" for the machine's own. now: seconds since 1970."""

    def __init__(self, root: str = "", now: Callable[[], float] = time.time) -> None:
        self._root, self._now = root, now
        self._seen: dict[str, object] | None = None
        self._zone: tzinfo | None = None
        self._jobs: dict[Key, _Watched] = {}
        #: from when on a line is waited for, by job and schedule
        self._since: dict[tuple[str, str, str], float] = {}
        #: jobs whose line went, and when
        self._gone: dict[Key, float] = {}

    def read(self) -> dict[str, Job]:
        """By user and name (`pi.dump`): those that are switched on."""
        now = self._now()
        seen = self._stamps()
        if seen != self._seen:
            self._crontabs(seen, now)
        found = {f"{user}.{name}": self._job(job, now) for (user, name), job in self._jobs.items()}
        self._gone = {key: since for key, since in self._gone.items() if since <= now < since + GONE}
        for user, name in self._gone:
            found[f"{user}.{name}"] = Job(0.0, False)
        return found

    # crontabs ---------------------------------------------------------------------------------------------------------

    def _stamps(self) -> dict[str, object]:
        """All crontabs as they are now."""
        found: dict[str, object] = {CRONTAB: _stamp(f"{self._root}{CRONTAB}")}
        for folder in (FOLDER, SPOOL):
            for name in files.names(f"{self._root}{folder}"):
                # of /etc/cron.d cron takes no other names (valid_name() of database.c), a user has no others
                if name[:1] != "." and name.isascii() and name.isprintable() and (folder == SPOOL or _plain(name)):
                    found[f"{folder}/{name}"] = _stamp(f"{self._root}{folder}/{name}")
        found[LOCALTIME] = _stamp(f"{self._root}{LOCALTIME}")
        return found

    def _crontabs(self, seen: dict[str, object], now: float) -> None:
        first, self._seen = self._seen is None, seen
        before, self._jobs = self._jobs, {}
        earlier, self._since = self._since, {}
        if first:
            before = dict.fromkeys(self._recorded(), _Watched(""))
        for path, stamp in seen.items():
            if not isinstance(stamp, tuple) or path == LOCALTIME or stamp[1] > LARGEST:
                continue
            # cron follows links in /etc, and none of users
            data = _content(f"{self._root}{path}", 0, LARGEST, follow=not path.startswith(SPOOL))
            if PROGRAM in data:
                self._crontab(path, data, min(now, stamp[0] / 1e9), earlier)
        if self._jobs:
            self._zone = _zone(f"{self._root}{LOCALTIME}")
        self._gone = {key: since for key, since in self._gone.items() if key not in self._jobs}
        self._gone |= dict.fromkeys([key for key in before if key not in self._jobs], now)

    def _crontab(self, path: str, data: bytes, changed: float, earlier: dict[tuple[str, str, str], float]) -> None:
        from pi_installer_tui.system.cron import records
        from pi_installer_tui.system.cron.table import Table
        from pi_installer_tui.system.cron.wrapped import unwrap

        system = not path.startswith(SPOOL)
        for entry in Table(data, system=system).entries:
            wrapped = unwrap(entry.shell) if entry.enabled else None
            user = entry.user or path.rpartition("/")[2]
            if wrapped is None or not (user.isascii() and user.isprintable()):
                continue
            try:
                where = records.path(user, wrapped.name)
            except ValueError:
                continue
            key = user, wrapped.name
            if key not in self._jobs and sum(each == user for each, _name in self._jobs) >= MOST:
                continue
            line = (*key, entry.schedule.text)
            self._since[line] = earlier.get(line, changed)
            job = self._jobs.setdefault(key, _Watched(f"{self._root}{where}"))
            if not entry.schedule.reboot and len(job.lines) < MOST:
                job.lines.append((entry.schedule, self._since[line]))

    def _recorded(self) -> list[Key]:
        """Jobs of which there is a record: what fired before this process began may be of one that has no line now."""
        found = []
        for user in files.names(f"{self._root}{LOGS}")[:MOST]:
            names = files.names(f"{self._root}{LOGS}/{user}", 4 * MOST)
            found += [(user, name.removesuffix(".jsonl")) for name in names if name.endswith(".jsonl")]
        return [key for key in found if all(part.isascii() and part.isprintable() for part in key)][:MOST]

    # runs -------------------------------------------------------------------------------------------------------------

    def _job(self, job: _Watched, now: float) -> Job:
        stamp = _stamp(job.path)
        if stamp != job.seen:
            job.seen, job.runs = stamp, _runs(job.path)
        base = next((begin for _run, begin, _what in job.runs if begin <= now + AHEAD), None)
        if base != job.base:
            job.base, job.due = base, self._due(job, base, now)
        if job.due is None:
            return Job(None, self._failed(job))
        return Job(max(0.0, now - job.due), self._failed(job))

    def _due(self, job: _Watched, base: float | None, now: float) -> float | None:
        from pi_installer_tui.system.cron.runs import upcoming

        found = []
        for schedule, since in job.lines:
            after = since if base is None else max(since, base + EARLY)
            try:
                assert self._zone is not None
                found += [run.at for run in upcoming(schedule, self._zone, int(min(now + AHEAD, after)), 1)]
            except (OverflowError, ValueError, OSError):  # a clock that is centuries off
                continue
        return min(found, default=None)

    def _failed(self, job: _Watched) -> bool:
        """Of the newest run that has come to an end; one that wasn't started, as it still ran, is none."""
        from pi_installer_tui.system.cron.records import BAD

        for run, _begin, what in job.runs:
            if what != "locked" and not (what == "interrupted" and self._goes_on(run)):
                return what in BAD
        return False

    def _goes_on(self, run: str) -> bool:
        from pi_installer_tui.system.cron import records

        told = records.process(run, files.text(f"{self._root}{BOOT}") or "")
        return told is not None and records.began(files.text(f"{self._root}/proc/{told[0]}/stat") or "") == told[1]


def _plain(name: str) -> bool:
    return all(letter.isalnum() or letter in "_-" for letter in name)


def _zone(path: str) -> tzinfo:
    """The machine's, UTC where it has none."""
    from datetime import UTC
    from zoneinfo import ZoneInfo

    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return UTC


def _runs(path: str) -> list[tuple[str, float, What]]:
    from pi_installer_tui.system.cron import records

    return [(record.id, record.begin, record.what) for record in records.parse(_content(path, -END, END))]


def _content(path: str, start: int, most: int, *, follow: bool = False) -> bytes:
    """Bytes of a file, of its last ones where start is negative; none where it is no file, or a link."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    except (OSError, ValueError):
        return b""
    try:
        told = os.fstat(opened)
        if not stat.S_ISREG(told.st_mode):
            return b""
        return os.pread(opened, most, start if start >= 0 else max(0, told.st_size + start))
    except OSError:
        return b""
    finally:
        os.close(opened)


def _stamp(path: str) -> tuple[int, int, int] | None:
    """When a file was written, in nanoseconds, its size, and its inode: that of a file that took its place."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

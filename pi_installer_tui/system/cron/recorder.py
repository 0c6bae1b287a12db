#!/usr/bin/python3 -IS
"""cron-record -n NAME [-l] [-t SECONDS] [-r N] [-w SECONDS] [-p] [-k BYTES] -- COMMAND

Runs a command of a crontab as cron does, passes input, output and exit status on, and keeps what came of each run in
/var/log/cron-record/USER/NAME.jsonl. It needs Python alone, not pi-installer-tui; docs/cron-record.md."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import select
import signal
import stat
import sys
import time
from collections.abc import Sequence

LOGS = "/var/log/cron-record"
PINGS = "/etc/cron-record"
VERSION = 1
WAIT, KEEP, LEAST_KEEP = 60, 256 * 1024, 4096
#: bytes of output that are kept of a run, and of its line in the record, which may hold fewer of them
TAIL, LONGEST = 16 * 1024, 32 * 1024
#: seconds: between SIGTERM and SIGKILL; that output is awaited of what a job left behind, before the record is closed;
#: that one ping may take; after which a run that goes on is on the disk; that the record may be held by another run
GRACE, LINGER, PING, SYNC, HELD = 10.0, 1.0, 10, 5.0, 2.0
#: exit statuses of our own: as timeout(1), as sysexits.h (EX_USAGE, EX_TEMPFAIL), as a shell
TIMEOUT, USAGE, LOCKED, NOT_RUN = 124, 64, 75, 127
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Options:
    """What stands in front of `--`."""

    name = ""
    lock = ping = False
    timeout = retries = 0
    wait, keep = WAIT, KEEP
    command = ""

    def __init__(self, arguments: Sequence[str]) -> None:
        """Raises ValueError."""
        words = list(arguments)
        if len(words) < 2 or words[-2] != "--":
            raise ValueError("the command has to be one word behind --")
        self.command = words[-1]
        numbers = {"-t": "timeout", "-r": "retries", "-w": "wait", "-k": "keep"}
        flags = {"-l": "lock", "-p": "ping"}
        words = words[:-2]
        while words:
            option = words.pop(0)
            if option in flags:
                setattr(self, flags[option], True)
            elif option == "-n" and words:
                self.name = words.pop(0)
            elif option in numbers and words and words[0].isascii() and words[0].isdigit():
                setattr(self, numbers[option], int(words.pop(0)))
            else:
                raise ValueError(f"{option} isn't known, or its value is missing or no number")
        self.keep = max(self.keep, LEAST_KEEP)


class Record:
    """A job's record. A line when a run begins and one when it has ended, so that a run that a power cut ended is
    known by its lack of the second. It never raises: what goes wrong is said on standard error, once."""

    def __init__(self, name: str, keep: int) -> None:
        self.name, self.keep = name, keep
        self._folder = -1
        self._said = False
        try:
            self._folder = _folder(name)
        except (OSError, ValueError) as error:
            self._lacks(error)

    def lock(self) -> int | None:
        """Takes the job's lock: its descriptor, -1 where there can't be one, None where another run has it."""
        try:
            held = _opened(f"{self.name}.lock", os.O_RDWR | os.O_CREAT, self._folder)
        except (OSError, ValueError) as error:
            self._lacks(error)
            return -1
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            return None
        except OSError as error:
            self._lacks(error)
            return -1
        return held

    def write(self, said: dict[str, object], tail: bytes = b"", *, sync: bool) -> None:
        """Adds a line, and takes the oldest ones away where there are too many bytes. sync: on the disk on return."""
        if self._folder < 0:
            return
        try:
            record = self._held()
            try:
                self._append(record, _line(said, tail, min(LONGEST, self.keep // 4)))
                if os.fstat(record).st_size > self.keep:
                    self._shorten(record)
                elif sync:
                    os.fdatasync(record)
            finally:
                os.close(record)
        except (OSError, ValueError) as error:
            self._lacks(error)

    def sync(self) -> None:
        """Puts on the disk what was written."""
        if self._folder < 0:
            return
        try:
            record = _opened(f"{self.name}.jsonl", os.O_RDONLY, self._folder)
            os.fdatasync(record)
            os.close(record)
        except (OSError, ValueError) as error:
            self._lacks(error)

    def _held(self) -> int:
        """The record, opened and locked against other runs; one that was replaced meanwhile is opened again."""
        until = time.monotonic() + HELD
        while True:
            record = _opened(f"{self.name}.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND, self._folder)
            try:
                fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
                now = os.stat(f"{self.name}.jsonl", dir_fd=self._folder, follow_symlinks=False)
                if os.path.samestat(now, os.fstat(record)):
                    return record
            except (BlockingIOError, FileNotFoundError):
                pass
            os.close(record)
            if time.monotonic() > until:
                raise OSError("its record is held by another process")
            time.sleep(0.01)

    def _append(self, record: int, line: bytes) -> None:
        size = os.fstat(record).st_size
        if size and os.pread(record, 1, size - 1) != b"\n":
            line = b"\n" + line  # the line before was torn
        if os.write(record, line) < len(line):
            os.ftruncate(record, size)
            raise OSError("there is no room for the whole line")

    def _shorten(self, record: int) -> None:
        """Keeps the newest lines, three quarters of the bytes, in a new file that takes the old one's place."""
        size = os.fstat(record).st_size
        start = max(0, size - 4 * self.keep)
        lines = _read(record, start, size - start).split(b"\n")[1 if start else 0 :]
        ended = {each for each in map(_ended, lines) if each}
        kept: list[bytes] = []
        room = self.keep * 3 // 4
        for line in reversed(lines):
            run = _begun(line)
            if not line or run in ended:
                continue  # its end says it all
            room -= len(line) + 1
            if room >= 0 or alive(run):
                kept.append(line + b"\n")
        name = f".{self.name}.new"
        new = _opened(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, self._folder)
        try:
            _write(new, b"".join(reversed(kept)))
            os.fdatasync(new)
        except OSError:
            os.unlink(name, dir_fd=self._folder)
            raise
        finally:
            os.close(new)
        os.rename(name, f"{self.name}.jsonl", src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _lacks(self, error: Exception) -> None:
        if not self._said:
            self._said = True
            why = error.strerror if isinstance(error, OSError) and error.strerror else error
            say(f"no record of {self.name or 'this job'}: {why}")


def _folder(name: str) -> int:
    """The user's folder, opened. Raises OSError, ValueError."""
    if not name or len(name) > 64 or name[0] not in _LETTERS or not set(name) <= {*_LETTERS, *"._-"}:
        raise ValueError("its name isn't up to 64 letters, digits, dots, - and _, a letter or a digit first")
    path = f"{LOGS}/{user()}"
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    told = os.fstat(opened)
    if told.st_uid not in (os.geteuid(), 0) or told.st_mode & 0o022:
        os.close(opened)
        raise ValueError(f"others may write to {path}")
    return opened


def user() -> str:
    """As whom this runs."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _opened(name: str, flags: int, folder: int) -> int:
    """A file of ours. Raises OSError, ValueError for a link, what is no file, and what others own or have a name of."""
    if folder < 0:
        raise ValueError("its folder can't be used")
    opened = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600, dir_fd=folder)
    told = os.fstat(opened)
    if not stat.S_ISREG(told.st_mode) or told.st_uid != os.geteuid() or told.st_nlink > 1:
        os.close(opened)
        raise ValueError(f"{name} isn't a file of its own")
    return opened


def _line(said: dict[str, object], tail: bytes, longest: int) -> bytes:
    """An object as a line, with as much of the output as fits; from a line's begin on where it is cut."""
    cut = False
    while True:
        text = tail.decode("utf-8", "backslashreplace")
        whole = {**said, "tail": text, **({"cut": True} if cut else {})} if tail else said
        line = json.dumps(whole, separators=(",", ":")).encode() + b"\n"
        if len(line) <= longest or not tail:
            return line
        tail, cut = bytes(from_a_line(bytearray(tail[len(tail) // 4 + 1 :]))), True


def from_a_line(tail: bytearray) -> bytearray:
    """What follows the first newline, where one is early enough that it is worth it."""
    at = tail.find(b"\n", 0, len(tail) // 2)
    return tail[at + 1 :] if at >= 0 else tail


def _ended(line: bytes) -> object:
    said = _said(line)
    return said.get("id") if "what" in said else None


def _begun(line: bytes) -> object:
    said = _said(line)
    return said.get("id") if "what" not in said and "ping" not in said else None


def _said(line: bytes) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read(opened: int, start: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.pread(opened, min(size, 65536), start)):
        parts.append(part)
        start, size = start + len(part), size - len(part)
    return b"".join(parts)


def _write(opened: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(opened, view) :]


class Job:
    """The command, run once or several times. Its output goes on as it comes and `tail` keeps the last of it. ended:
    the status of the last try as os.waitstatus_to_exitcode gives it. told: the signal that told us to end."""

    def __init__(self, command: str) -> None:
        self.tail = bytearray()
        self.cut = False
        self.told = 0
        self.timed_out = False
        self.begun = time.monotonic()
        self.synced = False
        self._shell = os.environb.get(b"SHELL") or b"/bin/sh"
        self._arguments = [self._shell, b"-c", os.fsencode(command)]
        self._environment = environment()
        self._input: int | None = None
        self._open: dict[int, int] = {}
        self._gone: set[int] = set()
        self._woken, wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, *_ENDING):
            if number == signal.SIGCHLD or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda _number, _frame: None)
        self._poll = select.poll()
        self._poll.register(self._woken, select.POLLIN)

    def keep_input(self) -> None:
        """Standard input is there for each try: of a pipe all of it is read first."""
        try:
            kind = os.fstat(0).st_mode
            if stat.S_ISREG(kind):
                self._input = 0
            elif stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
                self._input = os.memfd_create("input", os.MFD_CLOEXEC)
                while part := os.read(0, 65536):
                    _write(self._input, part)
        except OSError as error:
            say(f"standard input isn't kept for another try: {error.strerror}")

    def run(self, limit: float, record: Record) -> int:
        """Runs it once. limit: seconds, 0 for none. The status, negative: the signal that ended it."""
        self.timed_out = False
        try:
            child = self._start()
        except OSError as error:
            say(f"{os.fsdecode(self._shell)}: {error.strerror}")
            return NOT_RUN
        now = time.monotonic()
        ends = now + limit if limit else None
        kills: float | None = None  # when SIGKILL follows, once it was told to end
        lingers: float | None = None
        status: int | None = None
        while True:
            now = time.monotonic()
            if not self.synced and now >= self.begun + SYNC:
                self.synced = True
                record.sync()
            if status is None and ends is not None and now >= ends:
                self.timed_out, ends, kills = True, None, now + GRACE
                _signal(child, signal.SIGTERM)
            if kills is not None:
                if now >= kills:
                    _signal(child, signal.SIGKILL)
                if status is not None and (now >= kills or not _signal(child, 0)):
                    kills, lingers = None, now + LINGER
            if status is not None and kills is None:
                if lingers is None:
                    lingers = now + LINGER
                if not self._open or now >= lingers:
                    return status
            times = [each for each in (ends, kills, lingers) if each is not None]
            told = self._wait(now, *times, busy=kills is not None)
            if told and status is None:
                kills = now + GRACE if kills is None else kills
                _signal(child, told)
            if status is None:
                reaped, code = os.waitpid(child, os.WNOHANG)
                status = os.waitstatus_to_exitcode(code) if reaped else None

    def pause(self, seconds: float) -> None:
        """Waits, or until it is told to end."""
        until = time.monotonic() + seconds
        while not self.told and (now := time.monotonic()) < until:
            self._wait(now, until, busy=False)

    def drain(self) -> None:
        """Passes on what comes from processes that it left behind, as long as there are any."""
        while self._open and not self.told:
            self._wait(time.monotonic(), busy=False)

    def _start(self) -> int:
        """Raises OSError."""
        actions = []
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        ends = [theirs]
        actions.append((os.POSIX_SPAWN_DUP2, theirs, 1))
        self._open[ours] = 1
        self._poll.register(ours, select.POLLIN)
        if not _same(1, 2):  # cron has one pipe for both: then the order stays
            ours, theirs = os.pipe2(os.O_CLOEXEC)
            ends.append(theirs)
            self._open[ours] = 2
            self._poll.register(ours, select.POLLIN)
        actions.append((os.POSIX_SPAWN_DUP2, theirs, 2))
        if self._input is not None:
            os.lseek(self._input, 0, os.SEEK_SET)
            actions.append((os.POSIX_SPAWN_DUP2, self._input, 0))
        # Python ignores these two
        usual = [signal.SIGPIPE, signal.SIGXFSZ]
        try:
            return os.posix_spawn(
                self._shell, self._arguments, self._environment, file_actions=actions, setsid=True, setsigdef=usual
            )
        finally:
            for end in ends:
                os.close(end)

    def _wait(self, now: float, *until: float, busy: bool) -> int:
        """Until something comes, or one of the times. The signal that told us to end, 0 for none."""
        if not self.synced:
            until = (*until, self.begun + SYNC)
        if busy:
            until = (*until, now + 0.05)  # nothing says when a process group is empty
        rest = max(0, int((min(until) - now) * 1000) + 1) if until else None
        told = 0
        for opened, _event in self._poll.poll(rest):
            if opened == self._woken:
                for number in os.read(self._woken, 512):
                    if number in _ENDING:
                        self.told = told = number
            elif part := os.read(opened, 65536):
                self._pass_on(self._open[opened], part)
            else:
                self._poll.unregister(opened)
                del self._open[opened]
                os.close(opened)
        return told

    def _pass_on(self, to: int, part: bytes) -> None:
        self.tail += part
        if len(self.tail) > TAIL:
            del self.tail[:-TAIL]
            self.cut = True
        if to not in self._gone:
            try:
                _write(to, part)
            except OSError:
                self._gone.add(to)  # nobody reads it any more; the job goes on


def environment() -> dict[bytes, bytes]:
    """As cron gave it. os.environ isn't that: Python may have put LC_CTYPE there (PEP 538)."""
    try:
        with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 (pathlib takes a while to import)
            entries = [each.partition(b"=") for each in file.read().split(b"\0") if b"=" in each[1:]]
    except OSError:
        return dict(os.environb)
    return {name: value for name, _equals, value in entries}


def _same(one: int, other: int) -> bool:
    try:
        return os.path.samestat(os.fstat(one), os.fstat(other))
    except OSError:
        return False


def _signal(group: int, number: int) -> bool:
    """Sends a signal to a process group; whether there still is one."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Switch:
    """A dead man's switch, told by GET as healthchecks.io has it: URL/start, URL, URL/fail. Each is a process of its
    own that ends in time and says nothing: the address is a secret. trouble: why the last one failed."""

    def __init__(self, name: str) -> None:
        self._asking = 0
        self.trouble = ""
        self._url = ""
        try:
            opened = os.open(
                f"{PINGS}/{user()}/{name}.ping", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            )
            self._url = os.read(opened, 4096).decode().strip()
            os.close(opened)
        except (OSError, ValueError):
            pass
        if not self._url:
            self.trouble = "its address can't be read"

    def tell(self, what: str, lock: int) -> None:
        """Doesn't wait for the answer; `end` does. lock: which the process must not hold."""
        if not self._url:
            return
        self.end()
        try:
            self._asking = os.fork()
        except OSError:
            self.trouble = "there was no room for another process"
            return
        if self._asking:
            return
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGALRM, signal.SIGCHLD, *_ENDING):
                signal.signal(number, signal.SIG_DFL)
            signal.alarm(PING)
            if lock >= 0:
                os.close(lock)
            os._exit(_get(self._url, what))
        except BaseException:
            os._exit(1)

    def end(self) -> None:
        """Waits for the answer, which takes no longer than PING seconds."""
        if self._asking:
            _child, code = os.waitpid(self._asking, 0)
            self._asking = 0
            status = os.waitstatus_to_exitcode(code)
            reasons = {0: "", 2: "the server refused it", -signal.SIGALRM: f"no answer in {PING} seconds"}
            self.trouble = reasons.get(status, "the server can't be reached")


def _get(url: str, what: str) -> int:
    from http.client import HTTPConnection, HTTPSConnection
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in ("http", "https"):
        return 2
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    link = kind(parts.hostname, parts.port, timeout=PING)
    path = parts.path.rstrip("/") + what + (f"?{parts.query}" if parts.query else "")
    link.request("GET", path or "/", headers={"User-Agent": "cron-record", "Connection": "close"})
    return 0 if 200 <= link.getresponse().status < 300 else 2


def say(text: str) -> None:
    """On standard error, which cron mails."""
    try:  # noqa: SIM105 (contextlib takes a while to import)
        _write(2, f"cron-record: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def identity() -> str:
    """Of this run: the start of the machine, our process, when that began (proc_pid_stat(5), field 22). With it one can
    tell whether it still runs."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123
            boot = file.read(8)
        with open("/proc/self/stat") as file:  # noqa: PTH123
            began = file.read().rpartition(")")[2].split()[19]
    except OSError:
        boot, began = "0", str(time.time_ns())
    return f"{boot}-{os.getpid()}-{began}"


def alive(run: object) -> bool:
    """Whether a run goes on, by its `identity`."""
    boot, pid, began = [*str(run).split("-"), "", ""][:3]
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123
            same = file.read(8) == boot
        with open(f"/proc/{int(pid)}/stat") as file:  # noqa: PTH123
            return same and file.read().rpartition(")")[2].split()[19] == began
    except (OSError, ValueError):
        return False


def outcome(job: Job, status: int) -> tuple[str, int]:
    """What came of it, and our own exit status."""
    if job.told:
        return "killed", 128 + job.told
    if job.timed_out:
        return "timeout", TIMEOUT
    if status < 0:
        return "failed", 128 - status
    return ("failed" if status else "done"), status


def main(arguments: Sequence[str]) -> int:
    """The exit status: the command's, or one of our own."""
    try:
        options = Options(arguments)
    except ValueError as error:
        say(f"{error}\nusage: {(__doc__ or '').partition(chr(10))[0]}")
        return USAGE
    begin, began, run = round(time.time(), 3), time.monotonic(), identity()
    told: dict[str, object] = {"v": VERSION, "id": run, "begin": begin}
    record = Record(options.name, options.keep)
    lock = record.lock() if options.lock else -1
    if lock is None:
        record.write({**told, "end": begin, "seconds": 0, "tries": 0, "what": "locked"}, sync=False)
        say(f"{options.name} still runs, so it isn't started again")
        return LOCKED
    record.write(told, sync=False)
    switch = Switch(options.name) if options.ping else None
    job = Job(options.command)
    if switch is not None:
        switch.tell("/start", lock)
    if options.retries:
        job.keep_input()
    tries, what, code = 0, "", 0
    while True:
        tries += 1
        status = job.run(options.timeout, record)
        what, code = outcome(job, status)
        if what in ("done", "killed") or tries > options.retries:
            break
        job.pause(options.wait)
        if job.told:
            what, code = outcome(job, status)
            break
    told |= {"end": round(time.time(), 3), **({"status": status} if status >= 0 else {"signal": -status})}
    told |= {"seconds": round(time.monotonic() - began, 3), "tries": tries, "what": what}
    if job.cut:
        told["cut"] = True
        job.tail = from_a_line(job.tail)
    record.write(told, bytes(job.tail), sync=True)
    job.synced = True
    if lock >= 0:
        os.close(lock)
    if switch is not None:
        switch.tell("" if what == "done" else "/fail", -1)
        switch.end()
        if switch.trouble:
            record.write({"v": VERSION, "id": run, "ping": switch.trouble}, sync=False)
    job.drain()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

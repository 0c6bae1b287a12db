"""Processes from /proc, one small file of each a scan; what stays the same is read once. Fields: proc_pid_stat(5)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_HZ = os.sysconf("SC_CLK_TCK")
#: scans after which the user and the command of a new process are believed to stay: a daemon changes both at its start
_SETTLED = 3


@dataclass(frozen=True, slots=True)
class Process:
    """cpu: per cent of one core since the scan before, 0 in the first one. memory: bytes that are resident. command:
    with its arguments; a thread of the kernel's is in brackets."""

    pid: int
    user: str
    cpu: float
    memory: int
    command: str


@dataclass(slots=True)
class _Known:
    """What is remembered of a process: when it started (ticks), its name, its ticks at the scan before."""

    started: int
    name: str
    ticks: int
    user: str = ""
    command: str = ""
    scans: int = 0


class Scanner:
    """Scans below `root`, again and again."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._known: dict[int, _Known] = {}
        self._at: float | None = None
        self._users: dict[int, str] = {}

    def scan(self, at: float) -> list[Process]:
        """The processes there are. at: seconds of a clock that never jumps. A process that ends meanwhile is left
        out; so is one that can't be seen (hidepid, proc(5))."""
        passed = at - self._at if self._at is not None else 0.0
        self._at = at
        found, known = [], {}
        for pid, text in self._stats():
            try:
                one, cpu, memory = self._one(pid, text, passed)
            except (ValueError, IndexError):
                continue
            known[pid] = one
            found.append(Process(pid, one.user, cpu, memory, one.command))
        self._known = known
        return found

    def _stats(self) -> Iterator[tuple[int, str]]:
        try:
            names = os.listdir(self._root / "proc")  # noqa: PTH208  (names are all that is wanted)
        except OSError:
            return
        for name in names:
            if name.isdecimal():
                text = self._read(f"{name}/stat")
                if text:
                    yield int(name), text

    def _read(self, path: str) -> str:
        try:
            with open(f"{self._root}/proc/{path}", "rb", buffering=0) as file:  # noqa: PTH123
                return file.read(4096).decode("utf-8", "replace")
        except OSError:
            return ""

    def _one(self, pid: int, text: str, passed: float) -> tuple[_Known, float, int]:
        # the name may hold blanks and brackets
        head, _bracket, rest = text.rpartition(")")
        name = head.partition("(")[2]
        fields = rest.split()
        ticks, started, memory = int(fields[11]) + int(fields[12]), int(fields[19]), int(fields[21]) * _PAGE
        one = self._known.get(pid)
        cpu = 0.0
        if one is None or one.started != started:
            one = _Known(started, name, ticks)
        elif passed > 0:
            cpu = max(0.0, (ticks - one.ticks) / _HZ / passed * 100)
        if one.scans < _SETTLED or one.name != name:
            one.user, one.command, one.name = self._user(pid), self._command(pid, name), name
            one.scans += 1
        one.ticks = ticks
        return one, cpu, memory

    def _command(self, pid: int, name: str) -> str:
        words = self._read(f"{pid}/cmdline").rstrip("\0").replace("\0", " ").strip()
        return words or f"[{name}]"

    def _user(self, pid: int) -> str:
        for line in self._read(f"{pid}/status").splitlines():
            if line.startswith("Uid:"):
                return self._name(int(line.split()[2]))
        return ""

    def _name(self, uid: int) -> str:
        """A user's name as /etc/passwd has it, else the number."""
        if not self._users:
            try:
                text = (self._root / "etc/passwd").read_text(encoding="utf-8", errors="replace")
            except OSError:
                text = ""
            for line in text.splitlines():
                words = line.split(":")
                if len(words) > 2 and words[2].isdecimal():
                    self._users.setdefault(int(words[2]), words[0])
        return self._users.get(uid, str(uid))

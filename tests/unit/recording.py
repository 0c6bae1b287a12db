"""The recorder as cron runs it: its text in a file of its own, by Debian's Python, with folders of the test's."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pi_installer_tui.system.cron import recorder
from pi_installer_tui.system.cron.wrapped import script

#: what cron gives
ENVIRONMENT = {"HOME": "/", "LOGNAME": "x", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}


class Recorder:
    """`changes`: constants of the script, to be quicker than it is."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.logs, self.pings = folder / "log", folder / "ping"
        self.own = self.logs / recorder.user()
        self.own.mkdir(parents=True, mode=0o700)
        (self.pings / recorder.user()).mkdir(parents=True)
        self.path = folder / "cron-record"
        text = script()
        changes = {"LOGS": str(self.logs), "PINGS": str(self.pings), **changes}
        for name, value in changes.items():
            before = f"\n{name} = {getattr(recorder, name)!r}\n".replace("'", '"')
            if before not in text:  # one of several in a line
                text = text.replace("\n_LETTERS", f"\n{name} = {value!r}\n_LETTERS")
            else:
                text = text.replace(before, f"\n{name} = {value!r}\n")
        self.path.write_text(text)

    def argv(self, *words: str, name: str = "job") -> list[str]:
        *options, command = words
        return ["/usr/bin/python3", "-IS", str(self.path), "-n", name, *options, "--", command]

    def run(
        self, *words: str, name: str = "job", stdin: bytes = b"", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Options, and last the command."""
        argv = self.argv(*words, name=name)
        return subprocess.run(argv, input=stdin, capture_output=True, env={**ENVIRONMENT, **(env or {})}, timeout=120)

    def start(self, *words: str, name: str = "job", **more: Any) -> subprocess.Popen[bytes]:
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen(self.argv(*words, name=name), env=ENVIRONMENT, **more)

    def file(self, name: str = "job") -> Path:
        return self.own / f"{name}.jsonl"

    def lines(self, name: str = "job") -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file(name).read_text().splitlines()]

    def last(self, name: str = "job") -> dict[str, Any]:
        """The newest line that ends a run."""
        return [line for line in self.lines(name) if "what" in line][-1]

    def put_ping(self, url: str, name: str = "job") -> None:
        path = self.pings / recorder.user() / f"{name}.ping"
        path.write_text(f"{url}\n")
        path.chmod(0o400)


def until(true: Callable[[], Any], seconds: float = 60) -> None:
    """Waits; the time is one that only what never comes takes."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pid_in(path: Path) -> int:
    """A process that a job wrote down."""
    until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def is_root() -> bool:
    return os.geteuid() == 0

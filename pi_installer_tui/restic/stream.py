"""A dump that goes into a snapshot, a snapshot that is loaded into a database, without a file between them: one process
starts both and holds the pipe. Whoever reads sees the end only after whoever writes has ended well; otherwise it is
killed before, so that half a dump is never kept and never loaded.

Run as a program (`python -m pi_installer_tui.restic.stream`) it reads one line of JSON: `from` and `into`, the two
commands, `restic`: which of them is restic, `secret`: the variables that only restic gets.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Progress, Sum
    from pi_installer_tui.restic.engine import Restic

_LINES = 25
#: seconds that one who is told to stop has until it is killed
_GRACE = 10.0
#: prctl(2): the signal that a process gets when its parent dies
_PR_SET_PDEATHSIG = 1


class StreamFailed(Exception):
    """The other side of restic failed: a dump or its loading. status: its exit status, negative: a signal; tail: the
    last lines it printed."""

    def __init__(self, status: int, tail: tuple[str, ...]) -> None:
        super().__init__(f"ended with status {status}")
        self.status = status
        self.tail = tail


async def back_up(
    engine: Restic,
    argv: Sequence[str],
    *,
    file: str,
    tags: Sequence[str] = (),
    progress: Callable[[Progress], None] = lambda progress: None,
    said: Callable[[str], None] = lambda line: None,
) -> Sum:
    """A snapshot of what a command prints, as its only file. Where the command fails there is none. Raises
    StreamFailed, Trouble, CommandNotFound."""
    from pi_installer_tui.restic import parsing

    options = ["--stdin", "--stdin-filename", file, *(word for tag in tags for word in ("--tag", tag))]
    summary: dict[str, Any] = {}

    def message(found: dict[str, Any]) -> None:
        match found.get("message_type"):
            case "status":
                progress(parsing.progress(found))
            case "summary":
                summary.update(found)
            case "error":
                said(str(found.get("error", "")))

    end, text = await _run(engine, argv, engine.argv("backup", "--json", *options), 1, message)
    if end["failed"] == "from":
        raise StreamFailed(end["from"], tuple(end["tail"]))
    if end["failed"] or not summary:
        raise await engine.failure(end["into"], text)
    return parsing.summary(summary, False, ())


async def load(engine: Restic, snapshot: str, file: str, argv: Sequence[str]) -> None:
    """Gives a file of a snapshot to a command. Raises StreamFailed, Trouble, CommandNotFound."""
    end, text = await _run(engine, engine.argv("dump", "--no-lock", snapshot, file), argv, 0, lambda found: None)
    if end["failed"] == "into":
        raise StreamFailed(end["into"], tuple(end["tail"]))
    if end["failed"]:
        raise await engine.failure(end["from"], text)


async def _run(
    engine: Restic,
    source: Sequence[str],
    sink: Sequence[str],
    restic: int,
    message: Callable[[dict[str, Any]], None],
) -> tuple[dict[str, Any], list[str]]:
    """Both to their end. restic: which of them it is. What this process said of the two, and restic's text."""
    await engine.ready(write=restic == 1)
    ends = [[*source], [*sink]]
    ends[restic], environment = await engine.held(ends[restic])
    told = {"from": ends[0], "into": ends[1], "restic": restic, "secret": [*environment]}
    text: deque[str] = deque(maxlen=_LINES)
    end: dict[str, Any] = {}

    def line(raw: bytes) -> None:
        shown = raw.decode("utf-8", "replace")
        with contextlib.suppress(ValueError):
            found = json.loads(shown)
            if isinstance(found, dict):
                if found.get("message_type") == "stream":
                    end.update(found)
                elif found.get("message_type") == "exit_error":  # 0.17 and later
                    text.extend(str(found.get("message", "")).splitlines())
                else:
                    message(found)
                return
        if shown.strip():
            text.append(shown)

    rest = b""
    command = [sys.executable, "-I", "-m", "pi_installer_tui.restic.stream"]
    given = json.dumps(told).encode() + b"\n"
    async with engine.host.start(command, input=given, env=environment, grace=60) as process:
        async for chunk in process.chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            for each in lines:
                line(each)
        line(rest)
        status = await process.wait()
    if not end:  # it was killed
        end = {"from": status, "into": status, "failed": ("from", "into")[restic], "tail": []}
    return end, [*text]


# the process ----------------------------------------------------------------------------------------------------------


def main() -> int:
    """0: both ended well."""
    _die_with_parent()
    for number in (signal.SIGTERM, signal.SIGINT):  # the two get it as well, and this one ends after them
        signal.signal(number, lambda number, frame: None)
    told = json.loads(sys.stdin.buffer.readline())
    ends = _join(told["from"], told["into"], told["restic"], told["secret"])
    print(json.dumps({"message_type": "stream", **ends}), flush=True)
    return 1 if ends["failed"] else 0


def _join(source: list[str], sink: list[str], restic: int, secret: list[str]) -> dict[str, Any]:
    """Both to their end. `failed`: who did first, for the other one only found the pipe closed, or was stopped."""
    tail: deque[str] = deque(maxlen=_LINES)
    plain = {name: value for name, value in os.environ.items() if name not in secret}
    readable, writable = os.pipe()
    others: list[IO[bytes]] = []

    def start(which: int, argv: list[str], stdin: int, stdout: int | None) -> subprocess.Popen[bytes]:
        ours = which == restic
        process = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=stdout if ours or stdout is not None else subprocess.PIPE,
            stderr=None if ours else subprocess.PIPE,
            env=None if ours else plain,
            preexec_fn=_die_with_parent,
        )
        others.extend(pipe for pipe in (process.stdout, process.stderr) if pipe is not None)
        return process

    try:
        reader = start(1, sink, readable, None)
    except OSError as error:
        return {"from": 0, "into": 127, "failed": "into", "tail": [f"{sink[0]}: {error.strerror}"]}
    os.close(readable)
    try:
        writer = start(0, source, subprocess.DEVNULL, writable)
    except OSError as error:
        _stop(reader, restic == 1)
        return {"from": 127, "into": reader.wait(), "failed": "from", "tail": [f"{source[0]}: {error.strerror}"]}
    readers = [threading.Thread(target=_lines, args=(pipe, tail), daemon=True) for pipe in others]
    for each in readers:
        each.start()
    failed, open_ends = "", {reader.pid: "into", writer.pid: "from"}
    ends: dict[str, int] = {}
    while open_ends:
        # where both are gone already, the one that reads was first
        pid, status = os.waitpid(reader.pid, os.WNOHANG) if reader.pid in open_ends else (0, 0)
        if not pid:
            pid, status = os.wait()
        if (name := open_ends.pop(pid, "")) == "":
            continue
        ends[name] = os.waitstatus_to_exitcode(status)
        if ends[name]:
            failed = failed or name
        if name == "into" and open_ends:
            failed = failed or "into"  # it didn't want to hear the rest
            writer.send_signal(signal.SIGTERM)
        elif name == "from" and ends[name] == 0:
            os.close(writable)
        elif name == "from" and open_ends:
            _stop(reader, restic == 1)
    for each in readers:
        each.join(1.0)
    return {**ends, "failed": failed, "tail": [*tail]}


def _stop(process: subprocess.Popen[bytes], restic: bool) -> None:
    """Ends who reads before it sees the end of its input. (restic 0.14 cleans up on SIGINT alone.)"""
    process.send_signal(signal.SIGINT if restic else signal.SIGTERM)
    killer = threading.Timer(_GRACE, process.kill)
    killer.daemon = True
    killer.start()


def _lines(pipe: IO[bytes], tail: deque[str]) -> None:
    for line in pipe:
        tail.append(line[:2000].decode("utf-8", "replace").rstrip())


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())

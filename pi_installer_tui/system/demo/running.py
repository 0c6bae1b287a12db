"""The player of setpriv(1), by which a job of a crontab is run: the first program of its command is looked
for in the PATH that it was given, as a shell would; what it prints is made up. A recorded command is recorded. Those of
chmod(1) and test(1), by which a script of a folder is switched."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from pi_installer_tui.system.accounts import PASSWD, accounts
from pi_installer_tui.system.cron.environment import handed
from pi_installer_tui.system.cron.wrapped import unwrap
from pi_installer_tui.system.demo.players import Call, Refused, player
from pi_installer_tui.system.demo.tree import Machine

#: what programs print, by a part of the command, and their exit status
_PRINTED = (
    ("dyndns.example.org", "curl: (6) Could not resolve host: dyndns.example.org\n", 6),
    ("weather/upload.sh", "uploaded 481 readings\n", 0),
    ("report.py", "", 0),
    ("weather-report", "Garden: 6.4 to 11.2 C, no frost expected\n", 0),
    ("rsync", "", 0),
    ("run-parts", "", 0),
)
_BUILTINS = frozenset({"cd", "test", "[", "echo", ":", "true", "false", "exec", "."})
#: seconds that a command takes
_TAKES = 1.5


@dataclass
class _Run:
    user: str = "root"
    env: dict[str, str] = field(default_factory=dict)
    shell: str = "/bin/sh"
    login: bool = False
    command: str = ""


def _run(call: Call) -> _Run:
    people = {account.uid: name for name, account in accounts({PASSWD: call.machine.text(PASSWD) or ""}).items()}
    found = _Run(env=dict(call.env))
    words = list(call.argv[1:])
    while words and words[0] != "--":
        word = words.pop(0)
        if match := re.fullmatch(r"--reuid=(\d+)", word):
            found.user = people.get(int(match[1]), "root")
    words = words[1:]
    if words and words[0].rpartition("/")[2] == "python3":
        found.env = handed(call.env)
        words = words[words.index("-c") + 3 :]  # the script, and the folder
    if not words:
        raise Refused("setpriv: No program specified.", 1)
    found.shell = words.pop(0)
    while words and words[0].startswith("-"):
        word = words.pop(0)
        found.login = found.login or word == "-l"
        if word == "-c" and words:
            found.command = words.pop(0)
    if found.login:
        home = found.env.get("HOME", "/")
        path = found.env.get("PATH", "")
        if call.machine.exists(f"{home}/.local/bin"):
            found.env["PATH"] = f"{home}/.local/bin:{path}"
        found.env |= {"PWD": home, "SHLVL": "0"}
    return found


@player("setpriv")
async def setpriv(call: Call) -> int:
    run = _run(call)
    if re.search(r"\benv -0\b|\benv --null\b", run.command):
        await call.emit(1, b"".join(f"{name}={value}\0".encode() for name, value in run.env.items()))
        return 0
    wrapped = unwrap(run.command)
    command = run.command if wrapped is None else wrapped.command
    began = time.time()
    printed, status = _said(call.machine, command, run.env, run.shell)
    await call.pause(_TAKES)
    if printed:
        await call.out(printed, end="")
    if wrapped is not None:
        _record(call.machine, run.user, wrapped.name, began, status, printed)
    return status


def _said(machine: Machine, command: str, env: Mapping[str, str], shell: str) -> tuple[str, int]:
    name = shell.rpartition("/")[2]
    try:
        words = shlex.split(command)
    except ValueError:
        return f"{name}: 1: Syntax error: Unterminated quoted string\n", 2
    program = words[0] if words else ":"
    if program not in _BUILTINS:
        folders = [""] if "/" in program else [f"{folder}/" for folder in env.get("PATH", "").split(":")]
        if not any(machine.exists(f"{folder}{program}") for folder in folders):
            return f"{name}: 1: {program}: not found\n", 127
    for part, printed, status in _PRINTED:
        if part in command:
            return printed, status
    return "", 0


def _record(machine: Machine, user: str, name: str, began: float, status: int, printed: str) -> None:
    path = f"/var/log/cron-record/{user}/{name}.jsonl"
    about = {"v": 1, "id": f"demo-{int(began)}-{int(began * 1000) % 100_000}", "begin": round(began, 3)}
    took = round(time.time() - began, 3)
    end = {**about, "end": round(began + took, 3), "status": status, "seconds": took, "tries": 1}
    end |= {"what": "failed" if status else "done", **({"tail": printed} if printed else {})}
    stat = machine.files.stat(path)
    text = (machine.text(path) or "") + f"{json.dumps(about)}\n{json.dumps(end)}\n"
    uid = stat.uid if stat is not None else 0
    machine.files.replace(path, text.encode(), mode=0o600, uid=uid, gid=uid)


@player("chmod")
async def chmod(call: Call) -> int:
    mode, *paths = call.argv[1:]
    for path in paths:
        stat = call.machine.files.stat(path)
        if stat is None:
            raise Refused(f"chmod: cannot access '{path}': No such file or directory")
        new = {"a+x": stat.mode | 0o111, "a-x": stat.mode & ~0o111}.get(mode)
        if new is None:
            raise Refused(f"chmod: invalid mode: '{mode}'")
        call.machine.files.chmod(path, mode=new, uid=stat.uid, gid=stat.gid)
    return 0


@player("test")
async def test(call: Call) -> int:
    what, path = call.argv[1:3]
    stat = call.machine.files.stat(call.machine.files.realpath(path))
    return 0 if stat is not None and (what != "-x" or stat.mode & 0o111) else 1

"""A host that answers from a recording of a real one: what was asked is in tests/unit/recorded/*.json, anything else is
an error of the test. `python -m tests.unit.replayed` on a machine prints a recording of what the module System asks.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from pi_installer_tui.system.host import CommandNotFound, Completed, FileStat, Host, Process

RECORDED = Path(__file__).with_name("recorded")


class ReplayedHost(Host):
    """files: path to text (None: unreadable). Paths that weren't asked for don't exist."""

    kind = "replayed"
    address = "/"
    privileged = True

    def __init__(self, recording: Mapping[str, Any]) -> None:
        self.commands: dict[tuple[str, ...], Completed | None] = {}
        for argv, answer in recording["commands"]:
            self.say(argv, *answer) if answer else self.absent(argv)
        self.files: dict[str, str | None] = dict(recording["files"])
        self.stats: dict[str, FileStat | None] = {
            path: FileStat(**found) if found else None for path, found in recording["stats"].items()
        }
        self.folders: dict[str, tuple[str, ...]] = {path: tuple(names) for path, names in recording["folders"].items()}
        self.programs: dict[str, str | None] = dict(recording["programs"])
        self.links: dict[str, str] = dict(recording["links"])

    def say(self, argv: Sequence[str], status: int = 0, stdout: str = "", stderr: str = "") -> None:
        """What a command answers from now on."""
        self.commands[tuple(argv)] = Completed(tuple(argv), status, stdout, stderr)

    def absent(self, argv: Sequence[str]) -> None:
        """A command's program isn't installed."""
        self.commands[tuple(argv)] = None

    async def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str] | None = None,
        check: bool = False,
    ) -> Completed:
        answer = self.commands[tuple(argv)]
        if answer is None:
            raise CommandNotFound(argv[0])
        return answer

    async def read(self, path: str, *, follow: bool = True) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        text = self.files[path]
        if text is None:
            raise PermissionError(13, "Permission denied", path)
        return text.encode()

    async def stat(self, path: str) -> FileStat | None:
        return self.stats.get(path)

    async def listdir(self, path: str) -> tuple[str, ...]:
        return self.folders.get(path, ())

    async def realpath(self, path: str) -> str:
        return self.links.get(path, path)

    async def which(self, program: str) -> str | None:
        return self.programs.get(program)

    async def systemd(self) -> bool:
        return True

    @asynccontextmanager
    async def start(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        grace: float = 5.0,
    ) -> AsyncIterator[Process]:
        raise AssertionError("reading starts no process that it follows")
        yield

    @asynccontextmanager
    async def lock_accounts(self) -> AsyncIterator[None]:
        raise AssertionError("reading changes no accounts")
        yield

    async def _never(self, *_args: object, **_values: object) -> NoReturn:
        raise AssertionError("reading changes nothing")

    announce = disk = read_part = xattrs = replace = symlink = mkdir = remove = chmod = _never


def recording(name: str) -> dict[str, Any]:
    """A recording's content."""
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return found


def replayed(name: str) -> ReplayedHost:
    """The host of a recording."""
    return ReplayedHost(recording(name))


def recordings() -> list[str]:
    """The names of all recordings."""
    return sorted(p.stem for p in RECORDED.glob("*.json"))


# making one -----------------------------------------------------------------------------------------------------

#: what is long and always the same: these many lines of it are kept
_SHORT = {"timedatectl list-timezones": ("Europe/", "Etc/", "UTC"), "/usr/share/i18n/SUPPORTED": ("de_", "en_", "C.")}


def _shortened(what: str, text: str) -> str:
    if what in _SHORT:
        return "".join(line for line in text.splitlines(True) if line.startswith(_SHORT[what]))
    if what == "/usr/share/X11/xkb/rules/base.lst":
        wanted = re.compile(r"! |\s+\S+\s+(?:de|us|gb)\b|\s+(?:de|us|gb|no|pc10[1-5]) ")
        return "".join(line for line in text.splitlines(True) if wanted.match(line))
    if what == "networkctl --json=short list":
        links = json.loads(text)["Interfaces"]
        return json.dumps(
            {"Interfaces": [{k: v for k, v in i.items() if k not in ("Addresses", "Routes")} for i in links]}
        )
    return text


def _recorder() -> tuple[Host, dict[str, Any]]:
    from pi_installer_tui.system.local import LocalHost

    made: dict[str, Any] = {"commands": [], "files": {}, "stats": {}, "folders": {}, "programs": {}, "links": {}}

    class Recorder(LocalHost):
        async def run(self, argv: Sequence[str], **values: Any) -> Completed:
            try:
                done = await super().run(argv, **values)
            except CommandNotFound:
                made["commands"].append([list(argv), None])
                raise
            out = _shortened(" ".join(argv), done.stdout)
            if [list(argv), [done.status, out, done.stderr]] not in made["commands"]:
                made["commands"].append([list(argv), [done.status, out, done.stderr]])
            return done

        async def read(self, path: str, *, follow: bool = True) -> bytes:
            try:
                data = await super().read(path, follow=follow)
            except PermissionError:
                made["files"][path] = None
                raise
            made["files"][path] = _shortened(path, data.decode())
            return data

        async def stat(self, path: str) -> FileStat | None:
            found = await super().stat(path)
            made["stats"][path] = asdict(found) if found else None
            return found

        async def listdir(self, path: str) -> tuple[str, ...]:
            made["folders"][path] = found = await super().listdir(path)
            return found

        async def realpath(self, path: str) -> str:
            made["links"][path] = found = await super().realpath(path)
            return found

        async def which(self, program: str) -> str | None:
            made["programs"][program] = found = await super().which(program)
            return found

    return Recorder(), made


async def _record() -> str:
    from pi_installer_tui.modules.system import state

    host, made = _recorder()
    await state.read(host)
    return json.dumps(made, indent=1, sort_keys=True)


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(_record()) + "\n")

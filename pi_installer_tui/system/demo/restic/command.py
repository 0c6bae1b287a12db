"""One command of the played restic: its options, which snapshots it means, and how it takes patterns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pi_installer_tui.system.demo.players import Call, Options
from pi_installer_tui.system.demo.restic.repository import Failed, Repository, compact

Snapshot = dict[str, Any]


@dataclass
class Command:
    """words: what stands behind the verb."""

    call: Call
    options: Options
    repository: Repository
    words: list[str]

    @property
    def json(self) -> bool:
        return self.options.has("--json")

    async def say(self, value: object) -> None:
        """A line of JSON."""
        await self.call.out(compact(value))

    async def out(self, text: str = "") -> None:
        await self.call.out(text)

    async def step(self, seconds: float) -> None:
        """Time that passes."""
        await self.call.pause(seconds)

    # which snapshots --------------------------------------------------------------------------------------------------

    def chosen(self, ids: Sequence[str] = ()) -> list[Snapshot]:
        """The snapshots that --tag, --host, --path and ids ask for, the oldest first. Raises Failed."""
        found = [each for each in self.repository.snapshots() if self._wanted(each)]
        if not ids:
            return found
        return [self._one(each, found) for each in ids]

    def one(self, name: str) -> tuple[Snapshot, str]:
        """The snapshot of an id, of `latest`, of `ID:/folder`, and the folder. Raises Failed."""
        name, _, folder = name.partition(":")
        return self._one(name, [each for each in self.repository.snapshots() if self._wanted(each)]), folder

    def _one(self, name: str, among: list[Snapshot]) -> Snapshot:
        if name == "latest":
            if not among:
                raise Failed("Fatal: failed to find snapshot: no snapshot found")
            return among[-1]
        # a whole id or the beginning of one, whatever its tags
        found = [each for each in self.repository.snapshots() if each["id"].startswith(name)]
        if not found or not name:
            raise Failed(f'Fatal: failed to find snapshot: no matching ID found for prefix "{name}"')
        if len(found) > 1:
            raise Failed(f'Fatal: failed to find snapshot: multiple IDs with prefix "{name}" found')
        return found[0]

    def _wanted(self, snapshot: Snapshot) -> bool:
        hosts, paths = self.options.values("-H", "--host"), self.options.values("--path")
        tags = self.options.values("--tag")
        has = set(snapshot.get("tags") or ())
        return (
            (not hosts or snapshot["hostname"] in hosts)
            and set(paths) <= set(snapshot["paths"])
            and (not tags or any({tag for tag in each.split(",") if tag} <= has for each in tags))
        )


class Pace:
    """Progress of something that takes `length` seconds: restic prints it twice a second."""

    def __init__(self, command: Command, length: float, total: float) -> None:
        self._command = command
        self._length = length
        self._total = total or 1.0
        self._passed = 0.0
        self.began = time.monotonic()

    async def reach(self, done: float, status: dict[str, Any]) -> None:
        """So much of the total is done; says so where half a second passed since the last time."""
        due = self._length * min(1.0, done / self._total)
        while due - self._passed >= 0.5:
            self._passed += 0.5
            await self._command.step(0.5)
            if self._command.json:
                elapsed = int(self._passed)
                left = int(self._length - self._passed)
                message = {
                    "message_type": "status",
                    "seconds_elapsed": elapsed,
                    "seconds_remaining": left,
                    "percent_done": min(1.0, self._passed / self._length),
                    **status,
                }
                kept = {key: value for key, value in message.items() if value or key == "percent_done"}
                await self._command.say(kept)


# patterns -------------------------------------------------------------------------------------------------------------


def matches(pattern: str, path: str) -> bool:
    """Whether a path is what a pattern is about, or lies in it (restic's documentation, `Excluding Files`): one that
    starts with / from there, another anywhere; ** is any number of folders."""
    words, parts = pattern.strip("/").split("/"), path.strip("/").split("/")
    starts = (0,) if pattern.startswith("/") else range(len(parts))
    return any(_begins(words, parts[start:]) for start in starts)


def _begins(words: Sequence[str], parts: Sequence[str]) -> bool:
    if not words:
        return True
    if words[0] == "**":
        return any(_begins(words[1:], parts[at:]) for at in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], words[0]) and _begins(words[1:], parts[1:])


def may_hold(pattern: str, folder: str) -> bool:
    """Whether something below a folder could be what a pattern is about."""
    words, parts = pattern.strip("/").split("/"), folder.strip("/").split("/")
    if not pattern.startswith("/") or "**" in words or folder in ("", "/"):
        return True
    return all(fnmatchcase(part, word) for part, word in zip(parts, words, strict=False))

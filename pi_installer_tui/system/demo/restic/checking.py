"""The played restic's `check`: it really looks, so a flipped bit in the demo's repository is found."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator

from pi_installer_tui.system.demo.restic.command import Command
from pi_installer_tui.system.demo.restic.repository import Damaged, Failed, compact

_GUIDE = "https://restic.readthedocs.io/en/stable/077_troubleshooting.html"
_PACKS = f"""
The repository contains damaged pack files. These damaged files must be removed to repair the repository. This can be \
done using the following commands. Please read the troubleshooting guide at {_GUIDE} first.
"""
_BUGS = """\
Damaged pack files can be caused by backend problems, hardware problems or bugs in restic. Please open an issue at \
https://github.com/restic/restic/issues/new/choose for further troubleshooting!"""
_DAMAGED = f"""
The repository is damaged and must be repaired. Please follow the troubleshooting guide at {_GUIDE} .
"""


async def check(command: Command) -> int:
    text = not command.json
    if text:
        cache = command.options.value("--cache-dir", default="/root/.cache/restic")
        await command.out(f"using temporary cache in {cache}/restic-check-cache-{random.randrange(10**9)}")
        await command.out("create exclusive lock for repository")
    try:
        with command.repository.locked(exclusive=True):
            await _Check(command).run()
    except Failed as failed:
        if failed.status == 11 and command.json:
            await command.say(_summary(1, []))
        raise
    return 0


def _summary(errors: int, broken: list[str]) -> dict[str, object]:
    return {
        "message_type": "summary",
        "num_errors": errors,
        "broken_packs": broken or None,
        "suggest_repair_index": False,
        "suggest_prune": False,
    }


class _Check:
    def __init__(self, command: Command) -> None:
        self.command = command
        self.repository = command.repository
        self.errors = 0
        self.missing = False
        self.broken: list[str] = []

    async def run(self) -> None:
        await self._say("load indexes")
        await self.command.step(0.4)
        await self._say("check all packs")
        await self._structure()
        async for blob in self._data():
            await self._read(blob)
        await self._end()

    async def _structure(self) -> None:
        stored, snapshots = self.repository.blobs(), self.repository.snapshots()
        needed, todo, bad = set[str](), [each["tree"] for each in snapshots], set[str]()
        while todo:
            tree = todo.pop()
            if tree in needed:
                continue
            needed.add(tree)
            try:
                nodes = self.repository.nodes(tree)
            except Damaged as damaged:
                bad |= set() if damaged.missing else {tree}
                continue
            for node in nodes:
                needed.update(node.get("content") or ())
                todo += [node["subtree"]] if node["type"] == "dir" else []
        for blob in sorted(needed - stored.keys()):
            self.missing = True
            await self._error(f"pack {blob}: does not exist\n")
        await self._say("check snapshots, trees and blobs")
        await self.command.step(0.6)
        for tree in sorted(bad):
            await self._error(f"error for tree {tree[:8]}:\n  tree {tree}: ciphertext verification failed\n")
        await self._say(f"[0:00] 100.00%  {len(snapshots)} / {len(snapshots)} snapshots")

    async def _data(self) -> AsyncIterator[str]:
        """The blobs that are to be read."""
        options, stored = self.command.options, sorted(self.repository.blobs())
        subset = options.value("--read-data-subset")
        if options.has("--read-data") or subset == "100%":
            await self._say("read all data")
            chosen = stored
        elif found := re.fullmatch(r"(\d+(?:\.\d+)?)%", subset):
            await self._say(f"read {float(found[1]):.1f}% of data packs")
            chosen = random.sample(stored, max(1, round(len(stored) * float(found[1]) / 100))) if stored else []
        elif found := re.fullmatch(r"(\d+)/(\d+)", subset):
            chosen = [blob for blob in stored if int(blob[:2], 16) % int(found[2]) + 1 == int(found[1])]
            await self._say(f"read group #{found[1]} of {len(chosen)} data packs (out of total {len(stored)} packs in "
                            f"{found[2]} groups)")  # fmt: skip
        elif subset:
            raise Failed("Fatal: check flag --read-data-subset must have two positive integer values or a percentage or"
                         " a file size, e.g. --read-data-subset=1/2, or --read-data-subset=2.5%%, or "
                         "--read-data-subset=10G")  # fmt: skip
        else:
            return
        for blob in chosen:
            yield blob
        await self._say(f"[0:00] 100.00%  {len(chosen)} / {len(chosen)} packs")

    async def _read(self, blob: str) -> None:
        await self.command.step(0.02)
        try:
            self.repository.load(blob)
        except Damaged as damaged:
            if not damaged.missing:
                self.broken.append(blob)
                why = f"decrypting blob <data/{blob[:8]}> from {blob[:8]} failed: ciphertext verification failed"
                await self._error(f"pack {blob} contains 1 errors: [blob {blob}: {why}]\n")

    async def _say(self, text: str) -> None:
        if not self.command.json:
            await self.command.out(text)

    async def _error(self, message: str, *, counts: bool = True) -> None:
        self.errors += counts
        if self.command.json:
            await self.command.call.err(compact({"message_type": "error", "message": message}))
        else:
            await self.command.call.err(message, end="")

    async def _end(self) -> None:
        if self.broken:
            await self._error(f"{_PACKS}\n", counts=False)
            repair = f"restic repair packs {' '.join(self.broken)}\nrestic repair snapshots --forget\n\n"
            await self._error(repair, counts=False)
            await self._error(f"{_BUGS}\n", counts=False)
        elif self.errors:
            await self._error(f"{_DAMAGED}\n", counts=False)
        if self.command.json:
            await self.command.say(_summary(self.errors, self.broken))
        if self.errors:
            raise Failed("Fatal: repository contains errors")
        await self._say("no errors were found")

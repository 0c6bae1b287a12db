"""What keeps a repository in order: checks, what is forgotten and pruned, locks, sizes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from typing import Literal

from pi_installer_tui.restic import parsing
from pi_installer_tui.restic.answers import Checked, Lock, Progress, Pruned, Stats, Trouble
from pi_installer_tui.restic.program import Program, document

#: snapshots in one command
_IDS = 500

_PERCENT = re.compile(r"^\[[\d:]+\] +(\d+(?:\.\d+)?)%  (\d+) / (\d+) (\w+)")
_PACK = re.compile(r"\b[Pp]ack (?:ID does not match, want )?([0-9a-f]{64})\b")
_TOTAL = re.compile(r"^total prune: +\d+ blobs / (.+)$")
_REMAINING = re.compile(r"^remaining: +\d+ blobs / (.+)$")
#: what 0.14's check says beside errors
_CHATTER = re.compile(
    r"^(?:using temporary cache|created new cache|create exclusive lock|load indexes|check all packs|check snapshots"
    r"|read (?:all data|group|[\d.]+%)|no errors were found|\[|repository [0-9a-f]+ opened|Fatal: "
    r"|\w+\(.*\) returned error|\d+ additional files were found|.* is referenced in \d+ packs"
    r"|.*contained in several indexes)"
)
#: what 0.18's says beside them, in the same kind of message
_ADVICE = re.compile(r"^\s*(?:The repository (?:contains|is|index)|restic repair|Damaged pack files)")


class Upkeep(Program):
    """The commands that look after a repository."""

    async def check(self, share: int = 0, *, progress: Callable[[Progress], None] = lambda progress: None) -> Checked:
        """Whether the repository is whole: its structure, and `share` percent of the data read again (chosen anew each
        time). It takes an exclusive lock. progress: where restic says how far it is (0.14). Raises Trouble where it
        could not be checked; what is damaged is in the answer."""
        options = ["--read-data-subset", f"{share}%"] if share else []
        json = await self.able("check-json")
        text: list[str] = []
        errors: list[str] = []
        packs: list[str] = []
        index, summed, status = False, False, 0
        command = ("check", *(["--json"] if json else []), *options)
        async with aclosing(self.messages(*command, write=True)) as messages:
            async for message in messages:
                match message.get("message_type"):
                    case "error":
                        said = str(message.get("message", "")).strip()
                        if said and not _ADVICE.match(said):
                            errors.append(said)
                    case "summary":
                        packs += message.get("broken_packs") or []
                        index, summed = bool(message.get("suggest_repair_index")), True
                    case "exit_error":
                        text += str(message.get("message", "")).splitlines()
                    case _ if "text" in message:
                        line = str(message["text"])
                        if found := _PERCENT.match(line):
                            progress(_progress(found))
                        else:
                            text = [*text, line][-200:]
                        if not json and not _CHATTER.match(line):
                            errors.append(line.strip())
                status = message.get("status", status)
        damaged = summed or any("repository contains errors" in each or "LoadIndex returned" in each for each in text)
        if status and not (damaged and errors):
            raise await self.failure(status, text)
        errors = errors if status else []
        index = index or any("error loading index" in each for each in errors)
        concerned = (*packs, *(found[1] for each in errors for found in _PACK.finditer(each)))
        return Checked(tuple(dict.fromkeys(errors)), tuple(dict.fromkeys(concerned)), index, share)

    async def forget(self, snapshots: Sequence[str]) -> None:
        """Forgets snapshots, by their whole ids; what only they needed stays until `prune`. One that isn't there any
        more is no mistake. Raises Trouble."""
        for at in range(0, len(snapshots), _IDS):
            await self.run("forget", "--quiet", "--", *snapshots[at : at + _IDS], write=True)

    async def prune(self, *, progress: Callable[[Progress], None] = lambda progress: None) -> Pruned:
        """Removes what no snapshot needs. Raises Trouble."""
        return await self._prune(("prune",), progress)

    async def would_free(self, snapshots: Sequence[str]) -> Pruned:
        """What pruning would free when these snapshots were forgotten, asked of restic, which changes nothing (it
        tolerates 5 % of unused data). Raises Trouble."""
        if not snapshots:
            return await self._prune(("prune", "--dry-run", "--no-lock"), lambda progress: None)
        command = ("forget", "--dry-run", "--prune", "--no-lock", "--", *snapshots)
        return await self._prune(command, lambda progress: None, write=False)

    async def _prune(
        self, command: Sequence[str], progress: Callable[[Progress], None], *, write: bool = True
    ) -> Pruned:
        text: list[str] = []
        freed = remaining = None
        async with aclosing(self.messages(*command, write=write)) as messages:
            async for message in messages:
                line = str(message.get("text", ""))
                if found := _PERCENT.match(line):
                    progress(_progress(found))
                elif found := _TOTAL.match(line):
                    freed = parsing.size(found[1])
                elif found := _REMAINING.match(line):
                    remaining = parsing.size(found[1])
                elif line:
                    text = [*text, line][-200:]
                if message.get("status"):
                    raise await self.failure(message["status"], text)
        return Pruned(freed, remaining)

    async def stats(
        self, *snapshots: str, what: Literal["restore-size", "raw-data", "files-by-contents"] = "restore-size"
    ) -> Stats:
        """How large snapshots are (none: all of them), as they would be restored or as they are stored. Raises
        Trouble."""
        done = await self.run("stats", "--json", "--no-lock", "--mode", what, *snapshots, patient=True)
        found = document(done.stdout)
        return Stats(
            size=int(found.get("total_size") or 0),
            files=int(found.get("total_file_count") or 0),
            blobs=int(found.get("total_blob_count") or 0),
        )

    # locks ------------------------------------------------------------------------------------------------------------

    async def locks(self) -> tuple[Lock, ...]:
        """The oldest first. One that goes while they are read isn't among them. Raises Trouble."""
        said = (await self.run("list", "locks", "--no-lock")).stdout
        found = []
        for line in said.splitlines():
            if re.fullmatch(r"[0-9a-f]{64}", line.strip()):
                with suppress(_Gone):
                    found.append(await self._lock(line.strip()))
        return tuple(sorted(found, key=lambda lock: lock.time))

    async def _lock(self, name: str) -> Lock:
        try:
            return parsing.lock(name, document((await self.run("cat", "lock", "--no-lock", name)).stdout))
        except Trouble as error:
            said = (await self.run("list", "locks", "--no-lock")).stdout
            if name not in said.split():
                raise _Gone from None
            raise error

    async def unlock_stale(self) -> None:
        """Removes the locks that restic itself takes for left behind: of a process of this machine that is gone, and
        those that nobody renewed for 30 minutes. Raises Trouble."""
        await self.run("unlock", write=True)

    async def unlock(self, locks: Sequence[str]) -> None:
        """Removes locks by their whole ids, and no other one that restic takes for alive. restic can remove all or
        those left behind: of a folder the file of each goes; elsewhere all are removed where no other lock is there.
        Raises Trouble `locked` where there is one."""
        wanted = set(locks)
        if self.place.kind == "folder":
            await self.ready(write=True)
            for name in sorted(wanted):
                if not re.fullmatch(r"[0-9a-f]{64}", name):
                    raise ValueError("the id of a lock has 64 hexadecimal digits")
                with suppress(FileNotFoundError):
                    await self.host.remove(f"{self.place.path.rstrip('/')}/locks/{name}")
            return
        await self.unlock_stale()
        left = {lock.id for lock in await self.locks()}
        if left - wanted:
            if left & wanted:
                raise Trouble("locked", place=self.place.name, others=str(len(left - wanted)))
        elif left:
            await self.run("unlock", "--remove-all", write=True)


class _Gone(Exception):
    """A lock was taken away meanwhile."""


def _progress(found: re.Match[str]) -> Progress:
    """Of a line like `[0:03] 25.00%  1 / 4 packs`."""
    done, total = int(found[2]), int(found[3])
    return Progress(fraction=float(found[1]) / 100, files_done=done, files_total=total, current=(found[4],))

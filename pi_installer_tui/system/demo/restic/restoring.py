"""The played restic's `restore`: what a snapshot has is written into the demo's tree."""

from __future__ import annotations

import contextlib
import os
import posixpath
from dataclasses import dataclass
from typing import Any

from pi_installer_tui.system.demo.restic.command import Command, Pace, matches, may_hold
from pi_installer_tui.system.demo.restic.reading import size
from pi_installer_tui.system.demo.restic.repository import Damaged, Failed, Node, compact, seconds, unix_mode

_BYTES, _LONGEST = 15_000_000, 8.0


@dataclass
class _Sums:
    total: int = 0
    restored: int = 0
    skipped: int = 0
    deleted: int = 0
    total_bytes: int = 0
    restored_bytes: int = 0
    skipped_bytes: int = 0

    def shown(self) -> dict[str, int]:
        """As restic prints it: what is 0 is left out."""
        every = {
            "total_files": self.total,
            "files_restored": self.restored,
            "files_skipped": self.skipped,
            "files_deleted": self.deleted,
            "total_bytes": self.total_bytes,
            "bytes_restored": self.restored_bytes,
            "bytes_skipped": self.skipped_bytes,
        }
        return {name: amount for name, amount in every.items() if amount}


async def restore(command: Command) -> int:
    options = command.options
    if len(command.words) != 1:
        raise Failed("Fatal: no snapshot ID specified" if not command.words else
                     f"Fatal: more than one snapshot ID specified: {command.words}")  # fmt: skip
    target = options.value("-t", "--target")
    if not target:
        raise Failed("Fatal: please specify a directory to restore to (--target)")
    include, exclude = options.values("--include"), options.values("-e", "--exclude")
    listed = options.value("--include-file")
    if listed:
        lines = (command.repository.machine.text(listed) or "").splitlines()
        include += [line for line in lines if line.strip() and not line.startswith("#")]
    if include and exclude:
        raise Failed("Fatal: exclude and include patterns are mutually exclusive")
    how = options.value("--overwrite", default="always")
    if how not in ("always", "if-changed", "if-newer", "never"):
        raise Failed(f'Fatal: invalid overwrite behavior "{how}"')
    snapshot, folder = command.one(command.words[0])
    top = command.repository.below(snapshot["tree"], folder)
    if top is None or top["type"] != "dir":
        raise Failed(f"path {folder.strip('/')}: not found")
    with command.repository.locked() if not options.has("--no-lock") else contextlib.nullcontext():
        if not command.json:
            paths = " ".join(snapshot["paths"])
            at = f"{snapshot['time'].replace('T', ' ').removesuffix('Z')} +0000 UTC by root@{snapshot['hostname']}"
            await command.out(f"restoring snapshot {snapshot['short_id']} of [{paths}] at {at} to {target}")
        return await _Restore(command, target, top["subtree"], include, exclude, how).run()


class _Restore:
    def __init__(
        self, command: Command, target: str, tree: str, include: list[str], exclude: list[str], how: str
    ) -> None:
        self.command = command
        self.files = command.repository.machine.files
        self.target = posixpath.normpath(f"/{target.strip('/')}")
        self.nodes = list(command.repository.walk(tree))
        self.include, self.exclude, self.how = include, exclude, how
        self.dry = command.options.has("-n", "--dry-run")
        self.loud = len(command.options.values("-v", "--verbose")) > 1
        self.sums = _Sums()
        self.errors = 0

    async def run(self) -> int:
        chosen = [(path, node) for path, node in self.nodes if self._chosen(path)]
        above = {path for path, node in self.nodes if node["type"] == "dir" and self._holds(path, chosen)}
        files = [(path, node) for path, node in chosen if node["type"] == "file"]
        others = [(path, node) for path, node in chosen if node["type"] not in ("file", "dir")]
        folders = [(path, node) for path, node in self.nodes if path in above or (path, node) in chosen]
        folders = [(path, node) for path, node in folders if node["type"] == "dir"]
        amount = sum(node["size"] for _, node in files)
        self._make_folders(folders)
        pace = Pace(self.command, min(_LONGEST, 0.8 + amount / _BYTES + len(files) / 200), amount + len(files))
        for number, (path, node) in enumerate(files):
            await self._file(path, node)
            await pace.reach(self.sums.restored_bytes + self.sums.skipped_bytes + number, {
                "total_files": len(chosen),
                "files_restored": self.sums.restored,
                "total_bytes": amount,
                "bytes_restored": self.sums.restored_bytes,
            })  # fmt: skip
        for path, node in others:
            await self._other(path, node)
        for path, node in sorted(folders, key=lambda pair: -pair[0].count("/")):
            await self._folder(path, node, counted=self._chosen(path))
        await self._end()
        return 0

    # what is chosen ---------------------------------------------------------------------------------------------------

    def _chosen(self, path: str) -> bool:
        if self.include:
            return any(matches(pattern, path) for pattern in self.include)
        return not any(matches(pattern, path) for pattern in self.exclude)

    def _holds(self, folder: str, chosen: list[tuple[str, Node]]) -> bool:
        if not any(may_hold(pattern, folder) for pattern in self.include or ["**"]):
            return False
        return any(path.startswith(f"{folder}/") for path, _ in chosen)

    def _at(self, path: str) -> str:
        return f"{self.target.rstrip('/')}{path}"

    # what is written --------------------------------------------------------------------------------------------------

    def _make_folders(self, folders: list[tuple[str, Node]]) -> None:
        if self.dry:
            return
        above = ""
        for part in self.target.strip("/").split("/") if self.target != "/" else ():
            above += f"/{part}"
            if self.files.stat(above) is None:
                self.files.mkdir(above, mode=0o700, uid=0, gid=0)
        for path, _ in folders:
            found = self.files.stat(self._at(path))
            if found is not None and found.kind != "directory":
                self.files.remove(self._at(path))
            if found is None or found.kind != "directory":
                self.files.mkdir(self._at(path), mode=0o700, uid=0, gid=0)

    async def _file(self, path: str, node: Node) -> None:
        at, length = self._at(path), node["size"]
        found = self.files.stat(at)
        try:
            data = b"".join(self.command.repository.load(blob) for blob in node["content"])
        except Damaged as damaged:
            await self._error(path, f"ReadFull(<data/{damaged.blob[:10]}>): ciphertext verification failed")
            return
        if found is not None and (self.how == "never" or self._same(found, node, data, at)):
            self.sums.skipped += 1
            self.sums.skipped_bytes += length
            await self._tell("unchanged", path, length)
            return
        self.sums.total += 1
        self.sums.restored += 1
        self.sums.total_bytes += length
        self.sums.restored_bytes += length
        if not self.dry:
            if found is not None and found.kind == "directory":
                await self._error(path, f"open {at}: is a directory")
                return
            self.files.replace(at, data, mode=unix_mode(node["mode"]), uid=node["uid"], gid=node["gid"], xattrs={})
            self._stamp(at, node)
        await self._tell("updated" if found is not None else "restored", path, length)

    def _same(self, found: Any, node: Node, data: bytes, at: str) -> bool:
        if found.kind != "file" or self.how == "if-newer":
            return bool(self.how == "if-newer" and found.mtime_ns / 1e9 >= seconds(node["mtime"]))
        if found.size != node["size"]:
            return False
        as_old = abs(found.mtime_ns / 1e9 - seconds(node["mtime"])) < 1e-6
        return (self.how == "if-changed" and as_old) or self.files.read(at) == data

    async def _other(self, path: str, node: Node) -> None:
        at = self._at(path)
        if self.how == "never" and self.files.stat(at) is not None:
            self.sums.skipped += 1
            await self._tell("unchanged", path, 0)
            return
        self.sums.total += 1
        self.sums.restored += 1
        if not self.dry and node["type"] == "symlink":
            self.files.symlink(at, node["linktarget"])
            self._stamp(at, node)
        elif not self.dry and node["type"] == "fifo" and self.files.stat(at) is None:
            os.mkfifo(self.files.at(at), unix_mode(node["mode"]))
        await self._tell("restored", path, 0)

    async def _folder(self, path: str, node: Node, *, counted: bool) -> None:
        at = self._at(path)
        if counted and self.command.options.has("--delete"):
            there = {known for known, _ in self.nodes}
            for name in self.files.listdir(at):
                if f"{path}/{name}" not in there:
                    self._remove(f"{at}/{name}")
                    self.sums.deleted += 1
                    await self._tell("deleted", f"{at}/{name}", 0)
        self.sums.total += counted
        self.sums.restored += 1
        if not self.dry:
            self.files.chmod(at, mode=unix_mode(node["mode"]), uid=node["uid"], gid=node["gid"])
            self._stamp(at, node)
        await self._tell("restored", path, 0)

    def _remove(self, path: str) -> None:
        found = self.files.stat(path)
        if self.dry or found is None:
            return
        for name in self.files.listdir(path) if found.kind == "directory" else ():
            self._remove(f"{path}/{name}")
        self.files.remove(path)

    def _stamp(self, at: str, node: Node) -> None:
        """The times that it had."""
        moment = int(seconds(node["mtime"]) * 1e6) * 1000
        os.utime(self.files.at(at), ns=(moment, moment), follow_symlinks=False)

    # what is said -----------------------------------------------------------------------------------------------------

    async def _tell(self, action: str, item: str, length: int) -> None:
        if self.loud and self.command.json:
            await self.command.say({"message_type": "verbose_status", "action": action, "item": item, "size": length})
        elif self.loud:
            await self.command.out(f"{action:<9} {item}" + (f" with size {size(length)}" if length else ""))

    async def _error(self, path: str, message: str) -> None:
        self.errors += 1
        said = {"message_type": "error", "error": {"message": message}, "during": "restore", "item": path}
        await self.command.call.err(compact(said) if self.command.json else f"ignoring error for {path}: {message}")

    async def _end(self) -> None:
        if self.command.json:
            await self.command.say({"message_type": "summary", **self.sums.shown()})
        else:
            skipped = f", skipped {self.sums.skipped} files/dirs" if self.sums.skipped else ""
            amount = size(self.sums.restored_bytes)
            await self.command.out(f"Summary: Restored {self.sums.restored} files/dirs ({amount}) in 0:00{skipped}")
        if self.errors:
            raise Failed(f"Fatal: There were {self.errors} errors\n")
        if self.command.options.has("--verify") and not self.command.json:
            count = sum(node["type"] == "file" and self._chosen(path) for path, node in self.nodes)
            await self.command.out(f"verifying files in {self.target}")
            await self.command.out(f"finished verifying {count} files in {self.target} (took 0s)")

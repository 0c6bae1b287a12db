"""The played restic's `backup`: what is new in the demo's tree goes into the repository, with progress as it is
printed, and nothing is left of it when it is cancelled."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pi_installer_tui.system.demo.players import PLAYERS, Call, Refused
from pi_installer_tui.system.demo.restic.command import Command, Pace, Snapshot, matches
from pi_installer_tui.system.demo.restic.reading import size
from pi_installer_tui.system.demo.restic.repository import (
    CHUNK,
    VERSION,
    Failed,
    Node,
    Repository,
    compact,
    kind_and_mode,
    moment,
)
from pi_installer_tui.system.files import Files

#: how quick it is: bytes a second, files a second; and how long it takes at the most, in seconds
_BYTES, _FILES, _LONGEST = 12_000_000, 120, 9.0


@dataclass
class Sums:
    """What the summary says."""

    files: dict[str, int] = field(default_factory=lambda: {"new": 0, "changed": 0, "unmodified": 0})
    dirs: dict[str, int] = field(default_factory=lambda: {"new": 0, "changed": 0, "unmodified": 0})
    data_blobs: int = 0
    tree_blobs: int = 0
    added: int = 0
    packed: int = 0
    processed: int = 0
    size: int = 0

    def count(self, packed: int, length: int, kind: str) -> None:
        """A blob was saved. packed: 0 where it was there."""
        if packed:
            self.added += length
            self.packed += packed
            self.data_blobs += kind == "data"
            self.tree_blobs += kind == "tree"

    def summary(self) -> dict[str, int]:
        return {
            **{f"files_{name}": amount for name, amount in self.files.items()},
            **{f"dirs_{name}": amount for name, amount in self.dirs.items()},
            "data_blobs": self.data_blobs,
            "tree_blobs": self.tree_blobs,
            "data_added": self.added,
            "data_added_packed": self.packed,
            "total_files_processed": self.processed,
            "total_bytes_processed": self.size,
        }


class Tree:
    """The machine's files as restic sees them, and what is left out of them."""

    def __init__(self, repository: Repository, exclude: list[str], mounts: frozenset[str]) -> None:
        self._files: Files = repository.machine.files
        self._exclude = exclude
        self._mounts = mounts
        texts = [repository.machine.text(path) or "" for path in ("/etc/passwd", "/etc/group")]
        self._users, self._groups = ({int(line.split(":")[2]): line.split(":")[0] for line in text.splitlines()}
                                     for text in texts)  # fmt: skip

    def paths(self, path: str) -> Iterator[str]:
        """A path, and all that is below it."""
        if any(matches(pattern, path) for pattern in self._exclude):
            return
        yield path
        found = self._files.stat(path)
        if found is not None and found.kind == "directory" and path not in self._mounts:
            for name in self._files.listdir(path):
                yield from self.paths(f"{path.rstrip('/')}/{name}")

    def node(self, path: str) -> Node | None:
        """What restic notes of a path; None: it vanished."""
        found = self._files.stat(path)
        try:
            real = Path(self._files.at(path)).lstat()
        except OSError:
            return None
        if found is None:
            return None
        kind, mode = kind_and_mode(found.kind, real.st_mode)
        node: Node = {
            "name": posixpath.basename(path),
            "type": kind,
            "mode": mode,
            "mtime": moment(real.st_mtime_ns),
            "atime": moment(real.st_mtime_ns),
            "ctime": moment(real.st_ctime_ns),
            "uid": found.uid,
            "gid": found.gid,
            "user": self._users.get(found.uid, ""),
            "group": self._groups.get(found.gid, ""),
            "inode": real.st_ino,
            "device_id": real.st_dev,
        }
        if kind == "file":
            node |= {"size": found.size, "links": real.st_nlink, "content": []}
        elif kind == "symlink":
            node |= {"links": real.st_nlink, "linktarget": found.target}
        return node

    def read(self, path: str) -> Iterator[bytes]:
        """A file's pieces. Raises OSError."""
        with Path(self._files.at(path)).open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece


async def backup(command: Command) -> int:
    options = command.options
    if options.has("--stdin", "--stdin-from-command"):
        return await _of_stream(command)
    words = [posixpath.normpath(f"/{word.lstrip('/')}") for word in command.words]
    if not words:
        raise Failed("Fatal: nothing to backup, please specify source files/dirs")
    there = []
    for path in words:
        if command.repository.machine.files.stat(path) is None:
            await command.call.err(f"{path} does not exist, skipping")
        else:
            there.append(path)
    if not there:
        raise Failed("Fatal: all source directories/files do not exist")
    return await _locked(command, sorted(set(there)))


async def _locked(command: Command, paths: list[str]) -> int:
    dry = command.options.has("-n", "--dry-run")
    if dry:
        raise Failed("Fatal: the played restic has no --dry-run of a backup")
    with command.repository.locked():
        return await _Backup(command, paths).run()


class _Backup:
    def __init__(self, command: Command, paths: list[str]) -> None:
        self.command = command
        self.repository = command.repository
        self.paths = paths
        self.sums = Sums()
        self.errors = 0
        self.parent = parent(command, paths)
        self.known = dict(self.repository.walk(self.parent["tree"])) if self.parent else {}
        mounts = frozenset[str]()
        if command.options.has("-x", "--one-file-system"):
            from pi_installer_tui.system.demo.disks import mount_points

            mounts = frozenset(mount_points(self.repository.machine)) - frozenset(paths)
        self.tree = Tree(self.repository, command.options.values("-e", "--exclude"), mounts)

    async def run(self) -> int:
        began = time.time_ns()
        every = [path for source in self.paths for path in self.tree.paths(source)]
        nodes = {path: node for path in every if (node := self.tree.node(path)) is not None}
        files = [path for path, node in nodes.items() if node["type"] == "file"]
        total = sum(nodes[path]["size"] for path in files)
        fresh = [path for path in files if not self._unchanged(path, nodes[path])]
        amount = sum(nodes[path]["size"] for path in fresh)
        length = min(_LONGEST, 1.0 + amount / _BYTES + len(files) / _FILES)
        pace, at, done = Pace(self.command, length, len(files) + amount / 1000), 0.0, 0
        for number, path in enumerate(files):
            if path in fresh:
                await self._save(path, nodes)
                at += nodes.get(path, {"size": 0})["size"] / 1000
            else:
                nodes[path]["content"] = self.known[path]["content"]
                self.sums.files["unmodified"] += 1
            if path in nodes:
                done += nodes[path]["size"]
                self.sums.processed += 1
                self.sums.size += nodes[path]["size"]
            status = {"total_files": len(files), "files_done": number + 1, "total_bytes": total, "bytes_done": done}
            await pace.reach(number + 1 + at, {**status, "error_count": self.errors, "current_files": [path]})
        await pace.reach(len(files) + amount / 1000, {"total_files": len(files), "files_done": len(files),
                                                      "total_bytes": total, "bytes_done": done})  # fmt: skip
        await self.command.step(0.3)
        return await self._end(began, self._folders(nodes))

    def _unchanged(self, path: str, node: Node) -> bool:
        old = self.known.get(path)
        if old is None or old["type"] != "file" or self.command.options.has("-f", "--force"):
            return False
        return all(old.get(name) == node[name] for name in ("size", "mtime", "ctime", "inode"))

    async def _save(self, path: str, nodes: dict[str, Node]) -> None:
        node, length = nodes[path], 0
        try:
            for piece in self.tree.read(path):
                blob, packed = self.repository.save(piece)
                self.sums.count(packed, len(piece), "data")
                node["content"].append(blob)
                length += len(piece)
                await self.command.step(0)
        except OSError as error:
            self.errors += 1
            del nodes[path]
            message = f"open {path}: {(error.strerror or '').lower()}"
            if self.command.json:
                said = {"message_type": "error", "error": {"message": message}, "during": "archival", "item": path}
                await self.command.call.err(compact(said))
            else:
                await self.command.call.err(f"error: {message}")
            return
        node["size"] = length
        old = self.known.get(path)
        self.sums.files["new" if old is None or old["type"] != "file" else "changed"] += 1

    def _folders(self, nodes: dict[str, Node]) -> str:
        """Saves the folders, and those above the sources; the id of the topmost."""
        for source in self.paths:
            above = posixpath.dirname(source)
            while above not in ("/", ""):
                if above not in nodes and (node := self.tree.node(above)) is not None:
                    nodes[above] = node
                above = posixpath.dirname(above)
        inside: dict[str, list[Node]] = {"/": []}
        for path, node in nodes.items():
            if node["type"] == "dir" and path != "/":
                inside[path] = []
        for path, node in nodes.items():
            if path != "/":
                inside[posixpath.dirname(path)].append(node)
        top = ""
        for path in sorted(inside, key=lambda path: (-path.count("/"), path)):
            if path == "/":
                continue
            nodes[path]["subtree"] = self._save_tree(inside[path])
            old = self.known.get(path)
            same = old is not None and {**old} == {**nodes[path]}
            self.sums.dirs["unmodified" if same else "new" if old is None else "changed"] += 1
        top = self._save_tree(inside["/"])
        return top

    def _save_tree(self, nodes: list[Node]) -> str:
        data = compact({"nodes": sorted(nodes, key=lambda node: node["name"])}).encode() + b"\n"
        blob, packed = self.repository.save(data)
        self.sums.count(packed, len(data), "tree")
        return blob

    async def _end(self, began: int, tree: str) -> int:
        incomplete = 3 if self.errors else 0
        exclude = self.command.options.values("-e", "--exclude")
        await finish(self.command, began, tree, self.paths, self.sums, self.parent, exclude)
        if incomplete:
            raise Failed("Warning: at least one source file could not be read", 3)
        return 0


def parent(command: Command, paths: list[str]) -> Snapshot | None:
    """The newest snapshot of the same host and paths."""
    host = command.options.value("-H", "--host", default=command.repository.host)
    found = [each for each in command.repository.snapshots() if (each["hostname"], each["paths"]) == (host, paths)]
    return found[-1] if found else None


async def finish(
    command: Command, began: int, tree: str, paths: list[str], sums: Sums, before: Snapshot | None, exclude: list[str]
) -> None:
    """Makes the snapshot, and prints the summary."""
    options, ended = command.options, time.time_ns()
    tags = [tag for value in options.values("--tag") for tag in value.split(",") if tag]
    times = {"backup_start": moment(began), "backup_end": moment(ended)}
    snapshot: Snapshot = {
        "time": _given(options.value("--time")) or moment(began),
        **({"parent": before["id"]} if before else {}),
        "tree": tree,
        "paths": paths,
        "hostname": options.value("-H", "--host", default=command.repository.host),
        "username": "root",
        **({"excludes": exclude} if exclude else {}),
        **({"tags": tags} if tags else {}),
        "program_version": f"restic {VERSION}",
        "summary": {**times, **sums.summary()},
    }
    name = command.repository.add(snapshot)
    lasted = (ended - began) / 1e9
    if command.json:
        summary = {"message_type": "summary", **sums.summary(), "total_duration": lasted, **times, "snapshot_id": name}
        await command.say(summary)
        return
    for title, counts in (("Files:", sums.files), ("Dirs: ", sums.dirs)):
        new, changed, same = counts["new"], counts["changed"], counts["unmodified"]
        await command.out(f"{title}       {new:5} new, {changed:5} changed, {same:5} unmodified")
    await command.out(f"Added to the repository: {size(sums.added)} ({size(sums.packed)} stored)\n")
    await command.out(f"processed {sums.processed} files, {size(sums.size)} in {_clock(lasted)}")
    await command.out(f"snapshot {name[:8]} saved")


def _given(text: str) -> str:
    """The moment of --time, local as the machine has it."""
    if not text:
        return ""
    try:
        return moment(int(datetime.fromisoformat(text).timestamp()) * 10**9)
    except ValueError:
        raise Failed(f'Fatal: error in time option: parsing time "{text}"') from None


def _clock(lasted: float) -> str:
    return f"{int(lasted) // 60}:{int(lasted) % 60:02}"


# what comes as a stream -----------------------------------------------------------------------------------------------


async def _of_stream(command: Command) -> int:
    """--stdin and --stdin-from-command: one file, whose folders 0.18.0 can't make."""
    path = posixpath.normpath("/" + command.options.value("--stdin-filename", default="stdin").lstrip("/"))
    if path.count("/") > 1:
        top = f"/{path.split('/')[1]}"
        raise Failed(f"Fatal: unable to save snapshot: open {top}: no such file or directory")
    with command.repository.locked():
        began, sums = time.time_ns(), Sums()
        data = command.call.input
        if command.options.has("--stdin-from-command"):
            data = await _output(command, path)
        pace = Pace(command, min(_LONGEST, 0.7 + len(data) / _BYTES), len(data))
        content = []
        for at in range(0, len(data), CHUNK):
            piece = data[at : at + CHUNK]
            blob, packed = command.repository.save(piece)
            sums.count(packed, len(piece), "data")
            content.append(blob)
            await pace.reach(at + len(piece), {"bytes_done": at + len(piece), "current_files": [path]})
        nodes = []
        if data:
            now = moment(began)
            node: dict[str, Any] = {"name": path[1:], "type": "file", "mode": 0o644, "mtime": now}
            node |= {"atime": now, "ctime": now, "uid": 0, "gid": 0, "size": len(data), "links": 1}
            nodes = [{**node, "content": content}]
            sums.files["new"], sums.processed, sums.size = 1, 1, len(data)
        else:
            message = f"failed to save {path}: read {path}: no data read"
            said = {"message_type": "error", "error": {"message": message}, "during": "archival", "item": path}
            await command.call.err(compact(said) if command.json else f"error: {message}")
        tree = compact({"nodes": nodes}).encode() + b"\n"
        blob, packed = command.repository.save(tree)
        sums.count(packed, len(tree), "tree")
        await finish(command, began, blob, [path], sums, None, [])
    if not data:
        raise Failed("Warning: at least one source file could not be read", 3)
    return 0


async def _output(command: Command, path: str) -> bytes:
    """What another program of the machine prints. Raises Failed where it fails: then nothing is kept."""
    call, printed = command.call, bytearray()
    argv = tuple(command.words)
    found = PLAYERS.get(argv[0].rpartition("/")[2]) if argv else None
    if found is None:
        raise Failed(f'Fatal: exec: "{argv[0] if argv else ""}": executable file not found in $PATH')

    async def emit(fd: int, data: bytes) -> None:
        if fd == 1:
            printed.extend(data)
        else:
            await call.emit(2, data)

    try:
        status = await found.play(Call(call.machine, argv, b"", call.env, {}, emit))
    except Refused as refused:
        await call.err(refused.message)
        status = refused.status
    if status:
        message = f"failed to save {path}: Fatal: command failed: exit status {status}"
        said = {"message_type": "error", "error": {"message": message}, "during": "archival", "item": path}
        await call.err(compact(said) if command.json else f"error: {message}")
        raise Failed(f"Fatal: unable to save snapshot: {message}")
    return bytes(printed)

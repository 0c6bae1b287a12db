"""The played restic's commands that only look: snapshots, ls, find, diff, stats, list, cat, dump."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from typing import Any

from pi_installer_tui.system.demo.players import Refused, table
from pi_installer_tui.system.demo.restic.command import Command, Snapshot, matches
from pi_installer_tui.system.demo.restic.repository import Failed, Node, permissions, seconds


def size(amount: float) -> str:
    """Bytes as restic writes them."""
    if amount < 1024:
        return f"{int(amount)} B"
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1024 or unit == "GiB":
            return f"{amount:.3f} {unit}"
    return ""


def shown_time(snapshot: Snapshot) -> str:
    return str(snapshot["time"][:19].replace("T", " "))


async def snapshot_table(command: Command, found: list[Snapshot], reasons: dict[str, list[str]] | None = None) -> None:
    """The table of the commands snapshots and forget."""
    rows = [["ID", "Time", "Host", "Tags", *(["Reasons"] if reasons else []), "Paths", "Size"]]
    for each in found:
        amount = size(each.get("summary", {}).get("total_bytes_processed", 0))
        first = [each["short_id"], shown_time(each), each["hostname"], ",".join(each.get("tags") or ())]
        why = [", ".join(reasons[each["id"]])] if reasons else []
        rows.append([*first, *why, ", ".join(each["paths"]), amount])
    lines = [line.rstrip() for line in table(rows)]
    ruler = "-" * max(len(line) for line in lines)
    await command.out("\n".join([lines[0], ruler, *lines[1:], ruler, f"{len(found)} snapshots"]))


async def snapshots(command: Command) -> int:
    found = command.chosen(command.words)
    latest = command.options.value("--latest")
    if latest:
        found = found[-int(latest) :]
    if command.json:
        await command.say(found)
    elif found:
        await snapshot_table(command, found)
    return 0


# entries --------------------------------------------------------------------------------------------------------------


def _listed(path: str, node: Node) -> dict[str, Any]:
    """A line of `ls --json`, as 0.18 prints it."""
    shown = {"name": node["name"], "type": node["type"], "path": path, "uid": node["uid"], "gid": node["gid"]}
    if node["type"] == "file":
        shown["size"] = node["size"]
    shown |= {"mode": node["mode"], "permissions": permissions(node["mode"])}
    shown |= {name: node[name] for name in ("mtime", "atime", "ctime", "inode") if name in node}
    return {**shown, "message_type": "node", "struct_type": "node"}


def _matched(path: str, node: Node) -> dict[str, Any]:
    """A match of `find --json`."""
    shown = {"path": path, "permissions": permissions(node["mode"])}
    names = ("type", "mode", "mtime", "atime", "ctime", "uid", "gid", "user", "group", "inode", "device_id", "size")
    return {**shown, **{name: node[name] for name in (*names, "links", "linktarget") if node.get(name)}}


async def ls(command: Command) -> int:
    if not command.words:
        raise Failed("Fatal: no snapshot ID specified, specify snapshot ID or use special ID 'latest'")
    try:
        snapshot, _ = command.one(command.words[0])
    except Failed as failed:
        raise Failed(failed.message.removeprefix("Fatal: failed to find snapshot: ")) from None
    folders = [folder.rstrip("/") or "/" for folder in command.words[1:]]
    if any(not folder.startswith("/") for folder in folders):
        raise Failed("Fatal: All path filters must be absolute, starting with a forward slash '/'")
    deep = command.options.has("--recursive")
    if command.json:
        await command.say({**snapshot, "message_type": "snapshot", "struct_type": "snapshot"})
    else:
        by = f"by root@{snapshot['hostname']} filtered by [{' '.join(folders)}]:"
        at = f"{snapshot['time'].replace('T', ' ').removesuffix('Z')} +0000 UTC"
        await command.out(f"snapshot {snapshot['short_id']} of [{' '.join(snapshot['paths'])}] at {at} {by}")
    for path, node in command.repository.walk(snapshot["tree"]):
        above = posixpath.dirname(path)
        inside = above in folders or (deep and any(path.startswith(f"{folder}/") for folder in folders))
        if folders and path not in folders and not inside:
            continue
        if command.json:
            await command.say(_listed(path, node))
        else:
            await command.out(path)
    return 0


async def find(command: Command) -> int:
    if not command.words:
        raise Failed("Fatal: wrong number of arguments")
    ignore = command.options.has("-i", "--ignore-case")
    patterns = [word.lower() if ignore else word for word in command.words]
    found = []
    for snapshot in reversed(command.chosen(command.options.values("-s", "--snapshot"))):
        hits = []
        for path, node in command.repository.walk(snapshot["tree"]):
            if any(matches(pattern, path.lower() if ignore else path) for pattern in patterns):
                hits.append((path, node))
        if hits and not command.json:
            await command.out(f"Found matching entries in snapshot {snapshot['short_id']} from {shown_time(snapshot)}")
            await command.out("\n".join(path for path, _ in hits) + "\n")
        if hits:
            matched = [_matched(path, node) for path, node in hits]
            found.append({"matches": matched, "hits": len(hits), "snapshot": snapshot["id"]})
        await command.step(0.05)
    if command.json:
        await command.say(found)
    return 0


# comparing ------------------------------------------------------------------------------------------------------------


async def diff(command: Command) -> int:
    if len(command.words) != 2:
        raise Failed("Fatal: specify two snapshot IDs")
    try:
        (one, _), (other, _) = (command.one(word) for word in command.words)
    except Failed as failed:
        raise Failed(failed.message.removeprefix("Fatal: failed to find snapshot: ")) from None
    repository, metadata = command.repository, command.options.has("--metadata")
    before, after = (dict(repository.walk(each["tree"])) for each in (one, other))
    sums = {sign: {"files": 0, "dirs": 0, "others": 0} for sign in "+-"}
    changed = 0
    if not command.json:
        await command.out(f"comparing snapshot {one['short_id']} to {other['short_id']}:\n")
    for path in sorted(before.keys() | after.keys(), key=lambda path: path.split("/")):
        old, new = before.get(path), after.get(path)
        sign = _sign(old, new, metadata)
        node = new or old or {}
        if sign in sums:
            sums[sign][{"file": "files", "dir": "dirs"}.get(node["type"], "others")] += 1
        changed += "M" in sign
        if not sign:
            continue
        name = f"{path}/" if node["type"] == "dir" else path
        if command.json:
            await command.say({"message_type": "change", "path": name, "modifier": sign})
        else:
            await command.out(f"{sign:<4} {name}")
    blobs = [_blobs(repository, each) for each in (one, other)]
    added, removed = (_statistics(repository, blobs[at] - blobs[1 - at]) for at in (1, 0))
    if command.json:
        await command.say({
            "message_type": "statistics",
            "source_snapshot": one["short_id"],
            "target_snapshot": other["short_id"],
            "changed_files": changed,
            "added": {**sums["+"], **added},
            "removed": {**sums["-"], **removed},
        })  # fmt: skip
        return 0
    await command.out()
    new_files, old_files = sums["+"]["files"], sums["-"]["files"]
    await command.out(f"Files:       {new_files:5} new, {old_files:5} removed, {changed:5} changed")
    await command.out(f"Dirs:        {sums['+']['dirs']:5} new, {sums['-']['dirs']:5} removed")
    await command.out(f"  Added:   {size(added['bytes'])}\n  Removed: {size(removed['bytes'])}")
    return 0


def _sign(old: Node | None, new: Node | None, metadata: bool) -> str:
    if old is None or new is None:
        return "+" if old is None else "-"
    if old["type"] != new["type"]:
        return "T"
    if old.get("content") != new.get("content") or old.get("linktarget") != new.get("linktarget"):
        return "M"
    kept = ("subtree", "content", "atime", "device_id")
    same = all(old.get(name) == new.get(name) for name in (old.keys() | new.keys()) - set(kept))
    return "" if same or not metadata else "U"


def _blobs(command_repository: Any, snapshot: Snapshot) -> set[tuple[str, str]]:
    found = {("tree", snapshot["tree"])}
    for _, node in command_repository.walk(snapshot["tree"]):
        found |= {("data", blob) for blob in node.get("content") or ()}
        found |= {("tree", node["subtree"])} if node["type"] == "dir" else set()
    return found


def _statistics(repository: Any, blobs: set[tuple[str, str]]) -> dict[str, int]:
    kinds = [kind for kind, _ in blobs]
    amount = sum(len(repository.load(blob)) for _, blob in blobs)
    return {"data_blobs": kinds.count("data"), "tree_blobs": kinds.count("tree"), "bytes": amount}


async def stats(command: Command) -> int:
    mode = command.options.value("--mode", default="restore-size")
    found, repository = command.chosen(command.words), command.repository
    nodes = [node for each in found for _, node in repository.walk(each["tree"])]
    files = [node for node in nodes if node["type"] == "file"]
    if mode == "restore-size":
        answer: dict[str, Any] = {"total_size": sum(node["size"] for node in files), "total_file_count": len(nodes)}
    elif mode == "raw-data":
        blobs = {blob for each in found for _, blob in _blobs(repository, each)}
        stored = repository.blobs()
        plain, packed = sum(len(repository.load(blob)) for blob in blobs), sum(stored[blob] for blob in blobs)
        answer = {
            "total_size": packed,
            "total_uncompressed_size": plain,
            "compression_ratio": plain / packed if packed else 0,
            "compression_progress": 100,
            "compression_space_saving": (1 - packed / plain) * 100 if plain else 0,
            "total_blob_count": len(blobs),
        }
    elif mode in ("files-by-contents", "blobs-per-file"):
        contents = {tuple(node["content"]): node["size"] for node in files}
        answer = {"total_size": sum(contents.values()), "total_file_count": len(contents)}
    else:
        raise Failed(f"Fatal: unknown counting mode: {mode}, try one of restore-size|files-by-contents|blobs-per-file|"
                     "raw-data")  # fmt: skip
    answer["snapshots_count"] = len(found)
    if command.json:
        await command.say(answer)
    else:
        await command.out(f"scanning...\nStats in {mode} mode:\n     Snapshots processed:  {len(found)}")
        await command.out(f"              Total Size:  {size(answer['total_size'])} ")
    return 0


# objects --------------------------------------------------------------------------------------------------------------


async def listing(command: Command) -> int:
    kind = command.words[0] if len(command.words) == 1 else ""
    if kind in ("locks", "snapshots", "keys"):
        names = command.repository.names(kind)
    elif kind in ("packs", "blobs"):
        names = sorted(command.repository.blobs())
    elif kind == "index":
        names = []
    else:
        raise Failed("Fatal: invalid type" if kind else "Fatal: type not specified")
    for name in names:
        await command.out(name)
    return 0


async def cat(command: Command) -> int:
    kind, *names = command.words or [""]
    found: dict[str, Any] | None = None
    if kind == "config":
        found = command.repository.config
    elif kind in ("lock", "snapshot"):
        if len(names) != 1:
            raise Failed("Fatal: ID not specified")
        locks = command.repository.locks()
        every = locks if kind == "lock" else {each["id"]: each for each in command.repository.snapshots()}
        found = next((every[name] for name in every if name.startswith(names[0])), None)
        if found is None:
            raise Failed(f'Fatal: could not find {kind}: no matching ID found for prefix "{names[0]}"\n')
        found = {key: value for key, value in found.items() if key not in ("id", "short_id")}
    else:
        raise Failed("Fatal: invalid type")
    await command.out(json.dumps(found, indent=2, ensure_ascii=False))
    return 0


async def dump(command: Command) -> int:
    """The content of a file; folders, which come as tar from the real one, are refused."""
    if len(command.words) != 2:
        raise Failed("Fatal: no file and no snapshot ID specified")
    snapshot, folder = command.one(command.words[0])
    path = posixpath.normpath(f"/{folder.strip('/')}/{command.words[1].strip('/')}")
    node = command.repository.below(snapshot["tree"], path)
    if node is None:
        missing = next(above for above in _prefixes(path) if command.repository.below(snapshot["tree"], above) is None)
        raise Failed(f'Fatal: cannot dump file: path "{missing}" not found in snapshot')
    if node["type"] != "file":
        raise Refused("the played restic doesn't dump folders")
    for blob in node["content"]:
        await command.call.emit(1, command.repository.load(blob))
    return 0


def _prefixes(path: str) -> Iterator[str]:
    parts = path.strip("/").split("/")
    return ("/" + "/".join(parts[: at + 1]) for at in range(len(parts)))


def newest_first(found: list[Snapshot]) -> list[Snapshot]:
    return sorted(found, key=lambda each: seconds(each["time"]), reverse=True)

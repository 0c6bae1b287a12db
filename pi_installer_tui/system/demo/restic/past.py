"""The repository that the demo machine has from the start: three weeks of backups of pi's home folder (home.py tells
them). It is made when restic first looks, so that opening the demo doesn't wait for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pi_installer_tui.system.demo import databases, home
from pi_installer_tui.system.demo.restic.backing_up import Sums, Tree
from pi_installer_tui.system.demo.restic.repository import CHUNK, VERSION, Node, Repository, compact, moment

#: what the recording has of it beside home.py
_RECORDED = (home.Kept(".ssh/authorized_keys", mode=0o600),)
#: the databases are new in the job: so many nights have their dumps
_DUMPED = 3
_PASSWORD = "/etc/pi-installer-tui/secrets/backup.usb"


def fill(repository: Repository) -> None:
    """Makes the past of the repository that was there from the start; nothing where it has one."""
    if repository.path != home.REPOSITORY or repository.names("keys"):
        return
    machine = repository.machine
    with machine.locked():
        try:
            known = repository.config["id"] == home.IDENTITY
        except (FileNotFoundError, NotADirectoryError):
            return
        if not known or repository.names("keys"):
            return
        now = Path(machine.folder, "root/run/demo/began").stat().st_mtime
        tree = Tree(repository, [], frozenset())
        before: dict[str, Any] | None = None
        for days in home.NIGHTS:
            before = _night(repository, tree, days, now, before)
            if days in home.NIGHTS[-_DUMPED:]:
                for database, dump in databases.dumps(machine).items():
                    _dump(repository, database, dump, days, now)
        # the key comes last: with it the past is complete
        (Path(machine.files.at(home.REPOSITORY)) / "config").unlink()
        repository.make((machine.text(_PASSWORD) or "").strip().encode(), home.IDENTITY)


def _night(repository: Repository, tree: Tree, days: int, now: float, before: dict[str, Any] | None) -> dict[str, Any]:
    """The snapshot of a night."""
    sums, inside = Sums(), {"/root": list[Node]()}
    previous = dict(repository.walk(before["tree"])) if before else {}
    ran = int(home.night(days, now))
    for file in (*home.FILES, *_RECORDED):
        path = f"{home.HOME}/{file.path}"
        data = repository.machine.files.read(path) if file in _RECORDED else home.content(file, days, now)
        if data is None:
            continue
        node = tree.node(path) or {**_plain(tree), "name": file.path.rpartition("/")[2], "mode": file.mode, "links": 1}
        if file not in _RECORDED:
            written = moment(int(home.changed_at(file, days, now) * 1e6) * 1000)
            node |= {"mtime": written, "atime": written}
        node |= {"type": "file", "size": len(data), "content": []}
        for at in range(0, len(data), CHUNK):
            piece = data[at : at + CHUNK]
            blob, packed = repository.save(piece)
            sums.count(packed, len(piece), "data")
            node["content"].append(blob)
        old = previous.get(path)
        same = old is not None and old["content"] == node["content"]
        sums.files["unmodified" if same else "new" if old is None else "changed"] += 1
        sums.processed += 1
        sums.size += len(data)
        inside.setdefault(path.rpartition("/")[0], []).append(node)
    top = _folders(repository, tree, inside, sums, previous)
    times = {"backup_start": moment(ran * 10**9), "backup_end": moment((ran + 4) * 10**9)}
    snapshot = {
        "time": times["backup_start"],
        **({"parent": before["id"]} if before else {}),
        "tree": top,
        "paths": ["/home", "/root"],
        "hostname": "raspberrypi",
        "username": "root",
        "excludes": ["/home/*/.cache"],
        "tags": ["job=home", f"run={home.snapshot_id(days, now)[-12:]}"],
        "program_version": f"restic {VERSION}",
        "summary": {**times, **sums.summary()},
    }
    name = home.snapshot_id(days, now)
    repository.add(snapshot, name)
    return {**snapshot, "id": name}


def _dump(repository: Repository, database: str, dump: str, days: int, now: float) -> None:
    """The snapshot of a database that night, right after that of the files."""
    sums, ran, data = Sums(), int(home.night(days, now)) + 5, dump.encode()
    at = moment(ran * 10**9)
    blob, packed = repository.save(data)
    sums.count(packed, len(data), "data")
    sums.files["new"], sums.processed, sums.size = 1, 1, len(data)
    name = f"databases-postgresql-{database}.sql"
    node = {"name": name, "type": "file", "mode": 0o644, "mtime": at, "atime": at, "ctime": at, "uid": 0, "gid": 0}
    nodes = [{**node, "size": len(data), "links": 1, "content": [blob]}]
    tree = compact({"nodes": nodes}).encode() + b"\n"
    top, packed = repository.save(tree)
    sums.count(packed, len(tree), "tree")
    snapshot = {
        "time": at,
        "tree": top,
        "paths": [f"/{name}"],
        "hostname": "raspberrypi",
        "username": "root",
        "tags": ["job=home", f"run={home.snapshot_id(days, now)[-12:]}", f"database=postgresql:{database}"],
        "program_version": f"restic {VERSION}",
        "summary": {"backup_start": at, "backup_end": at, **sums.summary()},
    }
    repository.add(snapshot)


def _plain(tree: Tree) -> Node:
    """Of a file that is no more: owner and what else doesn't matter."""
    return {**(tree.node(f"{home.HOME}/.bashrc") or {}), "inode": 0}


def _folders(
    repository: Repository, tree: Tree, inside: dict[str, list[Node]], sums: Sums, previous: dict[str, Node]
) -> str:
    """Saves the folders, the lowest first, and returns the id of the topmost."""
    for path in [*inside]:
        while path != "":
            path = path.rpartition("/")[0]
            inside.setdefault(path, [])
    for path in sorted(inside, key=lambda path: (-path.count("/"), path)):
        nodes = sorted(inside[path], key=lambda node: node["name"])
        data = compact({"nodes": nodes}).encode() + b"\n"
        blob, packed = repository.save(data)
        sums.count(packed, len(data), "tree")
        if path == "":
            return blob
        node = tree.node(path) or {**(tree.node(home.HOME) or {}), "name": path.rpartition("/")[2]}
        node = {**node, "type": "dir", "subtree": blob}
        old = previous.get(path)
        same = old is not None and old["subtree"] == blob
        sums.dirs["unmodified" if same else "new" if old is None else "changed"] += 1
        inside[path.rpartition("/")[0]].append(node)
    raise AssertionError("no topmost folder")

"""Cases of the contract about backups: what restic 0.18 says and keeps, on the demo machine and on a real one. Debian
12 has 0.14, which says it in other words: there these cases hold nothing."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pi_installer_tui.system.host import Completed, Host
from tests.contract import scheduled  # noqa: F401  (it registers cases)
from tests.contract.cases import CASES, case, said

__all__ = ["CASES"]

PLACE, PASSWORD, DATA = "/root/contract-repository", "/root/contract-password", "/srv/contract"
ENVIRONMENT = {"RESTIC_REPOSITORY": PLACE, "RESTIC_PASSWORD_FILE": PASSWORD, "RESTIC_PROGRESS_FPS": "2"}
SUMMARY = {
    *("message_type", "files_new", "files_changed", "files_unmodified", "dirs_new", "dirs_changed", "dirs_unmodified"),
    *("data_blobs", "tree_blobs", "data_added", "data_added_packed", "total_files_processed", "total_bytes_processed"),
    *("total_duration", "backup_start", "backup_end", "snapshot_id"),
}


def with_restic(function: Callable[[Host], Awaitable[None]]) -> Callable[[Host], Awaitable[None]]:
    """A case with a password, some files and, where 0.18 is there, nothing left of it."""

    async def run(host: Host) -> None:
        if not (await said(host, "restic", "version")).startswith("restic 0.18.0 "):
            return
        await host.replace(PASSWORD, b"contract\n", mode=0o600, uid=0, gid=0)
        for folder in ("/srv", DATA, f"{DATA}/sub"):
            if await host.stat(folder) is None:
                await host.mkdir(folder, mode=0o755, uid=0, gid=0)
        await host.replace(f"{DATA}/one", b"1\n", mode=0o4750, uid=0, gid=4)
        await host.replace(f"{DATA}/sub/two", b"22\n", mode=0o640, uid=1, gid=2)
        await host.symlink(f"{DATA}/link", "sub/two")
        try:
            await function(host)
        finally:
            for path in (PLACE, DATA, PASSWORD):
                await remove(host, path)

    run.__name__ = function.__name__
    return case(run)


async def remove(host: Host, path: str) -> None:
    found = await host.stat(path)
    if found is not None and found.kind == "directory":
        for name in await host.listdir(path):
            await remove(host, f"{path}/{name}")
    if found is not None:
        await host.remove(path)


async def restic(host: Host, *argv: str, status: int = 0, **env: str) -> Completed:
    done = await host.run(["restic", *argv], env={**ENVIRONMENT, **env})
    assert done.status == status, done
    return done


async def told(host: Host, *argv: str, status: int = 0) -> list[Any]:
    """The JSON that a command prints, line by line."""
    done = await restic(host, argv[0], "--json", *argv[1:], status=status)
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


async def back_up(host: Host, *options: str, path: str = DATA) -> dict[str, Any]:
    summary: dict[str, Any] = (await told(host, "backup", *options, "--", path))[-1]
    assert summary.keys() == SUMMARY
    return summary


@with_restic
async def restic_says_why_it_opens_no_repository(host: Host) -> None:
    nothing = "unable to open config file: stat /root/contract-repository/config: no such file or directory"
    missing = f"Fatal: repository does not exist: {nothing}\nIs there a repository at the following location?\n{PLACE}"
    done = await restic(host, "snapshots", "--json", "--no-lock", status=10)
    assert json.loads(done.stderr) == {"message_type": "exit_error", "code": 10, "message": missing}
    assert (await restic(host, "cat", "config", "--no-lock", status=10)).stderr == f"{missing}\n"
    initialized = (await told(host, "init"))[0]
    assert initialized.keys() == {"message_type", "id", "repository"}
    config = json.loads((await restic(host, "cat", "config", "--no-lock")).stdout)
    assert (config["version"], config["id"]) == (2, initialized["id"])
    again = await restic(host, "init", status=1)
    assert again.stderr.startswith(f"Fatal: create repository at {PLACE} failed: ")
    assert "config file already exists" in again.stderr
    await host.replace(PASSWORD, b"another\n", mode=0o600, uid=0, gid=0)
    for command in (("snapshots", "--json"), ("backup", "--json", "--", DATA), ("check",)):
        done = await restic(host, *command, status=12)
        assert "Fatal: wrong password or no key found" in done.stderr
    await host.remove(PASSWORD)
    done = await restic(host, "snapshots", status=1)
    assert done.stderr.startswith(f"Fatal: Resolving password failed: Fatal: {PASSWORD} does not exist")


@with_restic
async def restic_keeps_what_is_new_and_compares(host: Host) -> None:
    await restic(host, "init")
    assert await told(host, "snapshots", "--no-lock") == [[]]
    first = await back_up(host, "--tag", "job=a", "--tag", "run=1", "--exclude", "*.tmp")
    counted = ("files_new", "files_changed", "files_unmodified", "total_files_processed", "total_bytes_processed")
    assert [first[name] for name in counted] == [2, 0, 0, 2, 5]
    assert [first[name] for name in ("data_blobs", "tree_blobs", "dirs_new")] == [2, 4, 3]
    await host.replace(f"{DATA}/one", b"eleven\n", mode=0o600, uid=0, gid=0)
    await host.replace(f"{DATA}/three", b"333\n", mode=0o644, uid=0, gid=0)
    await host.replace(f"{DATA}/x.tmp", b"no", mode=0o644, uid=0, gid=0)
    await host.remove(f"{DATA}/sub/two")
    second = await back_up(host, "--tag", "job=a", "--tag", "run=2", "--exclude", "*.tmp")
    assert [second[name] for name in counted] == [1, 1, 0, 2, 11]
    third = await back_up(host, "--tag", "other", "--exclude", "*.tmp")
    assert [third[name] for name in counted] == [0, 0, 2, 2, 11]

    found = (await told(host, "snapshots", "--no-lock"))[0]
    assert [each["id"] for each in found] == [each["snapshot_id"] for each in (first, second, third)]
    assert found[1]["parent"] == found[0]["id"] and found[1]["tags"] == ["job=a", "run=2"]
    assert found[0].keys() == {
        *("time", "tree", "paths", "hostname", "username", "excludes", "tags", "program_version", "summary", "id"),
        "short_id",
    }
    assert found[0]["paths"] == [DATA] and found[0]["excludes"] == ["*.tmp"]
    tagged = (await told(host, "snapshots", "--tag", "job=a,run=1"))[0]
    assert [each["id"] for each in tagged] == [first["snapshot_id"]]

    lines = await told(host, "diff", first["snapshot_id"], second["snapshot_id"])
    changes = {(each["modifier"], each["path"]) for each in lines if each["message_type"] == "change"}
    assert changes == {("M", f"{DATA}/one"), ("-", f"{DATA}/sub/two"), ("+", f"{DATA}/three")}
    statistics = lines[-1]
    assert statistics["changed_files"] == 1 and statistics["added"].keys() == {
        *("files", "dirs", "others", "data_blobs", "tree_blobs", "bytes"),
    }
    hits = (await told(host, "find", "tw*"))[0]
    assert [(each["snapshot"], each["hits"]) for each in hits] == [(first["snapshot_id"], 1)]
    assert hits[0]["matches"][0]["path"] == f"{DATA}/sub/two" and hits[0]["matches"][0]["size"] == 3
    assert (await told(host, "find", "nothing")) == [[]]
    size = (await told(host, "stats", first["snapshot_id"]))[0]
    assert size == {"total_size": 5, "total_file_count": 6, "snapshots_count": 1}
    raw = (await told(host, "stats", "--mode", "raw-data"))[0]
    assert raw.keys() == {
        *("total_size", "total_uncompressed_size", "compression_ratio", "compression_progress", "total_blob_count"),
        *("compression_space_saving", "snapshots_count"),
    }
    none = await restic(host, "backup", "--json", "--", "/nowhere", status=1)
    assert none.stderr.splitlines()[0] == "/nowhere does not exist, skipping"
    assert json.loads(none.stderr.splitlines()[1])["message"] == "Fatal: all source directories/files do not exist"


@with_restic
async def restic_lists_and_restores_with_owner_mode_and_times(host: Host) -> None:
    await restic(host, "init")
    before = {path: await host.stat(f"{DATA}{path}") for path in ("/one", "/sub/two", "/link", "/sub")}
    snapshot = (await back_up(host))["snapshot_id"]
    lines = await told(host, "ls", "--no-lock", snapshot)
    assert lines[0]["message_type"] == lines[0]["struct_type"] == "snapshot"
    assert [each["path"] for each in lines[1:]] == [
        *("/srv", DATA, f"{DATA}/link", f"{DATA}/one", f"{DATA}/sub", f"{DATA}/sub/two"),
    ]
    one = next(each for each in lines if each.get("name") == "one")
    assert one.keys() == {
        *("name", "type", "path", "uid", "gid", "size", "mode", "permissions", "mtime", "atime", "ctime", "inode"),
        *("message_type", "struct_type"),
    }
    assert (one["mode"], one["permissions"], one["gid"]) == (0o4000 << 12 | 0o750, "urwxr-x---", 4)
    inside = await told(host, "ls", snapshot, DATA)
    assert [each["path"] for each in inside[1:]] == [DATA, f"{DATA}/link", f"{DATA}/one", f"{DATA}/sub"]
    assert "no matching ID found" in (await restic(host, "ls", "0123456789", status=1)).stderr

    target = f"{DATA}/back"
    done = (await told(host, "restore", f"{snapshot}:{DATA}", "--target", target, "--verify"))[-1]
    assert done == {
        "message_type": "summary",
        "total_files": 4,
        "files_restored": 4,
        "total_bytes": 5,
        "bytes_restored": 5,
    }
    for path, was in before.items():
        now = await host.stat(f"{target}{path}")
        assert was is not None and now is not None
        assert (now.kind, now.mode, now.uid, now.gid, now.target) == (was.kind, was.mode, was.uid, was.gid, was.target)
        assert abs(now.mtime_ns - was.mtime_ns) < 2000 or now.kind == "directory"
    await host.replace(f"{target}/one", b"mine", mode=0o644, uid=0, gid=0)
    await host.remove(f"{target}/sub/two")
    lines = await told(host, "restore", f"{snapshot}:{DATA}", "--target", target, "--overwrite", "never", "-vv")
    actions = {each["item"]: each["action"] for each in lines if each["message_type"] == "verbose_status"}
    assert actions == {"/one": "unchanged", "/sub/two": "restored", "/link": "unchanged", "/sub": "restored"}
    assert await host.read(f"{target}/one") == b"mine"
    lines = await told(host, "restore", snapshot, "--target", target, "--include", f"{DATA}/one", "--dry-run", "-vv")
    assert lines[-1]["total_files"] == 1 and await host.stat(f"{target}/srv") is None
    assert (await restic(host, "dump", "--no-lock", snapshot, f"{DATA}/sub/two")).stdout == "22\n"
    missing = await restic(host, "dump", snapshot, f"{DATA}/nothing", status=1)
    assert missing.stderr.strip() == f'Fatal: cannot dump file: path "{DATA}/nothing" not found in snapshot'
    none = await restic(host, "restore", "latest", status=1)
    assert none.stderr.strip() == "Fatal: please specify a directory to restore to (--target)"


@with_restic
async def restic_forgets_by_its_policy(host: Host) -> None:
    await restic(host, "init")
    days = ("2025-12-30", "2026-01-15", "2026-02-10", "2026-02-28", "2026-03-01", "2026-03-02", "2026-03-03")
    for day in days:
        await back_up(host, "--time", f"{day} 03:00:00", "--tag", "job=a")
    await back_up(host, "--time", "2026-03-03 21:00:00", "--tag", "job=b")
    policy = ("--keep-last", "1", "--keep-daily", "2", "--keep-weekly", "2", "--keep-monthly", "4")
    dry = ("forget", "--dry-run", "--tag", "job=a", "--group-by", "")
    (group,) = (await told(host, *dry, *policy))[0]
    assert group.keys() == {"tags", "host", "paths", "keep", "remove", "reasons"}
    reasons = {each["snapshot"]["time"][:10]: each["matches"] for each in group["reasons"]}
    assert reasons == {
        "2026-03-03": ["last snapshot", "daily snapshot", "weekly snapshot", "monthly snapshot"],
        "2026-03-02": ["daily snapshot"],
        "2026-03-01": ["weekly snapshot"],
        "2026-02-28": ["monthly snapshot"],
        "2026-01-15": ["monthly snapshot"],
        "2025-12-30": ["monthly snapshot"],
    }
    assert [each["time"][:10] for each in group["keep"]] == list(reasons)
    assert [each["time"][:10] for each in group["remove"]] == ["2026-02-10"]
    (within,) = (await told(host, *dry, "--keep-within", "1m2d"))[0]
    assert [each["time"][:10] for each in within["keep"]] == [*reversed(days[2:])]
    (oldest,) = (await told(host, *dry, "--keep-yearly", "5"))[0]
    assert [each["matches"] for each in oldest["reasons"]] == [["yearly snapshot"], ["yearly snapshot"]]
    assert len((await told(host, "snapshots"))[0]) == len(days) + 1
    await told(host, "forget", "--tag", "job=a", "--group-by", "", *policy)
    assert len((await told(host, "snapshots"))[0]) == len(days)
    pruned = (await restic(host, "prune")).stdout
    assert "to delete: " in pruned and pruned.endswith("done\n")
    assert re.search(r"total prune: +\d+ blobs / \d", pruned)
    assert "no errors were found" in (await restic(host, "check", "--read-data")).stdout
    nothing = await restic(host, "forget", status=1)
    assert nothing.stderr.strip() == "Fatal: no policy was specified, no snapshots will be removed"


@with_restic
async def restic_finds_a_flipped_bit_when_it_reads_the_data(host: Host) -> None:
    await restic(host, "init")
    await host.replace(f"{DATA}/large", random.Random(7).randbytes(20_000), mode=0o644, uid=0, gid=0)
    await back_up(host)
    sound = (await restic(host, "check")).stdout.splitlines()
    assert sound[1:3] == ["create exclusive lock for repository", "load indexes"]
    assert sound[-2:] == ["[0:00] 100.00%  1 / 1 snapshots", "no errors were found"]
    assert (await told(host, "check"))[0].keys() == {
        *("message_type", "num_errors", "broken_packs", "suggest_repair_index", "suggest_prune"),
    }
    packs = [f"{PLACE}/data/{a}/{b}" for a in await host.listdir(f"{PLACE}/data")
             for b in await host.listdir(f"{PLACE}/data/{a}")]  # fmt: skip
    sizes = {path: len(await host.read(path)) for path in packs}
    largest = max(packs, key=lambda path: sizes[path])
    content = bytearray(await host.read(largest))
    content[len(content) // 2] ^= 4
    await host.replace(largest, bytes(content), mode=0o600, uid=0, gid=0)
    bad = await restic(host, "check", "--read-data", status=1)
    name = largest.rpartition("/")[2]
    assert f"pack {name} contains " in bad.stderr
    assert bad.stderr.rstrip().endswith("Fatal: repository contains errors")
    done = await restic(host, "check", "--read-data", "--json", status=1)
    assert json.loads(done.stdout)["broken_packs"] == [name]
    assert json.loads(done.stderr.splitlines()[-1])["message"] == "Fatal: repository contains errors"
    await host.remove(largest)
    gone = await restic(host, "check", status=1)
    assert f"pack {name}: does not exist" in gone.stderr


@with_restic
async def a_backup_that_is_ended_leaves_no_snapshot_and_no_lock(host: Host) -> None:
    await restic(host, "init")
    large = random.Random(8).randbytes(6_000_000)
    await host.replace(f"{DATA}/large", large, mode=0o644, uid=0, gid=0)
    argv = ["restic", "--limit-upload", "20", "backup", "--json", "--", DATA]
    async with host.start(argv, env=ENVIRONMENT, grace=30) as process:
        for _ in range(200):
            lock = (await restic(host, "list", "locks", "--no-lock")).stdout.split()
            if lock:
                break
            await asyncio.sleep(0.05)
        shown = json.loads((await restic(host, "cat", "lock", "--no-lock", lock[0])).stdout)
        assert {"time", "exclusive", "hostname", "username", "pid"} <= shown.keys() and not shown["exclusive"]
        refused = await restic(host, "check", status=11)
        assert re.search(
            r"repository is already locked by PID \d+ on \S+ by root \(UID 0, GID 0\)\nlock was created at .* ago\)\n"
            r"storage ID [0-9a-f]{8}\nthe `unlock` command can be used to remove stale locks",
            refused.stderr,
        )
        done = await restic(host, "forget", "--keep-last", "1", "--json", status=11)
        assert json.loads(done.stderr)["code"] == 11
        assert (await restic(host, "unlock")).stdout == ""
        await process.end(30)
    assert (await restic(host, "list", "locks", "--no-lock")).stdout == ""
    assert await told(host, "snapshots") == [[]]


@with_restic
async def restic_takes_a_dump_from_its_input(host: Host) -> None:
    await restic(host, "init")

    async def dump(text: bytes, name: str) -> Completed:
        argv = ["restic", "backup", "--json", "--stdin", "--stdin-filename", name, "--tag", "a,b"]
        return await host.run(argv, input=text, env=ENVIRONMENT)

    done = await dump(b"create table x;\n", "/app.sql")
    assert done.ok and json.loads(done.stdout.splitlines()[-1])["files_new"] == 1
    found = (await told(host, "snapshots"))[0][0]
    assert (found["paths"], found["tags"]) == (["/app.sql"], ["a", "b"])
    assert (await restic(host, "dump", "latest", "/app.sql")).stdout == "create table x;\n"
    # 0.18.0 makes no folders for it
    done = await dump(b"x", "/databases/app.sql")
    assert done.status == 1
    why = "Fatal: unable to save snapshot: open /databases: no such file or directory"
    assert json.loads(done.stderr.splitlines()[-1])["message"] == why
    failing = ("backup", "--json", "--stdin-from-command", "--stdin-filename", "/y", "--", "false")
    assert "command failed: exit status 1" in (await restic(host, *failing, status=1)).stderr
    assert len((await told(host, "snapshots"))[0]) == 1


@case
async def findmnt_says_what_is_mounted(host: Host) -> None:
    (found,) = json.loads(await said(host, "findmnt", "--json", "--mountpoint", "/"))["filesystems"]
    assert found.keys() == {"target", "source", "fstype", "options"} and found["target"] == "/"
    done = await host.run(["findmnt", "--json", "--mountpoint", "/nothing"])
    assert (done.status, done.stdout) == (1, "")
    (holding,) = json.loads(await said(host, "findmnt", "-J", "-o", "TARGET,FSROOT", "-T", "/etc"))["filesystems"]
    assert holding["target"] == "/"


@case
async def timers_say_when_they_come_next(host: Host) -> None:
    asked = ("systemctl", "list-timers", "--all", "--output=json", "apt-daily.timer")
    (row,) = json.loads(await said(host, *asked))
    assert row.keys() == {"next", "left", "last", "passed", "unit", "activates"}
    assert (row["unit"], row["activates"]) == ("apt-daily.timer", "apt-daily.service")
    assert isinstance(row["next"], int) and 0 < row["next"] / 1e6 - time.time() < 26 * 3600

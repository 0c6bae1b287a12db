"""The played restic's commands that take things away: forget, prune, unlock. Which snapshots a policy keeps is restic's
own rule (internal/restic/snapshot_policy.go)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pi_installer_tui.system.demo.restic.command import Command, Snapshot
from pi_installer_tui.system.demo.restic.reading import newest_first, size, snapshot_table
from pi_installer_tui.system.demo.restic.repository import Failed, seconds

_EVERY: tuple[tuple[str, str, Callable[[datetime, int], object]], ...] = (
    ("--keep-last", "last snapshot", lambda _at, number: number),
    ("--keep-hourly", "hourly snapshot", lambda at, _number: (at.date(), at.hour)),
    ("--keep-daily", "daily snapshot", lambda at, _number: at.date()),
    ("--keep-weekly", "weekly snapshot", lambda at, _number: at.isocalendar()[:2]),
    ("--keep-monthly", "monthly snapshot", lambda at, _number: (at.year, at.month)),
    ("--keep-yearly", "yearly snapshot", lambda at, _number: at.year),
)


@dataclass
class _Bucket:
    reason: str
    key: Callable[[datetime, int], object]
    left: int
    last: object = None


async def forget(command: Command) -> int:
    options = command.options
    policy = {name: options.value(name) for name, *_ in _EVERY if options.has(name)}
    kept_tags, within = options.values("--keep-tag"), options.value("--keep-within")
    if command.words:
        return await _forget_named(command)
    if not policy and not kept_tags and not within:
        raise Failed("Fatal: no policy was specified, no snapshots will be removed")
    dry = options.has("-n", "--dry-run")
    with command.repository.locked(exclusive=not dry):
        answer, gone = [], []
        for group, found in _groups(command):
            keep, remove, reasons = apply(found, policy, within, kept_tags)
            gone += remove
            answer.append({
                **group,
                "keep": keep or None,
                "remove": remove or None,
                "reasons": [{"snapshot": each, "matches": reasons[each["id"]]} for each in keep],
            })  # fmt: skip
            if not command.json:
                await _table(command, "keep", keep, reasons)
                await _table(command, "remove", remove, None)
        if command.json:
            await command.say(answer)
        if dry:
            if gone and not command.json:
                names = " ".join(each["short_id"] for each in gone)
                await command.out(f"Would have removed the following snapshots:\n{{{names}}}\n")
            return 0
        for each in gone:
            await command.step(0.05)
            command.repository.forget(each["id"])
        if gone and not command.json:
            await command.out(f"[0:00] 100.00%  {len(gone)} / {len(gone)} files deleted")
        if gone and options.has("--prune"):
            if not command.json:
                await command.out(f"{len(gone)} snapshots have been removed, running prune")
            await _prune(command, dry=False)
    return 0


async def _forget_named(command: Command) -> int:
    with command.repository.locked(exclusive=True):
        known, gone = command.repository.snapshots(), []
        for word in command.words:
            found = [each for each in known if each["id"].startswith(word) or (word == "latest" and each is known[-1])]
            if len(found) == 1:
                gone.append(found[0]["id"])
            else:
                await command.call.err(f'Ignoring "{word}": no matching ID found for prefix "{word}"')
        if gone and not command.options.has("-n", "--dry-run"):
            for name in gone:
                command.repository.forget(name)
            await command.out(f"[0:00] 100.00%  {len(gone)} / {len(gone)} files deleted")
            if command.options.has("--prune"):
                await command.out(f"{len(gone)} snapshots have been removed, running prune")
                await _prune(command, dry=False)
    return 0


async def _table(command: Command, verb: str, found: list[Snapshot], reasons: dict[str, list[str]] | None) -> None:
    if found:
        await command.out(f"{verb} {len(found)} snapshots:")
        await snapshot_table(command, sorted(found, key=lambda each: seconds(each["time"])), reasons)
        await command.out()


def _groups(command: Command) -> list[tuple[dict[str, Any], list[Snapshot]]]:
    """Snapshots by --group-by."""
    by = [word for word in command.options.value("-g", "--group-by", default="host,paths").split(",") if word]
    groups: dict[tuple[Any, ...], list[Snapshot]] = {}
    for each in command.chosen():
        key = (
            tuple(sorted(each.get("tags") or ())) if "tags" in by else (),
            each["hostname"] if "host" in by else "",
            tuple(sorted(each["paths"])) if "paths" in by else (),
        )
        groups.setdefault(key, []).append(each)
    return [
        ({"tags": list(tags) or None, "host": host, "paths": list(paths) or None}, found)
        for (tags, host, paths), found in groups.items()
    ]


def apply(
    found: list[Snapshot], policy: dict[str, str], within: str, tags: list[str]
) -> tuple[list[Snapshot], list[Snapshot], dict[str, list[str]]]:
    """Which stay and which go, the newest first, and why each stays. policy: `--keep-daily` and so on, -1: all."""
    ordered = newest_first(found)
    buckets = [_Bucket(reason, key, _count(policy.get(name, "0"))) for name, reason, key in _EVERY]
    keep, remove, reasons = [], [], {}
    limit = _earlier(datetime.fromtimestamp(seconds(ordered[0]["time"]), UTC), within) if ordered and within else None
    for number, each in enumerate(ordered):
        at, why = datetime.fromtimestamp(seconds(each["time"]), UTC), []
        if any(set(tag.split(",")) <= set(each.get("tags") or ()) for tag in tags):
            why.append("has tags")
        if limit is not None and at > limit:
            why.append(f"within {within}")
        for bucket in buckets:
            key, oldest = bucket.key(at, number), number == len(ordered) - 1
            if bucket.left and (key != bucket.last or oldest):
                why.append(f"oldest {bucket.reason}" if key == bucket.last else bucket.reason)
                bucket.last = key
                bucket.left -= bucket.left > 0
        if why:
            keep.append(each)
            reasons[each["id"]] = why
        else:
            remove.append(each)
    return keep, remove, reasons


def _count(text: str) -> int:
    if text == "unlimited":
        return -1
    try:
        number = int(text)
    except ValueError:
        number = -2
    if number < -1:
        raise Failed(f'Fatal: invalid argument "{text}": invalid number of snapshots')
    return number


def _earlier(at: datetime, span: str) -> datetime:
    """A moment so much earlier. span: `2y5m7d3h`."""
    parts = {unit: int(amount) for amount, unit in re.findall(r"(\d+)([ymdh])", span)}
    months = at.year * 12 + at.month - 1 - parts.get("y", 0) * 12 - parts.get("m", 0)
    # as Go's AddDate: a day that the month doesn't have is one of the next month
    first = at.replace(year=months // 12, month=months % 12 + 1, day=1)
    return first + timedelta(days=at.day - 1 - parts.get("d", 0), hours=-parts.get("h", 0))


# prune and unlock -----------------------------------------------------------------------------------------------------


async def prune(command: Command) -> int:
    dry = command.options.has("-n", "--dry-run")
    with command.repository.locked(exclusive=True):
        await _prune(command, dry=dry)
    return 0


async def _prune(command: Command, *, dry: bool) -> None:
    repository, count = command.repository, len(command.repository.names("snapshots"))
    await command.out("loading indexes...\nloading all snapshots...")
    await command.out(f"finding data that is still in use for {count} snapshots")
    await command.step(0.5)
    await command.out(f"[0:00] 100.00%  {count} / {count} snapshots\nsearching used packs...")
    stored = repository.blobs()
    data, trees = repository.used()
    gone = sorted(stored.keys() - data - trees)
    freed, left = sum(stored[blob] for blob in gone), sum(stored.values())
    await command.out("collecting packs for deletion and repacking")
    await command.out(f"[0:00] 100.00%  {len(stored)} / {len(stored)} packs processed\n")
    if dry:
        await command.out("Would have made the following changes:\n")
    await command.out("to repack:             0 blobs / 0 B\nthis removes:          0 blobs / 0 B")
    for title, number, amount in (
        ("to delete:", len(gone), freed),
        ("total prune:", len(gone), freed),
        ("remaining:", len(stored) - len(gone), left - freed),
    ):
        await command.out(f"{title:<19}{number:5} blobs / {size(amount)}")
    await command.out("unused size after prune: 0 B (0.00% of remaining size)\n")
    if dry:
        return
    if gone:
        await command.step(0.4)
        for blob in gone:
            repository.drop(blob)
        await command.out("rebuilding index\n[0:00] 100.00%  1 / 1 indexes processed")
        await command.out(f"removing {len(gone)} old packs\n[0:00] 100.00%  {len(gone)} / {len(gone)} files deleted")
    await command.out("done")


async def unlock(command: Command) -> int:
    repository, removed = command.repository, 0
    for name, lock in repository.locks().items():
        if command.options.has("--remove-all") or repository.is_stale(lock):
            repository.unlock(name)
            removed += 1
    if removed:
        await command.out(f"successfully removed {removed} locks")
    return 0

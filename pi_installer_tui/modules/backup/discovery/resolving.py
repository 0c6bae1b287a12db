"""A job's words and paths, as of this moment: what there is to be kept, and what isn't there any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pi_installer_tui.databases import Dump
from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.discovery.found import Contents, Worthwhile, literally, once
from pi_installer_tui.system.host import Host

if TYPE_CHECKING:
    from pi_installer_tui.modules.backup.settings import JobSettings


async def resolve(host: Host, job: JobSettings, found: Sequence[Worthwhile]) -> Contents:
    """found: all that discovery found, for the words."""
    by_word = {each.what: each for each in found}
    chosen: list[Worthwhile] = []
    missing: list[str] = []
    for word in job.what or ():
        one = by_word.get(word) or await _sqlite(host, word)
        if one is None:
            missing.append(_("{what}: nothing here is called that").format(what=word))
        elif one.why:
            missing.append(f"{one.title}: {one.why}")
        else:
            chosen.append(one)
    paths = [path for one in chosen for path in one.paths]
    for path in job.paths or ():
        try:
            there = await host.stat(path) is not None
        except OSError:
            there = True  # restic says why it can't be read
        if there:
            paths.append(path)
        else:
            missing.append(_("{path}: isn't there").format(path=path))
    excludes = [pattern for one in chosen for pattern in one.excludes]
    return Contents(
        paths=once(paths),
        exclude=once([*excludes, *(job.exclude or ())]),
        dumps=tuple(dict.fromkeys(dump for one in chosen for dump in one.dumps)),
        stops=once([*(stop for one in chosen for stop in one.stops), *(job.stop or ())]),
        missing=tuple(missing),
    )


async def _sqlite(host: Host, word: str) -> Worthwhile | None:
    """A file that the search doesn't come to, or whose name it doesn't know."""
    kind, _colon, path = word.partition(":")
    if kind != "sqlite" or not path.startswith("/"):
        return None
    try:
        at = await host.stat(path)
    except OSError:
        return None
    if at is None or at.kind != "file":
        return None
    live = tuple(literally(path + suffix) for suffix in ("", "-wal", "-shm", "-journal"))
    return Worthwhile(word, f"SQLite: {path}", excludes=live, dumps=(Dump("sqlite", path),), size=at.size)

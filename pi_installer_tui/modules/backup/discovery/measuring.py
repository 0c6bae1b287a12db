"""How large a job's paths are, as `find` walks through them and without what restic would leave out.

Bytes are those of files' content, before restic deduplicates and compresses, each hard link's once; patterns are
restic's own. It stays on each path's file system: what is mounted below isn't in it. What a folder that can't be
looked into holds isn't either.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable

from pi_installer_tui.modules.backup.discovery.found import Contents, Measured, literally
from pi_installer_tui.modules.backup.discovery.patterns import leaving_out
from pi_installer_tui.system.host import CommandNotFound, Host

#: size, links, device and inode, path of a file; a NUL on both sides, since find's complaints come in between
_FORM = r"\0%s %n %D:%i %p\0"
_RECORD = re.compile(rb"\0(\d+) (\d+) (\S+) (/[^\0]*)\0")
_REFUSED = re.compile(rb"find: [^\0\n]*: Permission denied\n")
#: seconds between two answers
_OFTEN = 0.2


async def measure(host: Host, contents: Contents) -> AsyncIterator[Measured]:
    """Each path as it grows, then `done`; what lies in another of the paths is counted there and not twice. Never
    raises for what isn't there or can't be read."""
    seen: set[bytes] = set()
    for path in contents.paths:
        inner = [each for each in contents.paths if each != path and each.startswith(f"{path.rstrip('/')}/")]
        patterns = [*contents.exclude, *map(literally, inner)]
        left_out = leaving_out(patterns)
        pruned = [each for each in patterns if each.startswith("/") and not re.search(r"[*?\[\\]", each)]
        last = Measured(path)
        try:
            async for last in _found(host, path, left_out, pruned, seen):
                yield last
        except CommandNotFound:
            last = await _walked(host, path, left_out)
        yield Measured(path, last.bytes, last.files, last.unread, done=True)


async def _found(
    host: Host, path: str, left_out: Callable[[str], bool], pruned: list[str], seen: set[bytes]
) -> AsyncIterator[Measured]:
    size = files = unread = 0
    argv = ["find", path, "-xdev"]
    if pruned:
        argv += ["(", *[word for each in pruned for word in ("-path", each, "-o")][:-1], ")", "-prune", "-o"]
    argv += ["-type", "f", "-printf", _FORM]
    rest, told = b"", time.monotonic()
    async with host.start(argv) as process:
        async for chunk in process.chunks():
            rest += chunk
            end = 0
            for record in _RECORD.finditer(rest):
                end = record.end()
                if left_out(record[4].decode("utf-8", "surrogateescape")):
                    continue
                if record[2] != b"1":
                    if record[3] in seen:
                        continue
                    seen.add(record[3])
                size += int(record[1])
                files += 1
            unread += len(_REFUSED.findall(rest[:end]))
            rest = rest[end:]
            if time.monotonic() - told > _OFTEN:
                yield Measured(path, size, files, unread)
                told = time.monotonic()
    yield Measured(path, size, files, unread + len(_REFUSED.findall(rest)))


async def _walked(host: Host, path: str, left_out: Callable[[str], bool]) -> Measured:
    """The same where there is no find."""
    size = files = unread = 0
    waiting = [path]
    while waiting:
        at = waiting.pop()
        if left_out(at):
            continue
        try:
            found = await host.stat(at)
            if found and found.kind == "directory":
                waiting += [f"{at.rstrip('/')}/{name}" for name in await host.listdir(at)]
            elif found and found.kind == "file":
                size, files = size + found.size, files + 1
        except OSError:
            unread += 1
    return Measured(path, size, files, unread)

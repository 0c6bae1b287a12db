"""Which package a file belongs to."""

from __future__ import annotations

from collections.abc import Iterable

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.reading import Unknown

#: folders that /usr took in (merged /usr); dpkg may know a file by either name
MERGED = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/")


async def owners(host: Host, paths: Iterable[str]) -> dict[str, str] | Unknown:
    """The packages of those paths that belong to one. One call of dpkg; it ends with 1 where any path belongs to
    none (dpkg-query(1))."""
    asked: dict[str, str] = {}
    for path in paths:
        asked[path] = path
        if path.startswith("/usr/") and path[4:].startswith(MERGED):
            asked[path[4:]] = path
    # a pattern's signs would make dpkg look for other files
    plain = [path for path in asked if not any(sign in path for sign in "*?[\\")]
    if not plain:
        return {}
    try:
        done = await host.run(["dpkg-query", "--search", *plain])
    except (CommandNotFound, HostError) as error:
        return Unknown(str(error))
    if done.status not in (0, 1):
        return Unknown(_("{program} says: {what}").format(program="dpkg-query", what=done.stderr.strip()))
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        names, colon, path = line.partition(": ")
        if colon and path in asked and not names.startswith("diversion "):
            found[asked[path]] = names.partition(",")[0].partition(":")[0]
    return found

"""What a purge of packages would take beside them: data that their programs or people made.

dpkg takes away what a package came with and its configuration. Whatever else goes is deleted by the package's own
script (postrm). So the folders are looked through that the packages brought below /etc, /var and the like, those that
these scripts name, and those that bear a package's name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.words import size

#: of each file its size in bytes, its time, and the SHA-256 of a small one or a link's target
Marks: TypeAlias = dict[str, list[int | str]]

_ROOTS = ("/etc/", "/var/", "/srv/", "/opt/", "/home/", "/root/", "/usr/local/")
_NAMED = ("/etc", "/var/lib", "/var/log", "/var/cache", "/var/spool", "/srv")
#: the books of Debian's own tools
_BOOKS = ("/var/lib/dpkg", "/var/lib/apt", "/var/lib/systemd", "/var/lib/ucf", "/var/cache/apt", "/var/cache/debconf")
#: what a program can make again, or wrote about itself (hier(7)): it goes, by name and size
_BESIDE = ("/var/log/", "/var/cache/")
_IN_SCRIPT = re.compile(r"(?<![\w./}-])/(?:etc|var|srv|opt|home|root|usr/local)/[^\s\"'`;|&<>(){}\\,]+")
_SMALL = 64 * 1024  # bytes
#: files whose marks are kept; where there are more, all of them count as made since
_MANY = 2000
_NAMES = 5


@dataclass(frozen=True, slots=True)
class Data:
    """Files in a place. size: bytes."""

    path: str
    files: int
    size: int

    @property
    def beside(self) -> bool:
        """A log or a cache."""
        return f"{self.path}/".startswith(_BESIDE)

    def __str__(self) -> str:
        if self.files == 1:
            return f"{self.path} ({size(self.size)})"
        count = ngettext("{n} file", "{n} files", self.files).format(n=self.files)
        return f"{self.path} ({count}, {size(self.size)})"


def listed(found: Iterable[Data]) -> str:
    """Places by name and size, the largest first."""
    by_size = sorted(found, key=lambda data: -data.size)
    names = [str(data) for data in by_size[:_NAMES]]
    if more := by_size[_NAMES:]:
        rest = Data(_("others"), sum(data.files for data in more), sum(data.size for data in more))
        names.append(str(rest))
    return ", ".join(names)


async def marks(host: Host, packages: Collection[str]) -> Marks | None:
    """The files that are in the packages' places now; None: too many to keep. Raises HostError."""
    found = await _files(host, await _places(host, packages))
    if len(found) > _MANY:
        return None
    return {path: [*each[:2], each[2] or await _sum(host, path, int(each[0]))] for path, each in found.items()}


async def made(
    host: Host, packages: Collection[str], before: Marks | None, given_back: Collection[str] = ()
) -> tuple[Data, ...]:
    """The files in the packages' places that weren't there `before`, or were other ones, by place. What the packages
    came with themselves is none of it where nothing is known of before. Raises HostError.

    given_back: paths that will be as they were.
    """
    places = await _places(host, packages)
    known: Mapping[str, list[int | str] | None]
    known = before if before is not None else dict.fromkeys(await _shipped(host, packages))
    really = {place: await host.realpath(place) for place in places}  # one may be a link
    data: dict[tuple[str, bool], list[tuple[str, int]]] = {}
    for path, found in (await _files(host, places)).items():
        place = next(place for place in places if path == place or path.startswith(f"{place}/"))
        back = path in given_back or really[place] + path.removeprefix(place) in given_back
        if back or (path in known and await _same(host, path, known[path], found)):
            continue
        data.setdefault((place, path.startswith(_BESIDE)), []).append((path, int(found[0])))
    return tuple(
        Data(place if len(files) > 1 else files[0][0], len(files), sum(size for _path, size in files))
        for (place, _beside), files in data.items()
    )


async def _same(host: Host, path: str, mark: list[int | str] | None, found: list[int | str]) -> bool:
    if mark is None or mark[:2] == found[:2]:
        return True
    if mark[0] != found[0] or not mark[2]:
        return False
    return mark[2] == (found[2] or await _sum(host, path, int(found[0])))


async def _sum(host: Host, path: str, length: int) -> str:
    if length > _SMALL:
        return ""
    try:
        return hashlib.sha256(await host.read(path)).hexdigest()
    except OSError:
        return ""


async def _shipped(host: Host, packages: Collection[str]) -> tuple[str, ...]:
    answer = await host.run(["dpkg-query", "--listfiles", *sorted(packages)])
    return tuple(dict.fromkeys(line for line in answer.stdout.splitlines() if line.startswith(_ROOTS)))


async def _places(host: Host, packages: Collection[str]) -> tuple[str, ...]:
    """Folders and files below _ROOTS that are these packages' own: no other package has them, and none lies in
    another."""
    if not packages:
        return ()
    named = {*await _shipped(host, packages)}
    for package in packages:
        named.update(f"{folder}/{package.partition(':')[0]}" for folder in _NAMED)
        named.update(await _in_script(host, package))
    there = [path for path in sorted(named) if _depth(path) and await host.stat(path) is not None]
    others = await _others(host, there, packages)
    places: list[str] = []
    for path in there:
        books = any(f"{path}/".startswith(f"{book}/") for book in _BOOKS)
        inside = any(path.startswith(f"{place}/") for place in places)
        if path not in others and not books and not inside:
            places.append(path)
    return tuple(places)


def _depth(path: str) -> bool:
    """Whether a path is more than one of the folders that every system has, and plain enough to be asked for."""
    return path.count("/") >= (3 if path.startswith(("/var/", "/usr/")) else 2) and not re.search(r"[*?\[\\\n]", path)


async def _in_script(host: Host, package: str) -> set[str]:
    """The paths that a package's postrm names. A pattern stands for what begins like it."""
    answer = await host.run(["dpkg-query", "--control-path", package, "postrm"])
    script = answer.stdout.strip() if answer.ok else ""
    text = await host.text(script) if script.startswith("/") else None
    found: set[str] = set()
    for path in _IN_SCRIPT.findall(text or ""):
        plain = re.split(r"[$*?\[]", path, maxsplit=1)[0]
        folder, _slash, begin = plain.rpartition("/")
        if plain == path:
            found.add(path.rstrip("/."))
        elif begin:
            found.update(f"{folder}/{name}" for name in await _names(host, folder) if name.startswith(begin))
        else:
            found.add(folder)
    return found


async def _names(host: Host, folder: str) -> tuple[str, ...]:
    try:
        return await host.listdir(folder)
    except OSError:
        return ()


async def _others(host: Host, paths: Collection[str], packages: Collection[str]) -> set[str]:
    """The paths that other packages have too. Lines of dpkg-query(1): `adduser, base-files: /etc`."""
    if not paths:
        return set()
    going = {package.partition(":")[0] for package in packages}
    answer = await host.run(["dpkg-query", "--search", *paths])
    found: set[str] = set()
    for line in answer.stdout.splitlines():
        owners, colon, path = line.partition(": /")
        if colon and not line.startswith("diversion "):
            bases = {owner.strip().partition(":")[0] for owner in owners.split(",")}
            if bases - going:
                found.add(f"/{path}")
    return found


async def _files(host: Host, places: Collection[str]) -> Mapping[str, list[int | str]]:
    """Every file and link in the places, with its size, time and a link's target. Empty files hold nothing."""
    if not places:
        return {}
    printed = r"%y\t%s\t%T@\t%l\t%p\0"
    answer = await host.run(["find", "-H", *places, "-printf", printed])
    found: dict[str, list[int | str]] = {}
    for line in answer.stdout.split("\0"):
        kind, length, time, target, path = [*line.split("\t", 4), "", "", "", ""][:5]
        if kind in ("f", "l") and length not in ("", "0"):
            found[path] = [int(length), time, target]
    return found

"""Log files under /var/log as a `Log`: a file with its rotated parts, oldest part first. Read in blocks from where a
page starts. Source: hier(7), logrotate(8)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from pi_installer_tui.i18n import _
from pi_installer_tui.system.entries import Entry, Field, Log, LogError, Page, Pattern, Wanted, pattern
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.logparts import LINE, PACKED, Line, PackedPart, Part, Rotated, lines_after, lines_before
from pi_installer_tui.system.logtimes import Clock

FOLDER = "/var/log"
#: records of logins and the journal's own files, which aren't text: utmp(5), lastlog(8), faillock(8)
_NO_TEXT = re.compile(r"(?:wtmp|btmp|lastlog|faillog|tallylog)(?:\.db|[.-]\d.*)?|.*\.journal~?|.*\.db")
#: logrotate's names: NAME.1, NAME.2.gz, with dateext NAME-20261127 (and -HHMMSS or a number of seconds)
_ROTATED = re.compile(
    r"(?P<name>.+?)(?:\.(?P<number>\d{1,4})|[.-](?P<date>\d{8}(?:-?\d+)?))(?P<packed>\.(?:gz|xz|bz2))?"
)
_DEPTH = 3
_MOST_FILES = 1000
#: seconds between looks at a file that is followed
LOOK = 0.5


async def found(host: Host, folder: str = FOLDER) -> tuple[str, ...]:
    """The text files under a folder, without the parts that were rotated away. What may not be looked into is left
    out."""
    sizes: dict[str, int] = {}
    await _walk(host, folder, _DEPTH, sizes)
    kept = []
    for path, size in sorted(sizes.items()):
        above, slash, name = path.rpartition("/")
        match = _ROTATED.fullmatch(name)
        if match and f"{above}{slash}{match['name']}" in sizes:
            continue
        if size == 0 or await _is_text(host, path):
            kept.append(path)
    return tuple(kept)


async def _walk(host: Host, folder: str, depth: int, sizes: dict[str, int]) -> None:
    try:
        names = await host.listdir(folder)
    except OSError:
        return
    for name in names:
        path = f"{folder}/{name}"
        if len(sizes) >= _MOST_FILES or (depth == _DEPTH and name == "journal"):
            continue
        try:
            seen = await host.stat(path)
        except OSError:
            continue
        if seen is None:
            continue
        if seen.kind == "directory" and depth > 1:
            await _walk(host, path, depth - 1, sizes)
        elif seen.kind == "file" and not _NO_TEXT.fullmatch(name):
            sizes[path] = seen.size


async def _is_text(host: Host, path: str) -> bool:
    if path.endswith(tuple(PACKED)):
        return True
    try:
        head = (await host.read_part(path, 0, 512)).data
    except OSError:
        return True  # it is said when it is opened
    # NULs stand in a text file after a power cut; other control characters hardly ever
    strange = sum(byte < 32 and byte not in b"\0\t\n\r\x1b\f\b" for byte in head)
    return strange * 20 <= len(head) and head.count(0) * 2 <= len(head)


class LogFile(Log):
    """A file and its rotated parts. An entry is a line; its cursor is the part's device and inode and the line's place,
    which hold when the file is rotated."""

    def __init__(self, host: Host, path: str) -> None:
        self.title = path
        self._host = host
        self._path = path
        self._parts: list[Part] = []

    # parts --------------------------------------------------------------------------------------------------------

    async def _look(self) -> list[Part]:
        """The parts now, oldest first. Raises LogError."""
        folder, _slash, name = self._path.rpartition("/")
        try:
            names = await self._host.listdir(folder)
        except OSError as error:
            raise LogError(_("{path} can't be read: {why}").format(path=folder, why=error.strerror)) from None
        old = []
        for each in names:
            match = _ROTATED.fullmatch(each)
            if match and match["name"] == name:
                # numbers count upwards into the past, dates downwards
                order = (1, -int(match["number"])) if match["number"] else (0, int(re.sub(r"\D", "", match["date"])))
                old.append((order, each))
        known = {part.id: part for part in self._parts}
        parts: list[Part] = []
        for path in [*(f"{folder}/{each}" for _order, each in sorted(old)), self._path]:
            try:
                seen = await self._host.read_part(path, 0, 0)
            except OSError as error:
                if path == self._path and not isinstance(error, FileNotFoundError):
                    raise LogError(_("{path} can't be read: {why}").format(path=path, why=error.strerror)) from None
                continue
            kind = PackedPart if path.endswith(tuple(PACKED)) else Part
            part = kind(self._host, path, seen.identity, seen.size)
            kept = known.get(part.id)
            if kept is not None and type(kept) is kind and kept.path == path:
                kept.size = seen.size
                part = kept
            parts.append(part)
        if not parts:
            raise LogError(_("{path} isn't there any more.").format(path=self._path))
        self._parts = parts
        return parts

    async def _at(self, cursor: str) -> tuple[list[Part], int, int]:
        """The parts, which of them a cursor is in, and the place in it."""
        part_id, _colon, place = cursor.partition(":")
        parts = await self._look()
        for number, part in enumerate(parts):
            if part.id == part_id:
                return parts, number, int(place)
        raise Rotated

    # pages --------------------------------------------------------------------------------------------------------

    async def last(self, wanted: Wanted, count: int) -> Page:
        parts = await self._look()
        return await self._back(parts, len(parts) - 1, None, wanted, count)

    async def before(self, cursor: str, wanted: Wanted, count: int) -> Page:
        parts, number, place = await self._at(cursor)
        return await self._back(parts, number, place, wanted, count)

    async def first(self, wanted: Wanted, count: int) -> Page:
        return await self._on(await self._look(), 0, 0, wanted, count)

    async def after(self, cursor: str, wanted: Wanted, count: int) -> Page:
        parts, number, place = await self._at(cursor)
        line = await lines_after(parts[number], place)
        return await self._on(parts, number, line[0].end if line else place, wanted, count)

    async def _back(self, parts: list[Part], number: int, place: int | None, wanted: Wanted, count: int) -> Page:
        text = pattern(wanted.text)
        found: list[Entry] = []
        while number >= 0:
            part = parts[number]
            end = await part.length() if place is None else place
            clock = Clock(await self._written(part))
            while lines := await lines_before(part, end):
                entries = _entries(part, lines, clock) if _may_fit(lines, wanted, text) else []
                for entry in reversed(entries):
                    if wanted.since is not None and entry.at is not None and entry.at < wanted.since:
                        return Page(tuple(reversed(found)))
                    if not _fits(entry, wanted, text):
                        continue
                    if len(found) == count:
                        return Page(tuple(reversed(found)), more=True)
                    found.append(entry)
                end = lines[0].start
                await asyncio.sleep(0)
            number, place = number - 1, None
        return Page(tuple(reversed(found)))

    async def _on(self, parts: list[Part], number: int, place: int, wanted: Wanted, count: int) -> Page:
        text = pattern(wanted.text)
        found: list[Entry] = []
        while number < len(parts):
            part = parts[number]
            clock = Clock(await self._written(part))
            while lines := await lines_after(part, place):
                for entry in _entries(part, lines, clock) if _may_fit(lines, wanted, text) else []:
                    if wanted.until is not None and entry.at is not None and entry.at > wanted.until:
                        return Page(tuple(found))
                    if not _fits(entry, wanted, text):
                        continue
                    if len(found) == count:
                        return Page(tuple(found), more=True)
                    found.append(entry)
                place = lines[-1].end
                await asyncio.sleep(0)
            number, place = number + 1, 0
        return Page(tuple(found))

    async def _written(self, part: Part) -> float:
        """When a part was written last: the year of times that have none."""
        try:
            seen = await self._host.stat(part.path)
        except OSError:
            seen = None
        return seen.mtime_ns / 1e9 if seen is not None else 0.0

    # following ----------------------------------------------------------------------------------------------------

    async def follow(self, cursor: str, wanted: Wanted) -> AsyncIterator[list[Entry]]:
        text = pattern(wanted.text)
        if cursor:
            parts, number, place = await self._at(cursor)
            line = await lines_after(parts[number], place)
            place = line[0].end if line else place
        else:
            parts = await self._look()
            number, place = len(parts) - 1, await parts[-1].length()
        part = parts[number]
        while True:
            try:
                if await part.length() < place:  # emptied in its place (logrotate's copytruncate)
                    place = 0
                # a line that isn't ended yet is waited for, unless nobody writes to the part any more
                over = part.path != self._path
                while lines := await lines_after(part, place, whole=over):
                    place = lines[-1].end
                    clock = Clock(await self._written(part))
                    if entries := [each for each in _entries(part, lines, clock) if _fits(each, wanted, text)]:
                        yield entries
                if over and (later := await self._next(part)) is not None:
                    part, place = later, 0
                    continue
            except LogError:
                part, place = await self._rotated(part, place)
            await asyncio.sleep(LOOK)

    async def _next(self, part: Part) -> Part | None:
        """The part after one."""
        parts = await self._look()
        at = next((n for n, each in enumerate(parts) if each.id == part.id), len(parts))
        return parts[at + 1] if at + 1 < len(parts) else None

    async def _rotated(self, part: Part, place: int) -> tuple[Part, int]:
        """Where to read on when a part has lost its name: in it under its new name, else (it was packed or removed) in
        the oldest one that came after it."""
        known = {each.id for each in self._parts}
        try:
            parts = await self._look()
        except LogError:  # between the rename and the new file
            return part, place
        for each in parts:
            if each.id == part.id:
                return each, place
        later = [each for each in parts if each.id not in known and not isinstance(each, PackedPart)]
        return (later or parts[-1:])[0], 0

    # one entry ----------------------------------------------------------------------------------------------------

    async def fields(self, entry: Entry) -> tuple[Field, ...]:
        parts, number, place = await self._at(entry.cursor)
        lines = await lines_after(parts[number], place)
        if not lines:
            raise LogError(_("The file doesn't have this line any more."))
        line = lines[0]
        whole = (await parts[number].read(place, min(line.end - place, 1024 * 1024))).rstrip(b"\r\n")
        text, binary = decoded(whole)
        return (
            Field(_("Line"), text, binary),
            Field(_("File"), parts[number].path),
            Field(_("Place"), _("byte {start} to {end}").format(start=place, end=line.end)),
        )


def _entries(part: Part, lines: list[Line], clock: Clock) -> list[Entry]:
    made = []
    for line in lines:
        text, binary = decoded(line.data)
        at, rest = clock.read(text)
        made.append(Entry(f"{part.id}:{line.start}", at, rest, note="cut" if line.cut else "binary" if binary else ""))
    return made


def _may_fit(lines: list[Line], wanted: Wanted, text: Pattern | None) -> bool:
    """Whether one of the lines can be wanted: false, quickly, where a text is in none of them. An expression may ask
    for the start of a message, and a range for the lines' times."""
    if text is None or not text.plain or wanted.since is not None or wanted.until is not None:
        return True
    try:
        return text.compiled.search(b"\n".join(line.data for line in lines).decode()) is not None
    except UnicodeDecodeError:
        return True


def decoded(data: bytes) -> tuple[str, bool]:
    """A line as text, and whether it isn't one. What isn't UTF-8 is taken for Latin 1, as old programs write it."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        ends = len(data) == LINE and error.start > LINE - 4  # a cut line may end amid a character
        text = data[: error.start].decode() if ends else data.decode("latin-1")
    return text, "\0" in text


def _fits(entry: Entry, wanted: Wanted, text: Pattern | None) -> bool:
    if text is not None and not text.compiled.search(entry.message):
        return False
    if entry.at is None:
        return True  # it belongs to the line before it
    return (wanted.since is None or entry.at >= wanted.since) and (wanted.until is None or entry.at <= wanted.until)

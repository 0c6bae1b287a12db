"""The parts of a log in a file: the file itself and what logrotate(8) made of it before. Each is read in pieces, from
any place, a compressed one too; nothing holds a part whole."""

from __future__ import annotations

import asyncio
import bz2
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pi_installer_tui.i18n import _
from pi_installer_tui.system.entries import LogError
from pi_installer_tui.system.host import Host

BLOCK = 64 * 1024  # bytes that are read at once
#: bytes of a compressed part's content that are kept; what lies before is unpacked again when it is asked for
KEPT = 4 * 1024 * 1024
#: bytes of a line that are shown; the others are skipped
LINE = 16 * 1024


class _Unpacks(Protocol):
    """What zlib, bz2 and lzma have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


PACKED: dict[str, Callable[[], _Unpacks]] = {
    ".gz": lambda: zlib.decompressobj(wbits=31),
    ".xz": lzma.LZMADecompressor,
    ".bz2": bz2.BZ2Decompressor,
}
#: bytes that are unpacked at once, however small they were packed
_TAKEN = 4 * BLOCK


class _Unpacker:
    """Unpacks one piece after another, members one after another too (gzip(1))."""

    def __init__(self, make: Callable[[], _Unpacks]) -> None:
        self._make = make
        self._unpacks = make()
        self.rest = b""

    def take(self) -> bytes:
        """What `rest` begins with, unpacked; with nothing in it what is still to come of the pieces before."""
        data = self._unpacks.decompress(self.rest, _TAKEN)
        self.rest = getattr(self._unpacks, "unconsumed_tail", b"")  # bz2 and lzma keep it themselves
        if self._unpacks.eof:
            self.rest = self._unpacks.unused_data
            self._unpacks = self._make()
        return data


@dataclass(frozen=True, slots=True)
class Line:
    """A line. start, end: where it stands in its part, its line break included. cut: it is longer than LINE bytes."""

    start: int
    end: int
    data: bytes
    cut: bool


class Part:
    """A file that grows at its end."""

    def __init__(self, host: Host, path: str, identity: tuple[int, int], size: int) -> None:
        self.path = path
        self.id = "{:x}-{:x}".format(*identity)
        self.size = size
        self._host = host

    async def length(self) -> int:
        """Its bytes now. Raises LogError."""
        await self.read(0, 0)
        return self.size

    async def read(self, start: int, length: int) -> bytes:
        """Bytes of it. Raises LogError, also where another file has its name by now."""
        try:
            found = await self._host.read_part(self.path, start, length)
        except FileNotFoundError:
            raise LogError(_("{path} isn't there any more.").format(path=self.path)) from None
        except OSError as error:
            raise LogError(_("{path} can't be read: {why}").format(path=self.path, why=error.strerror)) from None
        if "{:x}-{:x}".format(*found.identity) != self.id:
            raise Rotated
        self.size = found.size
        return found.data


class Rotated(LogError):
    """Another file has a part's name by now."""

    def __init__(self) -> None:
        super().__init__(_("The file was rotated: another one has its name by now. G reads that."))


class PackedPart(Part):
    """One that is compressed. Its content is unpacked from the start to where it is asked for."""

    def __init__(self, host: Host, path: str, identity: tuple[int, int], size: int) -> None:
        super().__init__(host, path, identity, size)
        self._unpacks = next(make for ending, make in PACKED.items() if path.endswith(ending))
        self._length: int | None = None
        self._from = 0
        self._kept = b""

    async def length(self) -> int:
        if self._length is None:
            await self._unpack(None)
        assert self._length is not None
        return self._length

    async def read(self, start: int, length: int) -> bytes:
        end = min(start + length, await self.length())
        if start < self._from or end > self._from + len(self._kept):
            await self._unpack(max(end, start + 1))
        return self._kept[start - self._from : end - self._from]

    async def _unpack(self, end: int | None) -> None:
        """Keeps the KEPT bytes before `end`, those before its own end for None."""
        unpacker, at, done, kept = _Unpacker(self._unpacks), 0, 0, bytearray()
        while end is None or done < end:
            try:
                data = await asyncio.to_thread(unpacker.take)
            except (zlib.error, lzma.LZMAError, OSError, EOFError):
                break  # damaged from here on: what came before is shown
            done += len(data)
            kept += data
            if len(kept) > 2 * (KEPT + _TAKEN):
                del kept[: -KEPT - _TAKEN]
            if not data and not unpacker.rest:
                unpacker.rest = await super().read(at, BLOCK)
                at += len(unpacker.rest)
                if not unpacker.rest:
                    break
        self._kept = bytes(kept[-KEPT - _TAKEN :])
        self._from = done - len(self._kept)
        if end is None:
            self._length = done


async def lines_before(part: Part, end: int) -> list[Line]:
    """Lines that end at `end`, oldest first: some at least, as many as a block has, and a huge one alone. `end` is the
    start of a line or the part's end. Empty only at the start of the part."""
    text, start = b"", end
    while start > 0:
        size = min(BLOCK, start)
        data = await part.read(start - size, size)
        if len(data) < size:
            raise Rotated  # shortened meanwhile
        start -= size
        text = data + text
        if len(text) <= BLOCK + LINE:
            first = text.find(b"\n", 0, len(text) - 1)  # the last byte ends the last line
            if start == 0:
                return split(text, 0)
            if first >= 0:
                return split(text[first + 1 :], start + first + 1)
            continue
        # one huge line so far, whose beginning is looked for
        text = text[: BLOCK + LINE]
        first = data.rfind(b"\n")
        if first >= 0 or start == 0:
            return [Line(start + first + 1, end, text[first + 1 : first + 1 + LINE], cut=True)]
    return []


async def lines_after(part: Part, start: int, *, whole: bool = True) -> list[Line]:
    """Lines from `start` (the start of a line) on: some at least, as many as a block has; empty at the end. whole: also
    a last one that has no line break yet."""
    data = await part.read(start, BLOCK)
    at = start + len(data)
    if not data:
        return []
    last = data.rfind(b"\n")
    if last >= 0:
        return split(data[: last + 1], start)
    head = data[:LINE]
    while more := await part.read(at, BLOCK):
        found = more.find(b"\n")
        if len(head) < LINE:
            head = (head + more)[:LINE]
        if found >= 0:
            return [Line(start, at + found + 1, head.split(b"\n")[0], cut=at + found - start > LINE)]
        at += len(more)
    if not whole:
        return []
    return [Line(start, at, head, cut=at - start > LINE)]


def split(data: bytes, start: int) -> list[Line]:
    """The lines of a piece that begins where a line does."""
    *whole, rest = data.split(b"\n")
    found = []
    for text, ending in [*((text, 1) for text in whole), *([(rest, 0)] if rest else [])]:
        end = start + len(text) + ending
        found.append(Line(start, end, text[:LINE].rstrip(b"\r"), cut=len(text) > LINE))
        start = end
    return found

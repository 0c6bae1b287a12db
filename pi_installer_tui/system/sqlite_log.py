"""A database of SQLite's with the log that lies beside it (NAME-wal), read without SQLite at work on either: for a
database that belongs to a program that was stopped without closing it. Pure (SQLite, database file format, 4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
#: of the header: the last bit says in which order of bytes the checksums are made
_LITTLE, _BIG = 0x377F0682, 0x377F0683
_VERSION = 3_007_000


def applied(database: bytes, log: bytes) -> bytes:
    """The database as it is with all that the log has to the end of its last transaction. What comes after that, is of
    an earlier use of the log, or damaged, doesn't count, as for SQLite itself (4.3, 4.4)."""
    pages, count, size = _committed(log)
    if not pages:
        return database
    found = bytearray(database[: count * size].ljust(count * size, b"\0"))
    for number, content in pages.items():
        if number <= count:
            found[(number - 1) * size : number * size] = content
    return bytes(found)


def _committed(log: bytes) -> tuple[dict[int, bytes], int, int]:
    """The newest content of each page, and the database's size in pages, after the last transaction that is whole; the
    size of a page, bytes."""
    pages: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    count = size = 0
    for number, pages_then, content in _frames(log):
        waiting[number] = content
        size = len(content)
        if pages_then:  # the last frame of a transaction
            pages |= waiting
            count = pages_then
            waiting = {}
    return pages, count, size


def _frames(log: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The frames whose salts and checksums are right, each with the page's number, the database's size in pages where a
    transaction ends with it (else 0), and the page."""
    if len(log) < _HEADER.size:
        return
    magic, version, size, _sequence, salt, salt2, sum1, sum2 = _HEADER.unpack_from(log)
    if magic not in (_LITTLE, _BIG) or version != _VERSION or not 512 <= size <= 65536 or size & (size - 1):
        return
    order = "<" if magic == _LITTLE else ">"
    sums = _sums(log[:24], (0, 0), order)
    if sums != (sum1, sum2):
        return
    for at in range(_HEADER.size, len(log) - _FRAME.size - size + 1, _FRAME.size + size):
        number, pages_then, one, other, sum1, sum2 = _FRAME.unpack_from(log, at)
        content = log[at + _FRAME.size : at + _FRAME.size + size]
        sums = _sums(content, _sums(log[at : at + 8], sums, order), order)
        if (one, other) != (salt, salt2) or sums != (sum1, sum2) or not number:
            return
        yield number, pages_then, content


def _sums(data: bytes, before: tuple[int, int], order: str) -> tuple[int, int]:
    """The checksum that goes on from another one (4.2)."""
    one, other = before
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + other) & 0xFFFFFFFF
        other = (other + second + one) & 0xFFFFFFFF
    return one, other

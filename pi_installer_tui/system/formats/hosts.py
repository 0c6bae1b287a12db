"""/etc/hosts (hosts(5)): an address and its names on a line, a comment from # on."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from pi_installer_tui.system.formats import Entry, FormatError, body_of, end_of, insert, key_of, lines_of, one_line

_HEAD = re.compile(r"[ \t]*([^\s#]+)[ \t]*")
_NAME = re.compile(r"^[^\s#]+$")


@dataclass(frozen=True, slots=True)
class _Line:
    index: int
    address: str  # in ipaddress's spelling
    head: str  # up to the first name
    names: tuple[str, ...]
    tail: str  # from behind the last name


def get(text: str, key: tuple[str, ...]) -> Entry | None:
    """The names of an address, as a tuple; of all its lines where it has several, with the first one's number."""
    address = _address(*key_of(key, 1))
    found = [line for line in _parse(text) if line.address == address]
    return Entry(tuple(name for line in found for name in line.names), found[0].index + 1) if found else None


def edit(text: str, key: tuple[str, ...], value: object) -> str:
    """The address's line gets these names (a tuple, not empty); its alignment and comment stay. Further lines of the
    same address go. A new line of a loopback address comes behind the last one of those, others at the end."""
    written = key_of(key, 1)[0]
    address = _address(written)
    lines = lines_of(text)
    parsed = _parse(text)
    found = [line for line in parsed if line.address == address]
    if value is None:
        gone = {line.index for line in found}
        return "".join(line for index, line in enumerate(lines) if index not in gone)
    if isinstance(value, str) or not isinstance(value, tuple | list) or not value:
        raise FormatError("the value must be the names of the address")
    names = tuple(one_line(name) for name in value)
    for name in names:
        if not _NAME.match(name):
            raise FormatError("a name must not be empty or hold blanks or #")
    if not found:
        return "".join(insert(lines, _place(parsed, address, len(lines)), [f"{written}\t{' '.join(names)}"]))
    first = found[0]
    if tuple(name for line in found for name in line.names) != names or len(found) > 1:
        head = first.head if first.head[-1:].isspace() else first.head + "\t"
        tail = first.tail if not first.tail.startswith("#") or first.names else " " + first.tail
        lines[first.index] = head + _joined(first, lines[first.index], names) + tail + end_of(lines[first.index])
    gone = {line.index for line in found[1:]}
    return "".join(line for index, line in enumerate(lines) if index not in gone)


def _joined(old: _Line, line: str, names: tuple[str, ...]) -> str:
    """The names with the blanks that stood between the first two of the old ones."""
    between = re.match(r"\S+([ \t]+)\S", line[len(old.head) :]) if len(old.names) > 1 else None
    return (between.group(1) if between else " ").join(names)


def _place(parsed: list[_Line], address: str, end: int) -> int:
    loopback = [line.index for line in parsed if ipaddress.ip_address(line.address).is_loopback]
    four = [line.index for line in parsed if line.address.startswith("127.")]
    if not ipaddress.ip_address(address).is_loopback:
        return end
    return max(four or loopback, default=end - 1) + 1


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise FormatError("that is no address") from None


def _parse(text: str) -> list[_Line]:
    result = []
    for index, line in enumerate(lines_of(text)):
        body = body_of(line)
        if not body.strip() or body.lstrip(" \t").startswith("#"):
            continue
        match = _HEAD.match(body)
        try:
            address = str(ipaddress.ip_address(match.group(1) if match else ""))
        except ValueError:
            raise FormatError("it doesn't start with an address", index + 1) from None
        head = body[: match.end() if match else 0]
        names = body[len(head) :].partition("#")[0].rstrip()
        result.append(_Line(index, address, head, tuple(names.split()), body[len(head) + len(names) :]))
    return result

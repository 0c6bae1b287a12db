"""[section] and key=value, as systemd (systemd.syntax(7)) and NetworkManager (nm-settings-keyfile(5)) have it.

A key may be repeated (DNS=), a line that ends in a backslash goes on in the next (systemd). Values are as they stand:
no quotes are taken off, no lists are split.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pi_installer_tui.system.formats import (
    Entry,
    FormatError,
    body_of,
    end_of,
    insert,
    key_of,
    lines_of,
    one_line,
)


@dataclass(frozen=True, slots=True)
class _Line:
    section: int  # index of its header in the list of headers
    name: str
    value: str
    head: str  # up to the value, with the blanks around =
    start: int  # index of its first line
    end: int  # behind its last line


@dataclass(frozen=True, slots=True)
class _Parsed:
    headers: list[tuple[str, int]]  # name, index of the line
    entries: list[_Line]


def get(text: str, key: tuple[str, ...]) -> Entry | None:
    """A key's value; where it is repeated all of them as a tuple, with the first one's line."""
    section, name = key_of(key, 2)
    parsed = _parse(lines_of(text))
    found = [e for e in parsed.entries if parsed.headers[e.section][0] == section and e.name == name]
    if not found:
        return None
    return Entry(found[0].value if len(found) == 1 else tuple(e.value for e in found), found[0].start + 1)


def edit(text: str, key: tuple[str, ...], value: object) -> str:
    """Sets a key (a tuple repeats it) in its place, behind its commented example, or at the end of its section.
    Raises FormatError where the section stands several times and it isn't clear which is meant."""
    section, name = key_of(key, 2)
    if not section or re.search(r"[\[\]]", section) or not re.fullmatch(r"[^\s=#;\[](?:[^=]*[^\s=])?", name):
        raise FormatError("that is no section and key")
    wanted = _values(value)
    lines = lines_of(text)
    parsed = _parse(lines)
    found = [e for e in parsed.entries if parsed.headers[e.section][0] == section and e.name == name]
    if tuple(e.value for e in found) == wanted:
        return text
    if wanted and len({e.section for e in found}) > 1:
        raise FormatError(f"[{section}] stands more than once, each with {name}", found[1].start + 1)
    if not found and wanted:
        return "".join(_added(lines, parsed, section, name, wanted))
    if len(wanted) == 1:  # of a repeated key the last one counts
        found = found[-1:] + found[:-1]
    for index, entry in sorted(enumerate(found), key=lambda pair: pair[1].start, reverse=True):
        if index >= len(wanted):
            del lines[entry.start : entry.end]
            continue
        extra = [entry.head + more for more in wanted[len(found) :]] if index == len(found) - 1 else []
        if entry.value != wanted[index]:
            lines[entry.start : entry.end] = [entry.head + wanted[index] + end_of(lines[entry.end - 1])]
            lines = insert(lines, entry.start + 1, extra)
        else:
            lines = insert(lines, entry.end, extra)
    return "".join(lines)


def _values(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    result = tuple(one_line(item) for item in values)
    for item in result:
        if item != item.strip() or item.endswith("\\"):
            raise FormatError("the value must not begin or end with a blank, or end with a backslash")
    return result


def _added(lines: list[str], parsed: _Parsed, section: str, name: str, values: tuple[str, ...]) -> list[str]:
    numbers = [number for number, (header, _) in enumerate(parsed.headers) if header == section]
    siblings = [entry for entry in parsed.entries if entry.section in numbers]
    separator = siblings[-1].head.lstrip().removeprefix(siblings[-1].name) if siblings else "="
    new = [f"{name}{separator}{value}".rstrip(" \t") for value in values]
    if not numbers:
        gap = [""] if lines and body_of(lines[-1]).strip() else []
        return insert(lines, len(lines), [*gap, f"[{section}]", *new])
    if len(numbers) > 1:
        raise FormatError(f"[{section}] stands more than once", parsed.headers[numbers[1]][1] + 1)
    begin = parsed.headers[numbers[0]][1]
    end = parsed.headers[numbers[0] + 1][1] if numbers[0] + 1 < len(parsed.headers) else len(lines)
    own = [entry.end for entry in siblings]
    example = re.compile(rf"^[ \t]*[#;][ \t]*{re.escape(name)}[ \t]*=")
    examples = [index + 1 for index in range(begin, end) if example.match(lines[index])]
    return insert(lines, (examples or own or [begin + 1])[-1], new)


def _parse(lines: list[str]) -> _Parsed:
    headers: list[tuple[str, int]] = []
    entries: list[_Line] = []
    index = 0
    while index < len(lines):
        start = index
        body = body_of(lines[index])
        index += 1
        stripped = body.strip()
        if index == 1:
            stripped = stripped.removeprefix("\ufeff")
        if not stripped or stripped[0] in "#;":
            continue
        if stripped[0] == "[":
            if not stripped.endswith("]") or len(stripped) < 3:
                raise FormatError("a section isn't closed", start + 1)
            headers.append((stripped[1:-1], start))
            continue
        name, equals, rest = body.partition("=")
        if not equals or not name.strip():
            raise FormatError("it isn't key=value", start + 1)
        if not headers:
            raise FormatError("a key stands before the first section", start + 1)
        value = rest.lstrip()
        head = body[: len(body) - len(value)] if value.strip() else body.rstrip() if not rest else f"{name}={rest}"
        while value.endswith("\\"):
            value = value[:-1] + " "
            while index < len(lines) and lines[index].lstrip()[:1] in ("#", ";"):
                index += 1
            if index == len(lines):
                break
            value += body_of(lines[index])
            index += 1
        entries.append(_Line(len(headers) - 1, name.strip(), value.strip(), head, start, index))
    return _Parsed(headers, entries)

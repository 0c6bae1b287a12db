"""Known formats of configuration files: read one key with its line, change one key and leave every other byte.

Each module here has the same two functions:

    get(text, key) -> Entry | None                 the value and the line it stands on (from 1)
    edit(text, key, value) -> str                  value None takes the key away

Both raise FormatError, with the line, where the text doesn't parse: such a file is never edited.

    keyvalue   KEY=value as in /etc/default/* (shell quoting)     key: (name,)
    ini        [section] key=value: systemd, NetworkManager       key: (section, name); a tuple repeats the key
    yaml       YAML with its comments: netplan, cloud-init        key: the path of mapping keys; value: JSON-like
    hosts      /etc/hosts                                         key: (address,); value: the tuple of its names
    logindefs  /etc/login.defs                                    key: (name,)
    lines      one item a line, "# item" is off: locale.gen       key: (item,); value: True (there) or None (off)

A text is a file decoded as UTF-8 with surrogateescape, so that bytes which aren't UTF-8 stay what they are. A value
that could end its line (a newline, NUL, any control character but the tab) is refused with FormatError.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, TypeAlias, cast

FormatName = Literal["keyvalue", "ini", "yaml", "hosts", "lines", "logindefs"]
Scalar: TypeAlias = str | int | bool


class FormatError(ValueError):
    """The text isn't of that format. `line` counts from 1, 0: no single line."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value, decoded (quotes gone), and the line where it stands."""

    value: object
    line: int


def get(format: FormatName, text: str, key: tuple[str, ...]) -> Entry | None:  # noqa: A002
    """The entry of a key in a text of that format, None where it isn't set. Raises FormatError."""
    return cast(Entry | None, _module(format).get(text, key))


def edit(format: FormatName, text: str, key: tuple[str, ...], value: object) -> str:  # noqa: A002
    """The text with that key set, or taken away with None. Raises FormatError."""
    return cast(str, _module(format).edit(text, key, value))


def _module(name: FormatName) -> Any:
    return import_module(f"{__name__}.{name}")


def one_line(value: object) -> str:
    """A scalar as text. Raises FormatError where it could end its line, or isn't text or a whole number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise FormatError("the value must be text or a whole number")
    text = str(value)
    for char in text:
        category = unicodedata.category(char)
        escaped_byte = "\udc80" <= char <= "\udcff"
        if (category in ("Cc", "Zl", "Zp") and char != "\t") or (category == "Cs" and not escaped_byte):
            raise FormatError("the value has a character that can't stand in a line")
    return text


def key_of(key: tuple[str, ...], length: int) -> tuple[str, ...]:
    """The key, checked: that many parts, none of them with more than one line. Raises FormatError."""
    if len(key) != length:
        raise FormatError(f"the key must have {length} part{'s' if length > 1 else ''}")
    return tuple(one_line(part) for part in key)


def lines_of(text: str) -> list[str]:
    """The lines with their ends. Only a newline ends one; a carriage return before it belongs to the end."""
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def body_of(line: str) -> str:
    """A line without its end."""
    return line.removesuffix("\n").removesuffix("\r") if line.endswith("\n") else line


def end_of(line: str) -> str:
    """A line's end: a newline, with a carriage return before it, or nothing on an unfinished last line."""
    return line[len(body_of(line)) :]


def newline_of(lines: list[str]) -> str:
    """The end that new lines get: the first line's."""
    return "\r\n" if lines and lines[0].endswith("\r\n") else "\n"


def insert(lines: list[str], at: int, new: list[str]) -> list[str]:
    """The lines with new ones (without ends) before index `at`; an unfinished last line gets its end first."""
    newline = newline_of(lines)
    before = list(lines[:at])
    if before and new and not before[-1].endswith("\n"):
        before[-1] += newline
    return before + [line + newline for line in new] + lines[at:]

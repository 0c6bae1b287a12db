"""KEY=value with the shell's quoting, as in /etc/default/*, /etc/locale.conf and os-release.

Only files that are nothing but assignments and comments: one with other shell code in it can't be edited safely and is
refused. Of a key that is assigned twice the last counts, as in the shell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pi_installer_tui.system.formats import Entry, FormatError, key_of, lines_of, newline_of, one_line

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_START = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=")
_BARE = re.compile(r"[A-Za-z0-9_@%+:,./-]+")
_SPECIAL = frozenset("|&;<>()")


@dataclass(frozen=True, slots=True)
class _Assignment:
    name: str
    value: str | None  # None: the shell computes it
    start: int  # of its first line
    value_start: int
    value_end: int
    end: int  # behind its last line's end
    line: int


def get(text: str, key: tuple[str, ...]) -> Entry | None:
    """A variable's value. Raises FormatError for one that the shell computes (`$HOME`)."""
    (name,) = key_of(key, 1)
    for found in reversed(_parse(text)):
        if found.name == name:
            if found.value is None:
                raise FormatError("the shell computes this value", found.line)
            return Entry(found.value, found.line)
    return None


def edit(text: str, key: tuple[str, ...], value: object) -> str:
    """Sets a variable in its place and with its kind of quotes, or in a new last line."""
    (name,) = key_of(key, 1)
    if not _NAME.fullmatch(name):
        raise FormatError("that is no variable's name")
    found = [assignment for assignment in _parse(text) if assignment.name == name]
    if value is None:
        for assignment in reversed(found):
            text = text[: assignment.start] + text[assignment.end :]
        return text
    wanted = one_line(value)
    if found:
        last = found[-1]
        if last.value == wanted:
            return text
        quote = text[last.value_start : last.value_start + 1]
        return text[: last.value_start] + _quoted(wanted, quote) + text[last.value_end :]
    newline = newline_of(lines_of(text))
    return text + (newline if text and not text.endswith("\n") else "") + f"{name}={_quoted(wanted, '')}{newline}"


def _quoted(value: str, quote: str) -> str:
    if quote == "'" and "'" not in value:
        return f"'{value}'"
    if quote not in ("'", '"') and _BARE.fullmatch(value):
        return value
    if not value and quote not in ("'", '"'):
        return ""
    return '"' + re.sub(r'([\\"$`])', r"\\\1", value) + '"'


def _parse(text: str) -> list[_Assignment]:
    result = []
    position, line = 0, 1
    while position < len(text):
        newline = text.find("\n", position)
        end = len(text) if newline < 0 else newline + 1
        body = text[position:end].strip(" \t\r\n")
        if body and not body.startswith("#"):
            match = _START.match(text, position)
            if not match:
                raise FormatError("it isn't KEY=value", line)
            value, value_end = _value(text, match.end(), line)
            end = _rest(text, value_end, line)
            result.append(_Assignment(match.group(1), value, position, match.end(), value_end, end, line))
        line += text.count("\n", position, end)
        position = end
    return result


def _value(text: str, position: int, line: int) -> tuple[str | None, int]:
    """The decoded word that starts there, and where it ends (the shell's rules for quotes and backslashes)."""
    value: list[str] = []
    computed = False
    while position < len(text):
        char = text[position]
        if char in " \t\n" or text.startswith("\r\n", position):
            break
        if char == "'":
            close = text.find("'", position + 1)
            if close < 0:
                raise FormatError("a quote isn't closed", line)
            value.append(text[position + 1 : close])
            position = close + 1
        elif char == '"':
            inside, position, dollar = _double(text, position + 1, line)
            value.append(inside)
            computed |= dollar
        elif char == "\\":
            following = text[position + 1 : position + 2]
            if not following:
                raise FormatError("a backslash at the end", line)
            value.append("" if following == "\n" else following)
            position += 2
        elif char in _SPECIAL:
            raise FormatError("it isn't KEY=value alone", line)
        else:
            computed |= char in "$`"
            value.append(char)
            position += 1
    return (None if computed else "".join(value)), position


def _double(text: str, position: int, line: int) -> tuple[str, int, bool]:
    """What stands in double quotes, where they end, and whether the shell computes something in it."""
    value: list[str] = []
    computed = False
    while position < len(text):
        char = text[position]
        if char == '"':
            return "".join(value), position + 1, computed
        if char == "\\" and text[position + 1 : position + 2] in ("\\", '"', "$", "`", "\n"):
            value.append(text[position + 1].replace("\n", ""))
            position += 2
            continue
        computed |= char in "$`"
        value.append(char)
        position += 1
    raise FormatError("a quote isn't closed", line)


def _rest(text: str, position: int, line: int) -> int:
    """The end of the line behind a value, on which nothing but a comment may stand."""
    newline = text.find("\n", position)
    end = len(text) if newline < 0 else newline + 1
    rest = text[position:end].strip(" \t\r\n")
    if rest and not rest.startswith("#"):
        raise FormatError("something stands behind the value", line)
    return end

"""/etc/login.defs (login.defs(5)): a name, blanks, a value; # starts a comment line. Of a name that stands there twice
the last counts (getdef.c of shadow)."""

from __future__ import annotations

import re

from pi_installer_tui.system.formats import Entry, FormatError, body_of, end_of, insert, key_of, lines_of, one_line

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
#: the name with the blanks around it, the value, the blanks at the end
_LINE = re.compile(r"([ \t]*([A-Z][A-Z0-9_]*)[ \t]+)(\S.*?)([ \t]*)")


def get(text: str, key: tuple[str, ...]) -> Entry | None:
    """A name's value."""
    name = _name(key)
    found = None
    for number, line in enumerate(lines_of(text), 1):
        match = _LINE.fullmatch(body_of(line))
        if match and match[2] == name:
            found = Entry(match[3].strip('"'), number)
    return found


def edit(text: str, key: tuple[str, ...], value: object) -> str:
    """Sets a name in its last line, or in a new one at the end. None takes all its lines away."""
    name, lines = _name(key), lines_of(text)
    matches = [_LINE.fullmatch(body_of(line)) for line in lines]
    at = [n for n, match in enumerate(matches) if match and match[2] == name]
    if value is None:
        return "".join(line for n, line in enumerate(lines) if n not in at)
    wanted = one_line(value)
    if not re.fullmatch(r"[^\s\"#](?:[^\"#]*[^\s\"#])?", wanted):
        raise FormatError("the value is empty, or has blanks around it, quotes or a # in it")
    if not at:
        return "".join(insert(lines, len(lines), [f"{name}\t{wanted}"]))
    match = matches[at[-1]]
    assert match is not None
    if match[3].strip('"') == wanted:
        return text
    lines[at[-1]] = f"{match[1]}{wanted}{match[4]}{end_of(lines[at[-1]])}"
    return "".join(lines)


def _name(key: tuple[str, ...]) -> str:
    (name,) = key_of(key, 1)
    if not _NAME.fullmatch(name):
        raise FormatError("that is no name of login.defs")
    return name

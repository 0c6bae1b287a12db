"""One item a line, as in /etc/locale.gen (locale.gen(5)): `de_DE.UTF-8 UTF-8` is on, `# de_DE.UTF-8 UTF-8` is off."""

from __future__ import annotations

import re

from pi_installer_tui.system.formats import Entry, FormatError, body_of, end_of, insert, key_of, lines_of

_OFF = re.compile(r"^([ \t]*)#[# \t]*")


def get(text: str, key: tuple[str, ...]) -> Entry | None:
    """Entry(True, line) where the item is on, else None. Blanks between its words don't count."""
    item = _item(key)
    for number, line in enumerate(lines_of(text), 1):
        if body_of(line).split() == item:
            return Entry(True, number)
    return None


def edit(text: str, key: tuple[str, ...], value: object) -> str:
    """True: the item's last commented line is uncommented, or one is added at the end. None: every line that has it
    is commented out."""
    item = _item(key)
    lines = lines_of(text)
    if value is None:
        return "".join(f"# {line}" if body_of(line).split() == item else line for line in lines)
    if value is not True:
        raise FormatError("the value must be true, or nothing")
    if get(text, key):
        return text
    for index in range(len(lines) - 1, -1, -1):
        body = body_of(lines[index])
        off = _OFF.match(body)
        if off and body[off.end() :].split() == item:
            lines[index] = off.group(1) + body[off.end() :] + end_of(lines[index])
            return "".join(lines)
    return "".join(insert(lines, len(lines), [" ".join(item)]))


def _item(key: tuple[str, ...]) -> list[str]:
    item = key_of(key, 1)[0].split()
    if not item or item[0].startswith("#"):
        raise FormatError("the item must not be empty or a comment")
    return item

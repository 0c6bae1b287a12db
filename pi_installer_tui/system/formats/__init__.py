"""Known formats of configuration files: read one key with its line, change one key and leave every other byte.

Each module here has the same two functions:

    get(text, key) -> Entry | None                 the value and the line it stands on (from 1)
    edit(text, key, value) -> str                  value None takes the key away

Both raise FormatError, with the line, where the text doesn't parse: such a file is never edited.

    keyvalue   KEY=value as in /etc/default/* (shell quoting)     key: (name,)
    ini        [section] key=value: systemd, NetworkManager       key: (section, name); a tuple repeats the key
    yaml       YAML with its comments: netplan, cloud-init        key: the path of mapping keys; value: JSON-like
    hosts      /etc/hosts                                         key: (address,); value: the tuple of its names
    lines      one item a line, "# item" is off: locale.gen       key: (item,); value: True (there) or None (off)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

FormatName = Literal["keyvalue", "ini", "yaml", "hosts", "lines"]
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

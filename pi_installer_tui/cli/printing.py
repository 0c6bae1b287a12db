"""Plain output: what goes to standard output for people, readable at 80 columns, in colour only where that is wanted.

Everything that comes from the machine or from a file passes through `clean`, so that nothing in it can steer the
terminal.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

#: C0 but tab and newline, DEL, C1, and the characters that turn the direction of text (Unicode UAX #9)
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_STYLES = {"bold": "1", "added": "32", "removed": "31", "faint": "2", "bad": "31", "good": "32", "warn": "33"}


def clean(text: str) -> str:
    """`text` with what could steer a terminal made visible: `\\x1b`."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


class Printer:
    """Writes to one stream."""

    def __init__(self, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> None:
        self.stream = stream if stream is not None else sys.stdout
        self.tty = self.stream.isatty()
        self.colour = self.tty and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"
        self.width = max(40, min(shutil.get_terminal_size((80, 24)).columns, 100)) if self.tty else 80

    def line(self, text: str = "", style: str = "") -> None:
        """One line, or several; `text` is cleaned here."""
        text = clean(text)
        if style and self.colour and text:
            text = f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
        print(text, file=self.stream)

    def sentence(self, text: str, indent: str = "", first: str | None = None, style: str = "") -> None:
        """A text that is wrapped at the width; `first` stands before its first line, `indent` before the others."""
        start = indent if first is None else first
        for part in clean(text).splitlines() or [""]:
            wrapped = textwrap.wrap(
                part, self.width, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False
            )
            for row in wrapped or [start.rstrip()]:
                self.line(row, style)
            start = indent

    def diff(self, text: str, indent: str = "") -> None:
        """A unified diff, every line as it is."""
        for row in text.splitlines():
            style = "added" if row.startswith("+") else "removed" if row.startswith("-") else ""
            self.line(indent + row, style)

    def pairs(self, rows: Iterable[tuple[str, str]], indent: str = "  ") -> None:
        """Labels and what they say, in two columns."""
        kept = [(clean(label), text) for label, text in rows]
        column = min(max((len(label) for label, _ in kept), default=0), 24)
        for label, text in kept:
            if len(label) > column:
                self.line(f"{indent}{label}")
                label = ""
            self.sentence(text, f"{indent}{'':{column}}  ", f"{indent}{label:{column}}  ")

    def flush(self) -> None:
        self.stream.flush()


def print_json(document: Mapping[str, Any]) -> None:
    """The one JSON document of a verb with --json. JSON itself escapes C0 alone; the rest of what steers a terminal can
    only stand inside a string, so it is escaped there without changing what a reader gets."""
    text = json.dumps(document, ensure_ascii=not _utf8(sys.stdout), indent=2)
    sys.stdout.write(_STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def _utf8(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"

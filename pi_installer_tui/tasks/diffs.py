"""Unified diffs for reading: bounded, and silent about what isn't text."""

from __future__ import annotations

import difflib

from pi_installer_tui.i18n import _

#: bytes of a file that are still compared line by line
SIZE = 256 * 1024
LINES = 200


def unified(path: str, old: bytes | None, new: bytes | None, *, lines: int = LINES) -> str:
    """The way from `old` to `new` (None: no file) as a unified diff of at most `lines` lines; "" where they are equal,
    one sentence where they are no text or too large."""
    if old == new:
        return ""
    texts = [_lines(data) for data in (old, new)]
    if texts[0] is None or texts[1] is None:
        return _("{path}: the content differs (not text, or large)").format(path=path) + "\n"
    names = ["/dev/null" if data is None else path for data in (old, new)]
    diff = [line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
            for line in difflib.unified_diff(texts[0], texts[1], names[0], names[1])]  # fmt: skip
    if len(diff) > lines:
        left_out = len(diff) - lines
        diff[lines:] = [_("... {count} more lines").format(count=left_out) + "\n"]
    return "".join(diff)


def _lines(data: bytes | None) -> list[str] | None:
    if data is None:
        return []
    if len(data) > SIZE or b"\0" in data:
        return None
    try:
        return data.decode().splitlines(keepends=True)
    except UnicodeDecodeError:
        return None

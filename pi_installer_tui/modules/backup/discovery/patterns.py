"""What restic leaves out: its patterns as regular expressions. Sources: restic's documentation, `Excluding Files`, its
internal/filter, and Go's path/filepath.Match."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence


def leaving_out(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path is left out, or lies in what is. A pattern that Go can't read leaves nothing out, as with restic,
    which refuses it."""
    forms = [form for pattern in patterns if (form := _pattern(pattern))]
    if not forms:
        return lambda path: False
    found = re.compile("|".join(forms), re.DOTALL)
    return lambda path: found.search(path) is not None


def _pattern(pattern: str) -> str:
    """A pattern without a slash in front matches anywhere; one that names a folder takes what is in it along."""
    rooted = pattern.startswith("/")
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if not parts:
        return ""
    said = ""
    try:
        for at, part in enumerate(parts):
            last = at == len(parts) - 1
            if part == "**":
                said += "[^/]+(?:/.*)?" if last else "(?:[^/]+/)*"
            else:
                said += _part(part) + ("" if last else "/")
        form = f"{'^/' if rooted else '/'}{said}(?:/|$)"
        re.compile(form)
    except (ValueError, re.error):
        return ""
    return form


def _part(part: str) -> str:
    """One name. Raises ValueError for what filepath.Match calls a bad pattern."""
    said, at = "", 0
    while at < len(part):
        character = part[at]
        at += 1
        if character == "*":
            said += "[^/]*"
        elif character == "?":
            said += "[^/]"
        elif character == "\\":
            if at == len(part):
                raise ValueError(part)
            said += re.escape(part[at])
            at += 1
        elif character == "[":
            group, at = _group(part, at)
            said += group
        else:
            said += re.escape(character)
    return said


def _group(part: str, at: int) -> tuple[str, int]:
    """`[a-z]`, `[^a-z]` from behind the bracket on, and where it ends."""
    negated = at < len(part) and part[at] == "^"
    at += negated
    ranges: list[str] = []
    while at < len(part) and (part[at] != "]" or not ranges):
        low, at = _character(part, at)
        high = low
        if at < len(part) and part[at] == "-":
            high, at = _character(part, at + 1)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("")
    if at >= len(part):
        raise ValueError(part)
    inside = "".join(ranges)
    if not inside:
        return ("[^/]" if negated else "(?!)"), at + 1
    return f"(?!/)[{'^' if negated else ''}{inside}]", at + 1


def _character(part: str, at: int) -> tuple[str, int]:
    if at >= len(part) or part[at] in "-]":
        raise ValueError(part)
    if part[at] == "\\":
        at += 1
        if at >= len(part):
            raise ValueError(part)
    return part[at], at + 1

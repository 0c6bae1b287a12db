"""What a file step will change, as a unified diff that is safe to show: a file's content can't send anything to the
terminal, and bytes that aren't text are seen as what they are."""

from __future__ import annotations

import difflib
import re

from pi_installer_tui.i18n import _
from pi_installer_tui.system.formats import lines_of
from pi_installer_tui.tasks.steps.base import Seen

#: bytes; above, a diff is neither read nor quick to make
_MOST = 1_000_000
_WIDTH = 70


def printable(text: str) -> str:
    """The text with every character that isn't printed as itself escaped (ESC as \\x1b, a byte that isn't UTF-8 as
    \\xff, a bidirectional override as \\u202e); newlines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in "\n\t" or char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    number = ord(char)
    if 0xDC80 <= number <= 0xDCFF:
        number -= 0xDC00
    if char == "\r":
        return "\\r"
    return f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def apart(text: str) -> tuple[str, str]:
    """The sentences of a preview's text, and the diffs that come after them."""
    lines = text.splitlines(keepends=True)
    at = next((n for n, line in enumerate(lines) if line.startswith("--- ")), len(lines))
    return "".join(lines[:at]).rstrip("\n"), "".join(lines[at:])


def clipped(template: str, path: str, *, name: str = "") -> str:
    """A phrase about a path and a name, at most 70 characters: what is too long loses its beginning."""
    path, name = printable(path), printable(name)
    spare = _WIDTH - len(template.format(path="", name=""))
    if len(path) + len(name) > spare:
        if len(name) > spare // 2:
            keep = max(spare // 2, spare - len(path))
            name = "…" + name[len(name) - keep + 1 :]
        room = spare - len(name)
        path = path if len(path) <= room else "…" + path[len(path) - room + 1 :]
    return template.format(path=path, name=name)


def unified(path: str, old: Seen, new: Seen) -> str:
    """A unified diff of a path as it is and as it will be; kind, mode and owner, where they change, above it."""
    changed = []
    if old.kind == new.kind != "link":
        if old.mode != new.mode:
            changed.append(f"mode {old.mode:04o} -> {new.mode:04o}")
        if (old.uid, old.gid) != (new.uid, new.gid):
            changed.append(f"owner {old.uid}:{old.gid} -> {new.uid}:{new.gid}")
    elif {old.kind, new.kind} != {"", "file"}:
        changed.append(f"{_state(old)} -> {_state(new)}")
    elif new.kind and (new.mode, new.uid, new.gid) != (0o644, 0, 0):
        changed.append(f"mode {new.mode:04o}, owner {new.uid}:{new.gid}")
    name = printable(path)
    head = [f"{name}: {line}" for line in changed]
    if "file" in (old.kind, new.kind) and old.content != new.content:
        head += _body(name, old, new)
    return "\n".join(head)


def _state(seen: Seen) -> str:
    if seen.kind == "link":
        return "link to " + printable(seen.target or "")
    if seen.kind == "directory":
        return f"directory {seen.mode:04o} {seen.uid}:{seen.gid}"
    return seen.kind or "nothing"


def _body(name: str, old: Seen, new: Seen) -> list[str]:
    if max(len(old.content), len(new.content)) > _MOST or b"\0" in old.content or b"\0" in new.content:
        return [
            _("{name}: {before} bytes become {after} bytes").format(
                name=name, before=len(old.content), after=len(new.content)
            )
        ]
    lines = []
    shown = _without_secrets if re.match(r"/var/spool/cron/|/etc/cron(tab$|\.d/)", name) else str
    before, after = (lines_of(seen.content.decode("utf-8", "surrogateescape")) for seen in (old, new))
    from_name = name if old.kind == "file" else "/dev/null"
    to_name = name if new.kind == "file" else "/dev/null"
    for line in difflib.unified_diff(before, after, from_name, to_name):
        lines.append(printable(shown(line.removesuffix("\n"))))
        if not line.endswith("\n"):
            lines.append("\\ No newline at end of file")
    return lines


def _without_secrets(line: str) -> str:
    """A line of a crontab's difference: a setting beside what changes may be a password."""
    from pi_installer_tui.system.cron.environment import SECRET
    from pi_installer_tui.system.cron.lines import setting

    found = setting(line[1:].lstrip(" \t")) if line[:1] in (" ", "+", "-") else None
    if found is None or not SECRET.search(found[0]):
        return line
    return f"{line[0]}{found[0]}={_('(secret)')}"

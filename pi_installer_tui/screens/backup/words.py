"""Entries of a snapshot's tree in cells: names that can do no harm, kinds, sizes, times."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from rich.cells import cell_len

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Entry
    from pi_installer_tui.restic.index import Total


def name(entry: Entry, base: str = "") -> str:
    """What it is called, with a sign for its kind, as ls(1) -F has them; base: the folder that is left out."""
    called = entry.path
    if base:
        called = called[len(base) :].lstrip("/") if called.startswith(base) else called
    match entry.kind:
        case "dir":
            called += "/"
        case "symlink":
            called += f" -> {entry.target}" if entry.target else "@"
        case "fifo":
            called += "|"
        case "socket":
            called += "="
    return printable(called)


def ending(text: str, width: int, more: str) -> str:
    """The end of a path in `width` cells: that is where its name stands."""
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - len(more):
        text = text[max(1, (cell_len(text) - width) // 2) :]
    return more + text


def length(entry: Entry) -> str:
    """A file's size; of what is none, what it is."""
    if entry.size is not None:
        return size(entry.size)
    return {
        "dir": "",
        "symlink": _("link"),
        "dev": _("device"),
        "chardev": _("device"),
        "fifo": _("pipe"),
        "socket": _("socket"),
    }.get(entry.kind, entry.kind)


def mode(entry: Entry) -> str:
    """Permission bits as ls(1) has them: `rwxr-x---`, setuid and the like too."""
    bits = entry.mode
    text = "".join(letter if bits & 0o400 >> n else "-" for n, letter in enumerate("rwxrwxrwx"))
    for at, bit, letter in ((2, 0o4000, "s"), (5, 0o2000, "s"), (8, 0o1000, "t")):
        if bits & bit:
            there = letter if text[at] == "x" else letter.upper()
            text = text[:at] + there + text[at + 1 :]
    return text


def owner(entry: Entry) -> str:
    """Whose it is: `pi:pi`, numbers where the names aren't known."""
    return printable(f"{entry.user or entry.uid}:{entry.group or entry.gid}")


def many(total: Total) -> str:
    """`1,234 files, 1.2 GB`."""
    files = ngettext("{n} file", "{n} files", total.files).format(n=f"{total.files:,}")
    return f"{files}, {size(total.size)}"


def folder_name(path: str) -> str:
    """A folder's path, ended by a slash."""
    return printable(path if path == "/" else f"{path}/")


def base_name(path: str) -> str:
    """The last part of a path."""
    return printable(posixpath.basename(path))

"""What restic prints, read into answers.py's data."""

from __future__ import annotations

import os
import re
from datetime import datetime
from typing import Any

from pi_installer_tui.restic.answers import Change, Entry, Lock, Progress, Snapshot, Sum


def error_text(message: dict[str, Any]) -> str:
    """Why, of a message of an error: 0.14 writes Go's fs.PathError, with the number of errno(3)."""
    error = message.get("error")
    if not isinstance(error, dict):
        return str(error or "")
    if "message" not in error and isinstance(error.get("Err"), int):
        return f"{error.get('Op', '')}: {os.strerror(error['Err'])}"
    return str(error.get("message", ""))


def moment(text: str) -> datetime:
    """RFC 3339 with nanoseconds, as Go writes it."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def snapshot(found: dict[str, Any]) -> Snapshot:
    made = moment(found["time"])
    offset = made.utcoffset()
    return Snapshot(
        id=found["id"],
        time=made.timestamp(),
        host=found.get("hostname", ""),
        user=found.get("username", ""),
        paths=tuple(found.get("paths") or ()),
        tags=tuple(found.get("tags") or ()),
        parent=found.get("parent") or "",
        tree=found.get("tree") or "",
        zone=round(offset.total_seconds()) if offset is not None else 0,
    )


def permissions(mode: int) -> int:
    """Permission bits (0o7777) of Go's os.FileMode, which has the upper three elsewhere."""
    special = (0o4000 if mode & 1 << 23 else 0) | (0o2000 if mode & 1 << 22 else 0) | (0o1000 if mode & 1 << 20 else 0)
    return mode & 0o777 | special


def entry(found: dict[str, Any]) -> Entry:
    return Entry(
        path=found["path"],
        kind=found.get("type", ""),
        size=found.get("size", 0) if found.get("type") == "file" else None,
        mode=permissions(int(found.get("mode") or 0)),
        uid=int(found.get("uid") or 0),
        gid=int(found.get("gid") or 0),
        user=found.get("user", ""),
        group=found.get("group", ""),
        mtime=moment(found["mtime"]).timestamp() if found.get("mtime") else 0.0,
        target=found.get("linktarget", ""),
    )


def progress(found: dict[str, Any]) -> Progress:
    total = int(found.get("total_bytes") or 0)
    return Progress(
        fraction=float(found.get("percent_done") or 0) if total else None,
        bytes_done=int(found.get("bytes_done") or 0),
        bytes_total=total,
        files_done=int(found.get("files_done") or 0),
        files_total=int(found.get("total_files") or 0),
        errors=int(found.get("error_count") or 0),
        seconds_left=found.get("seconds_remaining"),
        current=tuple(found.get("current_files") or ()),
    )


def restoration(found: dict[str, Any]) -> Progress:
    """Of a restoration, 0.17 and later. What is there already and needn't be written counts as done."""
    total = int(found.get("total_bytes") or 0)
    done = int(found.get("bytes_restored") or 0) + int(found.get("bytes_skipped") or 0)
    fraction = min(float(found.get("percent_done") or 0), 1.0) if total else None
    seconds = float(found.get("seconds_elapsed") or 0)
    return Progress(
        fraction=fraction,
        bytes_done=done,
        bytes_total=total,
        files_done=int(found.get("files_restored") or 0) + int(found.get("files_skipped") or 0),
        files_total=int(found.get("total_files") or 0),
        seconds_left=seconds / fraction - seconds if fraction and seconds else None,
    )


def lock(id_: str, found: dict[str, Any]) -> Lock:
    return Lock(
        id=id_,
        time=moment(found["time"]).timestamp(),
        exclusive=bool(found.get("exclusive")),
        host=found.get("hostname", ""),
        user=found.get("username", ""),
        pid=int(found.get("pid") or 0),
    )


def change(found: dict[str, Any]) -> Change:
    return Change(str(found.get("modifier", "")), str(found.get("path", "")))


_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}


def size(text: str) -> int:
    """Bytes of `28.616 MiB`, as restic writes sizes for people: to four digits or so."""
    number, _space, unit = text.strip().partition(" ")
    return round(float(number) * _UNITS[unit])


def name(text: str) -> str:
    """A name as a tree's JSON has it: quoted once more, as Go's strconv.Quote does. Bytes that aren't UTF-8 come out as
    surrogates (os.fsdecode)."""
    found = bytearray()
    at = 0
    for match in _ESCAPE.finditer(text):
        found += text[at : match.start()].encode("utf-8", "surrogateescape")
        at = match.end()
        code = match[1]
        if code[0] == "x":
            found.append(int(code[1:], 16))
        elif code[0] in "uU":
            found += chr(int(code[1:], 16)).encode()
        elif code[0].isdigit():
            found.append(int(code, 8))
        else:
            found += _SIMPLE.get(code, code).encode()
    found += text[at:].encode("utf-8", "surrogateescape")
    return bytes(found).decode("utf-8", "surrogateescape")


_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[0-7]{3}|.)")
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def summary(found: dict[str, Any], incomplete: bool, unread: tuple[str, ...]) -> Sum:
    number = {
        name: int(found.get(name) or 0)
        for name in found
        if name not in ("total_duration", "snapshot_id") and isinstance(found[name], int | float)
    }
    return Sum(
        snapshot=str(found.get("snapshot_id", "")),
        files_new=number.get("files_new", 0),
        files_changed=number.get("files_changed", 0),
        files_same=number.get("files_unmodified", 0),
        dirs_new=number.get("dirs_new", 0),
        dirs_changed=number.get("dirs_changed", 0),
        dirs_same=number.get("dirs_unmodified", 0),
        added=number.get("data_added", 0),
        files=number.get("total_files_processed", 0),
        size=number.get("total_bytes_processed", 0),
        seconds=float(found.get("total_duration") or 0),
        incomplete=incomplete,
        unread=unread,
    )

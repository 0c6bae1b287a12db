"""What restic answers, as data: snapshots, entries of a tree, progress, the sum of a run, locks, and why something went
wrong. Source: its documentation, `Scripting`, and what 0.14 and 0.18 print."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

#: what restic calls the kinds of entries
EntryKind = Literal["file", "dir", "symlink", "dev", "chardev", "fifo", "socket", "irregular"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot. id: whole; time: seconds since 1970, zone: seconds east of UTC where it was made; parent: the id of
    the one it was compared with, ""; tree: the id of its root folder."""

    id: str
    time: float
    host: str
    user: str
    paths: tuple[str, ...]
    tags: tuple[str, ...]
    parent: str = ""
    tree: str = ""
    zone: int = 0

    @property
    def short(self) -> str:
        return self.id[:8]

    def tagged(self, key: str) -> str:
        """The value of a tag `key=value`, ""."""
        return next((tag.partition("=")[2] for tag in self.tags if tag.startswith(f"{key}=")), "")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a snapshot's tree. path: absolute, bytes that aren't UTF-8 as surrogates where restic kept them;
    size: bytes, None for what isn't a file; mode: permission bits (0o7777); mtime: seconds since 1970; target: a
    link's, "" where restic doesn't say (its lists don't)."""

    path: str
    kind: str
    size: int | None
    mode: int
    uid: int
    gid: int
    user: str
    group: str
    mtime: float
    target: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backup or a restoration is. fraction: 0..1, None where nobody can tell; bytes and files done and in
    all; seconds_left: None where nobody can tell; current: the files at work."""

    fraction: float | None
    bytes_done: int = 0
    bytes_total: int = 0
    files_done: int = 0
    files_total: int = 0
    errors: int = 0
    seconds_left: float | None = None
    current: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sum:
    """What a backup did. snapshot: its id, of which 0.14 says the first 8 digits (`Restic.whole`); added: bytes that
    are new in the repository, as stored before compression; incomplete: some files could not be read (restic's exit
    status 3), `unread` names them."""

    snapshot: str
    files_new: int = 0
    files_changed: int = 0
    files_same: int = 0
    dirs_new: int = 0
    dirs_changed: int = 0
    dirs_same: int = 0
    added: int = 0
    files: int = 0
    size: int = 0
    seconds: float = 0.0
    incomplete: bool = False
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock in a repository. time: seconds since 1970, when it was made or last renewed."""

    id: str
    time: float
    exclusive: bool
    host: str
    user: str
    pid: int


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a comparison of two snapshots. sign: restic's: `+` added, `-` removed, `M` content changed, `U`
    metadata changed, `T` type changed."""

    sign: str
    path: str


#: why restic failed, as a code; words.py has the sentences
Reason = Literal[
    "no-repository",
    "wrong-password",
    "locked",
    "unreachable",
    "refused",
    "no-space",
    "not-mounted",
    "damaged",
    "not-able",
    "interrupted",
    "failed",
]


#: and more narrowly, of `unreachable` and `refused`; "": nothing more is known
Cause = Literal[
    "",
    "name",
    "no-answer",
    "network",
    "timeout",
    "server",
    "cut-off",
    "certificate",
    "not-tls",
    "host-key-changed",
    "host-key-unknown",
    "ssh-key",
    "ssh-key-file",
    "credentials",
    "forbidden",
    "bucket",
    "password-file",
    "read-only",
    "permission",
    "sftp-failure",
    "here",
]


class Trouble(Exception):
    """restic could not do it. reason: a code; values: what words.py puts into the sentence (`cause`: a Cause, `place`,
    `line`: what restic said); tail: its last lines. No secret in any of them."""

    def __init__(self, reason: Reason, tail: tuple[str, ...] = (), **values: str) -> None:
        super().__init__(f"{reason} {values}" if values else reason)
        self.reason: Reason = reason
        self.tail = tail
        self.values = values


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restoration did. files and size (bytes) as restic counts them, None where the installed one doesn't say;
    errors: path and why, of what could not be restored."""

    files: int | None
    size: int | None
    errors: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. errors: its lines; packs: ids of the packs concerned; index: the index has to be repaired;
    read: percent of the data that were read."""

    errors: tuple[str, ...]
    packs: tuple[str, ...] = ()
    index: bool = False
    read: int = 0

    @property
    def good(self) -> bool:
        return not self.errors


@dataclass(frozen=True, slots=True)
class Pruned:
    """What pruning removed, or would: freed (bytes, of packs and within packs), remaining (bytes), None where restic
    didn't say."""

    freed: int | None
    remaining: int | None


@dataclass(frozen=True, slots=True)
class Stats:
    """How large something is. size: bytes; files: entries (0 for what is stored); blobs: pieces (0 for what would be
    restored)."""

    size: int
    files: int = 0
    blobs: int = 0


class Match(NamedTuple):
    """An entry that a search found, and in which snapshot (its whole id)."""

    snapshot: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two snapshots compared: what changed, and the sums that restic gives."""

    changes: tuple[Change, ...]
    statistics: dict[str, Any] = field(default_factory=dict)

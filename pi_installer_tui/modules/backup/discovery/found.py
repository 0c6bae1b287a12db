"""What discovery answers with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pi_installer_tui.databases import Dump


@dataclass(frozen=True, slots=True)
class Worthwhile:
    """Something worth keeping.

    what:     the word for it in a job's settings (`home`, `postgresql:app`, `compose:/srv/stack`)
    title, about: what it is, what it holds, in words
    paths, excludes: as restic takes them
    dumps:    databases that are dumped beside the paths
    stops:    what has to stand still meanwhile: `unit:NAME`, `container:NAME`
    writers:  what else writes into it, and could stand still
    size:     bytes; None: it has to be measured
    why:      why it can't be kept as it is now; ""
    within:   the word of what it is a part of, which a proposal names instead; ""
    """

    what: str
    title: str
    about: str = ""
    paths: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    dumps: tuple[Dump, ...] = ()
    stops: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    size: int | None = None
    why: str = ""
    within: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a job holds when it runs. missing: what it names and what isn't here, in words, a line each."""

    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    dumps: tuple[Dump, ...] = ()
    stops: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """How large one path of a job is, so far or (done) in all. bytes: of the files' content, hard links once; files:
    how many; unread: folders nobody could look into."""

    path: str
    bytes: int = 0
    files: int = 0
    unread: int = 0
    done: bool = False


def below(path: str, folders: Iterable[str]) -> bool:
    """Whether it is one of them or lies in one of them."""
    return any(folder == "/" or path == folder or path.startswith(f"{folder}/") for folder in folders)


def literally(path: str) -> str:
    """The pattern that means that path and no other. Source: Go's path/filepath.Match, which restic uses."""
    return re.sub(r"([*?\[\\])", r"\\\1", path)


def once(words: Iterable[str]) -> tuple[str, ...]:
    """In their order, each once."""
    return tuple(dict.fromkeys(words))

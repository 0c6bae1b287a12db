"""What is chosen of a snapshot's tree: files and folders, of which a folder stands for all in it."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pi_installer_tui.restic.index import Total

if TYPE_CHECKING:
    from pi_installer_tui.restic.index import Index

#: entries that may be chosen one by one instead of their folder
MOST = 5000


class TooMany(Exception):
    """A folder has too many entries to choose all but one of them."""


def parents(path: str) -> Iterator[str]:
    """The folders that a path is in, the innermost first, without the root."""
    path = posixpath.dirname(path)
    while path not in ("/", ""):
        yield path
        path = posixpath.dirname(path)


class Chosen:
    """What is chosen of a tree."""

    def __init__(self, tree: Index) -> None:
        self._tree = tree
        self._paths: dict[str, Total] = {}
        #: how many are chosen below a folder
        self._below: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._paths)

    @property
    def paths(self) -> tuple[str, ...]:
        """They, in order; none of them is in another one."""
        return tuple(sorted(self._paths))

    @property
    def total(self) -> Total:
        """How much that is."""
        every = self._paths.values()
        return Total(sum(each.files for each in every), sum(each.size for each in every))

    def state(self, path: str) -> Literal["all", "part", "none"]:
        """Whether it is chosen, or something in it."""
        if path in self._paths or self._folder_of(path) is not None:
            return "all"
        return "part" if self._below[path] else "none"

    def _folder_of(self, path: str) -> str | None:
        """The chosen folder that it is in."""
        return next((folder for folder in parents(path) if folder in self._paths), None)

    def toggle(self, path: str) -> None:
        """Chooses it, or not any more. Where the folder that it is in is chosen, all else in that stays chosen. Raises
        TooMany, and nothing is changed then."""
        if path in self._paths:
            self._drop(path)
        elif (folder := self._folder_of(path)) is not None:
            others = list(self._others(folder, path))
            if len(others) > MOST:
                raise TooMany(folder)
            self._drop(folder)
            for other in others:
                self._add(other)
        else:
            for inside in [each for each in self._paths if each.startswith(f"{path}/")]:
                self._drop(inside)
            self._add(path)

    def choose(self, path: str) -> None:
        """Chooses it where it isn't."""
        if self.state(path) != "all":
            self.toggle(path)

    def clear(self) -> None:
        """Chooses nothing."""
        self._paths.clear()
        self._below.clear()

    def _others(self, folder: str, path: str) -> Iterator[str]:
        """All in a folder but a path in it: beside it, and beside each folder on the way to it."""
        way = [path, *(each for each in parents(path) if each.startswith(f"{folder}/"))]
        for step in way:
            for entry in self._tree.children(posixpath.dirname(step)):
                if entry.path != step:
                    yield entry.path

    def _add(self, path: str) -> None:
        self._paths[path] = self._tree.total(path)
        for folder in parents(path):
            self._below[folder] += 1

    def _drop(self, path: str) -> None:
        del self._paths[path]
        for folder in parents(path):
            self._below[folder] -= 1

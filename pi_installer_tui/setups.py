"""Setup files that are kept under a name, `<state>/setups/NAME.yaml`: root's, 0600. They hold what a setup holds, so of
secrets only the names. The wizard keeps its answers here; `apply NAME` and `plan NAME` find them."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pi_installer_tui.tasks.journal import sync_folder, write_file

if TYPE_CHECKING:
    from pi_installer_tui.planning import Setup

#: what a setup may be called; nothing else gets near the folder
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")

_FOLDER = "setups"


@dataclass(frozen=True, slots=True)
class Saved:
    """A setup file that is kept. changed: when it was saved last, in seconds since 1970."""

    name: str
    changed: float


def path(state: Path, name: str) -> Path:
    """Where the setup of a name lies below a state directory, whether it is there or not. Raises KeyError for what
    can't be a name."""
    if not NAME.fullmatch(name):
        raise KeyError(name)
    return state / _FOLDER / f"{name}.yaml"


def saved(state: Path) -> tuple[Saved, ...]:
    """All setups that are kept, by name. Raises PermissionError."""
    found = []
    try:
        names = os.listdir(state / _FOLDER)  # noqa: PTH208  (names only)
    except FileNotFoundError:
        return ()
    for file in sorted(names):
        name = file.removesuffix(".yaml")
        if file != name and NAME.fullmatch(name):
            with contextlib.suppress(FileNotFoundError):
                found.append(Saved(name, path(state, name).stat().st_mtime))
    return tuple(found)


def read(state: Path, name: str) -> str | None:
    """The text of a setup file; None: none is kept under this name. Raises KeyError, OSError, UnicodeDecodeError."""
    try:
        return path(state, name).read_text("utf-8")
    except FileNotFoundError:
        return None


def save(state: Path, name: str, setup: Setup) -> None:
    """Keeps a setup under a name, in place of one that was there, atomically and durably. Raises KeyError, OSError."""
    from pi_installer_tui import setup_file  # its YAML isn't needed for a list

    file = path(state, name)
    for folder in (state, file.parent):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            sync_folder(folder.parent)
    write_file(file, setup_file.write(setup.document).encode())


def remove(state: Path, name: str) -> bool:
    """Takes the setup of a name away; whether there was one. Raises KeyError, OSError."""
    file = path(state, name)
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    sync_folder(file.parent)
    return True

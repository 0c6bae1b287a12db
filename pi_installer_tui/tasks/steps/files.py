"""Steps that change files: WriteFile, EditFile, RemoveFile, Link, Directory."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.system.formats import FormatName
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.steps.base import AbsolutePath, StepBase

Mode = Annotated[int, Field(ge=0, le=0o7777)]


class WriteFile(StepBase):
    """A whole file. `mode`, `owner`, `group` None: as the file has them, root's and 0644 for a new one. Missing parent
    folders are made (root, 0755) and go away with the undo."""

    kind: Literal["write-file"] = "write-file"
    path: AbsolutePath
    content: str
    mode: Mode | None = None
    owner: str | None = None
    group: str | None = None


class Edit(Frozen):
    """One key of a file and its new value; None takes the key away. Key and value as in system/formats."""

    key: tuple[str, ...]
    value: str | int | bool | tuple[str, ...] | dict[str, object] | None


class EditFile(StepBase):
    """Keys of a file of a known format; every other byte stays. A file that doesn't parse is refused. A missing file
    starts empty."""

    kind: Literal["edit-file"] = "edit-file"
    path: AbsolutePath
    format: FormatName
    edits: tuple[Edit, ...]
    mode: Mode | None = None


class RemoveFile(StepBase):
    """A file or a link goes away."""

    kind: Literal["remove-file"] = "remove-file"
    path: AbsolutePath


class Link(StepBase):
    """A symbolic link, replacing a file or a link of that name."""

    kind: Literal["link"] = "link"
    path: AbsolutePath
    target: Annotated[str, Field(pattern=r"^[^\x00\n]+$", max_length=4096)]


class Directory(StepBase):
    """A folder with its mode and owner (names); missing parents are made."""

    kind: Literal["directory"] = "directory"
    path: AbsolutePath
    mode: Mode = 0o755
    owner: str = "root"
    group: str = "root"

"""What a restoration did, of what its step reported, in lines for the job's screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.tasks.steps.backup.clear_aside import DAYS
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.lines import Cell, Prose


def lines(found: Mapping[str, Any]) -> list[Cell]:
    """Nothing of a step that restored nothing."""
    told: list[Cell] = []
    if "compared" in found:
        n, differ = int(found["compared"]), int(found.get("differ", 0))
        said = ngettext(
            "{n} file was compared with the snapshot, {size}: {differ} differ",
            "{n} files were compared with the snapshot, {size}: {differ} differ",
            n,
        ).format(n=f"{n:,}", size=size(int(found.get("size", 0))), differ=differ)
        told.append(Prose(said, "bad" if differ else "good"))
        told.append(Prose(_numbers(found)))
        if found.get("aside"):
            said = _("What was replaced lies in {folder}: undo gives it back. A backup after {days} days removes it.")
            told.append(Prose(said.format(folder=found["aside"], days=DAYS), "quiet"))
    elif "database" in found:
        told.append(Prose(_("The database {name} was loaded.").format(name=found["database"]), "good"))
        said = _("What it held before is kept at the place for {days} days: undo loads it again.")
        told.append(Prose(said.format(days=DAYS), "quiet"))
    if found.get("stays"):
        n = int(found["stays"])
        said = ngettext(
            "{n} file was changed since and stays as it is", "{n} files were changed since and stay as they are", n
        )
        told.append(Prose(said.format(n=f"{n:,}"), "warn"))
    return told


def _numbers(found: Mapping[str, Any]) -> str:
    """`12 came back, 3 replaced, 1 renamed, 40 were the same, 2 kept`."""
    said = _("{new} came back, {replaced} replaced, {renamed} renamed, {same} were the same, {kept} kept")
    names = ("new", "replaced", "renamed", "same", "kept")
    return said.format(**{name: f"{int(found.get(name, 0)):,}" for name in names})

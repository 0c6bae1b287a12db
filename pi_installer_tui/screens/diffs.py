"""Diffs as lines with tones: green and red, and `+` and `-` for who sees no colours."""

from __future__ import annotations

from pi_installer_tui.tasks.steps.diff import apart
from pi_installer_tui.widgets.lines import Cell, Prose, Tone


def toned(diff: str) -> list[Cell]:
    """The lines of a unified diff."""
    return [Cell(line, _tone(line)) for line in diff.splitlines()]


def noted(text: str) -> list[Cell]:
    """Sentences, and the diffs that come after them."""
    notes, diff = apart(text)
    return [*(Prose(line) for line in notes.splitlines()), *toned(diff)]


def _tone(line: str) -> Tone:
    if line.startswith(("+++", "---")):
        return "strong"
    if line.startswith("@@"):
        return "key"
    if line.startswith("+"):
        return "good"
    return "bad" if line.startswith("-") else "plain"

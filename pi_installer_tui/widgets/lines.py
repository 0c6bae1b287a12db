"""Text with a tone: what rows, texts and bars are drawn from. A tone is never the only sign of a state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from pi_installer_tui.console import Glyphs

Tone = Literal["plain", "strong", "quiet", "good", "bad", "warn", "key"]

STYLES: dict[Tone, Style] = {
    "plain": Style(),
    "strong": Style(bold=True),
    "quiet": Style(dim=True),
    "good": Style(color="green"),
    "bad": Style(color="red", bold=True),
    "warn": Style(color="yellow"),
    "key": Style(color="cyan", bold=True),
}

REVERSE = Style(reverse=True)


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text in one tone."""

    text: str
    tone: Tone = "plain"


class Prose(Cell):
    """A sentence: a text breaks it at blanks to its width. Any other line is cut."""

    __slots__ = ()


def crop(text: str, width: int, more: str) -> str:
    """`text` in exactly `width` cells; where it is cut, `more` says so."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if width <= len(more):
        return set_cell_size(text, width)
    return set_cell_size(text, width - len(more)) + more


def columns(widths: Sequence[int], width: int) -> list[int]:
    """The widths of columns in `width` cells with a gap of two between them. 0: what is left, shared evenly."""
    gaps = 2 * (len(widths) - 1)
    free = sum(1 for w in widths if w == 0)
    left = max(0, width - gaps - sum(widths))
    result = []
    for w in widths:
        if w:
            result.append(w)
        else:
            share = left // free
            result.append(share)
            left -= share
            free -= 1
    return result


def strip(cells: Iterable[Cell], width: int, glyphs: Glyphs, base: Style | None = None) -> Strip:
    """Cells one after another, cut or filled to `width`."""
    segments: list[Segment] = []
    left = width
    for cell in cells:
        if left <= 0:
            break
        size = cell_len(cell.text)
        text = cell.text if size <= left else crop(cell.text, left, glyphs.more)
        left -= min(size, left)
        segments.append(Segment(text, STYLES[cell.tone] + base))
    if left > 0:
        segments.append(Segment(" " * left, base or STYLES["plain"]))
    return Strip(segments, width)


def rule(title: str, width: int, glyphs: Glyphs, note: str = "") -> list[Cell]:
    """A heading that is a line across: `── Steps ───────── 3 of 7 ──`."""
    line = glyphs.line
    head = [Cell(line * 2, "quiet"), Cell(f" {title} ", "strong")] if title else []
    tail = [Cell(f" {note} ", "quiet"), Cell(line * 2, "quiet")] if note else []
    used = sum(cell_len(c.text) for c in head) + sum(cell_len(c.text) for c in tail)
    return [*head, Cell(line * max(0, width - used), "quiet"), *tail]


def bar(fraction: float, width: int, glyphs: Glyphs) -> str:
    """A bar of `width` cells: `████░░░░`."""
    full = round(max(0.0, min(1.0, fraction)) * width)
    return glyphs.full * full + glyphs.empty * (width - full)

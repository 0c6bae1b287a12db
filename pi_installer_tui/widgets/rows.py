"""A list: one line a row, in columns, with headings between them. The cursor is a sign as well as a style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from pi_installer_tui.console import glyphs
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import REVERSE, STYLES, Cell, columns, crop, rule, strip


@dataclass(frozen=True, slots=True)
class Row:
    """A line. id: "" for one that can't be chosen (a heading, a remark). heading: drawn as a line across."""

    id: str
    cells: tuple[Cell, ...]
    heading: bool = False


def heading(title: str, note: str = "") -> Row:
    """A heading between rows."""
    return Row("", (Cell(title), Cell(note)), heading=True)


def remark(*cells: Cell) -> Row:
    """A line that can't be chosen; it isn't cut into columns."""
    return Row("", (Cell("".join(c.text for c in cells), cells[0].tone),) if len(cells) == 1 else cells)


class Rows(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows under a cursor. widths: of the columns, in cells; 0: what is left."""

    DEFAULT_CSS = """
    Rows { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]

    class Moved(Message):
        """The cursor went to another row (None: there is none to be chosen)."""

        def __init__(self, rows: Rows, row: Row | None) -> None:
            super().__init__()
            self.rows = rows
            self.row = row

        @property
        def control(self) -> Rows:
            return self.rows

    class Opened(Moved):
        """Enter on a row, or a click on the one under the cursor."""

    def __init__(self, widths: Sequence[int] = (0,), *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._widths = tuple(widths)
        self._rows: tuple[Row, ...] = ()
        self._cursor = -1

    @property
    def widths(self) -> tuple[int, ...]:
        """The columns' widths."""
        return self._widths

    @widths.setter
    def widths(self, widths: Sequence[int]) -> None:
        if tuple(widths) != self._widths:
            self._widths = tuple(widths)
            self.refresh()

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows."""
        return self._rows

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if 0 <= self._cursor < len(self._rows) else None

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Other rows; the cursor stays on the row with the same id, else near where it was."""
        new = tuple(rows)
        if new == self._rows:
            return
        old_row, old = self.row, self._rows
        self._rows = new
        self.virtual_size = Size(0, len(new))
        at = next((i for i, r in enumerate(new) if old_row and r.id and r.id == old_row.id), None)
        if at is None:
            at = self._nearest(max(self._cursor, 0))
        moved = at != self._cursor
        self._cursor = at
        if moved or len(old) != len(new):
            self.refresh()
            self._show_cursor()
        else:
            for y, (a, b) in enumerate(zip(old, new, strict=True)):
                if a != b:
                    self._refresh_row(y)
        if self.row != old_row and (self.row is None or old_row is None or self.row.id != old_row.id):
            self.post_message(self.Moved(self, self.row))

    def select(self, row_id: str) -> bool:
        """Puts the cursor on a row; False where there is no such row."""
        for y, row in enumerate(self._rows):
            if row.id == row_id:
                self._go(y)
                return True
        return False

    def _nearest(self, y: int) -> int:
        choosable = [i for i, r in enumerate(self._rows) if r.id]
        return min(choosable, key=lambda i: abs(i - y), default=-1)

    def _refresh_row(self, y: int) -> None:
        self.refresh(Region(0, y - self.scroll_offset.y, self.size.width, 1))

    def _show_cursor(self) -> None:
        if self._cursor < 0:
            return
        choosable = [i for i, r in enumerate(self._rows) if r.id]
        top = 0 if self._cursor == choosable[0] else self._cursor
        self.scroll_to_region(Region(0, top, 1, self._cursor - top + 1), animate=False, force=True, immediate=True)

    def _go(self, y: int) -> None:
        if y == self._cursor or not 0 <= y < len(self._rows):
            return
        before, self._cursor = self._cursor, y
        self._refresh_row(before)
        self._refresh_row(y)
        self._show_cursor()
        self.post_message(self.Moved(self, self.row))

    def _step(self, by: int) -> None:
        y = self._cursor + by
        while 0 <= y < len(self._rows) and not self._rows[y].id:
            y += by
        if 0 <= y < len(self._rows):
            self._go(y)

    def action_up(self) -> None:
        self._step(-1)

    def action_down(self) -> None:
        self._step(1)

    def action_page_up(self) -> None:
        self._go(self._nearest(max(0, self._cursor - max(1, self.size.height - 1))))

    def action_page_down(self) -> None:
        self._go(self._nearest(min(len(self._rows) - 1, self._cursor + max(1, self.size.height - 1))))

    def action_first(self) -> None:
        self._go(self._nearest(0))

    def action_last(self) -> None:
        self._go(self._nearest(len(self._rows) - 1))

    def action_open(self) -> None:
        if self.row is not None:
            self.post_message(self.Opened(self, self.row))

    def on_click(self, event: events.Click) -> None:
        y = event.y + self.scroll_offset.y
        if not 0 <= y < len(self._rows) or not self._rows[y].id:
            return
        if y == self._cursor:
            self.action_open()
        else:
            self._go(y)

    def on_focus(self) -> None:
        self._refresh_row(self._cursor)

    def on_blur(self) -> None:
        self._refresh_row(self._cursor)

    def on_resize(self) -> None:
        self._show_cursor()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        signs = glyphs(self)
        index = y + self.scroll_offset.y
        if index >= len(self._rows):
            return Strip.blank(width)
        row = self._rows[index]
        if row.heading:
            title, note = row.cells
            return strip(rule(title.text, width, signs, note.text), width, signs)
        if not row.id:
            return strip((Cell("   "), *row.cells), width, signs)
        at_cursor = index == self._cursor
        inner = width - 4
        cells: list[Cell] = []
        widths = columns(self._widths, inner)
        last = len(row.cells) - 1
        for i, (cell, room) in enumerate(zip(row.cells, widths, strict=False)):
            if i == last:
                room = inner - sum(widths[:i]) - 2 * i
            cells += [Cell(crop(cell.text, room, signs.more), cell.tone), Cell("  ")]
        # only the mark moves: a whole row in reverse video would be sent again with every cursor key
        if not at_cursor:
            return strip((Cell("   "), *cells), width, signs)
        mark = Segment(f" {signs.cursor} ", REVERSE if self.has_focus else STYLES["strong"])
        return Strip.join([Strip([mark], 3), strip(cells, width - 3, signs)])

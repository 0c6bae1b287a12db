"""A long list: its lines are made when they are drawn, so that of a folder with 500,000 entries only those that are
seen cost anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, cast, overload

from textual.geometry import Region, Size

from pi_installer_tui.widgets.rows import Row, Rows

T = TypeVar("T")


class Drawn(Sequence[Row]):
    """Things as rows. draw: makes the row of one."""

    def __init__(self, things: Sequence[T], draw: Callable[[T], Row]) -> None:
        self._things: Sequence[T] = things
        self._draw = draw

    def __len__(self) -> int:
        return len(self._things)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self._draw(each) for each in self._things[index]]
        return self._draw(self._things[index])


class Listing(Rows):
    """Rows of a long list."""

    @property
    def cursor(self) -> int:
        """The number of the row under the cursor, -1: there is none."""
        return self._cursor

    @property
    def last_column(self) -> int:
        """How many cells the last column has."""
        return self.scrollable_content_region.width - 4 - sum(width + 2 for width in self._widths[:-1])

    def set_source(self, source: Sequence[Row], cursor: int = 0) -> None:
        """Other rows, with the cursor on one of them."""
        # all that Rows does with them is to count them and to take one
        self._rows = cast("tuple[Row, ...]", source)
        self._cursor = min(max(cursor, 0), len(source) - 1)
        self.virtual_size = Size(0, len(source))
        self.refresh()
        self._show_cursor()
        self.post_message(self.Moved(self, self.row))

    def draw_again(self) -> None:
        """The same rows, which say something else."""
        self.refresh()

    def _nearest(self, y: int) -> int:
        y = min(max(y, 0), len(self._rows) - 1)
        return y if y >= 0 and self._rows[y].id else -1

    def _show_cursor(self) -> None:
        if self._cursor >= 0:
            self.scroll_to_region(Region(0, self._cursor, 1, 1), animate=False, force=True, immediate=True)

"""A few lines of text that don't scroll. Only a line that changed is drawn again."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import RenderResult
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.widgets.lines import Cell, strip

Line = Sequence[Cell]


class Panel(Widget):
    """Lines of cells, as high as there are lines."""

    DEFAULT_CSS = "Panel { height: auto; width: 1fr; }"

    def __init__(self, lines: Sequence[Line] = (), *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: tuple[tuple[Cell, ...], ...] = tuple(tuple(line) for line in lines)

    @property
    def lines(self) -> tuple[tuple[Cell, ...], ...]:
        """What is shown."""
        return self._lines

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Other lines."""
        new = tuple(tuple(line) for line in lines)
        old, self._lines = self._lines, new
        if len(new) != len(old):
            self.refresh(layout=True)
            return
        for y, (before, after) in enumerate(zip(old, new, strict=True)):
            if before != after:
                self.refresh(Region(0, y, self.size.width, 1))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width)
        return strip((Cell(" "), *self._lines[y]), width, glyphs(self))

    def render(self) -> RenderResult:
        return Content("")

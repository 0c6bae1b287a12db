"""A QR code on every console: two modules in a cell where there are half blocks, else a module in two cells. Dark on
light whatever the theme. Where it doesn't fit it says what it needs, and offers the text or a file instead."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import RenderResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, strip

#: modules of light around the code: ISO/IEC 18004 6.3.8 wants four, readers are content with two
QUIET = (4, 2)

_LIGHT = Style(color="bright_white", bgcolor="bright_white")
_DARK = Style(color="black", bgcolor="black")
_ON_LIGHT = Style(color="black", bgcolor="bright_white")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows of segments, all `columns` wide."""

    rows: tuple[tuple[Segment, ...], ...]
    columns: int


def modules(text: str) -> list[list[bool]]:
    """The code's modules, dark is True, without its quiet zone: the smallest version with error correction L, which a
    screen, unlike paper, can do with. Raises ValueError where the text is too long for any."""
    from qrcode import QRCode
    from qrcode.constants import ERROR_CORRECT_L
    from qrcode.exceptions import DataOverflowError

    code = QRCode(error_correction=ERROR_CORRECT_L, border=0)
    code.add_data(text)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError):
        raise ValueError(_("this text is too long for a QR code")) from None
    return [[bool(module) for module in row] for row in code.get_matrix()]


def size(count: int, quiet: int, half_blocks: bool) -> tuple[int, int]:
    """Columns and rows that a code of `count` modules takes."""
    whole = count + 2 * quiet
    return (whole, (whole + 1) // 2) if half_blocks else (2 * whole, whole)


def draw(code: list[list[bool]], quiet: int, half_blocks: bool) -> Drawn:
    """The code as rows of segments."""
    count = len(code)
    light = [False] * (count + 2 * quiet)
    grid = [light] * quiet + [[False] * quiet + row + [False] * quiet for row in code] + [light] * quiet
    if not half_blocks:
        rows = [tuple(Segment("  ", _DARK if dark else _LIGHT) for dark in row) for row in grid]
        return Drawn(tuple(rows), 2 * len(light))
    if len(grid) % 2:
        grid.append(light)
    signs = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
    return Drawn(
        tuple(
            tuple(Segment(signs[pair], _ON_LIGHT) for pair in zip(upper, lower, strict=True))
            for upper, lower in zip(grid[::2], grid[1::2], strict=True)
        ),
        len(light),
    )


class QrCode(Widget, can_focus=True):
    """Shows a text as a QR code. said: what is shown when the text is asked for, where that isn't the text itself.
    instead: what is said besides where the code doesn't fit."""

    DEFAULT_CSS = "QrCode { width: 1fr; height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("qr")]

    class FileWanted(Message):
        """The person wants the text as a file."""

        def __init__(self, code: QrCode) -> None:
            super().__init__()
            self.code = code

        @property
        def control(self) -> QrCode:
            return self.code

    def __init__(
        self,
        text: str,
        *,
        said: str | None = None,
        instead: str = "",
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self.text = text
        self._said = said
        self._instead = instead
        self.as_text = False
        self._top = 0

    @property
    def said(self) -> str | None:
        """What is shown when the text is asked for; None: the text."""
        return self._said

    @said.setter
    def said(self, said: str | None) -> None:
        self._said = said
        self.refresh()

    @cached_property
    def code(self) -> list[list[bool]] | None:
        """The modules, None where the text is too long."""
        try:
            return modules(self.text)
        except ValueError:
            return None

    @property
    def drawn(self) -> Drawn | None:
        """The code as it fits here, with the widest quiet zone that does; None where it doesn't."""
        half = glyphs(self).half_blocks
        if self.code is None:
            return None
        for quiet in QUIET:
            columns, rows = size(len(self.code), quiet, half)
            if columns <= self.size.width and rows <= self.size.height:
                return draw(self.code, quiet, half)
        return None

    @property
    def needs(self) -> tuple[int, int] | None:
        """Columns and rows of this widget that the code would fit in; None where no size is enough."""
        return size(len(self.code), QUIET[-1], glyphs(self).half_blocks) if self.code is not None else None

    def lines(self) -> list[str]:
        """What is shown in words: the text itself, or why there is no code."""
        if self.as_text:
            return (self.text if self._said is None else self._said).splitlines()
        here = f"{self.size.width}x{self.size.height}"
        if self.needs is None:
            why = _("this text is too long for a QR code")
        else:
            why = _("the QR code needs {columns}x{rows} cells, here are {here}").format(
                columns=self.needs[0], rows=self.needs[1], here=here
            )
        instead = [self._instead] if self._instead else []
        return [why, "", *instead, _("t shows the text instead, f writes it to a file")]

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        drawn = None if self.as_text else self.drawn
        if drawn is None:
            lines = self.lines()
            line = lines[self._top + y] if self._top + y < len(lines) else ""
            return strip((Cell(line),), width, glyphs(self))
        if y >= len(drawn.rows):
            return Strip.blank(width)
        left = (width - drawn.columns) // 2
        right = width - drawn.columns - left
        return Strip([Segment(" " * left), *drawn.rows[y], Segment(" " * right)], width).simplify()

    def render(self) -> RenderResult:
        return Content("")

    def action_text(self) -> None:
        """The code or its text."""
        self.as_text = not self.as_text
        self._top = 0
        self.refresh()

    def action_scroll(self, by: int) -> None:
        """Another part of a long text."""
        self._top = max(0, min(self._top + by, len(self.lines()) - 1))
        self.refresh()

    def action_file(self) -> None:
        """Whoever shows the code writes the file."""
        self.post_message(self.FileWanted(self))

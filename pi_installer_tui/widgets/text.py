"""A text that scrolls and can be searched: a command's output, a diff, evidence, a help page. Bounded: it keeps the
last lines only, and takes them in batches."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult, RenderResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import STYLES, Cell, Prose, rule, strip

if TYPE_CHECKING:
    from textual.widgets import Input

    from pi_installer_tui.widgets.search import SearchField

#: lines that are kept
MOST = 5000

_FOUND = Style(reverse=True)
_CURRENT = Style(reverse=True, bold=True, underline=True)


#: a line as it is given: a text alone is one in the plain tone
TextLine = Cell | str


def printable(text: str) -> str:
    """A line without what would move the cursor or can't be seen: tabs as blanks, other control characters as `?`."""
    text = text.expandtabs()
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _cell(line: TextLine) -> Cell:
    """A line as it is drawn."""
    return Cell(printable(line)) if isinstance(line, str) else Cell(printable(line.text), line.tone)


class Text(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines, each in one tone. It follows its end until it is scrolled away from it. Of thousands of lines only those
    that are seen cost anything."""

    DEFAULT_CSS = """
    Text { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("text")]

    class SearchWanted(Message):
        """`/` was pressed."""

    class Found(Message):
        """A search ended. line: from 1, 0: nothing found."""

        def __init__(self, wanted: str, line: int) -> None:
            super().__init__()
            self.wanted = wanted
            self.line = line

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._source: Sequence[TextLine] = ()
        self._lines: list[TextLine] = []
        self._left = 0
        self._wanted = ""
        self._found = -1
        self.follow = False

    @property
    def lines(self) -> Sequence[TextLine]:
        """What is kept."""
        return self._lines

    def set_lines(self, lines: Sequence[TextLine]) -> None:
        """Another text, from its start."""
        self._source = lines
        self._found = -1
        self._left = 0
        self._lay_out()
        self.scroll_to(y=0, animate=False, immediate=True, force=True)

    def append(self, lines: Iterable[TextLine]) -> None:
        """More lines at the end."""
        at_end = self.follow
        self._lines.extend(lines)
        gone = len(self._lines) - MOST
        if gone > 0:
            del self._lines[:gone]
            self._found = max(-1, self._found - gone)
        self.virtual_size = Size(0, len(self._lines))
        if at_end:
            self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)
        elif gone > 0:
            self.scroll_to(y=max(0, self.scroll_offset.y - gone), animate=False, immediate=True, force=True)
        self.refresh()

    def _lay_out(self) -> None:
        width = max(10, self.scrollable_content_region.width - 2)
        self._lines = []
        for line in self._source:
            if isinstance(line, Prose):
                text = printable(line.text)
                indent = " " * (len(text) - len(text.lstrip(" ")))
                pieces = textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False) or [""]
                self._lines += [Cell(piece, line.tone) for piece in pieces]
            else:
                self._lines.append(line)
        del self._lines[:-MOST]
        self.virtual_size = Size(0, len(self._lines))
        self.refresh()

    def on_resize(self) -> None:
        if any(isinstance(cell, Prose) for cell in self._source):
            self._lay_out()
        if self.follow:
            self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)

    # moving -------------------------------------------------------------------------------------------------------

    def _scroll(self, y: float) -> None:
        self.scroll_to(y=y, animate=False, immediate=True, force=True)

    def action_up(self) -> None:
        self.follow = False
        self._scroll(self.scroll_offset.y - 1)

    def action_down(self) -> None:
        self._scroll(self.scroll_offset.y + 1)

    def action_page_up(self) -> None:
        self.follow = False
        self._scroll(self.scroll_offset.y - max(1, self.size.height - 1))

    def action_page_down(self) -> None:
        self._scroll(self.scroll_offset.y + max(1, self.size.height - 1))

    def action_first(self) -> None:
        self.follow = False
        self._scroll(0)

    def action_last(self) -> None:
        self.follow = True
        self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)

    def action_left(self) -> None:
        self._left = max(0, self._left - 20)
        self.refresh()

    def action_right(self) -> None:
        top = self.scroll_offset.y
        seen = self._lines[top : top + self.size.height]
        widest = max((cell_len(_cell(line).text) for line in seen), default=0)
        self._left = min(max(0, widest - self.size.width + 2), self._left + 20)
        self.refresh()

    # searching ----------------------------------------------------------------------------------------------------

    def action_search(self) -> None:
        self.post_message(self.SearchWanted())

    def find(self, wanted: str) -> None:
        """Looks for `wanted`, small and capital letters alike, from the first line that is seen."""
        self._wanted = wanted.casefold()
        self._found = self.scroll_offset.y - 1
        self._look(1)

    def action_search_next(self) -> None:
        self._look(1)

    def action_search_before(self) -> None:
        self._look(-1)

    def _look(self, by: int) -> None:
        if not self._wanted:
            self.refresh()
            return
        count = len(self._lines)
        for n in range(1, count + 1):
            at = (self._found + by * n) % count
            if self._wanted in _cell(self._lines[at]).text.casefold():
                self._found = at
                self.follow = False
                self.scroll_to_region(Region(0, at, 1, 1), animate=False, force=True, immediate=True)
                self.refresh()
                self.post_message(self.Found(self._wanted, at + 1))
                return
        self.refresh()
        self.post_message(self.Found(self._wanted, 0))

    # drawing ------------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = y + self.scroll_offset.y
        if index >= len(self._lines):
            return Strip.blank(width)
        cell = _cell(self._lines[index])
        style = STYLES[cell.tone]
        text = cell.text[self._left :] if self._left else cell.text
        segments = [Segment(" ")]
        if self._wanted and self._wanted in text.casefold():
            found = _CURRENT if index == self._found else _FOUND
            folded, at = text.casefold(), 0
            if len(folded) != len(text):
                folded = text.lower() if len(text.lower()) == len(text) else text
            while (hit := folded.find(self._wanted, at)) >= 0:
                end = hit + len(self._wanted)
                segments += [Segment(text[at:hit], style), Segment(text[hit:end], style + found)]
                at = end
            segments.append(Segment(text[at:], style))
        else:
            segments.append(Segment(text, style))
        line = Strip(segments)
        if line.cell_length > width:
            more = glyphs(self).more[:width]
            return Strip([*line.crop(0, width - len(more)), Segment(more, STYLES["quiet"])], width)
        return line.extend_cell_length(width)


class Heading(Widget):
    """A line across with a title and a note at its end."""

    DEFAULT_CSS = "Heading { height: 1; width: 1fr; }"

    title: reactive[str] = reactive("")
    note: reactive[str] = reactive("")

    def render_line(self, y: int) -> Strip:
        signs = glyphs(self)
        return strip(rule(self.title, self.size.width, signs, self.note), self.size.width, signs)

    def render(self) -> RenderResult:
        return Content("")


class TextPane(Vertical):
    """A text under a heading, with the field to search in it."""

    DEFAULT_CSS = "TextPane { height: 1fr; }"

    def __init__(self, title: str = "", *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.heading = Heading()
        self.heading.title = title
        self.text = Text()
        self._note = ""

    def compose(self) -> ComposeResult:
        yield self.heading
        yield self.text

    def set(self, title: str, lines: Sequence[TextLine], *, note: str = "") -> None:
        """Another text."""
        self.heading.title = title
        self.note = note
        self.text.set_lines(lines)

    @property
    def note(self) -> str:
        """What stands at the end of the heading while nothing was searched."""
        return self._note

    @note.setter
    def note(self, note: str) -> None:
        self._note = note
        self.heading.note = note

    async def on_text_search_wanted(self, message: Text.SearchWanted) -> None:
        from pi_installer_tui.widgets.search import SearchField

        message.stop()
        if not self.query(SearchField):
            field = SearchField(_("search for"))
            await self.mount(field)
            field.focus()

    def on_text_found(self, message: Text.Found) -> None:
        message.stop()
        if message.line:
            self.heading.note = _("found in line {line} of {count}, n: next").format(
                line=message.line, count=len(self.text.lines)
            )
        else:
            self.heading.note = _("{wanted}: not found").format(wanted=message.wanted)

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        if message.value:
            self.text.find(message.value)

    async def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self.text.find(message.value)
        await self._close_search()

    async def on_search_field_left(self, message: SearchField.Left) -> None:
        message.stop()
        await self._close_search()

    async def _close_search(self) -> None:
        from pi_installer_tui.widgets.search import SearchField

        self.text.focus()
        await self.query(SearchField).remove()

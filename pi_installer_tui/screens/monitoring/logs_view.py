"""The list of a log's entries: a line each, with its time, its program and its message, in the tone of its priority. It
shows a window of the log and says when the cursor comes near its ends."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import ClassVar, Literal

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from pi_installer_tui.console import Glyphs, glyphs
from pi_installer_tui.i18n import _, ngettext
from pi_installer_tui.system.entries import Entry, uncoloured
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import REVERSE, STYLES, Cell, Tone, crop
from pi_installer_tui.widgets.text import printable

_TIME = 14
_WHO = 14
_FOUND = Style(reverse=True)
#: characters of a message that can be scrolled to
_LONGEST = 8192

Where = Literal["before", "after", "first", "last"]


def shown(entry: Entry) -> str:
    """An entry's message as it stands in its line: nothing in it moves the cursor or changes colours."""
    if entry.note == "left-out":
        return _("(longer than 4096 bytes: Enter shows it)")
    if entry.note == "no-message":
        return _("(no message: Enter shows its fields)")
    first, *rest = uncoloured(entry.message[:_LONGEST]).strip("\r\n").split("\n")
    if rest:
        more = ngettext("(+{n} line)", "(+{n} lines)", len(rest)).format(n=len(rest))
        first = f"{first} {more}"
    return printable(first)


def sign(priority: int | None, signs: Glyphs) -> str:
    """A priority as a sign."""
    if priority is None or priority > 4:
        return " "
    return signs.failed if priority < 4 else signs.warning


def tone(priority: int | None) -> Tone:
    """A priority as a tone."""
    if priority is None or priority == 6:
        return "plain"
    return "bad" if priority < 4 else "warn" if priority == 4 else "strong" if priority == 5 else "quiet"


class LogView(ScrollView, can_focus=True, inherit_bindings=False):
    """Entries under a cursor."""

    DEFAULT_CSS = """
    LogView { height: 1fr; overflow-x: hidden; overflow-y: hidden; scrollbar-size: 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list", "entries")]

    class Moved(Message):
        """The cursor went to another entry, by a key."""

    class Opened(Message):
        """Enter on an entry."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    class Wanted(Message):
        """More of the log is wanted: what is next to the window, or its first or last entries."""

        def __init__(self, where: Where) -> None:
            super().__init__()
            self.where = where

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._entries: Sequence[Entry] = ()
        self._cursor = -1
        self._owed = 0
        self._left = 0
        self._found: re.Pattern[str] | None = None
        self._has_who = True

    # what is shown ------------------------------------------------------------------------------------------------

    @property
    def entry(self) -> Entry | None:
        """The entry under the cursor."""
        return self._entries[self._cursor] if 0 <= self._cursor < len(self._entries) else None

    @property
    def cursor(self) -> int:
        """Its number, -1: there is none."""
        return self._cursor

    @property
    def is_last(self) -> bool:
        """Whether the cursor is on the last entry."""
        return self._cursor == len(self._entries) - 1

    def set_entries(self, entries: Sequence[Entry], cursor: int) -> None:
        """Other entries, with the cursor on one of them."""
        self._owed = 0
        self._has_who = any(entry.who for entry in entries)
        self._put(entries, cursor)

    def shifted(self, entries: Sequence[Entry], by: int) -> None:
        """The entries after some came in front (by > 0) or went there: what is seen stays where it is, and the cursor
        on its entry. A move that waited for them is made."""
        top = self.scroll_offset.y
        self._put(entries, max(0, self._cursor + by), top=max(0, top + by))
        owed, self._owed = self._owed, 0
        if owed:
            self._go(self._cursor + owed)

    def _put(self, entries: Sequence[Entry], cursor: int, top: int | None = None) -> None:
        self._entries = tuple(entries)
        self._cursor = min(cursor, len(self._entries) - 1)
        self.virtual_size = Size(0, len(self._entries))
        if top is not None:
            self.scroll_to(y=top, animate=False, immediate=True, force=True)
        self._show_cursor()
        self.refresh()

    def highlight(self, found: re.Pattern[str] | None) -> None:
        """Marks what fits in every message."""
        self._found = found
        self.refresh()

    # moving -------------------------------------------------------------------------------------------------------

    @property
    def _page(self) -> int:
        return max(1, self.size.height - 1)

    def _go(self, to: int) -> None:
        at = max(0, min(to, len(self._entries) - 1))
        if not self._entries:
            return
        if to != at:
            self._owed = max(-self._page, min(self._page, to - at))
        before, self._cursor = self._cursor, at
        if at != before:
            self._refresh_row(before)
            self._refresh_row(at)
            self._show_cursor()
            self.post_message(self.Moved())
        # read ahead, so that paging doesn't wait
        if at < self._page and to <= before:
            self.post_message(self.Wanted("before"))
        elif at >= len(self._entries) - self._page and to >= before:
            self.post_message(self.Wanted("after"))

    def go(self, to: int) -> None:
        """Puts the cursor on an entry."""
        self._owed = 0
        self._go(max(0, min(to, len(self._entries) - 1)))

    def settle(self) -> None:
        """No more comes: a move that waited for it is given up."""
        self._owed = 0

    def action_up(self) -> None:
        self._go(self._cursor - 1)

    def action_down(self) -> None:
        self._go(self._cursor + 1)

    def action_page_up(self) -> None:
        self._go(self._cursor - self._page)

    def action_page_down(self) -> None:
        self._go(self._cursor + self._page)

    def action_first(self) -> None:
        self.post_message(self.Wanted("first"))

    def action_last(self) -> None:
        self.post_message(self.Wanted("last"))

    def action_open(self) -> None:
        if self.entry is not None:
            self.post_message(self.Opened(self.entry))

    def action_left(self) -> None:
        self._left = max(0, self._left - 20)
        self.refresh()

    def action_right(self) -> None:
        top = self.scroll_offset.y
        seen = self._entries[top : top + self.size.height]
        widest = max((cell_len(shown(entry)) for entry in seen), default=0)
        if self._left + self._room < widest:
            self._left += 20
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        y = event.y + self.scroll_offset.y
        if y == self._cursor:
            self.action_open()
        elif 0 <= y < len(self._entries):
            self._go(y)

    def on_focus(self) -> None:
        self._refresh_row(self._cursor)

    def on_blur(self) -> None:
        self._refresh_row(self._cursor)

    def on_resize(self) -> None:
        self._show_cursor()

    def _refresh_row(self, y: int) -> None:
        self.refresh(Region(0, y - self.scroll_offset.y, self.size.width, 1))

    def _show_cursor(self) -> None:
        if self._cursor >= 0:
            self.scroll_to_region(Region(0, self._cursor, 1, 1), animate=False, force=True, immediate=True)

    # drawing ------------------------------------------------------------------------------------------------------

    @property
    def _room(self) -> int:
        """Cells for a message."""
        return max(1, self.size.width - 6 - _TIME - (_WHO + 1 if self._has_who else 0))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        index = y + self.scroll_offset.y
        if index >= len(self._entries):
            return Strip.blank(width)
        signs, entry = glyphs(self), self._entries[index]
        style = STYLES[tone(entry.priority)]
        at = time.strftime("%m-%d %H:%M:%S", time.localtime(entry.at)) if entry.at is not None else ""
        mark = f" {signs.cursor} " if index == self._cursor else "   "
        head = [
            Segment(mark, REVERSE if index == self._cursor and self.has_focus else STYLES["strong"]),
            Segment(f"{sign(entry.priority, signs)} ", style),
            Segment(f"{at:<{_TIME}} ", STYLES["quiet"]),
        ]
        if self._has_who:
            head.append(Segment(crop(printable(entry.who), _WHO, signs.more) + " ", STYLES["plain"]))
        text = shown(entry)
        room = self._room
        body = Strip(self._marked(text, style))
        if self._left:
            body = body.crop(self._left, body.cell_length)
        if body.cell_length > room:
            more = signs.more[:room]
            body = Strip([*body.crop(0, room - len(more)), Segment(more, STYLES["quiet"])])
        return Strip([*head, *body]).extend_cell_length(width).crop(0, width)

    def _marked(self, text: str, style: Style) -> list[Segment]:
        if self._found is None:
            return [Segment(text, style)]
        segments, at = [], 0
        for hit in self._found.finditer(text):
            if hit.end() > hit.start():
                segments += [Segment(text[at : hit.start()], style), Segment(hit[0], style + _FOUND)]
                at = hit.end()
        return [*segments, Segment(text[at:], style)]


def filters(parts: Sequence[tuple[str, str, str]], width: int, more: str) -> list[Cell]:
    """The line of filters: key, name, value ("": not set); what is set stands out."""
    cells: list[Cell] = []
    for key, name, value in parts:
        said = printable(value)
        cells += [
            Cell(key, "key"),
            Cell(f" {name} ", "quiet"),
            Cell(crop(said, min(cell_len(said), width), more), "strong") if said else Cell(_("all"), "quiet"),
            Cell("  "),
        ]
    return cells

"""A name is looked for: in all snapshots of some places, or in the tree of one."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import Worker

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.restic.index import MOST
from pi_installer_tui.screens.backup import words
from pi_installer_tui.screens.backup.listing import Choosing
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Tone
from pi_installer_tui.widgets.listing import Drawn, Listing
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Entry
    from pi_installer_tui.restic.index import Index
    from pi_installer_tui.screens.backup.chosen import Chosen
    from pi_installer_tui.screens.backup.library import Found, Library

#: the columns, in cells: size, changed, in how many snapshots, place, path
_WIDTHS = (8, 16, 6, 8, 0)
#: the columns in the tree of one: chosen or not, size, changed, path
_INSIDE = (3, 8, 16, 0)
#: lines that what went wrong at a place may take
_SAID = 3


class Searching(ShellScreen):
    """A field above what was found. What is typed is looked for when Enter is pressed."""

    def on_search_field_left(self) -> None:
        self.query_one(Listing).focus()

    def action_find(self) -> None:
        self.query_one(SearchField).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def _path(self, entry: Entry) -> Cell:
        """Where it is, at least the end of that."""
        room = self.query_one(Listing).last_column
        text = words.ending(words.name(entry), room, glyphs(self).more)
        return Cell(text, "strong" if entry.kind == "dir" else "plain")

    def _say(self, text: str, tone: Tone = "quiet", failed: Sequence[str] = ()) -> None:
        """failed: what went wrong at places."""
        lines = [[Cell(printable(text), tone)]]
        for wrong in failed:
            pieces = textwrap.wrap(printable(wrong), max(20, self.size.width - 3))
            lines += [[Cell(piece, "bad")] for piece in pieces[:_SAID]]
        if not self.closing:
            self.query_one("#head", Panel).set_lines(lines)


class SearchScreen(Searching):
    """Over all snapshots of some places."""

    place = "backup_find"
    where = N_("Search in all snapshots")
    PARTS = ("head", "found")
    about = N_(
        "Type a part of a name and press Enter: it is looked for in every snapshot of the place, whatever its letters' "
        "case.\n"
        "A line is a file as it was for some time: what has the same path, size and time in several snapshots is one "
        "line, with how many have it. Enter opens it in the newest of these, where it can be read, chosen and restored."
    )
    AUTO_FOCUS = "SearchField"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_find")]

    def __init__(self, library: Library, places: Sequence[str]) -> None:
        super().__init__()
        self._library = library
        self._places = tuple(places)
        self._found: list[Found] = []
        self._searching: Worker[None] | None = None

    def body(self) -> Iterable[Widget]:
        yield SearchField(_("a part of a name, then Enter"))
        yield Panel(
            [[Cell(_("In all snapshots at {places}.").format(places=", ".join(self._places)), "quiet")]], id="head"
        )
        yield Listing(_WIDTHS, id="found")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        name = event.value.strip()
        if name:
            self.query_one(Listing).focus()
            self._searching = self.run_worker(partial(self._search, name), group="search", exclusive=True)

    async def _search(self, name: str) -> None:
        from pi_installer_tui.screens.backup.library import said_of

        self.say_doing(_("searching ..."))
        self._found = []
        self._draw()
        failed: list[str] = []
        for number, place in enumerate(self._places):
            self._say(
                _("Looking through {place}, {n} of {count} places. q leaves it.").format(
                    place=place, n=number + 1, count=len(self._places)
                )
            )
            try:
                self._found += await self._library.find(place, name)
            except Exception as error:
                failed.append(said_of(place, error))
            if self.closing:
                return
            self._draw()
        self.say_doing("")
        n = len(self._found)
        told = (
            ngettext("{n} is found.", "{n} are found.", n).format(n=f"{n:,}")
            if n
            else _("{name}: not found.").format(name=name)
        )
        self._say(told, "plain", failed)

    def _draw(self) -> None:
        self.query_one(Listing).set_source(Drawn(self._found, self._row), self.query_one(Listing).cursor)

    def _row(self, found: Found) -> Row:
        one = found.entry
        return Row(
            f"{found.place}:{found.snapshots[0].id}:{one.path}",
            (
                Cell(words.length(one).rjust(_WIDTHS[0])),
                Cell(moment(one.mtime), "quiet"),
                Cell(f"{len(found.snapshots)} x", "quiet"),
                Cell(printable(found.place), "quiet"),
                self._path(one),
            ),
        )

    def on_rows_opened(self) -> None:
        from pi_installer_tui.screens.backup.tree import TreeScreen

        at = self.query_one(Listing).cursor
        if 0 <= at < len(self._found):
            found = self._found[at]
            self.app.push_screen(TreeScreen(self._library, found.place, found.snapshots[0], found.entry.path))


class InsideScreen(Searching):
    """In the tree of one snapshot, where files are chosen. go: called with the path to go to."""

    place = "backup_inside"
    where = N_("Search in the snapshot")
    PARTS = ("head", "found")
    about = N_(
        "Type a part of a name and press Enter: it is looked for in the whole snapshot, whatever its letters' case. "
        "Space chooses what is restored, as in the tree; Enter goes to it there."
    )
    AUTO_FOCUS = "SearchField"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_inside")]

    def __init__(self, tree: Index, chosen: Chosen, go: Callable[[str], None]) -> None:
        super().__init__()
        self._tree = tree
        self._chosen = chosen
        self._go = go
        self._searching: Worker[None] | None = None
        self._found: Sequence[Entry] = ()

    def body(self) -> Iterable[Widget]:
        yield SearchField(_("a part of a name, then Enter"))
        yield Panel([[Cell(_("In the whole snapshot."), "quiet")]], id="head")
        yield Choosing(_INSIDE, id="found")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        name = event.value.strip()
        if not name:
            return
        self.query_one(Choosing).focus()
        self._searching = self.run_worker(partial(self._search, name), group="search", exclusive=True)

    async def _search(self, name: str) -> None:
        self.say_doing(_("searching ..."))
        self._found = await asyncio.to_thread(self._tree.search, name)
        if self.closing:
            return
        self.say_doing("")
        rows = self.query_one(Choosing)
        if self._found:
            rows.set_source(Drawn(self._found, self._row))
        else:
            rows.set_rows([remark(Cell(_("there is none like that"), "quiet"))])
        self._draw_head()

    def _draw_head(self) -> None:
        n = len(self._found)
        found = ngettext("{n} is found", "{n} are found", n).format(n=f"{n:,}")
        if n == MOST:
            found = _("the first {n} that are found").format(n=f"{n:,}")
        chosen = "  " + _("Chosen: {what}").format(what=words.many(self._chosen.total)) if self._chosen else ""
        self._say(found + chosen, "key" if chosen else "quiet")

    def _row(self, entry: Entry) -> Row:
        state = self._chosen.state(entry.path)
        mark = {"all": "[x]", "part": "[-]", "none": "[ ]"}[state]
        return Row(
            entry.path,
            (
                Cell(mark, "quiet" if state == "none" else "key"),
                Cell(words.length(entry).rjust(_INSIDE[1])),
                Cell(moment(entry.mtime), "quiet"),
                self._path(entry),
            ),
        )

    def on_choosing_marked(self, message: Choosing.Marked) -> None:
        from pi_installer_tui.screens.backup.chosen import TooMany

        try:
            if message.row is not None:
                self._chosen.toggle(message.row.id)
        except TooMany:
            self._say(_("There is too much beside it to leave only this out: choose what you want instead."), "warn")
            return
        self.query_one(Choosing).draw_again()
        self._draw_head()

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if message.row is not None and message.row.id:
            self.app.pop_screen()
            self._go(message.row.id)

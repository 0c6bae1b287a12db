"""The files of a snapshot, folder by folder: looked at, and chosen to be restored."""

from __future__ import annotations

import asyncio
import posixpath
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.restic.index import Children
from pi_installer_tui.screens.backup import words
from pi_installer_tui.screens.backup.listing import Choosing
from pi_installer_tui.screens.finding import Finding
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.listing import Drawn
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Entry, Snapshot
    from pi_installer_tui.restic.index import Index
    from pi_installer_tui.screens.backup.chosen import Chosen
    from pi_installer_tui.screens.backup.library import Library

#: the columns, in cells: chosen or not, size, when it was changed, its name; mode and owner where there is room
_WIDTHS = (3, 8, 16, 0)
_ROOMY = 110  # cells
#: seconds between two remarks on how far the reading is
_BEAT = 0.5
#: entries of a folder of which looking at each takes a while, and seconds after the last letter until that begins
_MANY, _REST = 20_000, 0.3


def _number(entries: Sequence[Entry], path: str) -> int:
    """The number of an entry by its path; 0 where it isn't there."""
    try:
        if isinstance(entries, Children):
            return entries.number(path)
        return next(number for number, each in enumerate(entries) if each.path == path)
    except (ValueError, StopIteration):
        return 0


class TreeScreen(Finding):
    """A snapshot's files. at: the path under the cursor at first."""

    place = "backup_tree"
    where = N_("Files of a snapshot")
    stays = True
    PARTS = ("head", "tree")
    about = N_(
        "The files as they were. Enter opens a folder or shows the text of a file, Left goes to the folder above.\n"
        "Space chooses what is restored, `[x]`. A folder stands for all that is in it; in a folder that is chosen, "
        "Space takes single files out again. `[-]` is a folder of which only some is chosen. The line at the top says "
        "how many files that are, and how large.\n"
        "What is chosen stays so while the list of snapshots is open.\n"
        "`s` looks for a name in the whole snapshot, `/` in this folder. `r` goes on: where to, and what becomes of "
        "what is there. `w` puts the one file under the cursor into your home directory.\n"
        "`?` in a name is a character that can't be shown; restored, it is what it was."
    )
    AUTO_FOCUS = "#tree"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_tree")]

    def __init__(self, library: Library, place: str, snapshot: Snapshot, at: str = "") -> None:
        super().__init__()
        self._library = library
        self._place = place
        self._snapshot = snapshot
        self._at = at
        self._tree: Index | None = None
        self._chosen: Chosen | None = None
        self._folder = "/"
        self._entries: Sequence[Entry] = ()
        #: where the cursor was in the folders above
        self._cursors: dict[str, str] = {}
        self._told = 0.0
        self._saying = ""

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading ..."), "quiet")], []], id="head")
        yield SearchField(_("a part of a name in this folder"))
        yield Choosing(_WIDTHS, id="tree")

    def on_mount(self) -> None:
        of = self._snapshot
        self.say_where(printable(f"{of.tagged('job') or of.short} {moment(of.time)}"))
        self._read()

    @property
    def _list(self) -> Choosing:
        return self.query_one(Choosing)

    # reading ------------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.screens.backup.library import said

        try:
            self._tree = await self._library.tree(self._place, self._snapshot.id, self._tell)
        except Exception as error:
            if not self.closing:
                self._list.set_rows([remark(Cell(printable(said(error)), "bad"))])
                self._draw_head()
            return
        if self.closing:
            return
        self._chosen = self._library.chosen(self._place, self._snapshot.id)
        if self._at:
            self._open(posixpath.dirname(self._at) or "/", self._at)
        else:
            self._open(self._first())

    def _tell(self, count: int) -> None:
        now = time.monotonic()
        if now >= self._told + _BEAT and not self.closing:
            self._told = now
            said = _("Reading the snapshot: {n} entries so far. q leaves it.").format(n=f"{count:,}")
            self.query_one("#head", Panel).set_lines([[Cell(said, "quiet")], []])

    def _first(self) -> str:
        """The innermost folder that has everything in it: nobody looks for /home in /."""
        assert self._tree is not None
        folder = "/"
        while len(inside := self._tree.children(folder)[:2]) == 1 and inside[0].kind == "dir":
            folder = inside[0].path
        return folder

    # what is shown ------------------------------------------------------------------------------------------------

    def _open(self, folder: str, cursor: str = "") -> None:
        """Shows a folder, with the cursor on one of its entries."""
        if self._tree is None:
            return
        if (row := self._list.row) is not None:
            self._cursors[self._folder] = row.id
        self._folder = folder
        self._saying = ""
        self._draw(cursor or self._cursors.get(folder, ""))

    def _draw(self, cursor: str = "") -> None:
        """Shows the folder, with the cursor on one of its entries."""
        if self._tree is None:
            return
        entries = self._tree.children(self._folder)
        if self.sought:
            self._filter(entries, cursor)
        else:
            self._show(entries, cursor)

    @work(exclusive=True, group="filter")
    async def _filter(self, entries: Sequence[Entry], cursor: str) -> None:
        """Shows those with what was typed; of many it takes a while to look at each."""
        if len(entries) > _MANY:
            await asyncio.sleep(_REST)
        sought = self.sought
        found = await asyncio.to_thread(self._seek, entries)
        if not self.closing and sought == self.sought:
            self._show(found, cursor)

    def _seek(self, entries: Sequence[Entry]) -> list[Entry]:
        return [each for each in entries if self.seeks(posixpath.basename(each.path))]

    def _show(self, entries: Sequence[Entry], cursor: str) -> None:
        self._entries = entries
        if entries:
            self._list.set_source(Drawn(entries, self._row), _number(entries, cursor))
        else:
            none = _("there is none like that") if self.sought else _("The folder is empty.")
            self._list.set_rows([remark(Cell(none, "quiet"))])
        self._draw_head()
        self.refresh_bindings()

    def _draw_head(self) -> None:
        n = len(self._entries)
        count = ngettext("{n} entry", "{n} entries", n).format(n=f"{n:,}")
        line = [Cell(words.folder_name(self._folder), "strong"), Cell(f"  {count}{self.only_sought()}", "quiet")]
        self.query_one("#head", Panel).set_lines([line, self._chosen_line()])

    def _chosen_line(self) -> list[Cell]:
        if self._saying:
            return [Cell(self._saying, "warn")]
        if not self._chosen:
            return [Cell(_("Nothing is chosen: Space chooses."), "quiet")]
        return [Cell(_("Chosen: {what}").format(what=words.many(self._chosen.total)), "key")]

    def _row(self, entry: Entry) -> Row:
        state = self._chosen.state(entry.path) if self._chosen is not None else "none"
        mark = {"all": "[x]", "part": "[-]", "none": "[ ]"}[state]
        name = words.name(entry, self._folder)
        if self.size.width >= _ROOMY:
            name = f"{words.mode(entry)} {words.owner(entry).ljust(16)} {name}"
        length = words.length(entry)
        return Row(
            entry.path,
            (
                Cell(mark, "quiet" if state == "none" else "key"),
                Cell(length.rjust(_WIDTHS[1])),
                Cell(moment(entry.mtime), "quiet"),
                Cell(name, "strong" if entry.kind == "dir" else "plain"),
            ),
        )

    def _say(self, said: str) -> None:
        self._saying = printable(said)
        self._draw_head()

    # keys ---------------------------------------------------------------------------------------------------------

    @property
    def _one(self) -> Entry | None:
        """The entry under the cursor."""
        if self.closing or not self._entries:
            return None
        at = self._list.cursor
        return self._entries[at] if 0 <= at < len(self._entries) else None

    def found_anew(self) -> None:
        one = self._one
        self._draw(one.path if one is not None else "")

    def _unfilter(self) -> None:
        """Another folder is shown whole."""
        if self.sought:
            self.on_search_field_left()
            self.sought = ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        one = self._one
        match action:
            case "restore":
                return bool(self._chosen) or one is not None
            case "save":
                return one is not None and one.kind == "file" and not self.shell.read_only
            case "clear":
                return bool(self._chosen)
            case "up":
                return self._folder != "/"
            case "search" | "find":
                return self._tree is not None
        return True

    def on_rows_moved(self) -> None:
        if self._saying:
            self._saying = ""
            self._draw_head()
        self.refresh_bindings()

    def on_rows_opened(self, message: Rows.Opened) -> None:
        from pi_installer_tui.screens.backup.text import FileScreen

        one = self._one
        if one is None:
            return
        if one.kind == "dir":
            self._unfilter()
            self._open(one.path)
        elif one.kind == "file":
            self.app.push_screen(FileScreen(self._library, self._place, self._snapshot, one))

    def on_choosing_marked(self, message: Choosing.Marked) -> None:
        from pi_installer_tui.screens.backup.chosen import TooMany

        if message.row is None or self._chosen is None:
            return
        try:
            self._chosen.toggle(message.row.id)
        except TooMany:
            self._say(_("There is too much beside it to leave only this out: choose what you want instead."))
            return
        self._saying = ""
        self._draw_chosen()

    def action_up(self) -> None:
        if self._folder != "/":
            self._unfilter()
            self._open(posixpath.dirname(self._folder), self._folder)

    def action_enter(self) -> None:
        one = self._one
        if one is not None and one.kind == "dir":
            self._list.action_open()

    def action_clear(self) -> None:
        if self._chosen is not None:
            self._chosen.clear()
            self._draw_chosen()

    def action_search(self) -> None:
        from pi_installer_tui.screens.backup.search import InsideScreen

        if self._tree is not None and self._chosen is not None:
            self.app.push_screen(InsideScreen(self._tree, self._chosen, self._go))

    def _go(self, path: str) -> None:
        """Goes to a path."""
        self._unfilter()
        self._open(posixpath.dirname(path), path)

    def on_screen_resume(self) -> None:
        if self._chosen is not None and not self.closing:
            self._draw_chosen()

    def _draw_chosen(self) -> None:
        """Other things are chosen."""
        self._list.draw_again()
        self._draw_head()
        self.refresh_bindings()

    def action_restore(self) -> None:
        from pi_installer_tui.screens.backup.restore import RestoreScreen

        one = self._one
        if self._tree is None or self._chosen is None:
            return
        if not self._chosen and one is not None:
            self._chosen.choose(one.path)
            self._draw_chosen()
        if self._chosen:
            self.app.push_screen(RestoreScreen(self._tree, self._place, self._snapshot, self._chosen))

    @work(exclusive=True, group="save")
    async def action_save(self) -> None:
        from pi_installer_tui.screens.backup.library import said
        from pi_installer_tui.tasks.words import size

        one = self._one
        if one is None:
            return

        def told(count: int) -> None:
            if not self.closing and time.monotonic() >= self._told + _BEAT:
                self._told = time.monotonic()
                self._say(_("Writing: {size} so far.").format(size=size(count)))

        try:
            path = await self._library.save(self._place, self._snapshot.id, one.path, self.shell.who, told)
            done = _("Written to {path}, for you alone.").format(path=f"~/{path.name}")
        except (OSError, KeyError) as error:
            done = _("Not written: {error}").format(error=error)
        except Exception as error:
            done = _("Not written: {error}").format(error=said(error))
        if not self.closing:
            self._say(done)

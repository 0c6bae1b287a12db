"""What changed between two snapshots: what was added, removed, changed, with sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.backup import words
from pi_installer_tui.screens.finding import Finding
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Tone
from pi_installer_tui.widgets.listing import Drawn, Listing
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Change, Entry, Snapshot
    from pi_installer_tui.restic.index import Index
    from pi_installer_tui.screens.backup.library import Library

#: the columns, in cells: sign and word, size before, size after, path
_WIDTHS = (12, 9, 9, 0)
#: restic's letters for what happened, as a sign and in a word
WHAT: Mapping[str, tuple[str, str, Tone]] = {
    "+": ("+", N_("new"), "good"),
    "-": ("-", N_("removed"), "bad"),
    "M": ("M", N_("changed"), "warn"),
    "T": ("T", N_("other kind"), "warn"),
    "U": ("U", N_("rights"), "quiet"),
}
VIEWS: Mapping[str, str] = {
    "": N_("all"),
    "+": N_("only new"),
    "-": N_("only removed"),
    "M": N_("only changed"),
    "U": N_("only rights and times"),
}


class CompareScreen(Finding):
    """Two snapshots of a place."""

    place = "backup_compare"
    where = N_("What changed")
    PARTS = ("head", "changes")
    about = N_(
        "What is in the newer one and wasn't in the older one (+), what isn't any more (-), whose content changed (M), "
        "what became another kind of file (T), and where only owner, rights or times did (U). The sizes are those "
        "before and after; they come once both snapshots were read.\n"
        "Folders of which only the times changed are shown with `only rights and times`, where `v` gets to.\n"
        "`v` shows only one of these, `/` only paths with what you type. Enter opens the file's folder in the newer "
        "snapshot, of what was removed in the older one: there it can be read and chosen to be restored."
    )
    AUTO_FOCUS = "#changes"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_compare")]

    def __init__(self, library: Library, place: str, old: Snapshot, new: Snapshot) -> None:
        super().__init__()
        self._library = library
        self._place = place
        self._old = old
        self._new = new
        self._changes: tuple[Change, ...] | None = None
        self._shown: Sequence[Change] = ()
        self._trees: tuple[Index | None, Index | None] = (None, None)
        self._view = ""
        self._counts: Counter[str] = Counter()

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Comparing ..."), "quiet")], []], id="head")
        yield SearchField(_("a part of a path"))
        yield Listing(_WIDTHS, id="changes")

    def on_mount(self) -> None:
        self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.screens.backup.library import said

        self.say_doing(_("comparing ..."))
        try:
            self._changes = await self._library.changes(self._place, self._old.id, self._new.id)
            self._counts = Counter(each.sign[:1] for each in self._changes)
            if self.closing:
                return
            self._draw()
            for number, snapshot in enumerate((self._old, self._new)):
                tree = await self._library.tree(self._place, snapshot.id, self._tell)
                if self.closing:
                    return
                self._trees = (tree, self._trees[1]) if number == 0 else (self._trees[0], tree)
                self.query_one(Listing).draw_again()
        except Exception as error:
            if not self.closing:
                self.query_one(Listing).set_rows([remark(Cell(printable(said(error)), "bad"))])
        if not self.closing:
            self.say_doing("")

    def _tell(self, count: int) -> None:
        if not self.closing:
            self.say_doing(_("sizes: {n} entries read ...").format(n=f"{count:,}"))

    # what is shown ------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        if self._changes is None:
            return
        rows = self.query_one(Listing)
        self._shown = [each for each in self._changes if self._in_view(each) and self.seeks(each.path)]
        if self._shown:
            rows.set_source(Drawn(self._shown, self._row), 0)
        else:
            none = _("Nothing changed between the two.")
            if self._view or self.sought:
                none = _("there is none like that")
            elif self._changes:
                none = _("Nothing changed but rights and times of folders: `v` gets to them.")
            rows.set_rows([remark(Cell(none, "quiet"))])
        self.query_one("#head", Panel).set_lines([self._said(), self._counted()])
        self.refresh_bindings()

    def _in_view(self, change: Change) -> bool:
        sign = change.sign[:1]
        if not self._view:
            # a folder's time changes with every file in it
            return sign != "U" or not change.path.endswith("/")
        return sign == self._view or (self._view == "M" and sign == "T")

    def _said(self) -> list[Cell]:
        said = _("{job} at {place}: from {old} to {new}").format(
            job=self._new.tagged("job") or self._new.short,
            place=self._place,
            old=moment(self._old.time),
            new=moment(self._new.time),
        )
        return [Cell(printable(said), "strong")]

    def _counted(self) -> list[Cell]:
        cells: list[Cell] = []
        for sign, (_sign, word, tone) in WHAT.items():
            if n := self._counts[sign]:
                cells += [Cell(f"{sign} {n:,} ", tone), Cell(f"{_(word)}  ", "quiet")]
        note = _("shown: {view}").format(view=_(VIEWS[self._view])) + self.only_sought()
        return [*cells, Cell(note, "quiet")]

    def _row(self, change: Change) -> Row:
        rows = self.query_one(Listing)
        sign, word, tone = WHAT.get(change.sign[:1], (change.sign, change.sign, "plain"))
        return Row(
            change.path,
            (
                Cell(f"{sign} {_(word)}", tone),
                Cell(self._bytes(0, change).rjust(_WIDTHS[1])),
                Cell(self._bytes(1, change).rjust(_WIDTHS[2])),
                Cell(words.ending(printable(change.path), rows.last_column, glyphs(self).more)),
            ),
        )

    def _bytes(self, number: int, change: Change) -> str:
        tree = self._trees[number]
        entry: Entry | None = tree.entry(change.path.rstrip("/")) if tree is not None else None
        return size(entry.size) if entry is not None and entry.size is not None else ""

    # keys ---------------------------------------------------------------------------------------------------------

    def found_anew(self) -> None:
        self._draw()

    def action_view(self) -> None:
        views = list(VIEWS)
        self._view = views[(views.index(self._view) + 1) % len(views)]
        self._draw()

    def on_rows_opened(self) -> None:
        from pi_installer_tui.screens.backup.tree import TreeScreen

        at = self.query_one(Listing).cursor
        if 0 <= at < len(self._shown):
            change = self._shown[at]
            snapshot = self._old if change.sign.startswith("-") else self._new
            self.app.push_screen(TreeScreen(self._library, self._place, snapshot, change.path.rstrip("/")))

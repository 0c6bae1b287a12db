"""A file of a snapshot: what is known of it, and its text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.backup import words
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import MOST, TextLine, TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Entry, Snapshot
    from pi_installer_tui.screens.backup.library import Library


class FileScreen(ShellScreen):
    """The text of a file as it was."""

    place = "backup_file"
    where = N_("A file of a snapshot")
    PARTS = ("head", "text")
    about = N_(
        "The file as it was when the snapshot was taken: its beginning, where it is long. What isn't text isn't shown; "
        "`w` on its line in the tree writes it to your home directory, and it can be restored."
    )
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, library: Library, place: str, snapshot: Snapshot, entry: Entry) -> None:
        super().__init__()
        self._library = library
        self._place = place
        self._snapshot = snapshot
        self._entry = entry

    def body(self) -> Iterable[Widget]:
        one = self._entry
        known = f"{words.mode(one)} {words.owner(one)}  {size(one.size or 0)}  {moment(one.mtime)}"
        yield Panel([[Cell(printable(one.path), "strong")], [Cell(known, "quiet")]], id="head")
        yield TextPane(id="text")

    def on_mount(self) -> None:
        of = self._snapshot
        self.say_where(printable(f"{of.tagged('job') or of.short} {moment(of.time)}"))
        self.query_one(TextPane).text.focus()
        self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.screens.backup.library import SHOWN, said

        self.say_doing(_("reading ..."))
        lines: list[TextLine] = []
        try:
            shown = await self._library.text(self._place, self._snapshot.id, self._entry.path)
        except Exception as error:
            lines, note = [Cell(said(error), "bad")], ""
        else:
            text = (shown.text or "").splitlines()
            whole = shown.whole and len(text) <= MOST
            note = "" if whole else _("its beginning")
            if shown.text is None:
                lines = [Cell(_("This isn't text."), "quiet")]
            elif not text:
                lines = [Cell(_("The file is empty."), "quiet")]
            else:
                lines = [*text[:MOST]]
                if not whole:
                    most = _("Only the first {size} or {n} lines are shown.").format(size=size(SHOWN), n=MOST)
                    lines = [*text[: MOST - 1], Cell(most, "warn")]
        if not self.closing:
            self.say_doing("")
            self.query_one(TextPane).set(_("Text"), lines, note=note)

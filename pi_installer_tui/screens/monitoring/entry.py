"""One entry of a log: what is known of such a message, and every field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.system.entries import PRIORITIES, LogError, uncoloured, visible
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.system.entries import Entry, Field, Log

#: characters of a field that are shown, and those of a piece of a line that has no blanks
_MOST = 64 * 1024
_PIECE = 2000


class EntryScreen(ShellScreen):
    """An entry with its fields."""

    place = "entry"
    where = N_("An entry")
    PARTS = ("entry",)
    about = N_(
        "All that the log has of an entry. A message that is known is explained first, with what to do.\n"
        "Control characters are written out, `\\x1b` is an escape: nothing in a message reaches the terminal. The "
        "fields that begin with _ were added by the journal and can't be forged by who wrote the message."
    )
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, log: Log, entry: Entry) -> None:
        super().__init__()
        self._log = log
        self._entry = entry

    def body(self) -> Iterable[Widget]:
        yield TextPane(id="entry")

    def on_mount(self) -> None:
        entry = self._entry
        when = moment(entry.at) if entry.at is not None else self._log.title
        self.say_where(_("Entry: {who} {when}").format(who=printable(entry.who), when=when).replace("  ", " "))
        pane = self.query_one(TextPane)
        pane.set("", [*self._known(), Cell(_("Reading its fields ..."), "quiet")])
        pane.text.focus()
        self._read()

    @work(exclusive=True)
    async def _read(self) -> None:
        try:
            lines = [line for field in await self._log.fields(self._entry) for line in _field(field)]
        except LogError as error:
            lines = [Prose(printable(self._entry.message)), Cell(""), Prose(str(error), "warn")]
        if not self.closing:
            self.query_one(TextPane).set("", [*self._known(), *lines])

    def _known(self) -> list[Cell]:
        from pi_installer_tui.system.explained import explain

        lines: list[Cell] = []
        if self._entry.priority is not None:
            said = f"{self._entry.priority} {_(PRIORITIES[self._entry.priority])}"
            lines += [Cell(_("Priority {priority}").format(priority=said), "strong"), Cell("")]
        known = explain(uncoloured(self._entry.message), self._entry.who)
        if known is not None:
            lines += [Cell(_("What it means"), "strong"), Prose(f"  {_(known.means)}")]
            lines += [Cell(_("What to do"), "strong"), Prose(f"  {_(known.advice)}"), Cell("")]
        return lines


def _field(field: Field) -> list[Cell]:
    """A field's name and its value, line by line."""
    note = _("  (its bytes aren't text)") if field.binary else ""
    lines = [Cell(f"{printable(field.name)}{note}", "key")]
    for line in visible(field.value[:_MOST]).split("\n"):
        pieces = [line[at : at + _PIECE] for at in range(0, len(line), _PIECE)] or [""]
        lines += [Prose(f"  {printable(piece)}") for piece in pieces]
    if len(field.value) > _MOST:
        lines.append(Cell("  " + _("... and {n} characters more").format(n=len(field.value) - _MOST), "quiet"))
    return lines

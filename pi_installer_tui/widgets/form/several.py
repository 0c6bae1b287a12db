"""Several of a list to choose from: each is in or out. What isn't among them can be typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.form.choose import find
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import printable


class SeveralScreen(ModalScreen["list[str] | None"], inherit_bindings=False):
    """Ends with those that are in, or None where nothing was changed."""

    place: ClassVar[str] = "several"
    CSS = """
    SeveralScreen { align: center middle; background: transparent; }
    SeveralScreen Vertical { width: 66; height: 18; border: solid ansi_cyan; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("several")]

    def __init__(self, title: str, options: Sequence[str], chosen: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._options = list(dict.fromkeys((*chosen, *options)))
        self._chosen = list(chosen)
        self._before = list(chosen)
        self._matches: list[str] = []

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = _("Enter in or out  Esc done")
            yield SearchField(_("type a part of its name, or another one"))
            yield Rows((3, 0))

    def on_mount(self) -> None:
        self._show("")
        self.query_one(SearchField).focus()

    def _show(self, typed: str) -> None:
        self._matches = list(find(self._options, typed))
        if typed and typed not in self._matches:
            self._matches.append(typed)
        rows = [
            Row(str(n), (Cell("[x]" if each in self._chosen else "[ ]"), Cell(printable(each))))
            for n, each in enumerate(self._matches)
        ]
        self.query_one(Rows).set_rows(rows or [remark(Cell(_("nothing yet"), "quiet"))])

    def on_input_changed(self) -> None:
        self._show(self._typed)
        self.query_one(Rows).action_first()

    @property
    def _typed(self) -> str:
        return self.query_one(SearchField).value.strip()

    def on_input_submitted(self) -> None:
        self.query_one(Rows).action_open()

    def on_rows_opened(self, message: Rows.Opened) -> None:
        """The one under the cursor is in, or out again."""
        if message.row is None or not message.row.id:
            return
        one = self._matches[int(message.row.id)]
        if one in self._chosen:
            self._chosen.remove(one)
        else:
            self._chosen.append(one)
        if one not in self._options:
            self._options.insert(0, one)
        if self._typed:
            self.query_one(SearchField).value = ""
        else:
            self._show("")

    def on_search_field_left(self) -> None:
        self.action_done()

    def action_done(self) -> None:
        self.dismiss(self._chosen if self._chosen != self._before else None)

    @property
    def _below(self) -> Rows | None:
        """The list, while the keys go to the field above it; one that has the focus moves by itself."""
        rows = self.query_one(Rows)
        return None if rows.has_focus else rows

    def key_down(self) -> None:
        if rows := self._below:
            rows.action_down()

    def key_up(self) -> None:
        if rows := self._below:
            rows.action_up()

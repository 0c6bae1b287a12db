"""The editor of a list whose entries are whole lines, such as public keys: they are pasted, several at once too, or
typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import printable


class LineField(SearchField):
    """Takes a line that is typed, and any number of lines that are pasted (bracketed paste)."""

    class Pasted(Message):
        """Whole lines were pasted into the empty field."""

        def __init__(self, lines: Sequence[str]) -> None:
            super().__init__()
            self.lines = lines

    def on_paste(self, event: events.Paste) -> None:
        """A line goes where the cursor is while something is being typed; else all are taken at once."""
        lines = whole_lines(event.text)
        if self.value and len(lines) == 1:
            return
        event.prevent_default()
        event.stop()
        self.post_message(self.Pasted(lines))


def whole_lines(text: str) -> list[str]:
    """The lines of a text that have something in them, without the blanks around it."""
    return [line.strip() for line in text.splitlines() if line.strip()]


class LinesScreen(ModalScreen["list[str] | None"], inherit_bindings=False):
    """Ends with the lines that are wanted, or None where nothing was changed."""

    place: ClassVar[str] = "lines"
    CSS = """
    LinesScreen { align: center middle; background: transparent; }
    LinesScreen Vertical { width: 76; height: 16; border: solid ansi_cyan; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("lines")]

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._lines = list(lines)
        self._before = list(lines)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = _("Enter adds  Tab list  Esc done")
            yield LineField(_("paste it here, or type it"))
            yield Rows((0,))

    def on_mount(self) -> None:
        self._show()
        self.query_one(LineField).focus()

    def key_tab(self) -> None:
        """From the field to the list and back: the app's own keys stay outside of what lies over the screen."""
        rows = self.query_one(Rows)
        (self.query_one(LineField) if rows.has_focus else rows).focus()

    def key_shift_tab(self) -> None:
        self.key_tab()

    def _show(self) -> None:
        rows = [Row(str(n), (Cell(printable(line)),)) for n, line in enumerate(self._lines)]
        self.query_one(Rows).set_rows(rows or [remark(Cell(_("nothing yet"), "quiet"))])

    def _add(self, lines: Sequence[str]) -> None:
        self._lines += [line for line in dict.fromkeys(lines) if line not in self._lines]
        self._show()
        self.query_one(Rows).action_last()

    def on_line_field_pasted(self, message: LineField.Pasted) -> None:
        self.query_one(LineField).value = ""
        self._add(message.lines)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """A terminal without bracketed paste sends pasted lines as if they were typed."""
        self._add(whole_lines(message.value))
        self.query_one(LineField).value = ""

    def on_search_field_left(self) -> None:
        self.action_done()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.query_one(Rows).row is not None if action == "remove" and self.is_mounted else True

    def action_remove(self) -> None:
        """Takes the line under the cursor out."""
        row = self.query_one(Rows).row
        if row is not None:
            del self._lines[int(row.id)]
            self._show()

    def action_done(self) -> None:
        """What is half typed counts too: who pasted it without Enter meant it."""
        self._add(whole_lines(self.query_one(LineField).value))
        self.dismiss(self._lines if self._lines != self._before else None)

"""A list to choose from, on top of the form. A long one is narrowed by typing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import printable

#: More choices than this are found by typing.
FEW = 9


class ChooseScreen(ModalScreen["tuple[bool, Any] | None"], inherit_bindings=False):
    """Ends with (False, the choice), (True, None) for none of them (`leave as is`), or None when it was left."""

    place: ClassVar[str] = "choose"
    CSS = """
    ChooseScreen { align: center middle; background: transparent; }
    ChooseScreen Vertical { width: 56; height: 16; border: solid ansi_cyan; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("choose")]

    def __init__(
        self,
        title: str,
        options: Sequence[Any],
        now: Any,
        wanted: Any,
        *,
        leave: bool,
        free: bool = False,
        none: str = "",
    ) -> None:
        """now: what the machine has. wanted: where the list starts. leave: none of them can be chosen; none: how that
        is called, where it isn't `leave as is`. free: what is typed can be chosen too."""
        super().__init__()
        self._title = title
        self._options = tuple(options)
        self._now = now
        self._wanted = wanted
        self._leave = leave
        self._none = none or _("leave as is")
        self._free = free
        self._matches: list[tuple[bool, Any]] = []

    @property
    def _few(self) -> bool:
        return len(self._options) <= FEW and not self._free

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = _("Enter choose  Esc back")
            if self._few:
                box.styles.height = len(self._options) + self._leave + 2
            else:
                yield SearchField(_("type a part of its name"))
            yield Rows((0, 10))

    def on_mount(self) -> None:
        self._show("")
        rows = self.query_one(Rows)
        wanted = [n for n, (left, value) in enumerate(self._matches) if not left and value == self._wanted]
        if wanted:
            rows.select(str(wanted[0]))
        (rows if self._few else self.query_one(SearchField)).focus()

    def _show(self, typed: str) -> None:
        found = find(self._options, typed)
        self._matches = [(False, option) for option in found]
        if self._leave and not typed:
            self._matches.insert(0, (True, None))
        if self._free and typed and typed not in found:
            self._matches.append((False, typed))
        rows = self.query_one(Rows)
        lines = [self._row(n, left, value) for n, (left, value) in enumerate(self._matches)]
        rows.set_rows(lines or [remark(Cell(_("nothing is called like that"), "quiet"))])
        rows.action_first()

    def _row(self, n: int, left: bool, value: Any) -> Row:
        if left:
            return Row(str(n), (Cell(f"({self._none})", "quiet"), Cell("")))
        note = _("as typed") if value not in self._options else _("now") if value == self._now else ""
        return Row(str(n), (Cell(printable(str(value))), Cell(note, "quiet")))

    def on_input_changed(self, message: Input.Changed) -> None:
        self._show(message.value.strip())

    def on_input_submitted(self) -> None:
        self.query_one(Rows).action_open()

    def on_search_field_left(self) -> None:
        self.dismiss(None)

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if message.row is not None and message.row.id:
            self.dismiss(self._matches[int(message.row.id)])

    def action_back(self) -> None:
        self.dismiss(None)

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

    def key_pagedown(self) -> None:
        if rows := self._below:
            rows.action_page_down()

    def key_pageup(self) -> None:
        if rows := self._below:
            rows.action_page_up()


def find(options: Sequence[Any], typed: str) -> list[Any]:
    """The options that have every typed word. First what begins with all that was typed, then what has it where a part
    begins, then where a part begins with its first word."""
    wanted = typed.casefold().replace("_", " ").strip()
    words = wanted.split()
    if not words:
        return list(options)

    def rank(text: str) -> int:
        parts = re.sub(r"[/.-]", " ", text)
        if text.startswith(wanted):
            return 0
        if f" {wanted}" in f" {text}" or f" {wanted}" in f" {parts}":
            return 1
        return 2 if any(part.startswith(words[0]) for part in parts.split()) else 3

    found = [(text, option) for option in options for text in [str(option).casefold().replace("_", " ")]]
    having = [(rank(text), option) for text, option in found if all(word in text for word in words)]
    return [option for _rank, option in sorted(having, key=lambda each: each[0])]

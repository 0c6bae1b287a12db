"""A list that can be looked through: `/` opens a field above it, Enter goes back to the list, Esc shows all again."""

from __future__ import annotations

from textual.widgets import Input

from pi_installer_tui.i18n import _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.widgets.rows import Rows
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import printable


class Finding(ShellScreen):
    """A screen with one Rows and a SearchField, which is hidden until it is asked for."""

    #: what was typed
    sought = ""

    def found_anew(self) -> None:
        """Something else is sought: draws the list again, if it is there yet."""
        raise NotImplementedError

    def seeks(self, text: str) -> bool:
        """Whether a text has all the words that were typed."""
        folded = text.casefold()
        return all(word in folded for word in self.sought.casefold().split())

    def only_sought(self) -> str:
        """`, only nginx`, to be put behind what the list is; nothing while all is shown."""
        return ", " + _("only {words}").format(words=printable(self.sought)) if self.sought else ""

    def action_find(self) -> None:
        self.add_class("-finding")
        self.query_one(SearchField).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.sought = event.value.strip()
        self.found_anew()

    def on_input_submitted(self) -> None:
        self.query_one(Rows).focus()

    def on_search_field_left(self) -> None:
        self.query_one(SearchField).value = ""
        self.remove_class("-finding")
        self.query_one(Rows).focus()

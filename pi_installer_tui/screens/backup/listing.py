"""A long list of which something is chosen."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.listing import Listing
from pi_installer_tui.widgets.rows import Rows


class Choosing(Listing):
    """Rows of a long list that are chosen by Space."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("backup_list")]

    class Marked(Rows.Moved):
        """Space on a row."""

    def action_mark(self) -> None:
        if self.row is not None and self.row.id:
            self.post_message(self.Marked(self, self.row))
            self.action_down()

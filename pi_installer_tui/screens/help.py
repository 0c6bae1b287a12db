"""What a screen is for, and its keys, from the registry of actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.widgets.actions import PLACES, key_name, of
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.rows import Rows
from pi_installer_tui.widgets.text import Text, TextPane

#: signs and words that lists show
STATES = N_(
    "A state is a sign and a word: {ok} done or proven, {running} running, {waiting} waiting, {failed} failed, "
    "{warning} look here, {unknown} unknown, {todo} not yet."
)


class HelpScreen(ShellScreen):
    """The help of one screen."""

    place = "help"
    where = N_("Help")
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, of_screen: ShellScreen) -> None:
        super().__init__()
        self._about = of_screen.about
        self._title = of_screen.where
        self._places = [of_screen.place, *of_screen.more]
        self._places += ["form", "row", "field"] if of_screen.query("Fields") else []
        self._places += ["list"] if of_screen.query(Rows) else []
        self._places += ["text"] if of_screen.query(Text) else []

    def body(self) -> Iterable[Widget]:
        yield TextPane(_(self._title))

    def on_mount(self) -> None:
        from pi_installer_tui.console import glyphs

        signs = glyphs(self)
        lines: list[Cell] = [Prose(_(paragraph)) for paragraph in _(self._about).split("\n")]
        lines += [
            Cell(""),
            Prose(
                _(STATES).format(
                    ok=signs.ok,
                    running=signs.running,
                    waiting=signs.waiting,
                    failed=signs.failed,
                    warning=signs.warning,
                    unknown=signs.unknown,
                    todo=signs.todo,
                )
            ),
        ]
        for place in (*self._places, "app"):
            actions = of(place)
            if not actions:
                continue
            lines += [Cell(""), Cell(_(PLACES[place]), "strong")]
            for each in actions:
                keys = " ".join(key_name(key) for key in each.keys.split(","))
                lines.append(Prose(f"  {keys:<14} {_(each.help)}"))
        text = self.query_one(TextPane)
        text.text.set_lines(lines)
        text.text.focus()

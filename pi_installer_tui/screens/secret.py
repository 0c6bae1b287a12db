"""What a job made and nobody has seen: a password, the private half of a key. It is taken when it is shown, so this is
the only time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.code import write_to_home
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import TextPane


class SecretScreen(ShellScreen):
    """secrets: names and values; this screen is the last place that has them."""

    place = "secret"
    where = N_("Shown this once")
    PARTS = ("said", "secret")
    about = N_(
        "A password or a key that a job has made. It is shown this once, and kept nowhere: note it, or write it to a "
        "file in your home directory that nobody else can read, to be fetched from another computer and deleted here.\n"
        "Whoever sees it can log in with it. A new one is made as the first one was."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("secret")]

    def __init__(self, secrets: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._secrets = secrets

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Note it, or `f` writes it to a file; leaving takes it away."), "warn")]], id="said")
        yield TextPane(id="secret")

    def on_mount(self) -> None:
        lines: list[Cell] = []
        for name, value in self._secrets:
            rows = value.rstrip("\n").split("\n")
            # a password stands in one line, a key in the lines that its file has
            lines += [Cell(""), Prose(name, "quiet"), *(Cell(row, "strong") for row in rows)]
        pane = self.query_one(TextPane)
        pane.set("", lines[1:])
        pane.text.focus()

    @work(exclusive=True)
    async def action_file(self) -> None:
        try:
            paths = [
                await asyncio.to_thread(write_to_home, self.shell.who, name, value.rstrip("\n") + "\n")
                for name, value in self._secrets
            ]
            told = ", ".join(f"~/{path.name}" for path in paths)
            said = Cell(_("Written to {path}, for you alone.").format(path=told), "good")
        except (OSError, KeyError) as error:
            said = Cell(_("Not written: {error}").format(error=error), "bad")
        if not self.closing:
            self.query_one("#said", Panel).set_lines([[said]])

    def action_back(self) -> None:
        gone = _("It is kept nowhere else, and can't be shown again.")
        self.app.push_screen(Ask(_("Leave? This was the only time that it is shown."), [gone]), self._leave)

    def _leave(self, sure: bool | None) -> None:
        if sure:
            self._secrets = ()
            self.app.pop_screen()

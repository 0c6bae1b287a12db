"""The setup files that can be opened in the wizard: those that were saved under a name, and the one on the boot
partition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.text import printable


class SetupsScreen(ShellScreen):
    """Setup files to choose from. chosen: called with the text of the one that was opened. boot: the path of one that
    lies on the boot partition, "" where there is none."""

    place = "setups"
    where = N_("Saved setups")
    about = N_(
        "Setup files that were saved from the wizard, and the one on the boot partition where there is one. Opening "
        "one puts its answers into the wizard; nothing is changed on the machine before you have read the plan.\n"
        "The same files can be applied without these screens: `pi-installer-tui apply NAME`."
    )
    PARTS = ("said", "setups")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("setups")]

    def __init__(self, chosen: Callable[[str], object], boot: str = "") -> None:
        super().__init__()
        self._chosen = chosen
        self._boot = boot

    def body(self) -> Iterable[Widget]:
        yield Panel([], id="said")
        yield Rows((30, 0), id="setups")

    def on_mount(self) -> None:
        self.query_one(Rows).focus()
        self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui import setups

        rows: list[Row] = []
        if self._boot:
            rows.append(Row("boot:", (Cell(_("on the boot partition"), "strong"), Cell(printable(self._boot)))))
        try:
            found = await asyncio.to_thread(setups.saved, self.shell.store.root)
            rows += [Row(f"saved:{s.name}", (Cell(s.name, "strong"), Cell(moment(s.changed), "quiet"))) for s in found]
        except PermissionError:
            rows.append(remark(Cell(_("Reading the saved setups takes root."), "warn")))
        if not self.closing:
            self.query_one(Rows).set_rows(rows or [remark(Cell(_("No setup was saved yet."), "quiet"))])
            self.refresh_bindings()

    @property
    def _saved(self) -> str:
        """The name of the saved setup under the cursor."""
        row = self.query_one(Rows).row
        return row.id.removeprefix("saved:") if row is not None and row.id.startswith("saved:") else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "remove" or (bool(self._saved) and not self.shell.read_only)

    def on_rows_moved(self) -> None:
        self.refresh_bindings()

    @work(exclusive=True, group="open")
    async def on_rows_opened(self) -> None:
        from pi_installer_tui import boot_file, setups
        from pi_installer_tui.setup_file import SetupError

        try:
            if self._saved:
                text = await asyncio.to_thread(setups.read, self.shell.store.root, self._saved)
            else:
                text = await self.shell.host.text(self._boot)
                if not self.shell.read_only:  # from here on it is the wizard's: nothing applies it by itself
                    await boot_file.settle(self.shell.host, self.shell.store.root)
        except (OSError, UnicodeDecodeError, SetupError) as error:
            self.query_one("#said", Panel).set_lines([[Cell(_("Not opened: {error}").format(error=error), "bad")]])
            return
        if text is None:  # it was removed meanwhile
            self._read()
            return
        self.app.pop_screen()
        self._chosen(text)

    def action_remove(self) -> None:
        name = self._saved
        lost = _("The file goes for good. What it did to this machine stays.")
        question = Ask(_("Remove the setup {name}?").format(name=name), [lost])
        self.app.push_screen(question, partial(self._remove, name))

    async def _remove(self, name: str, sure: bool | None) -> None:
        if not sure:
            return
        from pi_installer_tui import setups

        try:
            await asyncio.to_thread(setups.remove, self.shell.store.root, name)
        except OSError as error:
            self.query_one("#said", Panel).set_lines([[Cell(_("Not removed: {error}").format(error=error), "bad")]])
        self._read()

    async def action_back(self) -> None:
        await self.app.pop_screen()

"""The command palette: every module and every command that is valid now, found by typing a part of its name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from pi_installer_tui import modules
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.widgets.actions import ACTIONS, key_name
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.search import SearchField

if TYPE_CHECKING:
    from textual.dom import DOMNode


#: what the palette offers to draw for; a wish as `--console` takes it
CONSOLES = (
    ("ssh", N_("draw for a terminal window: UTF-8 and colours")),
    ("hdmi", N_("draw for the Linux console: 16 colours, its font's glyphs")),
    ("serial", N_("draw for a serial line: ASCII, no colours, at the line's pace")),
)

#: the columns, in cells: title, help, key
WIDTHS = (32, 0, 6)


@dataclass(frozen=True, slots=True)
class Command:
    """Something the palette can do."""

    title: str
    help: str
    key: str
    run: Callable[[], Awaitable[object]]


def matches(wanted: str, command: Command) -> int:
    """How well a command fits: 0 not at all, more is better. Every word that was typed has to be in it."""
    title, text = command.title.casefold(), f"{command.title} {command.help}".casefold()
    words = wanted.casefold().split()
    if not all(word in text for word in words):
        return 0
    return 1 + sum(2 for word in words if word in title) + (3 if title.startswith(wanted.casefold()) else 0)


def commands(screen: ShellScreen) -> list[Command]:
    """What is valid now: the modules, then the actions of the screen, of what has the focus, and of the app."""

    def opens(name: str) -> Callable[[], Awaitable[object]]:
        async def run() -> None:
            screen.shell.open_module(name)

        return run

    def acts(module: str, action: str) -> Callable[[], Awaitable[object]]:
        async def run() -> None:
            screen.shell.open_action(module, action)

        return run

    def does(action: str, node: DOMNode) -> Callable[[], Awaitable[object]]:
        async def run() -> None:
            await screen.app.run_action(action, node)

        return run

    found = [Command(_(m.title), _(m.summary), "", opens(m.name)) for m in modules.MODULES]
    found += [
        Command(f"{_(m.title)}: {_(a.title)}", _(a.help), "", acts(m.name, a.name))
        for m in modules.MODULES
        for a in m.actions
    ]
    listed = {each.id: each for each in ACTIONS if each.show != "help"}
    for active in screen.active_bindings.values():
        each = listed.pop(active.binding.id or "", None)
        if each is not None and active.enabled and each.id != "app.palette":
            key = key_name(each.keys.split(",")[0])
            found.append(Command(_(each.label), _(each.help), key, does(each.action, active.node)))

    def draws(wish: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            screen.shell.draw_for(wish)

        return run

    for wish, text in CONSOLES:
        found.append(Command(_("console: {name}").format(name=wish), _(text), "", draws(wish)))
    return found


class PaletteScreen(ModalScreen[Callable[[], Awaitable[object]] | None], inherit_bindings=False):
    """Ends with what is to be run, or None."""

    place: ClassVar[str] = "palette"
    CSS = """
    PaletteScreen { align: center top; }
    PaletteScreen Vertical {
        width: 95%; max-width: 110; height: 19; margin-top: 2;
        border: solid ansi_cyan; background: ansi_default;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, over: ShellScreen) -> None:
        super().__init__()
        self._commands = commands(over)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield SearchField(_("a module or a command"))
            yield Rows(WIDTHS)
            yield Panel([[]], id="whole")

    def on_mount(self) -> None:
        self.query_one(SearchField).focus()
        self._show("")

    def _show(self, wanted: str) -> None:
        fitting: Iterable[tuple[int, Command]] = enumerate(self._commands)
        if wanted:
            ranked = [(n, c, matches(wanted, c)) for n, c in fitting]
            fitting = [(n, c) for n, c, rank in sorted(ranked, key=lambda r: -r[2]) if rank]
        rows = [Row(str(n), (Cell(c.title, "strong"), Cell(c.help, "quiet"), Cell(c.key, "key"))) for n, c in fitting]
        list_ = self.query_one(Rows)
        list_.set_rows(rows or [remark(Cell(_("nothing is called like that"), "quiet"))])
        list_.action_first()

    def on_rows_moved(self, message: Rows.Moved) -> None:
        """What a command does, whole: beside its title there is room for the beginning of that only."""
        row = message.row
        said = self._commands[int(row.id)].help if row is not None and row.id else ""
        self.query_one("#whole", Panel).set_lines([[Cell(said, "quiet")]])

    def on_input_changed(self, message: Input.Changed) -> None:
        self._show(message.value.strip())

    def on_input_submitted(self) -> None:
        self.query_one(Rows).action_open()

    def on_search_field_left(self) -> None:
        self.dismiss(None)

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if message.row is not None and message.row.id:
            self.dismiss(self._commands[int(message.row.id)].run)

    def key_down(self) -> None:
        self.query_one(Rows).action_down()

    def key_up(self) -> None:
        self.query_one(Rows).action_up()

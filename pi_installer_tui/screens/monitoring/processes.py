"""Who uses the processor and the memory. The processes are only looked at while this is on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.finding import Finding
from pi_installer_tui.screens.monitoring.watching import WatchingScreen
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.screens.monitoring.scan import Process
    from pi_installer_tui.system.host import Host

#: seconds between two scans: each process is a file to read, and most lines change
EVERY = 2.0
#: columns, in cells: number, user, processor, memory, command
_WIDTHS = (8, 12, 7, 8, 0)
_ORDERS: dict[str, Callable[[Process], tuple[float, int]]] = {
    "cpu": lambda one: (-one.cpu, -one.memory),
    "memory": lambda one: (-one.memory, one.pid),
    "number": lambda one: (one.pid, 0),
}


class _List(Rows, inherit_bindings=True):
    """The lines keep their places: the cursor stays where it is on the screen, whoever is first."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "open"


class ProcessesScreen(Finding, WatchingScreen["list[Process]"]):
    """The list."""

    place = "processes"
    where = N_("Processes")
    PARTS = ("head", "processes")
    about = N_(
        "The processes, those first that use the processor most, or hold most memory. Processor time is in per cent of "
        "one core, as `top` has it: four busy cores are 400 %. Memory is what is resident, libraries that several "
        "share included.\n"
        "`/` shows only those with all the words that you type in their user, number or command. The processes are "
        "only read while this is on the screen, every two seconds."
    )
    AUTO_FOCUS = "#processes"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("processes")]

    def __init__(self) -> None:
        super().__init__()
        self._scan: Callable[[], list[Process]] | None = None
        self._found: list[Process] | None = None
        self._order = "cpu"
        self._scans = 0

    @property
    def every(self) -> float:
        return max(EVERY, super().every)

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the processes ..."), "quiet")], []], id="head")
        yield SearchField(_("a part of a command, a user or a number"))
        yield _List(_WIDTHS, id="processes")

    def begin(self) -> None:
        self._scan = scanning(self.shell.host)
        super().begin()

    @property
    def ready(self) -> bool:
        return self._scan is not None

    def read(self) -> list[Process]:
        assert self._scan is not None
        return self._scan()

    def take(self, found: list[Process]) -> None:
        self._found = found
        self._scans += 1

    # drawing ------------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        if self._found is None:
            return
        shown = [one for one in self._found if self.seeks(_text(one))]
        shown.sort(key=_ORDERS[self._order])
        rows = [
            Row(
                str(place),
                (
                    Cell(f"{one.pid:>8}"),
                    Cell(printable(one.user)),
                    Cell(f"{one.cpu:5.1f} %" if self._scans > 1 else "", "plain" if one.cpu >= 0.1 else "quiet"),
                    Cell(f"{size(one.memory):>8}"),
                    Cell(printable(one.command)),
                ),
            )
            for place, one in enumerate(shown)
        ]
        self.query_one(_List).set_rows(rows or [remark(Cell(_("no process is like that"), "quiet"))])
        self.query_one("#head", Panel).set_lines([self._said(len(self._found)), self._titles()])

    def _said(self, count: int) -> list[Cell]:
        orders = {"cpu": _("by processor time"), "memory": _("by memory"), "number": _("by number")}
        note = orders[self._order]
        note += self.only_sought()
        said = ngettext("{n} process", "{n} processes", count).format(n=count)
        return [Cell(said), Cell(f"  {note}", "quiet")]

    def _titles(self) -> list[Cell]:
        names = (_("number").rjust(8), _("user"), _("cpu").rjust(7), _("memory").rjust(8), _("command"))
        cells = [name.ljust(width) for name, width in zip(names, _WIDTHS, strict=True)]
        return [Cell("  " + "  ".join(cells), "quiet")]

    # keys ---------------------------------------------------------------------------------------------------------

    def action_order(self, order: str) -> None:
        self._order = order
        self.draw()

    def found_anew(self) -> None:
        self.draw()


def _text(one: Process) -> str:
    """What a process is found by."""
    return f"{one.pid} {one.user} {one.command}"


def scanning(host: Host) -> Callable[[], list[Process]]:
    """What scans a machine's processes, or lets the demo's be played."""
    import time
    from pathlib import Path

    from pi_installer_tui.screens.monitoring.scan import Scanner
    from pi_installer_tui.system.demo import DemoHost

    if isinstance(host, DemoHost):
        from pi_installer_tui.system.demo.numbers import Numbers

        numbers, played = Numbers(host.address), Scanner(Path(host.address, "root"))

        def play() -> list[Process]:
            at = host.uptime
            numbers.play(at, processes=True)
            return played.scan(at)

        return play
    scanner = Scanner(Path(host.address))
    return lambda: scanner.scan(time.monotonic())

"""What is filtered of a log, to be written to a file of the person's own: first what would be in it, and what is taken
out so that it can be shown to others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.system.entries import LogError, uncoloured, visible
from pi_installer_tui.system.redaction import KINDS, Kind, Redactor
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.system.entries import Entry, Log, Wanted

#: entries that are written at most, the newest ones
MOST = 20_000
#: lines that are shown before
_PREVIEW = 200
_AT_ONCE = 500

NAMES: dict[Kind, str] = {
    "addresses": N_("addresses: IPv4, IPv6, MAC"),
    "mail": N_("mail addresses"),
    "secrets": N_("passwords, tokens, keys"),
}


class LogExport(ShellScreen):
    """What is written, and the three kinds of what is taken out."""

    place = "log_export"
    where = N_("Export")
    PARTS = ("said", "kinds", "preview")
    about = N_(
        "Writes the entries that the filters let through to a new file in your home directory, which nobody else can "
        "read. What could tell who and where you are, or let others in, is taken out: Enter on a line leaves it in.\n"
        "The same address gets the same number everywhere. Secrets are known by their forms; names of machines and "
        "people stay. Look the file through before you show it to others."
    )
    CSS = """
    LogExport #kinds { height: 3; }
    """
    AUTO_FOCUS = "#kinds"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("log_export")]

    def __init__(self, log: Log, wanted: Wanted) -> None:
        super().__init__()
        self._log = log
        self._wanted = wanted
        self._lines: list[str] = []
        self._text: list[str] | None = None
        self._all = Redactor()
        self._kinds: set[Kind] = set(KINDS)
        self._counted = False
        self._more = False

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading ..."), "quiet")], []], id="said")
        yield Rows((6, 32, 0), id="kinds")
        yield TextPane(_("What is written"), id="preview")

    def on_mount(self) -> None:
        self._draw()
        self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        try:
            page = await self._log.last(self._wanted, MOST)
        except LogError as error:
            self._say(Cell(str(error), "bad"))
            return
        self._more = page.more
        self._lines = await asyncio.to_thread(_lines, page.entries)
        self._all = Redactor()
        await _redact(self._all, self._lines)
        self._counted = True
        self._make()

    @work(exclusive=True, group="make")
    async def _make(self) -> None:
        """What is written, by the kinds that are taken out."""
        self._text = None
        self.refresh_bindings()
        self._text = await _redact(Redactor(self._kinds), self._lines)
        if self.closing:
            return
        count = len(self._text)
        said = ngettext("{n} entry", "{n} entries", count).format(n=count)
        if self._more:
            said = _("the newest {n} entries; narrow the filters for older ones").format(n=count)
        self._say(Cell(said))
        self._draw()
        shown = [Prose(printable(line)) for line in self._text[-_PREVIEW:]]
        self.query_one(TextPane).set(_("What is written"), shown, note=_("its end") if count > _PREVIEW else "")
        self.refresh_bindings()

    def _say(self, cell: Cell) -> None:
        if not self.closing:
            self.query_one("#said", Panel).set_lines([[cell], []])

    def _draw(self) -> None:
        signs = glyphs(self)
        rows = []
        for kind in KINDS:
            out = kind in self._kinds
            found = str(self._all.counts[kind]) if self._counted else "..."
            state = Cell(f"[{signs.ok}]" if out else "[ ]", "good" if out else "warn")
            said = _("{n} taken out") if out else _("{n} left in: others could read them")
            rows.append(
                Row(kind, (state, Cell(_(NAMES[kind])), Cell(said.format(n=found), "plain" if out else "warn")))
            )
        self.query_one("#kinds", Rows).set_rows(rows)

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if message.row is not None and self._counted:
            kind = next(kind for kind in KINDS if kind == message.row.id)
            self._kinds ^= {kind}
            self._draw()
            self._make()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return bool(self._text) if action == "write" else True

    @work(exclusive=True, group="write")
    async def action_write(self) -> None:
        from pi_installer_tui.screens.code import write_to_home

        if not self._text:
            return
        name = time.strftime("log-%Y%m%d-%H%M%S.txt")
        text = "".join(f"{line}\n" for line in self._text)
        try:
            path = await asyncio.to_thread(write_to_home, self.shell.who, name, text)
            self._say(Cell(_("Written to {path}, for you alone.").format(path=f"~/{path.name}"), "good"))
        except (OSError, KeyError) as error:
            self._say(Cell(_("Not written: {error}").format(error=error), "bad"))


def _lines(entries: Sequence[Entry]) -> list[str]:
    """Entries as lines of text, as the short-iso form of journalctl(1). Control characters are written out: who prints
    the file to a terminal isn't harmed."""
    lines = []
    for entry in entries:
        when = time.strftime("%Y-%m-%dT%H:%M:%S%z ", time.localtime(entry.at)) if entry.at is not None else ""
        who = entry.who + (f"[{entry.pid}]" if entry.pid is not None else "")
        note = {
            "left-out": _("(longer than 4096 bytes, left out)"),
            "no-message": _("(no message)"),
            "cut": _("(cut)"),
        }.get(entry.note, "")
        text = uncoloured(entry.message) + (f" {note}" if note else "")
        lines.append(visible(f"{when}{who}{': ' if who else ''}{text}").replace("\n", "\n    "))
    return lines


async def _redact(redactor: Redactor, lines: Sequence[str]) -> list[str]:
    found: list[str] = []
    for at in range(0, len(lines), _AT_ONCE):
        found += await asyncio.to_thread(
            lambda part: [redactor.redact(line) for line in part], lines[at : at + _AT_ONCE]
        )
    return found

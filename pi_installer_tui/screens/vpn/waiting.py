"""Waiting for a peer's handshake: how far it has come, and what to do where it doesn't come on."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget

from pi_installer_tui.console import Glyphs, glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import clock
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import TextLine, TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.vpn.waiting import Stage

#: the stages, in their order
_STAGES = ("nothing", "no-handshake", "handshake", "works")


class WaitingScreen(ShellScreen):
    """since: seconds since 1970 from which on it counts; now unless said."""

    place = "vpn_wait"
    where = N_("VPN: waiting")
    PARTS = ("steps", "todo")
    about = N_(
        "Three things have to happen, one after the other: a packet arrives at the port; the keys fit, so that there "
        "is a handshake; something passes through the tunnel. This looks every two seconds how far the peer has come, "
        "and says what to do where it doesn't come on.\n"
        "Only what comes after you opened this counts. It can be left at any time: nothing depends on it."
    )
    CSS = """
    WaitingScreen #steps { margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("vpn_wait")]

    def __init__(self, tunnel: str, peer: str, since: float | None = None) -> None:
        super().__init__()
        self._tunnel = tunnel
        self._peer = peer
        self._since = time.time() if since is None else since
        self._stage: Stage | None = None
        self._timer: Timer | None = None
        self._looking = False

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Looking ..."), "quiet")], [], [], []], id="steps")
        yield TextPane(id="todo")

    def on_mount(self) -> None:
        from pi_installer_tui.screens.vpn.module import EVERY, SLOW_EVERY

        self.say_where(_("Waiting for {peer}").format(peer=printable(self._peer)))
        self.query_one(TextPane).text.focus()
        self._timer = self.set_interval(SLOW_EVERY if self.shell.profile.name == "serial" else EVERY, self._look)
        self._look()

    def on_screen_suspend(self) -> None:
        if self._timer is not None:
            self._timer.pause()

    def on_screen_resume(self) -> None:
        if self._timer is not None:
            self._timer.resume()

    def _look(self) -> None:
        if not self._looking and self.shell.is_open:
            self._look_aside()

    @work(group="look", exit_on_error=False)
    async def _look_aside(self) -> None:
        from pi_installer_tui.modules.vpn.waiting import stage

        self._looking = True
        try:
            found = await stage(self.shell.host, self._tunnel, self._peer, self._since)
        except Exception as error:
            # what isn't answered is in the stage; this is a fault, and must not take the screens with it
            if not self.closing:
                said = _("This can't be read: {error}").format(error=printable(str(error)))
                self.query_one("#steps", Panel).set_lines([[Cell(said, "bad")], [], [], []])
            return
        finally:
            self._looking = False
        if not self.closing and found != self._stage:
            self._stage = found
            self._draw(found)

    def _draw(self, found: Stage) -> None:
        self.query_one("#steps", Panel).set_lines([*steps(found.kind, glyphs(self)), [self._note()]])
        lines: list[TextLine] = [Prose(printable(each)) for each in found.words]
        if found.todo:
            lines += [Cell(""), Cell(_("What to do"), "strong")]
            lines += [Prose(f"  {n}. {printable(each)}") for n, each in enumerate(found.todo, 1)]
        self.query_one(TextPane).set(_("What is known"), lines)

    def _note(self) -> Cell:
        return Cell(_("What came since {time} counts.").format(time=clock(self._since)), "quiet")

    def action_again(self) -> None:
        self._since, self._stage = time.time(), None
        self._look()


def steps(kind: str, signs: Glyphs) -> list[list[Cell]]:
    """The three things, each with a sign and whether it has happened."""
    reached = _STAGES.index(kind) if kind in _STAGES else 0
    titles = (_("a packet arrives at the port"), _("the keys fit: a handshake"), _("something passes"))
    rows = []
    for n, title in enumerate(titles):
        if n < reached:
            rows.append([Cell(f"{signs.ok} ", "good"), Cell(title)])
        elif n == reached:
            rows.append([Cell(f"{signs.waiting} ", "warn"), Cell(title, "strong"), Cell("  " + _("waiting"), "warn")])
        else:
            rows.append([Cell(f"{signs.todo} {title}", "quiet")])
    return rows

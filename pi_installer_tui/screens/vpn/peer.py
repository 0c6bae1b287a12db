"""One peer, with all that is known of it, live."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.screens.vpn import seen, words
from pi_installer_tui.screens.vpn.doing import PeerKeys
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.chart import ceiling, sparkline
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.vpn.state import State
    from pi_installer_tui.screens.vpn.seen import PeerSeen

_SPARK = 40


class PeerScreen(PeerKeys):
    """A peer. traffic: the looks that were taken before; they go on here."""

    place = "vpn_peer"
    where = N_("A peer")
    PARTS = ("now", "peer")
    about = N_(
        "A peer: whether it is connected, what passes, and what it is allowed. Received and sent are meant from this "
        "machine, since the tunnel is up.\n"
        "A paused peer keeps its keys and addresses; a revoked one is gone. New keys end its old ones at once: it "
        "needs its new configuration then. The others' connections stay up, whatever is done here."
    )
    CSS = """
    PeerScreen #now { margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("vpn_peer")]

    def __init__(self, state: State, one: PeerSeen, traffic: seen.Traffic) -> None:
        super().__init__()
        self._state = state
        self._one: PeerSeen | None = one
        self._which = one.id
        self._called = one.name
        self._traffic = traffic
        self._inside: frozenset[tuple[str, str]] | None = None
        self._stale = False  # what runs isn't what the files said any more
        self._timer: Timer | None = None
        self._looking = False
        self._was_left = False

    @property
    def one(self) -> PeerSeen | None:
        return self._one

    @property
    def state(self) -> State:
        return self._state

    def body(self) -> Iterable[Widget]:
        yield Panel([[], [], [], []], id="now")
        yield TextPane(id="peer")

    def on_mount(self) -> None:
        from pi_installer_tui.screens.vpn.module import EVERY, SLOW_EVERY

        self.say_where(_("VPN: {name}").format(name=printable(self._called)))
        self.query_one(TextPane).text.focus()
        self._draw_facts()
        self._draw_now()
        self._timer = self.set_interval(SLOW_EVERY if self.shell.profile.name == "serial" else EVERY, self._look)

    def on_screen_suspend(self) -> None:
        self._was_left = True
        if self._timer is not None:
            self._timer.pause()

    def on_screen_resume(self) -> None:
        if self._timer is not None:
            self._timer.resume()
        if self._was_left:
            self._read()

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _read(self) -> None:
        """What is, anew: a plan was perhaps carried out meanwhile."""
        try:
            self._state, self._inside = await seen.read(self.shell.host), None
        finally:
            self._stale = False
        await self._look_once()
        if not self.closing:
            self._draw_facts()

    def _look(self) -> None:
        if not self._looking and self.app.screen is self:
            self._look_aside()

    @work(group="look", exit_on_error=False)
    async def _look_aside(self) -> None:
        await self._look_once()

    async def _look_once(self) -> None:
        self._looking = True
        try:
            found = await seen.live(self.shell.host)
        finally:
            self._looking = False
        live = None if isinstance(found, str) else found
        if live is not None:
            self._traffic.add(time.monotonic(), live)
            before, self._inside = self._inside, seen.running(live)
            if before not in (None, self._inside):
                self._stale = True
                self._read()  # the timer, the command line, or another screen
        if self._stale:
            return
        everyone = seen.peers(self._state, live, self._traffic, time.time(), date.today())
        self._one = next((one for one in everyone if one.id == self._which), None)
        if not self.closing:
            self._draw_now()
            self.refresh_bindings()

    # drawing ------------------------------------------------------------------------------------------------------

    def _draw_now(self) -> None:
        one, signs = self._one, glyphs(self)
        if one is None:
            said = _("It is gone: revoked, or taken out of the file.")
            self.query_one("#now", Panel).set_lines([[Cell(said, "warn")], [], [], []])
            return
        first = [words.standing(one.standing, signs)]
        live = one.live
        if live is not None and live.handshake:
            first.append(Cell("  " + _("last handshake {when}").format(when=moment(live.handshake)), "quiet"))
        rows = [first, [Cell(printable(live.endpoint) if live is not None and live.endpoint else "", "quiet")]]
        for at, title in ((0, _("in")), (1, _("out"))):
            total = ((live.received, live.sent)[at]) if live is not None else 0
            values = [rate[at] for rate in one.rates]
            line = sparkline(values, _SPARK, signs, 0.0, ceiling(max([1000.0, *values])))
            said = f"{title:<4}{words.rate(one.rate[at]):>9}  {size(total) if live is not None else '-':>8}  {line}"
            rows.append([Cell(said)])
        self.query_one("#now", Panel).set_lines(rows)

    def _draw_facts(self) -> None:
        self.query_one(TextPane).set(_("What is known"), facts(self._state, self._one))


def facts(state: State, one: PeerSeen | None) -> list[Cell]:
    """What is set of a peer, a line each."""
    if one is None:
        return []
    tunnel, own = seen.applied(state, one.tunnel), one.settings
    dns = (own.dns if own is not None else None) or (tunnel.dns if tunnel is not None else None) or ()
    reach = (own.reach if own is not None else None) or (tunnel.reach if tunnel is not None else None)
    pairs = [
        (_("Tunnel"), one.tunnel),
        (_("Addresses"), ", ".join(one.peer.allowed) or "-"),
        (_("May reach"), words.reach(reach) if reach else "-"),
        (_("And these"), ", ".join(own.nets or ()) if own is not None else ""),
        (_("Behind it"), ", ".join(own.behind or ()) if own is not None else ""),
        (_("DNS"), ", ".join(dns)),
        (_("Keepalive"), _("{n} s").format(n=one.peer.keepalive) if one.peer.keepalive else _("none from here")),
        (_("Expires"), str(own.expires) if own is not None and own.expires is not None else _("never")),
        (_("Note"), own.note or "" if own is not None else ""),
        (_("Public key"), one.peer.public_key),
        (_("Second key"), _("yes, a preshared one") if one.peer.preshared else _("none")),
        (_("Private key"), words.keeping(seen.keeping(one))),
    ]
    width = max(len(title) for title, _value in pairs) + 2
    return [Prose(f"{title.ljust(width)}{printable(value)}") for title, value in pairs if value]

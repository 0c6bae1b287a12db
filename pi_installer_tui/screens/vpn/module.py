"""VPN: the tunnels, and who is connected, live. From here to peers, handing over, the doctor, the verdict and the
settings; nothing is changed from here but by a plan that was reviewed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.finding import Finding
from pi_installer_tui.screens.module import ModuleScreen, Start
from pi_installer_tui.screens.vpn import seen, words
from pi_installer_tui.screens.vpn.doing import PeerKeys
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.chart import ceiling, sparkline
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.modules.vpn.state import State, Tunnel
    from pi_installer_tui.screens.vpn.seen import PeerSeen
    from pi_installer_tui.system.wireguard.live import LiveTunnel

#: seconds between two looks, and on a serial line
EVERY, SLOW_EVERY = 2.0, 5.0
#: the columns, in cells. rates: name, state, handshake, received, sent, sparkline, expiry; totals: name, state,
#: handshake, received, sent, endpoint; both of them where there is room
_WIDTHS: Mapping[str, tuple[int, ...]] = {
    "rates": (14, 11, 6, 9, 9, 8, 0),
    "totals": (13, 11, 6, 7, 7, 0),
    "both": (13, 11, 6, 9, 9, 8, 7, 7, 7, 0),
}
_ROOMY = 116  # cells


class VpnScreen(Finding, PeerKeys):
    """The module VPN."""

    place = "vpn"
    where = N_("VPN")
    stays = True
    PARTS = ("head", "peers")
    about = N_(
        "The tunnels and their peers, as they are now: whether one is connected, when its last handshake was, how much "
        "passes, and when it expires. `now` is a handshake within three minutes: WireGuard makes one every two while "
        "something passes. `away` says nothing bad of a phone that sleeps. In and out are meant from here.\n"
        "Enter shows all of a peer. `hand over` gives it its configuration: as a QR code, a text, a file, or a link "
        "on the local network that works once. `doctor` looks for what is in the way, `reachable?` whether the machine "
        "can be reached from outside at all.\n"
        "Everything that is changed is planned and shown first; the others' connections stay up meanwhile."
    )
    AUTO_FOCUS = "#peers"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("vpn")]

    def __init__(self, module: str = seen.MODULE) -> None:
        super().__init__()
        self._module = module
        self._state: State | None = None
        self._live: dict[str, LiveTunnel] | None = None
        self._inside: frozenset[tuple[str, str]] | None = None
        self._stale = False  # what runs isn't what the files said any more
        self._unseen = ""  # why it isn't known what runs
        self._traffic = seen.Traffic()
        self._order = "name"
        self._view = "rates"
        self._verdict = ""
        self._everyone: list[PeerSeen] = []
        self._timer: Timer | None = None
        self._looking = False
        self._was_left = False

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the machine ..."), "quiet")], [], []], id="head")
        yield SearchField(_("a part of a name, a state, an address or a note"))
        yield Rows(_WIDTHS["rates"], id="peers")

    def on_mount(self) -> None:
        self._timer = self.set_interval(self.every, self._look)
        self.shell.opened.subscribe(self, lambda _none: self._read())
        if self.shell.is_open:
            self._read()

    def on_screen_suspend(self) -> None:
        self._was_left = True
        if self._timer is not None:
            self._timer.pause()

    def on_screen_resume(self) -> None:
        if self._timer is not None:
            self._timer.resume()
        if self._was_left and self.shell.is_open:
            self._read()

    def on_resize(self) -> None:
        self._draw()

    @property
    def every(self) -> float:
        """Seconds between two looks at what runs."""
        return SLOW_EVERY if self.shell.profile.name == "serial" else EVERY

    @property
    def _on_top(self) -> bool:
        return self.app.screen is self and not self.closing

    # reading ------------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _read(self) -> None:
        try:
            self._state = await seen.read(self.shell.host)
        except Exception as error:
            # what can't be read is in the state; this is a fault, and must not take the screens with it
            self._stale = False
            if not self.closing:
                said = _("This can't be read: {error}").format(error=printable(str(error)))
                self.query_one("#head", Panel).set_lines([[Cell(said, "bad")], [], []])
            return
        self._inside, self._stale = None, False
        await self._look_once()

    def _look(self) -> None:
        if self._state is not None and self._on_top and not self._looking:
            self._look_aside()

    @work(group="look", exit_on_error=False)
    async def _look_aside(self) -> None:
        await self._look_once()

    async def _look_once(self) -> None:
        """One call of wg(8) for all tunnels and peers."""
        assert self._state is not None
        if seen.absent(self._state):
            self._live = {}
        else:
            self._looking = True
            try:
                found = await seen.live(self.shell.host)
            finally:
                self._looking = False
            self._live, self._unseen = (None, found) if isinstance(found, str) else (found, "")
        if self._live is not None:
            self._traffic.add(time.monotonic(), self._live)
            before, self._inside = self._inside, seen.running(self._live)
            if before not in (None, self._inside):
                self._stale = True
                self._read()  # the timer, the command line, or another screen
        if not self.closing and not self._stale:
            self._draw()
            self.refresh_bindings()

    # drawing ------------------------------------------------------------------------------------------------------

    def _shown(self) -> list[PeerSeen]:
        """Those that are shown, in their order."""
        signs = glyphs(self)
        return seen.ordered([one for one in self._everyone if self.seeks(_text(one, signs))], self._order)

    @property
    def view(self) -> str:
        """Which columns there are."""
        return "both" if self.size.width >= _ROOMY else self._view

    def _draw(self) -> None:
        state = self._state
        if state is None or self.closing:
            return
        self._everyone = seen.peers(state, self._live, self._traffic, time.time(), date.today())
        signs, found, rows = glyphs(self), self._shown(), self.query_one(Rows)
        rows.widths = _WIDTHS[self.view]
        tunnels = seen.tunnels(state)
        drawn: list[Row] = []
        for name in tunnels if len(tunnels) > 1 else ("",):
            if name:
                drawn.append(heading(printable(name), self._tunnel_note(tunnels[name])))
            drawn += [_row(one, self.view, signs) for one in found if name in ("", one.tunnel)]
        if not any(row.id for row in drawn):
            drawn.append(self._nothing(state))
        rows.set_rows(drawn)
        self.query_one("#head", Panel).set_lines([*self._said(state, signs), self._titles()])

    def _nothing(self, state: State) -> Row:
        if why := seen.trouble(state):
            return remark(Cell(printable(why), "warn"))
        if self.sought:
            return remark(Cell(_("no peer is like that"), "quiet"))
        if not seen.tunnels(state):
            return remark(
                Cell(_("There is no tunnel yet. `n` makes one; `v` says whether it can be reached."), "quiet")
            )
        return remark(Cell(_("There is no peer yet. `n` makes one."), "quiet"))

    def _said(self, state: State, signs: Glyphs) -> list[list[Cell]]:
        """Two lines: the tunnel, and who is connected."""
        tunnels, everyone = seen.tunnels(state), self._everyone
        one = tunnels.get(self._tunnel)
        first = self._about(one, signs) if one is not None else [Cell(_("No tunnel"), "strong")]
        received, sent = (sum(peer.rate[at] for peer in everyone) for at in (0, 1))
        said = words.counted(everyone)
        if self._live is not None:
            said += "  " + _("in {received}, out {sent}").format(received=words.rate(received), sent=words.rate(sent))
        orders = {
            "name": _("by name"),
            "state": _("by state"),
            "handshake": _("by last handshake"),
            "traffic": _("by transfer"),
            "expiry": _("by expiry"),
        }
        second = [Cell(said), Cell(f"  {orders[self._order]}{self.only_sought()}", "quiet")]
        if self._unseen:
            second = [Cell(_("What runs isn't known: {why}").format(why=printable(self._unseen)), "warn")]
        return [first, second]

    def _about(self, tunnel: Tunnel, signs: Glyphs) -> list[Cell]:
        runs = self._live is not None and tunnel.name in self._live
        sign = Cell(f"{signs.ok} {_('runs')}", "good") if runs else Cell(f"{signs.failed} {_('is down')}", "bad")
        if self._live is None:
            sign = Cell(f"{signs.unknown} {_('unknown')}", "warn")
        note = f", {self._verdict}" if self._verdict else ""
        if not tunnel.ours:
            note += ", " + _("not made here")
        return [Cell(printable(tunnel.name), "strong"), Cell("  "), sign, Cell(f"{note}  {self._tunnel_note(tunnel)}")]

    def _tunnel_note(self, tunnel: Tunnel) -> str:
        """Addresses, port, endpoint."""
        assert self._state is not None
        settings = seen.applied(self._state, tunnel.name)
        parts = [printable(", ".join(tunnel.address)), _("port {n}").format(n=tunnel.port) if tunnel.port else ""]
        if settings is not None and settings.endpoint:
            parts.append(printable(settings.endpoint))
        return "  ".join(part for part in parts if part)

    def _titles(self) -> list[Cell]:
        base = (_("name"), _("state"), _("seen"))
        more: dict[str, tuple[str, ...]] = {
            "rates": (_("in").rjust(9), _("out").rjust(9), "", _("expires")),
            "totals": (_("in").rjust(7), _("out").rjust(7), _("from")),
        }
        more["both"] = (*more["rates"][:3], *more["totals"][:2], more["rates"][3], more["totals"][2])
        names = (*base, *more[self.view])
        cells = [name.ljust(width) for name, width in zip(names, _WIDTHS[self.view], strict=True)]
        return [Cell("  " + "  ".join(cells), "quiet")]

    # keys ---------------------------------------------------------------------------------------------------------

    @property
    def one(self) -> PeerSeen | None:
        row = self.query_one(Rows).row if self.is_mounted and not self.closing else None
        return next((one for one in self._everyone if row is not None and one.id == row.id), None)

    @property
    def state(self) -> State | None:
        return self._state

    @property
    def _tunnel(self) -> str:
        """The tunnel under the cursor, else the first one."""
        one = self.one
        if one is not None:
            return one.tunnel
        return next(iter(seen.tunnels(self._state)), "") if self._state is not None else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sort", "view", "find"):
            return self._state is not None and bool(seen.tunnels(self._state))
        if action == "adopt":
            return self._state is not None and bool(self._state.found) and not self.shell.read_only
        if action in ("new", "doctor", "verdict"):
            return self._state is not None
        return super().check_action(action, parameters)

    def on_rows_moved(self) -> None:
        self.refresh_bindings()

    def on_rows_opened(self) -> None:
        from pi_installer_tui.screens.vpn.peer import PeerScreen

        if (one := self.one) is not None and self._state is not None:
            self.app.push_screen(PeerScreen(self._state, one, self._traffic))

    def found_anew(self) -> None:
        self._draw()

    def action_sort(self) -> None:
        orders = tuple(seen.ORDERS)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._draw()

    def action_view(self) -> None:
        self._view = "totals" if self._view == "rates" else "rates"
        self._draw()

    def action_refresh(self) -> None:
        if self.shell.is_open:
            self._read()

    def action_new(self) -> None:
        if (tunnel := self._tunnel) and self._state is not None:
            start = Start(seen.wanted_anew(self._state), ("tunnels", tunnel, "peers"))
        elif self._state is not None and not seen.trouble(self._state):
            from pi_installer_tui.modules.vpn.offer import TUNNEL, proposed

            start = Start({"tunnels": {TUNNEL: proposed(self._state)}}, ("tunnels", TUNNEL), "endpoint")
        else:
            start = Start(path=("tunnels",))
        self.app.push_screen(ModuleScreen(self._module, start))

    def action_settings(self) -> None:
        start = Start(seen.wanted_anew(self._state) if self._state is not None else {})
        self.app.push_screen(ModuleScreen(self._module, start))

    def action_adopt(self) -> None:
        self.shell.open_action(self._module, "adopt")

    def action_doctor(self) -> None:
        from pi_installer_tui.screens.vpn.doctor import DoctorScreen

        self.app.push_screen(DoctorScreen())

    def action_verdict(self) -> None:
        from pi_installer_tui.screens.vpn.verdict import VerdictScreen

        tunnel = seen.tunnels(self._state).get(self._tunnel) if self._state is not None else None
        self.app.push_screen(VerdictScreen(self._tunnel, tunnel.port if tunnel else 0, self._judged))

    def _judged(self, said: str) -> None:
        """The verdict in a word or two, for the tunnel's line."""
        self._verdict = said


def _row(one: PeerSeen, view: str, signs: Glyphs) -> Row:
    received, sent = one.rate
    live = one.live
    base = (Cell(printable(one.name)), words.standing(one.standing, signs), Cell(words.age(one.age)))
    rates = (
        Cell(f"{words.rate(received):>9}"),
        Cell(f"{words.rate(sent):>9}"),
        Cell(spark(one, 8, signs)),
    )
    totals = (
        Cell(f"{size(live.received) if live is not None else '-':>7}"),
        Cell(f"{size(live.sent) if live is not None else '-':>7}"),
    )
    endpoint = Cell(printable(live.endpoint) if live is not None and live.endpoint else "-", "quiet")
    expires = words.expiry(one.days)
    cells: Sequence[Cell] = {
        "rates": (*rates, expires),
        "totals": (*totals, endpoint),
        "both": (*rates, *totals, expires, endpoint),
    }[view]
    return Row(one.id, (*base, *cells))


def spark(one: PeerSeen, width: int, signs: Glyphs) -> str:
    """The last rates in both directions together, on a scale of its own that starts at 1 kB/s."""
    values = [received + sent for received, sent in one.rates[-width:]]
    return sparkline(values, width, signs, 0.0, ceiling(max([1000.0, *values]))) if values else ""


def _text(one: PeerSeen, signs: Glyphs) -> str:
    """What a peer is found by."""
    parts = [one.tunnel, one.name, words.standing(one.standing, signs).text, *one.peer.allowed]
    if one.live is not None:
        parts.append(one.live.endpoint)
    if one.settings is not None and one.settings.note:
        parts.append(one.settings.note)
    return " ".join(parts)

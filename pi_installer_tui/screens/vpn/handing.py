"""Handing over: a peer's configuration as a QR code, a text, a file, or a link on the local network that works once.
The private key is here for as long as the screen is, and afterwards only where it was set to be kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.code import write_to_home
from pi_installer_tui.screens.signs import clock
from pi_installer_tui.screens.vpn.given import Given, Gone, Locked, give
from pi_installer_tui.system.link import file_name
from pi_installer_tui.tasks.secrets import Secrets
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.qr import QrCode
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.system.link import Link

#: links that were started here, by tunnel and peer: they go on when the screen is left
_LINKS: dict[tuple[str, str], Link] = {}
_KEYS = re.compile(r"^(\s*(?:PrivateKey|PresharedKey)\s*=\s*).*$", re.IGNORECASE | re.MULTILINE)


def compact(text: str) -> str:
    """A configuration without what a machine doesn't need of it: a smaller code fits more screens."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return "\n".join(re.sub(r"\s*([=,])\s*", r"\1", line, count=0) for line in lines if line) + "\n"


def hidden(text: str) -> str:
    """A configuration with its keys hidden."""
    return _KEYS.sub(rf"\1({_('hidden')})", text)


class HandoverScreen(ShellScreen):
    """A peer's configuration."""

    place = "vpn_hand"
    where = N_("Hand over")
    PARTS = ("said", "code")
    about = N_(
        "A peer gets its configuration here. WireGuard's app on a phone reads the QR code: add a tunnel, scan from QR "
        "code. Where the screen is too small for it, a link does: its own code is smaller, and it can be typed.\n"
        "The link works on the local network only, once, and for ten minutes, also when you leave this screen. It goes "
        "unencrypted, so whoever listens on that network can read along; a preview in a messenger doesn't use it up. "
        "The file is written to your home directory, for you alone; delete it when it was taken along.\n"
        "The keys in the text are hidden until you ask for them. A key that isn't kept is forgotten when you go back "
        "from here; then only new keys help.\n"
        "`wait` shows whether the peer comes through, and if not, why."
    )
    CSS = """
    HandoverScreen #said { margin-bottom: 1; }
    HandoverScreen #code { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("vpn_hand")]

    def __init__(self, tunnel: str, peer: str) -> None:
        super().__init__()
        self._tunnel = tunnel
        self._peer = peer
        self._given: Given | None = None
        self._shows_link = False
        self._shows_keys = False
        self._told: Cell | None = None

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading it ..."), "quiet")]], id="said")
        yield Container(id="code")

    def on_mount(self) -> None:
        self.say_where(_("Hand over: {peer}").format(peer=printable(self._peer)))
        self.set_interval(0.5, self._follow)
        self._read()

    def on_unmount(self) -> None:
        self._given = None

    @property
    def _link(self) -> Link | None:
        return _LINKS.get((self._tunnel, self._peer))

    # reading ------------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _read(self) -> None:
        from pi_installer_tui.screens.line import AskLine

        passphrase: str | None = None
        while True:
            try:
                root = self.shell.store.root
                self._given = await give(self.shell.host, root, self._tunnel, self._peer, passphrase)
            except Locked as locked:
                question = _("The passphrase that its private key is kept under:")
                if locked.wrong:
                    question = _("That isn't it. The passphrase of its private key:")
                passphrase = await self.app.push_screen_wait(
                    AskLine(question, re.compile(r".+"), _("type it"), longest=200, hidden=True)
                )
                if passphrase is None:
                    self._say(_("Without the passphrase its private key can't be had."), "warn")
                    return
                continue
            except Gone as gone:
                self._say(str(gone), "warn")
                return
            except OSError as error:
                self._say(_("This can't be read: {error}").format(error=error.strerror), "bad")
                return
            except Exception as error:
                # its words could quote a key
                self._say(_("This can't be read: {error}").format(error=type(error).__name__), "bad")
                return
            break
        await self._show()

    def _say(self, text: str, tone: Tone = "plain") -> None:
        import textwrap

        if not self.closing:
            lines = textwrap.wrap(text, max(20, self.size.width - 4))
            self.query_one("#said", Panel).set_lines([[Cell(line, tone)] for line in lines])
            self.refresh_bindings()

    # drawing ------------------------------------------------------------------------------------------------------

    async def _show(self) -> None:
        """The configuration's code, or the link's."""
        given, link = self._given, self._link
        if given is None or self.closing:
            return
        area = self.query_one("#code", Container)
        await self.query(QrCode).remove()
        if self._shows_link and link is not None:
            code = QrCode(link.url)
        else:
            hint = _("l makes a link on the local network, whose code is small")
            if not glyphs(self).half_blocks:
                hint = _("l makes a link on the local network, which is short enough to be typed")
            said = given.text if self._shows_keys else hidden(given.text)
            code = QrCode(compact(given.text), said=said, instead=hint)
        await area.mount(code)
        code.focus()
        self._draw_said()
        self.refresh_bindings()

    def _draw_said(self) -> None:
        given = self._given
        if given is None or self.closing:
            return
        lines: list[list[Cell]]
        if self._shows_link and (link := self._link) is not None:
            lines = [[Cell(link.url, "strong")], [self._of_link(link)]]
        else:
            if given.kept:
                about = Cell(_("Its private key is kept here: this can be shown again."), "quiet")
            else:
                about = Cell(_("Its private key is forgotten when you go back from here."), "warn")
            lines = [[about]]
        if self._told is not None:
            lines.append([self._told])
        self.query_one("#said", Panel).set_lines(lines)

    def _of_link(self, link: Link) -> Cell:
        if link.given:
            return Cell(_("{address} has fetched it; the link is dead.").format(address=link.given), "good")
        if link.over:
            return Cell(_("The link is dead; nobody has fetched it."), "warn")
        until = _("It works once, until {time}, on the local network.").format(time=clock(link.until))
        if link.seen:
            return Cell(until + " " + _("{address} has opened it.").format(address=link.seen))
        return Cell(until)

    def _follow(self) -> None:
        """What became of the link."""
        link = self._link
        if link is None:
            return
        before = (link.seen, link.given, link.over)
        link.look()
        if before != (link.seen, link.given, link.over) and not self.closing:
            self._draw_said()
            self.refresh_bindings()

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "link" | "show_key" | "wait":
                return self._given is not None
            case "stop":
                return self._link is not None and not self._link.over
        return True

    async def action_show_key(self) -> None:
        self._shows_keys = not self._shows_keys
        if self._given is not None and not self._shows_link:
            code = self.query_one(QrCode)
            code.said = self._given.text if self._shows_keys else hidden(self._given.text)
            code.as_text = True
            code.refresh()

    @work(exclusive=True, group="link", exit_on_error=False)
    async def action_link(self) -> None:
        from pi_installer_tui.system.link import NoLink, start

        given, link = self._given, self._link
        if given is None:
            return
        if self._shows_link:
            self._shows_link, self._told = False, None
        elif link is None or link.over:
            if not given.address:
                self._told = Cell(_("No link: this machine has no address on a local network."), "bad")
                self._draw_said()
                return
            try:
                link = await asyncio.to_thread(
                    start, given.text, f"WireGuard: {self._peer}", file_name(self._peer), given.address
                )
            except NoLink as error:
                self._told = Cell(_("No link: {why}").format(why=printable(str(error))), "bad")
                self._draw_said()
                return
            _LINKS[self._tunnel, self._peer] = link
            self._told = None
            if given.firewall:
                port = link.url.rpartition(":")[2].partition("/")[0]
                self._told = Cell(_("If it doesn't open: the firewall has to let TCP {port} in.").format(port=port))
            self._shows_link = True
        else:
            self._shows_link = True
        await self._show()

    def action_stop(self) -> None:
        if (link := self._link) is not None:
            link.stop()
            self._told = None
            self._draw_said()
            self.refresh_bindings()

    @work(exclusive=True, group="file")
    async def on_qr_code_file_wanted(self) -> None:
        given = self._given
        if given is None:
            return
        try:
            path = await asyncio.to_thread(write_to_home, self.shell.who, file_name(self._peer), given.text)
            self._told = Cell(_("Written to {path}, for you alone.").format(path=f"~/{path.name}"), "good")
        except (OSError, KeyError) as error:
            self._told = Cell(_("Not written: {error}").format(error=error), "bad")
        self._draw_said()

    def action_wait(self) -> None:
        from pi_installer_tui.screens.vpn.waiting import WaitingScreen

        self.app.push_screen(WaitingScreen(self._tunnel, self._peer, since=time.time()))

    def action_back(self) -> None:
        if self._given is None or self._given.kept:
            self._leave_if(True)
            return
        gone = _("Its private key is forgotten now. Who doesn't have its configuration yet needs new keys (`t`).")
        lines = [gone]
        if self._link is not None and not self._link.over:
            lines.append(_("The link goes on until it has been used, or its time is over."))
        self.app.push_screen(Ask(_("Has it been handed over?"), lines), self._leave_if)

    def _leave_if(self, sure: bool | None) -> None:
        if sure:
            self._leave()

    @work(exclusive=True, group="leave", exit_on_error=False)
    async def _leave(self) -> None:
        if self._given is not None and self._given.made:
            name, root = self._given.secret, self.shell.store.root
            self._given = None
            await asyncio.to_thread(Secrets(root).show, name)
        self.dismiss(None)

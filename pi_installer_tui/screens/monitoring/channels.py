"""Channels: how alerts reach somebody, each tried with a message of its own; what the server answered is shown."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.alerts.config import Channel

WIDTHS = (18, 14, 0)


class ChannelsScreen(ShellScreen):
    """The channels that the collector has."""

    place = "channels"
    where = N_("Channels")
    PARTS = ("channels", "answers")
    about = N_(
        "The ways by which alerts go out, as the collector has them now. `test` sends a message that says it is one, "
        "and shows what the server answered. A channel is made or changed in Monitoring's form; one that is only typed "
        "there can be tested once it was applied."
    )
    CSS = """
    ChannelsScreen #answers { height: 9; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("channels")]

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[str, Channel] = {}
        self._answers: dict[str, tuple[bool | None, str]] = {}

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell("  " + _("channel").ljust(WIDTHS[0] + 2) + _("by").ljust(WIDTHS[1] + 2), "quiet")]])
        yield Rows(WIDTHS, id="channels")
        answers = TextPane(id="answers")
        answers.text.can_focus = False
        yield answers

    def on_mount(self) -> None:
        rows = self.query_one(Rows)
        rows.set_rows([remark(Cell(_("Reading ..."), "quiet"))])
        rows.focus()
        self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.modules.monitoring import state

        try:
            config = (await state.read(self.shell.host)).config
        except Exception as error:
            # what can't be read is unknown in the state; this is a fault, and must not take the screens with it
            self._show([remark(Cell(_("This can't be read: {error}").format(error=error), "bad"))])
            return
        if isinstance(config, Unknown):
            self._show([remark(Cell(config.reason, "warn"))])
            return
        self._found = {c.name: c for c in config.value.channels} if isinstance(config, Known) else {}
        none = _("There is no channel: alerts are only shown here. Add one in Monitoring.")
        self._show([_row(c) for c in self._found.values()] or [remark(Cell(none, "quiet"))])

    def _show(self, rows: list[Row]) -> None:
        if self.closing:
            return
        self.query_one(Rows).set_rows(rows)
        self._tell()
        self.refresh_bindings()

    @property
    def _channel(self) -> Channel | None:
        row = self.query_one(Rows).row
        return self._found.get(row.id) if row is not None else None

    def _tell(self) -> None:
        channel = self._channel
        lines: list[Cell] = []
        if channel is not None and channel.by == "login-message":
            lines = [Prose(_("Nothing is sent by it: whoever logs in here reads what fires."), "quiet")]
        elif channel is not None and channel.name in self._answers:
            taken, said = self._answers[channel.name]
            signs = glyphs(self)
            sign = signs.running if taken is None else signs.ok if taken else signs.failed
            tone: Tone = "key" if taken is None else "good" if taken else "bad"
            lines = [Prose(f"{sign} {printable(said)}", tone)]
        elif channel is not None:
            lines = [Prose(_("Not tested since this screen was opened."), "quiet")]
        self.query_one("#answers", TextPane).set("", lines)

    def on_rows_moved(self) -> None:
        self._tell()
        self.refresh_bindings()

    def on_rows_opened(self) -> None:
        self.action_test()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "test":
            channel = self._channel if self.is_mounted else None
            return channel is not None and channel.by != "login-message" and not self.shell.read_only
        return True

    def action_refresh(self) -> None:
        self._read()

    def action_test(self) -> None:
        channel = self._channel
        if channel is None or not self.check_action("test", ()):
            return
        if self._answers.get(channel.name, (True, ""))[0] is None:
            return  # one is on its way
        self._answers[channel.name] = None, _("Sending a test ...")
        self._tell()
        self._send(channel)

    @work(group="send")
    async def _send(self, channel: Channel) -> None:
        from pi_installer_tui.modules.monitoring.trial import send

        try:
            taken, said = await send(self.shell.host, channel, self.shell.machine_name, time.time())
        except Exception as error:
            # its words could quote what was sent
            taken, said = False, type(error).__name__
        answer = _("The server took it: {said}") if taken else _("It was not taken: {said}")
        self._answers[channel.name] = taken, answer.format(said=said)
        if not self.closing:
            self._tell()


def _row(channel: Channel) -> Row:
    to = ""
    match channel.by:
        case "mail":
            to = f"{', '.join(channel.to)} ({channel.host})"
        case "telegram":
            to = channel.chat
        case "ntfy" | "webhook" | "gotify":
            to = urlsplit(channel.url).hostname or ""  # the rest of a URL may be as good as a token
        case "login-message":
            to = _("whoever logs in here")
    return Row(channel.name, (Cell(channel.name, "strong"), Cell(channel.by), Cell(printable(to), "quiet")))

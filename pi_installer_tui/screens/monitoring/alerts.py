"""Alerts: those that fire, then those that were; what became of their messages; acknowledged here, and from here to the
log and the service."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.alerts import words
from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment, span
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.alerts.history import Alert, Sending

WIDTHS = (16, 10, 17, 18, 0)
#: seconds between two looks
AGAIN = 10.0
#: seconds before an alert from which its log is shown
BEFORE = 120.0
#: what may be noted when one is acknowledged, and how much of it
NOTE, LONGEST = re.compile(r"[^\x00-\x1f\x7f]*"), 200
_TONES: dict[str, Tone] = {"critical": "bad", "warning": "warn", "info": "plain"}


class AlertsScreen(ShellScreen):
    """The history of alerts."""

    place = "alerts"
    where = N_("Alerts")
    PARTS = ("alerts", "detail")
    about = N_(
        "Every alert that there was, those that fire first. Below: what was found, and what became of its messages; "
        "one that couldn't be sent is kept and sent later.\n"
        "Acknowledging says that somebody has seen it: it isn't told again, and its end still is. Rules and channels "
        "are set in Monitoring."
    )
    CSS = """
    AlertsScreen #detail { height: 8; }
    AlertsScreen.-tall #detail { height: 14; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("alerts")]

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[str, Alert] = {}

    def body(self) -> Iterable[Widget]:
        yield Panel([self._titles()], id="titles")
        yield Rows(WIDTHS, id="alerts")
        detail = TextPane(id="detail")
        detail.text.can_focus = False
        yield detail

    def _titles(self) -> list[Cell]:
        names = (_("since"), _("severity"), _("rule"), _("about"), "")
        titles = "  ".join(n.ljust(w) for n, w in zip(names, WIDTHS, strict=True))
        return [Cell(f"  {titles.rstrip()}", "quiet")]

    def on_mount(self) -> None:
        rows = self.query_one(Rows)
        rows.set_rows([remark(Cell(_("Reading ..."), "quiet"))])
        rows.focus()
        self.set_interval(AGAIN, self._read)

    def on_screen_resume(self) -> None:
        self._read()

    @work(exclusive=True, group="read")
    async def _read(self) -> None:
        from pi_installer_tui.alerts import history
        from pi_installer_tui.modules.monitoring.past import folder

        try:
            found = await asyncio.to_thread(history.alerts, folder(self.shell.host))
        except PermissionError:
            self._show([remark(Cell(_("Only root may read the alerts."), "warn"))])
            return
        except Exception as error:
            # a damaged file says so; a fault of ours must not take the screens with it
            self._show([remark(Cell(_("This can't be read: {error}").format(error=printable(str(error))), "bad"))])
            return
        self._found = {str(alert.id): alert for alert in found}
        firing = [alert for alert in found if alert.firing]
        past = [alert for alert in found if not alert.firing]
        rows: list[Row] = []
        if firing:
            rows += [heading(_("Firing")), *map(self._row, firing)]
        if past:
            rows += [heading(_("Before")), *map(self._row, past)]
        self._show(rows or [remark(Cell(_("There was no alert yet."), "quiet"))])

    def _row(self, alert: Alert) -> Row:
        tone: Tone = _TONES[alert.severity] if alert.firing and alert.acknowledged is None else "plain"
        signs = glyphs(self)
        sign = signs.failed if alert.firing and alert.severity == "critical" else signs.warning if alert.firing else " "
        state = _state(alert)
        about = words.subject(asdict(alert))
        texts = (moment(alert.fired), f"{sign} {words.severity(alert.severity)}", alert.rule, about, state)
        return Row(str(alert.id), tuple(Cell(printable(text), tone) for text in texts))

    def _show(self, rows: list[Row]) -> None:
        if self.closing:
            return
        self.query_one(Rows).set_rows(rows)
        count = sum(alert.firing for alert in self._found.values())
        said = ngettext("Alerts: {n} firing", "Alerts: {n} firing", count).format(n=count) if count else _("Alerts")
        self.say_where(said)
        self._tell()
        self.refresh_bindings()

    @property
    def _alert(self) -> Alert | None:
        row = self.query_one(Rows).row
        return self._found.get(row.id) if row is not None else None

    def _tell(self) -> None:
        alert = self._alert
        self.query_one("#detail", TextPane).set("", _details(alert) if alert is not None else [])

    def on_rows_moved(self) -> None:
        self._tell()
        self.refresh_bindings()

    def on_rows_opened(self) -> None:
        self.action_logs()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        alert = self._alert if self.is_mounted else None
        if action == "acknowledge":
            return alert is not None and alert.firing and alert.acknowledged is None and not self.shell.read_only
        if action == "logs":
            return alert is not None
        if action == "service":
            return alert is not None and alert.what == "service"
        return True

    def action_logs(self) -> None:
        from pi_installer_tui.screens.monitoring.logs import Logs

        if (alert := self._alert) is not None:
            unit = alert.of if alert.what in ("service", "log") and alert.of != "journal" else ""
            self.app.push_screen(Logs(unit=unit, since=alert.fired - BEFORE))

    def action_service(self) -> None:
        from pi_installer_tui.screens.monitoring.services import Services

        if (alert := self._alert) is not None:
            self.app.push_screen(Services(unit=alert.of))

    def action_refresh(self) -> None:
        self._read()

    def action_acknowledge(self) -> None:
        from pi_installer_tui.screens.line import AskLine

        if (alert := self._alert) is not None:
            question = AskLine(_("A note to it, if you like:"), NOTE, _("one line, please"), longest=LONGEST)
            self.app.push_screen(question, partial(self._noted, alert))

    def _noted(self, alert: Alert, note: str | None) -> None:
        if note is not None:
            self._acknowledge(alert, note)

    @work(exclusive=True, group="acknowledge")
    async def _acknowledge(self, alert: Alert, note: str) -> None:
        from pi_installer_tui.alerts import history
        from pi_installer_tui.modules.monitoring.past import folder
        from pi_installer_tui.screens.message import Problem

        where = folder(self.shell.host)
        try:
            await asyncio.to_thread(history.acknowledge, alert.id, self.shell.who, note, time.time(), where)
        except (OSError, ValueError) as error:
            said = _("It could not be acknowledged: {error}").format(error=printable(str(error)))
            self.app.push_screen(Problem(said, _("Nothing was changed."), _("It can be tried again.")))
        else:
            self._read()


def _state(alert: Alert) -> str:
    if alert.ended is not None:
        return span(alert.ended - alert.fired)
    return _("firing") if alert.acknowledged is None else _("seen")


def _details(alert: Alert) -> list[Cell]:
    """What is known of an alert, in lines."""
    found: list[Cell] = [Prose(printable(f"{alert.rule}: {words.said(asdict(alert))}"), "strong")]
    if alert.detail:
        found.append(Prose(printable(alert.detail)))
    told = [_("fired {when}").format(when=moment(alert.fired))]
    if alert.ended is not None:
        ending = _("over {when}") if alert.ending == "recovered" else _("its rule was taken away {when}")
        told.append(ending.format(when=moment(alert.ended)))
    if alert.acknowledged is not None:
        seen = _("seen by {who} {when}").format(who=alert.acknowledged_by, when=moment(alert.acknowledged))
        told.append(f"{seen}: {alert.note}" if alert.note else seen)
    found.append(Prose(printable(", ".join(told)), "quiet"))
    found += [_sending(sending) for sending in alert.sendings]
    if not alert.sendings:
        found.append(Prose(_("No message of it was sent: there was no channel for it."), "quiet"))
    return found


def _sending(sending: Sending) -> Cell:
    kind = {"fired": _("the alert"), "repeated": _("told again"), "recovered": _("that it is over")}
    what = kind.get(sending.kind, sending.kind)
    tone: Tone = "plain"
    if sending.sent is not None:
        said = _("{channel}: {what} was taken {when}: {said}").format(
            channel=sending.channel, what=what, when=moment(sending.sent), said=sending.said
        )
    elif sending.given_up is not None:
        tone = "bad"
        said = _("{channel}: {what} was given up: {said}").format(channel=sending.channel, what=what, said=sending.said)
    else:
        tone = "warn"
        why = sending.said or _("not tried yet")
        said = _("{channel}: {what} waits: {said}").format(channel=sending.channel, what=what, said=why)
    return Prose(printable(said), tone)

"""Rules tried against the past: how often each would have fired in the last week, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment, span
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.monitoring.past import Tried
    from pi_installer_tui.modules.monitoring.settings import MonitoringSettings

WIDTHS = (18, 29, 0)
#: spans that are listed of one rule, the newest
_LISTED = 100


class _Rules(Rows, inherit_bindings=True):
    """The list. What there is to see of a rule stands below it."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "open"


class PastScreen(ShellScreen):
    """The trial of the rules that a form has."""

    place = "past"
    where = N_("Rules and the past")
    PARTS = ("rules", "spans")
    about = N_(
        "How often each rule would have fired in the last week, by the history that was kept, with the rules as they "
        "stand in the form now. One that fires often tells nothing: raise its threshold, or how long it has to last.\n"
        "Of each minute only the lowest, the highest and the average value are known. What the journal has kept tries "
        "rules about log lines, and services that failed (not those that were only stopped). Nobody has noted when a "
        "host answered, a certificate ended or updates waited: such rules can't be tried."
    )
    BINDINGS: ClassVar[list[BindingType]] = []
    CSS = """
    PastScreen #spans { height: 8; }
    """

    def __init__(self, settings: MonitoringSettings) -> None:
        super().__init__()
        self._settings = settings
        self._found: dict[str, Tried] = {}

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the history ..."), "quiet")]], id="said")
        yield _Rules(WIDTHS, id="rules")
        spans = TextPane(id="spans")
        spans.text.can_focus = False
        yield spans

    def on_mount(self) -> None:
        self.query_one(Rows).focus()
        self._try()

    @work(exclusive=True, group="try")
    async def _try(self) -> None:
        from pi_installer_tui.alerts.config import Config
        from pi_installer_tui.modules.monitoring import past, past_journal, state
        from pi_installer_tui.modules.monitoring.wanted import secrets_named, wanted

        host = self.shell.host
        try:
            config = (await state.read(host)).config
            if isinstance(config, Unknown):
                self._say(Cell(config.reason, "warn"))
                return
            now = config.value if isinstance(config, Known) else Config()
            rules = wanted(now, self._settings, secrets_named(self._settings)).config.rules
            at = time.time()
            found = await asyncio.to_thread(past.tried, rules, at, past.folder(host), past.runtime(host))
            journal, lines = await past_journal.tried(rules, at, host)
        except PermissionError:
            self._say(Cell(_("Only root may read the history."), "warn"))
            return
        except Exception as error:
            # a damaged file says so; a fault of ours must not take the screens with it
            self._say(Cell(_("This can't be read: {error}").format(error=printable(str(error))), "bad"))
            return
        self._show(found.since, journal, (*found.tried, *lines), len(rules))

    def _show(self, since: float | None, journal: float | None, tried: Sequence[Tried], rules: int) -> None:
        if self.closing:
            return
        self._found = {each.rule.name: each for each in tried}
        rows, others = [_row(each) for each in tried], rules - len(tried)
        none = _("There is no rule that has a past.")
        self.query_one(Rows).set_rows(rows or [remark(Cell(none, "quiet"))])
        numbers, lines = (any((each.rule.what == "metric") is kind for each in tried) for kind in (True, False))
        if since is None and (numbers or not tried):
            self._say(Cell(_("There is no history yet: the collector has kept nothing so far."), "warn"))
        else:
            known = [each for each, asked in ((since, numbers), (journal, lines)) if asked and each is not None]
            when = moment(max(known)) if known else _("now")
            said = _("Tried against what was kept since {when}.").format(when=when)
            more = ngettext("{n} rule has no past.", "{n} rules have no past.", others).format(n=others)
            self._say(Cell(said), Cell(f"  {more}" if others else "", "quiet"))
        self._tell()

    def _say(self, *cells: Cell) -> None:
        if not self.closing:
            self.query_one("#said", Panel).set_lines([cells])

    def on_rows_moved(self) -> None:
        self._tell()

    def _tell(self) -> None:
        row = self.query_one(Rows).row
        tried = self._found.get(row.id) if row is not None else None
        self.query_one("#spans", TextPane).set("", _spans(tried) if tried is not None else [])


def _row(tried: Tried) -> Row:
    rule = tried.rule
    sign = ">" if rule.side == "above" else "<"
    beyond = f" {sign} {rule.at:g}" if rule.what == "metric" else ""
    about = f"{rule.of}{beyond}" + (f", {span(rule.lasts)}" if rule.lasts else "")
    count = len(tried.spans)
    if not tried.of:
        said = Cell(_("nothing was kept of it"), "quiet")
    elif not count:
        said = Cell(_("not once"), "good")
    else:
        text = ngettext("would have fired once", "would have fired {n} times", count).format(n=count)
        said = Cell(text, "warn")
    return Row(rule.name, (Cell(rule.name, "strong"), Cell(printable(about), "quiet"), said))


def _spans(tried: Tried) -> list[Cell]:
    """When it would have fired, the newest first."""
    lines: list[Cell] = []
    for name, each in reversed(tried.spans[-_LISTED:]):
        lasted = _("until now") if each.until is None else span(each.until - each.since)
        lines.append(Prose(printable(f"{moment(each.since)}  {name}  {lasted}")))
    return lines

"""The audit: the score, every check by area, the receipts of one, and who reaches what listens.

Opening it starts one program for each fact; the walk through all files and Lynis are started only when asked for, and
what they found last time is shown until then.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker

from pi_installer_tui import modules
from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment, span
from pi_installer_tui.system.reading import Known, Unknown
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.modules.security.audit.base import Finding, Verdict
    from pi_installer_tui.modules.security.audit.exposure import Exposed
    from pi_installer_tui.modules.security.audit.files import Scan
    from pi_installer_tui.modules.security.audit.lynis import Lynis
    from pi_installer_tui.modules.security.audit.report import Report
    from pi_installer_tui.system.reading import Reading


def verdict(found: Verdict, signs: Glyphs) -> Cell:
    """A verdict as a sign and a word."""
    match found:
        case "good":
            return Cell(f"{signs.ok} {_('good')}", "good")
        case "bad":
            return Cell(f"{signs.failed} {_('bad')}", "bad")
        case "unknown":
            return Cell(f"{signs.unknown} {_('unknown')}", "warn")
        case "not-here":
            return Cell(f"{signs.todo} {_('not here')}", "quiet")


def reach(found: str) -> Cell:
    """Who reaches a socket, in a word."""
    words: dict[str, tuple[str, Tone]] = {
        "open": (_("open"), "warn"),
        "limited": (_("limited"), "plain"),
        "closed": (_("closed"), "good"),
        "local": (_("local"), "good"),
        "unknown": (_("unknown"), "warn"),
        "none": ("-", "quiet"),
    }
    return Cell(*words[found])


class AuditScreen(ShellScreen):
    """The score and the checks."""

    place = "audit"
    where = N_("Audit")
    PARTS = ("score", "checks")
    about = N_(
        "How safe this machine is, check by check. Open a check to read what the machine was asked and what it "
        "answered, the risk and the fix.\n"
        "The score is the weight of the good checks, of 100; (+5) says what mending a bad one would bring. What is "
        "unknown, and what doesn't arise on this machine, counts neither way.\n"
        "`Look at everything` also walks through all files, and runs Lynis where it is installed; that takes a "
        "minute or more. Until then what was found last time is shown. Nothing is changed from here."
    )
    AUTO_FOCUS = "#checks"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("audit")]

    def __init__(self) -> None:
        super().__init__()
        self._report: Report | None = None
        self._looking: Worker[None] | None = None
        self._since = 0.0
        self._doing = ""
        self._clock: Timer | None = None

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the machine ..."), "quiet")], []], id="score")
        yield Rows((10, 0), id="checks")

    def on_mount(self) -> None:
        self.shell.opened.subscribe(self, lambda _none: self._look(everything=False))
        if self.shell.is_open:
            self._look(everything=False)

    # looking ------------------------------------------------------------------------------------------------------

    def _look(self, *, everything: bool) -> None:
        if self._looking is not None:
            return
        self._since = time.monotonic()
        self._doing = _("Reading the machine.")
        self._clock = self.set_interval(1.0, self._tick)
        self._looking = self.run_worker(self._read(everything), group="look", exit_on_error=False)
        self._tick()
        self.refresh_bindings()

    def _tick(self) -> None:
        if self._looking is not None and not self.closing:
            self.say_doing(f"{self._doing} {span(time.monotonic() - self._since)}")

    async def _read(self, everything: bool) -> None:
        try:
            await self._read_all(everything)
        except Exception as error:
            # what can't be read is unknown in the report; this is a fault, and must not take the screens with it
            if not self.closing:
                lines = [[Cell(_("This can't be read: {error}").format(error=error), "bad")], []]
                self.query_one("#score", Panel).set_lines(lines)
        finally:
            self._looking = None
            if self._clock is not None:
                self._clock.stop()
            if not self.closing:
                self.say_doing("")
                self.refresh_bindings()

    async def _read_all(self, everything: bool) -> None:
        from pi_installer_tui.modules.security.audit import files, lynis, report

        host, root = self.shell.host, self.shell.store.root
        scan: Scan | Unknown = files.kept(root)
        opinion: Reading[Lynis] | None = None
        if everything:
            self._doing = _("Looking at every file. Esc stops it.")
            self._tick()
            scan = await report.scan(host)
            if not isinstance(scan, Unknown):
                with contextlib.suppress(OSError):  # it is shown all the same
                    files.keep(root, scan)
            self._doing = _("Lynis looks, which takes a while. Esc stops it.")
            self._tick()
            opinion = await lynis.run(host)
            self._doing = _("Reading the machine.")
            self._tick()
        made = await report.look(host, scan, opinion)
        if not self.closing:
            self._report = made
            self._draw(made)

    # drawing ------------------------------------------------------------------------------------------------------

    def _draw(self, made: Report) -> None:
        from pi_installer_tui.modules.security.audit.base import AREAS

        signs = glyphs(self)
        rows: list[Row] = []
        for area, title in AREAS.items():
            of = [f for f in made.findings if f.check.area == area]
            good = len([f for f in of if f.verdict == "good"])
            judged = len([f for f in of if f.verdict in ("good", "bad")])
            rows.append(heading(_(title), _("{good} of {count} good").format(good=good, count=judged)))
            for finding in of:
                points = f" (+{made.gain(finding)})" if finding.verdict == "bad" else ""
                rows.append(
                    Row(finding.check.id, (verdict(finding.verdict, signs), Cell(_(finding.check.question) + points)))
                )
        self.query_one("#score", Panel).set_lines(self._score(made))
        self.query_one(Rows).set_rows(rows)
        self.refresh_bindings()

    def _score(self, made: Report) -> list[list[Cell]]:
        score = _("unknown") if made.score is None else _("{score} of 100").format(score=made.score)
        good, bad, unknown, absent = (
            len(made.of("good")),
            len(made.of("bad")),
            len(made.of("unknown")),
            len(made.of("not-here")),
        )
        said = _("{good} good, {bad} bad, {unknown} unknown, {absent} not here")
        first = [
            Cell(_("Score "), "quiet"),
            Cell(score, "strong"),
            Cell("  " + said.format(good=good, bad=bad, unknown=unknown, absent=absent)),
        ]
        scan = made.scan
        files = scan.reason if isinstance(scan, Unknown) else _("files as of {when}").format(when=moment(scan.at))
        second = made.lynis
        if isinstance(second, Known):
            says = _("Lynis: {index} of 100, {when}").format(index=second.value.index, when=second.value.at[:16])
        elif isinstance(second, Unknown):
            says = _("Lynis: {why}").format(why=second.reason)
        else:
            says = _("Lynis: no report")
        return [first, [Cell(printable(f"{files}; {says}"), "quiet")]]

    # keys ---------------------------------------------------------------------------------------------------------

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if self._report is not None and message.row is not None:
            finding = next(f for f in self._report.findings if f.check.id == message.row.id)
            self.app.push_screen(FindingScreen(finding, self._report.gain(finding)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "exposure":
            return self._report is not None
        return self._looking is None if action in ("look", "refresh") else True

    def action_look(self) -> None:
        if self.shell.is_open:
            self._look(everything=True)

    def action_refresh(self) -> None:
        if self.shell.is_open:
            self._look(everything=False)

    def action_exposure(self) -> None:
        if self._report is not None:
            self.app.push_screen(ExposureScreen(self._report))

    async def action_back(self) -> None:
        if self._looking is not None and self._report is not None:
            self._looking.cancel()
        else:
            await self.app.pop_screen()


class FindingScreen(ShellScreen):
    """One check with its receipts."""

    place = "finding"
    where = N_("A check")
    about = N_(
        "A check: its question, what was found, and the receipts: what the machine was asked (after the $), and its "
        "answer. Hashes and keys are left out, and a long answer is cut.\n"
        "The weight is what the check counts in the score."
    )
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, finding: Finding, gain: int) -> None:
        super().__init__()
        self._finding = finding
        self._gain = gain

    def body(self) -> Iterable[Widget]:
        yield TextPane(id="finding")

    def on_mount(self) -> None:
        finding, check = self._finding, self._finding.check
        self.say_where(_("Audit: {check}").format(check=check.id))
        shown = verdict(finding.verdict, glyphs(self))
        lines: list[Cell] = [Prose(_(check.question), "strong"), Cell(""), shown]
        if finding.reason:
            lines.append(Prose(f"  {printable(finding.reason)}"))
        lines += [Cell(f"  {printable(item)}") for item in finding.items]
        lines += [Cell(""), Cell(_("Risk"), "strong"), Prose(f"  {_(check.risk)}")]
        lines += [Cell(""), Cell(_("Fix"), "strong"), Prose(f"  {_(check.fix)}")]
        if modules.can_be_set(check.setting):
            lines.append(Cell(_("  Here: {setting}").format(setting=check.setting)))
        weight = _("  Weight {weight}").format(weight=check.weight)
        if finding.verdict == "bad":
            weight += _("; mended, the score rises by {points}").format(points=self._gain)
        lines.append(Cell(weight, "quiet"))
        for receipt in finding.evidence:
            lines += [Cell(""), Prose(f"$ {printable(receipt.asked)}", "key")]
            lines += [Cell(printable(line)) for line in receipt.output.splitlines()]
        pane = self.query_one(TextPane)
        pane.set("", lines)
        pane.text.focus()


class ExposureScreen(ShellScreen):
    """Every listening socket and who reaches it."""

    place = "exposure"
    where = N_("Who reaches what listens")
    about = N_(
        "Every socket that listens, with its program, and what the firewall does with somebody from outside who "
        "connects to it, for IPv4 and IPv6.\n"
        "open: anyone gets through. limited: only some addresses or interfaces do. closed: the firewall refuses it. "
        "local: it listens to this machine only. unknown: a rule can't be decided. A port that Docker leads on to a "
        "container doesn't come to the firewall's rules for this machine; the arrow says where it leads."
    )
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._exposure = report.exposure

    def body(self) -> Iterable[Widget]:
        yield Panel([self._titles()], id="titles")
        yield Rows((4, 22, 8, 8, 0), id="sockets")

    def _titles(self) -> list[Cell]:
        names = (" " * 4, _("listens on").ljust(22), "IPv4".ljust(8), "IPv6".ljust(8), _("program"))
        return [Cell("  " + "  ".join(names), "quiet")]

    def on_mount(self) -> None:
        found = self._exposure.sockets
        rows = self.query_one(Rows)
        if isinstance(found, Unknown):
            rows.set_rows([remark(Cell(printable(found.reason), "warn"))])
        else:
            rows.set_rows([_row(n, row) for n, row in enumerate(found)] or [remark(Cell(_("nothing listens")))])
        rows.focus()

    def on_rows_opened(self, message: Rows.Opened) -> None:
        found = self._exposure.sockets
        if message.row is not None and not isinstance(found, Unknown):
            self.app.push_screen(SocketScreen(found[int(message.row.id)]))


def _row(number: int, row: Exposed) -> Row:
    s = row.socket
    who = printable(s.process or s.package or "?")
    if row.published:
        who += f" > {printable(row.published)}"
    cells = (Cell(s.proto), Cell(s.where), reach(row.ipv4), reach(row.ipv6), Cell(who))
    return Row(str(number), cells)


class SocketScreen(ShellScreen):
    """All that is known of one socket."""

    place = "socket"
    where = N_("A socket")
    about = N_("What listens, who started it, the package it comes from, and who reaches it.")
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, row: Exposed) -> None:
        super().__init__()
        self._row = row

    def body(self) -> Iterable[Widget]:
        yield TextPane(id="socket")

    def on_mount(self) -> None:
        row, s = self._row, self._row.socket
        unknown = _("not known")
        facts = (
            (_("Listens on"), f"{s.proto} {s.where}"),
            (_("Process"), f"{s.process} ({s.pid})" if s.pid else unknown),
            (_("Unit"), s.unit or unknown),
            (_("Program"), s.program or unknown),
            (_("Package"), s.package or unknown),
            ("IPv4", reach(row.ipv4).text),
            ("IPv6", reach(row.ipv6).text),
            (_("Docker leads it on to"), row.published),
        )
        lines = [Cell(f"{title}: {printable(text)}") for title, text in facts if text]
        pane = self.query_one(TextPane)
        pane.set("", lines)
        pane.text.focus()

"""The doctor: what could be in the way of the VPN, one question after the other, each with what was found, why it
matters and what mends it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.planning import Planning
from pi_installer_tui.screens.vpn import seen
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, remark
from pi_installer_tui.widgets.text import TextLine, TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.modules.vpn.doctor import Finding, Receipt
    from pi_installer_tui.planning import Planned
    from pi_installer_tui.tasks.plan import Mistake

#: what is wrong comes first
_RANK = {"wrong": 0, "unknown": 1, "ok": 2}


def standing(code: str, signs: Glyphs) -> Cell:
    """What was found, as a sign and a word."""
    match code:
        case "ok":
            return Cell(f"{signs.ok} {_('fine')}", "good")
        case "wrong":
            return Cell(f"{signs.failed} {_('wrong')}", "bad")
        case _:
            return Cell(f"{signs.unknown} {_('unknown')}", "warn")


class DoctorScreen(ShellScreen):
    """The findings."""

    place = "vpn_doctor"
    where = N_("VPN: doctor")
    PARTS = ("said", "findings")
    about = N_(
        "What could be in the way: the unit, the port, forwarding, translation, the firewall in all its forms, the "
        "clock, the largest packet, the endpoint's name, peers that were never seen again. What is wrong comes first.\n"
        "Open one to see what the machine was asked and what it answered, why it matters, and what mends it. Where the "
        "program can mend it, that is planned and shown first, and can be undone afterwards. Nothing is changed from "
        "looking."
    )
    AUTO_FOCUS = "#findings"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("vpn_doctor")]

    def __init__(self) -> None:
        super().__init__()
        self._findings: tuple[Finding, ...] = ()
        self._trouble = ""  # why no tunnel can be examined
        self._port = 0
        self._tunnel = ""
        self._busy = False

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Examining ..."), "quiet")]], id="said")
        yield Rows((10, 0), id="findings")

    def on_mount(self) -> None:
        self.shell.opened.subscribe(self, lambda _none: self._examine())

    def on_screen_resume(self) -> None:
        if self.shell.is_open:
            self._examine()

    @work(exclusive=True, group="examine", exit_on_error=False)
    async def _examine(self) -> None:
        from pi_installer_tui.modules.vpn.doctor import examine

        self._busy = True
        self.refresh_bindings()
        try:
            state = await seen.read(self.shell.host)
            self._trouble = seen.trouble(state)
            self._tunnel, tunnel = next(iter(seen.tunnels(state).items()), ("", None))
            self._port = tunnel.port if tunnel is not None else 0
            self._findings = await examine(self.shell.host, state)
        except Exception as error:
            # what can't be read is unknown in its finding; this is a fault, and must not take the screens with it
            if not self.closing:
                said = _("This can't be read: {error}").format(error=printable(str(error)))
                self.query_one("#said", Panel).set_lines([[Cell(said, "bad")]])
            return
        finally:
            self._busy = False
        if not self.closing:
            self._draw()
            self.refresh_bindings()

    def _draw(self) -> None:
        signs = glyphs(self)
        found = sorted(self._findings, key=lambda one: _RANK.get(one.verdict, 1))
        rows = [Row(one.id, (standing(one.verdict, signs), Cell(printable(one.question)))) for one in found]
        nothing = Cell(_("There is no tunnel to be examined."), "quiet")
        if self._trouble:
            nothing = Cell(_("This can't be read: {error}").format(error=printable(self._trouble)), "warn")
        self.query_one(Rows).set_rows(rows or [remark(nothing)])
        wrong, unknown = (sum(1 for one in found if one.verdict == code) for code in ("wrong", "unknown"))
        if not found:
            said = Cell("")
        elif wrong:
            said = Cell(_("{n} wrong, {unknown} unknown").format(n=wrong, unknown=unknown), "bad")
        elif unknown:
            said = Cell(_("Nothing is wrong that can be seen; {n} unknown").format(n=unknown), "warn")
        else:
            said = Cell(f"{signs.ok} " + _("Nothing is wrong."), "good")
        self.query_one("#said", Panel).set_lines([[said]])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not self._busy if action == "refresh" else True

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if message.row is not None:
            self.app.push_screen(FindingScreen(next(one for one in self._findings if one.id == message.row.id)))

    def action_refresh(self) -> None:
        if self.shell.is_open:
            self._examine()

    def action_verdict(self) -> None:
        from pi_installer_tui.screens.vpn.verdict import VerdictScreen

        self.app.push_screen(VerdictScreen(self._tunnel, self._port))


class FindingScreen(ShellScreen):
    """One finding."""

    place = "vpn_finding"
    where = N_("A finding")
    PARTS = ("said", "finding")
    about = N_(
        "A question of the doctor's: what was found, what the machine was asked (after the $), what it answered, why "
        "it matters, and what mends it.\n"
        "`mend` plans it and shows the plan; nothing is done before you agreed, and the job can be undone."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("vpn_finding")]

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self._finding = finding
        self._planning = Planning(
            self,
            say=self._say,
            over=lambda: self._say(),
            refuse=self._refuse,
            stays=_("Try again when the cause is gone."),
        )

    def body(self) -> Iterable[Widget]:
        yield Panel([[]], id="said")
        yield TextPane(id="finding")

    def on_mount(self) -> None:
        one = self._finding
        lines: list[TextLine] = [Prose(printable(one.question), "strong"), Cell("")]
        lines += [standing(one.verdict, glyphs(self))]
        if one.why:
            lines += [Prose(f"  {printable(one.why)}")]
        for each in one.evidence:
            lines += [Cell(""), *_receipt(each)]
        if one.fix_words:
            lines += [Cell(""), Cell(_("What mends it"), "strong"), Prose(f"  {printable(one.fix_words)}")]
        if one.undo:
            lines += [Cell(""), Cell(_("And back"), "strong"), Prose(f"  {printable(one.undo)}")]
        pane = self.query_one(TextPane)
        pane.set("", lines)
        pane.text.focus()

    def _say(self, *cells: Cell) -> None:
        if not self.closing:
            self.query_one("#said", Panel).set_lines([cells])

    def _refuse(self, mistakes: Iterable[Mistake]) -> None:
        said = "; ".join(f"{mistake.place}: {mistake.message}" for mistake in mistakes)
        self._say(Cell(_("Not planned: {why}").format(why=printable(said)), "bad"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "fix":
            return bool(self._finding.settings or self._finding.action) and not self.shell.read_only
        return True

    def action_fix(self) -> None:
        one = self._finding
        if one.action:
            verb, told = one.action
            self.shell.act(seen.MODULE, verb, told)
        elif one.settings and not self._planning.running:
            self._planning.start(self._plan, dict)

    async def action_back(self) -> None:
        if not self._planning.stop():
            await self.app.pop_screen()

    async def _plan(self) -> Planned:
        import yaml

        from pi_installer_tui import planning

        setup = planning.parse(yaml.safe_dump({"version": 1, **self._finding.settings}))
        return await planning.plan(self.shell.host, setup)


def _receipt(each: Receipt) -> list[TextLine]:
    return [Prose(f"$ {printable(each.asked)}", "key"), *(Cell(printable(row)) for row in each.answer.splitlines())]

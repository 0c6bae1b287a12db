"""Whether this machine can be reached from outside: the verdict in words, what can be done, and what it rests on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
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
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import TextLine, TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.modules.vpn.verdict import Seen, Verdict
    from pi_installer_tui.planning import Planned
    from pi_installer_tui.tasks.plan import Mistake

_URL = re.compile(r"https?://[^\s/]+(/\S*)?")
#: WireGuard's usual port, where there is no tunnel yet
USUAL = 51_820


def short(found: Verdict) -> str:
    """A verdict in a word or two."""
    return {
        "direct": _("direct"),
        "one-nat": _("one NAT"),
        "two-nats": _("two NATs"),
        "carrier-nat": _("carrier NAT"),
        "ipv6-only": _("IPv6 only"),
    }.get(found.kind, _("not known"))


def headline(found: Verdict, signs: Glyphs) -> Cell:
    """Whether it can be reached, as a sign and words."""
    good = found.mapping in ("needless", "granted", "proven")
    able = found.mapping in ("pcp", "nat-pmp", "upnp", "by-hand") or found.kind == "ipv6-only"
    sign, tone, said = signs.unknown, "warn", _("whether it is reached isn't known")
    if good:
        sign, tone, said = signs.ok, "good", _("it can be reached from outside")
    elif able:
        sign, tone, said = signs.warning, "warn", _("it can be reached once something is done")
    elif found.mapping == "impossible":
        sign, tone, said = signs.failed, "bad", _("it can't be reached from outside")
    words: Tone = "good" if tone == "good" else "bad" if tone == "bad" else "warn"
    return Cell(f"{sign} {short(found)}: {said}", words)


class VerdictScreen(ShellScreen):
    """The verdict for a tunnel's port. tunnel: "" while there is none. judged: called with it, in a word or two."""

    place = "vpn_verdict"
    where = N_("VPN: reachable?")
    PARTS = ("said", "verdict")
    about = N_(
        "Most VPNs that don't work can't be reached at all: the provider translates addresses, or the router doesn't "
        "pass the port on. This says which it is, what can be done in that case, and what it rests on.\n"
        "Only this machine and its router are asked. Some cases can't be told apart from here: then a service on the "
        "internet can be asked which address it sees. You choose which one (`ask outside`); it learns this machine's "
        "address and nothing else. Nothing is changed from here."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("vpn_verdict")]

    def __init__(self, tunnel: str, port: int, judged: Callable[[str], None] | None = None) -> None:
        super().__init__()
        self._tunnel = tunnel
        self._port = port or USUAL
        self._judged = judged
        self._verdict: Verdict | None = None
        self._asked = ""
        self._busy = False
        self._planning = Planning(
            self,
            say=self._say,
            over=self._over,
            refuse=self._refuse,
            stays=_("Try again when the cause is gone."),
        )

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Asking the machine and its router ..."), "quiet")]], id="said")
        yield TextPane(id="verdict")

    def on_mount(self) -> None:
        self.query_one(TextPane).text.focus()
        self.shell.opened.subscribe(self, lambda _none: self._look())
        if self.shell.is_open:
            self._look()

    @work(exclusive=True, group="look", exit_on_error=False)
    async def _look(self) -> None:
        from pi_installer_tui.modules.vpn import verdict

        self._busy = True
        self.query_one("#said", Panel).set_lines([[Cell(_("Asking the machine and its router ..."), "quiet")]])
        self.refresh_bindings()
        try:
            found = await verdict.look(self.shell.host, self._port, self._asked, tunnel=self._tunnel or "wg0")
            self._verdict = verdict.judge(found)
        except Exception as error:
            # what isn't answered is in the verdict; this is a fault, and must not take the screens with it
            if not self.closing:
                said = _("This can't be read: {error}").format(error=printable(str(error)))
                self.query_one("#said", Panel).set_lines([[Cell(said, "bad")]])
            return
        finally:
            self._busy = False
        if self._judged is not None:
            self._judged(short(self._verdict))
        if not self.closing:
            self._draw(found, self._verdict)
            self.refresh_bindings()

    def _draw(self, found: Seen, made: Verdict) -> None:
        self.query_one("#said", Panel).set_lines([[headline(made, glyphs(self))]])
        lines: list[TextLine] = [Prose(printable(each)) for each in made.words]
        if made.todo:
            lines += [Cell(""), Cell(_("What can be done, the best first"), "strong")]
            lines += [Prose(f"  {n}. {printable(each)}") for n, each in enumerate(made.todo, 1)]
        if made.mapping == "by-hand":
            lines += self._by_hand(found)
        lines += [Cell(""), Cell(_("What it rests on"), "strong")]
        for each in made.evidence:
            lines += [Prose(f"  {printable(each.what)}: {printable(each.value)}")]
            lines += [Cell(f"    {printable(each.source)}", "quiet")]
        self.query_one(TextPane).set(_("UDP port {port}").format(port=self._port), lines)

    def _by_hand(self, found: Seen) -> list[TextLine]:
        """What is to be typed into the router."""
        from pi_installer_tui.modules.vpn.routers import steps_for_router, values_for_router

        name, address = self._tunnel or "wg0", found.way4.source
        lines: list[TextLine] = [Cell(""), Cell(_("What the router has to be told"), "strong")]
        lines += [
            Cell(f"  {title.ljust(14)} {value}") for title, value in values_for_router(address, self._port, tunnel=name)
        ]
        for router, steps in steps_for_router(address, self._port, tunnel=name, maker=found.maker):
            lines += [Cell(""), Cell(f"  {printable(router)}", "strong")]
            lines += [Prose(f"    {n}. {printable(step)}") for n, step in enumerate(steps, 1)]
        return lines

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "map":
            able = self._verdict is not None and self._verdict.mapping in ("pcp", "nat-pmp", "upnp")
            return able and bool(self._tunnel) and not self.shell.read_only
        return not self._busy if action in ("refresh", "ask") else True

    def action_refresh(self) -> None:
        if self.shell.is_open:
            self._look()

    @work(exclusive=True, group="ask", exit_on_error=False)
    async def action_ask(self) -> None:
        from pi_installer_tui.screens.line import AskLine

        question = _("The address of a service that says who asks:")
        wrong = _("That is no web address: as https://ip.example.org/")
        typed = await self.app.push_screen_wait(
            AskLine(question, _URL, wrong, value=self._asked, example="https://", longest=200)
        )
        if typed:
            self._asked = typed
            self._look()

    def action_map(self) -> None:
        if not self._planning.running:
            self._planning.start(self._plan, dict)

    async def _plan(self) -> Planned:
        import yaml

        from pi_installer_tui import planning

        wanted = {"tunnels": {self._tunnel: {"mapping": "auto"}}}
        setup = planning.parse(yaml.safe_dump({"version": 1, seen.MODULE: wanted}))
        return await planning.plan(self.shell.host, setup)

    def _say(self, *cells: Cell) -> None:
        if not self.closing:
            self.query_one("#said", Panel).set_lines([cells])

    def _over(self) -> None:
        if self._verdict is not None:
            self._say(headline(self._verdict, glyphs(self)))

    def _refuse(self, mistakes: Iterable[Mistake]) -> None:
        said = "; ".join(f"{mistake.place}: {mistake.message}" for mistake in mistakes)
        self._say(Cell(_("Not planned: {why}").format(why=printable(said)), "bad"))

    async def action_back(self) -> None:
        if not self._planning.stop():
            await self.app.pop_screen()

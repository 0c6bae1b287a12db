"""A job that fails when cron runs it and works by hand: what its environment lacks beside that of a login shell, and
the way to try it in both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.cron import seen, words
from pi_installer_tui.screens.cron.doing import told
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Row
    from pi_installer_tui.screens.cron.seen import Scheduled


class CompareScreen(ShellScreen):
    """A line of a crontab, and both of its environments."""

    place = "cron_compare"
    where = N_("Cron and your shell")
    stays = True
    PARTS = ("difference",)
    about = N_(
        "Cron gives a job a shell of its own (/bin/sh, unless the crontab says another), a short PATH, the home "
        "folder, and what /etc/environment has; nothing of what ~/.profile and its like set. A command that works by "
        "hand and not from cron mostly lacks one of these.\n"
        "Below is what is wrong with the line, and what differs. `as cron` runs the job now exactly as cron would, `in "
        "the shell` the same command by the user's login shell; both show what it prints. Values that look like "
        "secrets aren't shown."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("cron_compare")]

    def __init__(self, row: Row, scheduled: Scheduled) -> None:
        super().__init__()
        self._row = row
        self._scheduled = scheduled

    def body(self) -> Iterable[Widget]:
        yield TextPane(id="difference")

    def on_mount(self) -> None:
        self.say_where(_("Cron and your shell: {name}").format(name=words.name(self._row)))
        self._show([Cell(_("Asking a login shell of {user} ...").format(user=printable(self._row.owner)), "quiet")])
        self.query_one(TextPane).text.focus()
        self._ask()

    def _show(self, lines: list[Cell]) -> None:
        if not self.closing:
            self.query_one(TextPane).set(printable(self._row.command), lines)

    @work(exclusive=True, group="ask", exit_on_error=False)
    async def _ask(self) -> None:
        from pi_installer_tui.modules.cron import environments
        from pi_installer_tui.system.cron import environment

        host, entry = self.shell.host, self._row.entry
        account = self._scheduled.state.cron.users.get(self._row.owner)
        if entry is None or account is None:
            self._show([Prose(_("There is no user {user}.").format(user=printable(self._row.owner)), "bad")])
            return
        try:
            login = await environments.login(host, self._row.owner)
            cron = await environment.of_cron(host, entry, account)
        except Exception as error:
            # a shell that doesn't start; a fault of ours must not take the screens with it
            self._show([Prose(_("This can't be told: {error}").format(error=printable(str(error))), "bad")])
            return
        lines: list[Cell] = []
        for finding in self._scheduled.found(self._row):
            sign, _word, tone = words.severity(finding, glyphs(self))
            lines.append(Prose(f"{sign} {printable(finding.text)}. {printable(finding.advice)}".rstrip(), tone))
        for line in environments.difference(cron, login):
            lines.append(Prose(printable(line), "plain" if line.startswith(" ") else "strong"))
        self._show(lines or [Cell(_("Both are the same, and nothing is wrong with the line."), "good")])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (action in ("run_cron", "run_shell") and self.shell.read_only)

    def action_run_cron(self) -> None:
        self.shell.act(seen.MODULE, "run", told(self._row))

    def action_run_shell(self) -> None:
        self.shell.act(seen.MODULE, "run", {**told(self._row), "where": "shell"})

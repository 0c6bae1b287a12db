"""A change on probation as screens show it: what is said of it, and what is asked before it is confirmed. The countdown
is a piece of its own in its line, so that a second that passes changes no more than its number on the screen."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.tasks import words
from pi_installer_tui.widgets.lines import Cell, Tone

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.screens.base import ShellScreen
    from pi_installer_tui.system.seat import Seat
    from pi_installer_tui.tasks.probation import Trial
    from pi_installer_tui.widgets.panel import Line


def stands(trial: Trial | None) -> tuple[str, bool]:
    """What the keys depend on, of a change or of none."""
    return ("", False) if trial is None else (trial.standing, trial.can_be_confirmed)


def loses(seat: Seat | None, trial: Trial) -> bool:
    """Whether the person's own connection is to an address that goes with the confirmation."""
    return seat is not None and bool(seat.server) and seat.server in trial.leaves


def banner(trial: Trial, signs: Glyphs, *, here: bool) -> Line:
    """One line for a change that is open. here: `y` confirms it where the line stands."""
    if trial.standing == "reverting" or not trial.left:
        return [Cell(f"{signs.warning} " + _("A change is being taken back now."), "warn")]
    seconds = Cell(_("{n} s").format(n=math.ceil(trial.left)), "strong")
    if not trial.can_be_confirmed:
        return [
            Cell(f"{signs.warning} " + _("On probation: it goes back in") + " ", "warn"),
            seconds,
            Cell(_(", unless confirmed once all is done.")),
        ]
    line = [Cell(f"{signs.warning} " + _("A change waits: confirm within") + " ", "warn"), seconds]
    line.append(Cell(_(", or it goes back by itself.")))
    return [*line, *([Cell("  y", "key"), Cell(" " + _("confirms"))] if here else [])]


def about(trial: Trial, seat: Seat | None, user: str, width: int) -> list[Line]:
    """What to know before it is confirmed, in lines: the new addresses, what becomes of the person's connection, who
    else confirms it."""
    if not trial.can_be_confirmed:
        return []
    lines: list[Line] = []
    commands = [words.connect(user, address, seat) for address in trial.reaches if address]
    if commands:
        told = _("New address:") if len(commands) == 1 else _("New addresses:")
        lines.append([Cell(f"  {told} "), Cell("   ".join(commands), "strong")])
    elif trial.reaches:
        lines += _wrapped(_("DHCP says the new address: the router has it in its list."), width)
    if loses(seat, trial):
        said = _("This connection, to {old}, ends with the confirmation and proves nothing: log in there first.")
        lines += _wrapped(said.format(old=seat.server if seat else ""), width, "warn")
    if trial.users:
        lines += _wrapped(words.log_in_anew(trial), width)
    if trial.confirm == "auto":
        lines += _wrapped(_("It is confirmed by itself once gateway and peers have answered for a while."), width)
    return lines


def confirm(screen: ShellScreen, trial: Trial) -> None:
    """Confirms it; asks before where the person's own connection ends with that."""
    shell, seat = screen.shell, screen.shell.seat
    if not loses(seat, trial):
        shell.confirm_job(trial.job)
        return

    def answered(yes: bool | None) -> None:
        if yes:
            shell.confirm_job(trial.job)

    commands = [words.connect(shell.who, address, seat) for address in trial.reaches if address]
    ends = _(
        "You are connected to {old}, which goes away with the confirmation. That this connection works proves nothing "
        "of the new address."
    )
    question = Ask(
        _("Confirm from a connection that the change ends?"),
        [
            ends.format(old=seat.server if seat else ""),
            " ".join([_("Log in at the new address first, and confirm from there:"), *commands]),
            _("Yes: the change stays, and this connection ends. No: it waits on."),
        ],
    )
    screen.app.push_screen(question, answered)


def _wrapped(text: str, width: int, tone: Tone = "plain") -> list[Line]:
    return [[Cell("  " + line, tone)] for line in textwrap.wrap(text, max(20, width - 4))]

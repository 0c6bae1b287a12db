"""Asking for a log's filters: each gives what is wanted from then on, None where the person left it as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.screens.monitoring import logs_choices as choices
from pi_installer_tui.system import logfiles
from pi_installer_tui.system.entries import PRIORITIES, Wanted
from pi_installer_tui.system.journal import KERNEL, Journal

if TYPE_CHECKING:
    from pi_installer_tui.screens.base import ShellScreen
    from pi_installer_tui.system.host import Host


async def _choose(
    screen: ShellScreen, title: str, options: Sequence[str], now: str, *, free: bool = False
) -> str | None:
    from pi_installer_tui.widgets.form.choose import ChooseScreen

    chosen = await screen.app.push_screen_wait(ChooseScreen(title, options, now, now, leave=False, free=free))
    return None if chosen is None else str(chosen[1])


async def unit(screen: ShellScreen, journal: Journal, wanted: Wanted) -> Wanted | None:
    """Asks for a unit. Raises LogError."""
    units = await journal.units()
    chosen = await _choose(screen, _("Unit"), (_("all"), KERNEL, *units), wanted.unit or _("all"), free=True)
    return None if chosen is None else replace(wanted, unit="" if chosen == _("all") else chosen)


async def priority(screen: ShellScreen, journal: Journal, wanted: Wanted) -> Wanted | None:
    """Asks for a priority."""
    names = [choices.priority_name(n) for n in range(len(PRIORITIES))]
    now = choices.priority_name(wanted.priority) or _("all")
    chosen = await _choose(screen, _("As bad as that, or worse"), (_("all"), *names), now)
    return None if chosen is None else replace(wanted, priority=names.index(chosen) if chosen in names else None)


async def boot(screen: ShellScreen, journal: Journal, wanted: Wanted) -> Wanted | None:
    """Asks for a boot. Raises LogError."""
    names = {choices.boot_name(each): each.id for each in await journal.boots()}
    now = next((name for name, each in names.items() if each == wanted.boot), _("all"))
    chosen = await _choose(screen, _("Boot"), (_("all"), *names), now)
    return None if chosen is None else replace(wanted, boot=names.get(chosen, ""))


async def time(screen: ShellScreen, wanted: Wanted) -> Wanted | None:
    """Asks for a range of time. Raises NoRange."""
    spans = [_(name) for name, _seconds in choices.SPANS]
    title = _("Since, or from..until: 14:30, 2026-11-27")
    chosen = await _choose(screen, title, (_("all"), *spans), _("all"), free=True)
    if chosen is None:
        return None
    since, until = (None, None) if chosen == _("all") else choices.parse_range(chosen)
    return replace(wanted, since=since, until=until)


async def log(screen: ShellScreen, host: Host, path: str) -> str | None:
    """Asks for a log: the path of a file, "" for the journal."""
    files = await logfiles.found(host)
    journal = _("the journal")
    chosen = await _choose(screen, _("Log"), (journal, *files), path or journal)
    return None if chosen is None else "" if chosen == journal else chosen

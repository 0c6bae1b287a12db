"""What is wrong with a line that somebody types, in the crontab where it would stand. Files are looked at, no command
is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi_installer_tui.system.cron.findings import Finding, of_table
from pi_installer_tui.system.cron.lines import NEWEST, Entry
from pi_installer_tui.system.cron.lint import lint
from pi_installer_tui.system.cron.read import SPOOL, Cron, Crontab
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.host import FileStat

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.state import State
    from pi_installer_tui.system.host import Host

#: what the editor tells by itself
_TOLD = frozenset({"never", "days"})


async def findings(
    host: Host,
    state: State,
    *,
    path: str,
    user: str,
    as_user: str,
    schedule: str,
    command: str,
    line: int = 0,
) -> tuple[Finding, ...]:
    """The findings of a line. path: the crontab's; user: whose it is, "" where it has a column for the user, which is
    `as_user` then. command: as it stands in the line. line: the one in whose place it comes, 0: at the end. Raises
    ValueError for what is no line."""
    path = path or f"{SPOOL}/{user}"
    crontab = next((each for each in state.cron.crontabs if each.path == path), None)
    text = " ".join([schedule, *([] if user else [as_user]), command])
    table = Table(system=not user)
    # its environment is what the lines above it set; other jobs have nothing to do with it
    for setting in crontab.table.settings if crontab is not None else ():
        if crontab is not None and (not line or setting.line < line):
            table = table.added(crontab.table.text(setting.line))
    table = table.added(text)
    at = len(table.lines)
    if not isinstance(table.lines[-1], Entry):
        known = state.cron.users or None
        return tuple(each for each in of_table(table, path, users=known) if each.line == at)
    stat = crontab.stat if crontab is not None else FileStat("file", 0o600, 0, 0, 0, 0)
    only = Cron(
        crontabs=(Crontab(path, user, table, stat),),
        revision=state.cron.revision or NEWEST,
        users=state.cron.users,
    )
    return tuple(each for each in await lint(host, only) if each.line == at and each.what not in _TOLD)

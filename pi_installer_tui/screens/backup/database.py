"""A database is restored from its dump: which of a run's, and under which name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.screens.backup.taken import Taken, database
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.line import AskLine
from pi_installer_tui.widgets.form.choose import ChooseScreen

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Snapshot

#: what PostgreSQL and MariaDB take without quoting, and the path of an SQLite file
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.$-]{0,62}")
_PATH = re.compile(r"/[^\x00-\x1f\x7f]{1,4000}")


async def ask(screen: ShellScreen, taken: Taken) -> None:
    """Asks what it has to know, and shows the plan for review. Called in a worker."""
    dump = await _which(screen, taken)
    if dump is None:
        return
    of = database(dump)
    engine, _colon, name = of.partition(":")
    same, other = _("into the same one, as it was then"), _("into another one, beside it")
    title = _("Restore {database}").format(database=of)
    answer = await screen.app.push_screen_wait(ChooseScreen(title, [same, other], None, other, leave=False))
    if answer is None:
        return
    into = ""
    if answer[1] == other:
        into = await _name(screen, engine, name) or ""
        if not into:
            return
    screen.shell.act(
        "backup", "restore-database", {"place": taken.place, "snapshot": dump.id, **({"into": into} if into else {})}
    )


async def _which(screen: ShellScreen, taken: Taken) -> Snapshot | None:
    if len(taken.dumps) == 1:
        return taken.dumps[0]
    names = {database(each): each for each in taken.dumps}
    answer = await screen.app.push_screen_wait(ChooseScreen(_("Which database?"), list(names), None, None, leave=False))
    return names[answer[1]] if answer is not None else None


async def _name(screen: ShellScreen, engine: str, name: str) -> str | None:
    if engine == "sqlite":
        return await screen.app.push_screen_wait(
            AskLine(
                _("Into which new file?"),
                _PATH,
                _("That is no path: as /srv/app.db."),
                example="/srv/app.db",
                longest=4000,
            )
        )
    short = re.sub(r"[^A-Za-z0-9_]", "_", name.rpartition("/")[2])[:30]
    return await screen.app.push_screen_wait(
        AskLine(_("Under which name?"), _NAME, _("That is no name of a database."), value=f"{short}_restored")
    )

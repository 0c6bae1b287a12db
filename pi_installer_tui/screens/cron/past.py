"""How a job ran before: from its own record where it has one, else from the journal, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.cron.listing import Last, of_run
from pi_installer_tui.system.host import Host

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Row
    from pi_installer_tui.screens.cron.seen import Scheduled
    from pi_installer_tui.system.cron.records import Trend
    from pi_installer_tui.system.timers.history import Asked, Place

#: runs of a page, entries' pages that are read for one at the most, and entries of each
_PAGE, _PAGES, _ENTRIES = 20, 4, 400


@dataclass(frozen=True, slots=True)
class Ran:
    """A run. tries: how often it was tried; tail: the last lines of its output, () where they aren't kept."""

    last: Last
    tries: int = 0
    tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """Runs, the newest first. further: where older ones begin, None: there are none. begins: the time of the oldest
    entry of the journal. notes: what can't be told, and why."""

    runs: tuple[Ran, ...] = ()
    further: Place | None = None
    begins: float | None = None
    notes: tuple[str, ...] = ()


async def of_record(host: Host, row: Row) -> Chapter:
    """From the record of a row that has one."""
    from pi_installer_tui.screens.cron import recorded

    found = await recorded.read(host, row)
    return Chapter(tuple(recorded.ran(each) for each in found))


async def of_journal(host: Host, row: Row, scheduled: Scheduled, further: Place | None = None) -> Chapter:
    """A page of the journal. Raises LogError where there is no journal to read."""
    from pi_installer_tui.system.timers import history

    asked, notes = _asked(row, scheduled)
    wanted = _wanted(row, scheduled)
    runs: list[Ran] = []
    untold: dict[str, None] = dict.fromkeys(notes)
    begins, more = None, True
    for _page in range(_PAGES):
        page = await history.read(host, asked, _ENTRIES if wanted else _PAGE, further)
        runs += [Ran(of_run(run)) for run in page.runs if wanted is None or (run.user, run.command) == wanted]
        untold |= dict.fromkeys(page.untold)
        begins, further = page.begins, page.further
        more = further is not None
        if not more or len(runs) >= _PAGE:
            break
    return Chapter(tuple(runs), further if more else None, begins, tuple(untold))


def _asked(row: Row, scheduled: Scheduled) -> tuple[Asked, Sequence[str]]:
    from pi_installer_tui.system.timers.history import Asked

    if row.timer is None:
        notes = [_("Cron tells when it started a job, not how that ended; recorded jobs know.")]
        if row.kind == "script":
            notes = [_("These are runs of its folder: of one script alone nobody tells.")]
        return Asked(), notes
    if row.timer.owner:
        account = scheduled.state.cron.users.get(row.timer.owner)
        uid = account.uid if account is not None else -1
        return Asked(cron=False, of_users=((row.timer.owner, uid, row.timer.starts),)), ()
    return Asked(cron=False, units=(row.timer.starts,)), ()


def _wanted(row: Row, scheduled: Scheduled) -> tuple[str, str] | None:
    """User and command of cron's entries that are meant, None: all that were asked for."""
    if row.timer is not None:
        return None
    line = scheduled.runner(row)
    return (line.owner, line.entry.command.strip()) if line is not None and line.entry is not None else ("", "")


def trend(runs: Sequence[Ran]) -> Trend | None:
    """How long the runs usually take, and how the newest one compares."""
    from pi_installer_tui.system.cron import records

    found = [
        records.Record("", run.last.at or 0.0, run.last.what, seconds=run.last.seconds)
        for run in runs
        if run.last.what != "ended"
    ]
    return records.trend(tuple(found))

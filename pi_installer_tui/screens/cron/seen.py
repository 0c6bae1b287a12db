"""All that is scheduled, as the screens see it: what was read, and what is computed of a row when somebody looks at it.
Nothing is computed of rows that aren't shown, and nothing twice."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

from pi_installer_tui.i18n import N_
from pi_installer_tui.modules.cron import listing
from pi_installer_tui.screens.cron import words
from pi_installer_tui.system.reading import MISSING, Known, Reading, known

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Last, Row
    from pi_installer_tui.modules.cron.state import State
    from pi_installer_tui.screens.cron.words import Standing
    from pi_installer_tui.system.cron.findings import Finding
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.system.timers.history import Run
    from pi_installer_tui.tasks.store import Store

MODULE = "cron"
#: in which order rows can stand
ORDERS: Mapping[str, str] = {
    "next": N_("by next run"),
    "owner": N_("by user"),
    "file": N_("by file"),
    "name": N_("by name"),
}
#: more rows than this stand by file at first: all next runs would have to be known before anything is seen
MANY = 300
#: entries of cron that are looked through for last runs
_PAST = 400
_LINES = ("crontab", "system")

Fits: TypeAlias = Callable[["Row"], bool]


def now() -> float:
    """Seconds since 1970."""
    return time.time()


class Scheduled:
    """state, rows: what was read. records: of recorded rows their runs by the rows' keys, the newest first; ran: of
    cron's lines the newest run that the journal has, by user and command."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.rows = listing.rows(state)
        self.zone = zone(state)
        self.records: Mapping[str, Sequence[Last]] = {}
        self.ran: Mapping[tuple[str, str], Run] = {}
        self._next: dict[str, Reading[float]] = {}
        self._by_key = {row.key: row for row in self.rows}
        self.findings: dict[tuple[str, int], list[Finding]] = {}
        for finding in state.findings:
            self.findings.setdefault((finding.path, finding.line), []).append(finding)

    def row(self, key: str) -> Row | None:
        """The row with a key."""
        return self._by_key.get(key)

    def found(self, row: Row) -> Sequence[Finding]:
        """What is wrong with a row's line or script, the worst first."""
        worst = ("error", "warning", "note")
        return sorted(self.findings.get((row.path, row.line), ()), key=lambda each: worst.index(each.severity))

    def standing(self, row: Row) -> Standing:
        """Whether it runs when its time comes."""
        if row.refused:
            return "ignored"
        if not row.enabled:
            return "off"
        bad = any(each.severity == "error" for each in self.findings.get((row.path, row.line), ()))
        return "faulty" if bad else "on"

    def next(self, row: Row, now: float) -> Reading[float]:
        """When it runs next."""
        found = self._next.get(row.key)
        if found is None or (isinstance(found, Known) and found.value <= now and row.timer is None):
            found = self._next[row.key] = listing.next_run(row, self.state, int(now))
        return found

    def runner(self, row: Row) -> Row | None:
        """The line of a crontab that runs it: itself, of a script that of its folder, else None."""
        if row.kind != "script":
            return row if row.entry is not None else None
        folder = row.path.rpartition("/")[0]
        return self.row(next((each.by for each in self.state.cron.scripts if each.path == folder), ""))

    def last(self, row: Row) -> Reading[Last]:
        """How it ran last; of a script when its folder was run."""
        if row.kind == "script":
            line = self.runner(row)
            return self.last(line) if line is not None else MISSING
        ran = self.ran.get((row.owner, row.entry.command.strip())) if row.entry is not None else None
        return listing.last_run(row, self.records.get(row.key, ()), (ran,) if ran is not None else ())

    def overdue(self, now: float) -> bool:
        """A timer's next start has passed since it was read."""
        return any(
            isinstance(row.timer.next, Known) and row.timer.next.value < now - 2
            for row in self.rows
            if row.timer is not None
        )

    def ordered(self, order: str, now: float, fits: Fits) -> list[Row]:
        """The rows that fit, in an order."""
        shown = [row for row in self.rows if fits(row)]
        match order:
            case "next":
                shown.sort(key=lambda row: self._when(row, now))
            case "owner":
                shown.sort(key=lambda row: row.owner)
            case "name":
                shown.sort(key=lambda row: words.name(row).casefold())
        return shown

    def _when(self, row: Row, now: float) -> float:
        """Those that come at a start of the machine behind those that have a time, then those that never do."""
        reading = self.next(row, now)
        if isinstance(reading, Known):
            return reading.value
        return 1e12 if row.enabled and row.entry is not None and row.entry.schedule.reboot else 1e13


def zone(state: State) -> tzinfo:
    """The machine's time zone, else this program's."""
    name = known(state.zone)
    try:
        return ZoneInfo(name) if name else datetime.now().astimezone().tzinfo or UTC
    except (KeyError, ValueError, OSError):
        return UTC


def is_line(row: Row) -> bool:
    """It is a line of a crontab."""
    return row.kind in _LINES


async def begun(host: Host) -> Scheduled:
    """What cron runs, which is there at once: systemd takes a while to tell of many timers."""
    from pi_installer_tui.modules.cron import state
    from pi_installer_tui.system.cron.read import read

    return Scheduled(state.State(await read(host), zone=await state.zone(host)))


async def everything(host: Host, state: State) -> Scheduled:
    """A state with what takes longer: findings, records, and what the journal has of last runs."""
    found = Scheduled(await with_findings(host, state))
    found.records = await recorded(host, found.rows)
    found.ran = await ran(host)
    return found


async def with_findings(host: Host, state: State) -> State:
    """The state with what is wrong with it."""
    from pi_installer_tui.system.cron import lint

    return replace(state, findings=await lint.lint(host, state.cron))


def failed_run(store: Store, since: float) -> str:
    """The row of the newest job, where that ran one as cron would, and it failed; "" for none. since: seconds since
    1970, older ones are nobody's news."""
    try:
        newest = next(iter(store.jobs()), None)
        if newest is None or newest.status != "failed" or newest.modules != (MODULE,) or newest.created < since:
            return ""
        step = next((each for each in store.plan(newest.id).flat if each.kind == "run-as-cron"), None)
    except (OSError, KeyError, ValueError):
        return ""
    if step is None or step.where != "cron":
        return ""
    return step.script or f"{step.path}:{step.line}"


async def ran(host: Host) -> dict[tuple[str, str], Run]:
    """The newest run of each of cron's lines that the journal has, by user and command; nothing without a journal."""
    from pi_installer_tui.system.entries import LogError
    from pi_installer_tui.system.timers import history

    try:
        page = await history.read(host, history.Asked(), _PAST)
    except LogError:
        return {}
    found: dict[tuple[str, str], Run] = {}
    for run in page.runs:
        found.setdefault((run.user, run.command), run)
    return found


async def recorded(host: Host, rows: Sequence[Row]) -> dict[str, Sequence[Last]]:
    """The runs of the rows that are recorded, by their keys."""
    found: dict[str, Sequence[Last]] = {}
    for row in rows:
        if row.wrapped is not None:
            from pi_installer_tui.screens.cron import recorded as of

            with contextlib.suppress(PermissionError):  # another user's: its last run isn't known then
                found[row.key] = [of.last(each) for each in await of.read(host, row)]
    return found

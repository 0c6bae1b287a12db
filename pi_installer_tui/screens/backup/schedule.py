"""When jobs run: a schedule's next runs, and the screen that shows them as a form has them, before they are planned."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.backup import run_words as words
from pi_installer_tui.screens.backup.told import Told
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.signs import moment
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading, remark
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.backup.settings import BackupSettings, Schedule

#: days that are looked ahead: a monthly run may be a month away, a year holds all of them
_DAYS = 366
#: runs of each job that are shown
SHOWN = 7
#: minutes by which a run is late at random where nothing is said (modules/backup/usual.py)
_DELAY = 15
WEEKDAYS = {
    "mon": N_("Mon"),
    "tue": N_("Tue"),
    "wed": N_("Wed"),
    "thu": N_("Thu"),
    "fri": N_("Fri"),
    "sat": N_("Sat"),
    "sun": N_("Sun"),
}


def runs_from(schedule: Schedule | None, now: float) -> Iterator[float]:
    """When a schedule's job runs from now on, for a year: seconds since 1970, by local times, the random delay aside,
    as systemd takes them (systemd.time(7), `Calendar events`)."""
    if schedule is None or not schedule.times or schedule.enabled is False:
        return
    today = date.fromtimestamp(now)
    names = tuple(WEEKDAYS)
    for ahead in range(_DAYS):
        day = today + timedelta(days=ahead)
        if schedule.monthly is not None and day.day != schedule.monthly:
            continue
        if schedule.monthly is None and schedule.days and names[day.weekday()] not in schedule.days:
            continue
        for text in sorted(schedule.times):
            wanted = datetime.fromisoformat(f"{day.isoformat()}T{text}")
            at = wanted.timestamp()
            # when the clock is put forward there is a time that doesn't come that day; systemd leaves it out too
            if at > now and datetime.fromtimestamp(at) == wanted:
                yield at


def in_words(schedule: Schedule | None) -> str:
    """When a job runs."""
    if schedule is None or not schedule.times or schedule.enabled is False:
        return _("only by hand")
    at = ", ".join(schedule.times)
    if schedule.monthly is not None:
        return _("on day {day} of the month at {times}").format(day=schedule.monthly, times=at)
    if schedule.days:
        days = ", ".join(_(WEEKDAYS[day]) for day in schedule.days)
        return _("{days} at {times}").format(days=days, times=at)
    return _("every day at {times}").format(times=at)


class NextRunsScreen(ShellScreen):
    """The next runs of all jobs of some settings."""

    place = "backup_next"
    where = N_("Backup: next runs")
    about = N_(
        "When each job would run next by its schedule, as the form has it now. Each run is late by a random time, up "
        "to the delay, so that not all machines come at once. A run that was missed, since the machine was off, is "
        "made up for when it is on again."
    )
    AUTO_FOCUS = "#next"
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, settings: BackupSettings) -> None:
        super().__init__()
        self._settings = settings

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Local times, as the form has them now."), "quiet")]])
        yield Told((16, 5, 0), id="next")

    def on_mount(self) -> None:
        now = time.time()
        rows: list[Row] = []
        for name, job in (self._settings.jobs or {}).items():
            if job.state == "absent":
                continue
            rows.append(heading(printable(name), in_words(job.schedule)))
            found = list(islice(runs_from(job.schedule, now), SHOWN))
            delay = job.schedule.delay if job.schedule is not None and job.schedule.delay is not None else _DELAY
            late = _("up to {n} min later").format(n=delay) if delay else _("at that minute")
            for at in found:
                weekday = _(WEEKDAYS[tuple(WEEKDAYS)[date.fromtimestamp(at).weekday()]])
                cells = (Cell(moment(at)), Cell(weekday), Cell(f"{words.in_days(at, now)}, {late}", "quiet"))
                rows.append(Row(f"{name}:{at}", cells))
            if not found:
                rows.append(remark(Cell(_("It doesn't run by itself."), "warn")))
        none = _("There is no job in the form.")
        self.query_one(Rows).set_rows(rows or [remark(Cell(none, "quiet"))])

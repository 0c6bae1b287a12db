"""Scheduled jobs: everything that runs by the clock in one list, whoever has it run. From here to a job's details,
history and editor, the findings, and the next 24 hours; nothing is changed but by a plan that was reviewed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget

from pi_installer_tui import modules
from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.cron import seen, words
from pi_installer_tui.screens.cron.doing import CHANGING, JobKeys
from pi_installer_tui.screens.finding import Finding
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, columns
from pi_installer_tui.widgets.listing import Drawn, Listing
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, remark
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi_installer_tui.modules.cron.listing import Row as Job
    from pi_installer_tui.screens.cron.seen import Scheduled

#: the columns, in cells: state, next run, last run, schedule, user, what it is; with room also where it stands
_WIDTHS = (9, 9, 8, 15, 7, 0)
_WIDE = (9, 9, 8, 20, 8, 0, 24)
_ROOMY = 116  # cells
#: seconds between two looks at the clock; for the list to be drawn before what takes longer
EVERY, PAUSE = 5.0, 0.1


class CronScreen(Finding, JobKeys):
    """The module Scheduled jobs."""

    place = "cron"
    where = N_("Scheduled jobs")
    stays = True
    PARTS = ("head", "jobs", "detail")
    about = N_(
        "Everything that runs by the clock: users' crontabs, /etc/crontab and /etc/cron.d, the scripts of "
        "/etc/cron.daily and its like, anacron's jobs, timers of systemd, at's jobs. With the next run, how the last "
        "one ended and how long ago it began, and below the list the whole command of the one under the cursor, where "
        "it stands, and what is wrong with it.\n"
        "`ignored`: cron or run-parts leaves it out. `faulty`: it runs, and can't do what was meant. Cron itself "
        "doesn't tell how a job ended (`·`); recorded jobs and timers do.\n"
        "Enter shows all of a job. Whatever is changed is planned and shown first, line by line, and can be undone; "
        "all other bytes of a crontab stay as they are."
    )
    AUTO_FOCUS = "#jobs"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("cron")]

    def __init__(self, module: str = seen.MODULE) -> None:
        super().__init__()
        self._module = module
        self._scheduled: Scheduled | None = None
        self._order = ""  # not chosen yet
        self._shown: list[Job] = []
        self._whole = False  # timers are there too
        self._to_top = False
        self._minute = 0
        self._timer: Timer | None = None
        self._was_left = False
        self._opened = seen.now()
        self._failed = ""  # the row that was run from here, and failed

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the machine ..."), "quiet")], []], id="head")
        yield SearchField(_("a part of a command, name, user, file, schedule or state"))
        yield Listing(_WIDTHS, id="jobs")
        yield Panel([[], []], id="detail")

    def on_mount(self) -> None:
        self._timer = self.set_interval(EVERY, self._tick)
        self.shell.opened.subscribe(self, lambda _none: self._read())
        if self.shell.is_open:
            self._read()

    def on_screen_suspend(self) -> None:
        self._was_left = True
        if self._timer is not None:
            self._timer.pause()

    def on_screen_resume(self) -> None:
        if self._timer is not None:
            self._timer.resume()
        if self._was_left and self.shell.is_open:
            self._read()

    def on_resize(self) -> None:
        if self._scheduled is not None:
            self._draw()

    @property
    def _list(self) -> Listing:
        return self.query_one(Listing)

    # reading ------------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _read(self) -> None:
        """First the crontabs, then all that systemd tells of, then what takes longer still: findings, records, what
        the journal has of last runs."""
        host = self.shell.host
        try:
            if self._was_left:
                self._failed = await asyncio.to_thread(seen.failed_run, self.shell.store, self._opened)
            module = modules.load(self._module)
            if self._scheduled is None:
                self._take(await seen.begun(host))
            state = await module.read(host)
            self._whole = True
            self._take(seen.Scheduled(state))
            await asyncio.sleep(PAUSE)
            await self.shell.until_idle()
            self._take(await seen.everything(host, state))
        except Exception as error:
            # what can't be read is in the state; this is a fault, and must not take the screens with it
            if not self.closing:
                said = _("This can't be read: {error}").format(error=printable(str(error)))
                self.query_one("#head", Panel).set_lines([[Cell(said, "bad")], []])

    def _take(self, scheduled: Scheduled) -> None:
        before, self._scheduled = self._scheduled, scheduled
        if before is not None and not scheduled.findings and before.state.cron == scheduled.state.cron:
            # while they are looked for again, what was found stays
            scheduled.findings, scheduled.records, scheduled.ran = before.findings, before.records, before.ran
        if self._whole and not self._order:
            self._to_top = self._list.cursor <= 0  # nobody has gone anywhere yet
            self._order = "next" if len(scheduled.rows) <= seen.MANY else "file"
        if not self.closing:
            self._draw()
            self.refresh_bindings()

    def _tick(self) -> None:
        """Once a minute: next runs that have passed are others now, and so are the ages of the last ones."""
        minute = int(seen.now() // 60)
        if self._scheduled is None or minute == self._minute or self.app.screen is not self or self.closing:
            return
        if self._scheduled.overdue(seen.now()):
            self._minute = minute
            self._read()
        else:
            self._draw()

    # drawing ------------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        scheduled = self._scheduled
        if scheduled is None or self.closing:
            return
        now, listed = seen.now(), self._list
        self._minute = int(now // 60)
        at = self.one.key if self.one is not None and not self._to_top else ""
        self._to_top = False
        self._shown = scheduled.ordered(self._order or "file", now, self._fits)
        listed.widths = _WIDE if self.size.width >= _ROOMY else _WIDTHS
        if self._shown:
            cursor = next(
                (number for number, row in enumerate(self._shown) if row.key == at),
                0 if not at else max(0, listed.cursor),
            )
            listed.set_source(Drawn(self._shown, self._row), cursor)
        else:
            listed.set_source([remark(Cell(self._nothing(scheduled), "quiet"))])
        self.query_one("#head", Panel).set_lines([self._said(scheduled), self._titles()])
        self._tell()

    def _fits(self, row: Job) -> bool:
        assert self._scheduled is not None
        return not self.sought or self.seeks(self._text(row))

    def _text(self, row: Job) -> str:
        """What a row is found by."""
        assert self._scheduled is not None
        state = words.standing(self._scheduled.standing(row), glyphs(self)).text
        parts = (
            row.name,
            row.command,
            row.owner,
            words.where(row),
            words.short(row.path),
            row.schedule,
            row.words,
            state,
            row.kind,
        )
        return " ".join((*parts, words.schedule(row)))

    def _row(self, row: Job) -> Row:
        scheduled, signs, now = self._scheduled, glyphs(self), seen.now()
        assert scheduled is not None
        standing = scheduled.standing(row)
        reboot = row.entry is not None and row.entry.schedule.reboot and row.enabled
        cells = [
            words.standing(standing, signs),
            words.following(scheduled.next(row, now), now, scheduled.zone, reboot=reboot),
            words.last(scheduled.last(row), now, signs),
            Cell(words.schedule(row)),
            Cell(printable(row.owner), "quiet"),
            Cell(words.name(row)),
        ]
        if len(self._list.widths) > len(cells):
            cells.append(Cell(words.where(row, brief=True), "quiet"))
        return Row(row.key, tuple(cells))

    def _nothing(self, scheduled: Scheduled) -> str:
        return _("nothing is like that") if scheduled.rows else _("Nothing is scheduled. `n` makes a job.")

    def _said(self, scheduled: Scheduled) -> list[Cell]:
        count = len(scheduled.rows)
        said = ngettext("{n} scheduled", "{n} scheduled", count).format(n=count)
        cells = [Cell(said)]
        if off := words.counted([scheduled.standing(row) for row in scheduled.rows]):
            cells.append(Cell(f": {off}"))
        cron = scheduled.state.cron
        if not cron.daemon and cron.crontabs:
            cells.append(Cell(f"  {glyphs(self).warning} " + _("cron isn't installed"), "warn"))
        elif hidden := len(cron.unread) + len(scheduled.state.timers.untold):
            unread = ngettext("{n} can't be read", "{n} can't be read", hidden).format(n=hidden)
            cells.append(Cell(f"  {glyphs(self).warning} {unread}", "warn"))
        order = _(seen.ORDERS[self._order]) if self._order else _("reading the timers ...")
        cells.append(Cell(f"  {order}{self.only_sought()}", "quiet"))
        return cells

    def _titles(self) -> list[Cell]:
        names: Sequence[str] = (_("state"), _("next"), _("last"), _("when"), _("user"), _("what"), _("in"))
        widths = columns(self._list.widths, self.size.width - 5)
        cells = [name.ljust(width) for name, width in zip(names, widths, strict=False)]
        return [Cell("  " + "  ".join(cells), "quiet")]

    def _tell(self) -> None:
        """Of the row under the cursor: what it runs, where it stands, and what is wrong with it."""
        row, scheduled = self.one, self._scheduled
        lines: list[list[Cell]] = [[], []]
        if row is not None and scheduled is not None:
            signs, found = glyphs(self), scheduled.found(row)
            lines = [[Cell(printable(row.command) or "-")], [Cell(words.where(row), "quiet")]]
            if row.schedule and row.schedule not in ("once",):
                lines[1].append(Cell(f"  {printable(row.schedule)}", "quiet"))
            if row.key == self._failed:
                said = _("its run failed: `u` shows what cron lacks beside your shell")
                lines[1] = [Cell(f"{signs.warning} {said}", "warn"), Cell("  "), *lines[1]]
            elif row.refused:
                lines[1] = [Cell(f"{signs.failed} {printable(row.refused)}", "bad"), Cell("  "), *lines[1]]
            elif found:
                sign, _word, tone = words.severity(found[0], signs)
                lines[1] = [Cell(f"{sign} {printable(found[0].text)}", tone), Cell("  "), *lines[1]]
        self.query_one("#detail", Panel).set_lines(lines)

    # keys ---------------------------------------------------------------------------------------------------------

    @property
    def one(self) -> Job | None:
        if not self.is_mounted or self.closing:
            return None
        at = self._list.cursor
        return self._shown[at] if 0 <= at < len(self._shown) else None

    @property
    def scheduled(self) -> Scheduled | None:
        return self._scheduled

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("find", "sort", "day", "findings"):
            return self._whole and self._scheduled is not None and bool(self._scheduled.rows)
        if action == "new":
            return self._whole and not self.shell.read_only
        if action in CHANGING and not self._whole:
            return False
        return super().check_action(action, parameters)

    def on_rows_moved(self) -> None:
        self._tell()
        self.refresh_bindings()

    def on_rows_opened(self) -> None:
        from pi_installer_tui.screens.cron.item import JobScreen

        if (row := self.one) is not None and self._scheduled is not None:
            self.app.push_screen(JobScreen(row, self._scheduled))

    def found_anew(self) -> None:
        self._draw()

    def action_sort(self) -> None:
        orders = tuple(seen.ORDERS)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._draw()

    def action_refresh(self) -> None:
        if self.shell.is_open:
            self._read()

    def action_settings(self) -> None:
        from pi_installer_tui.screens.module import ModuleScreen

        self.app.push_screen(ModuleScreen(self._module))

    def action_day(self) -> None:
        from pi_installer_tui.screens.cron.strip import DayScreen

        if self._scheduled is not None:
            self.app.push_screen(DayScreen(self._scheduled))

    def action_findings(self) -> None:
        from pi_installer_tui.screens.cron.findings import FindingsScreen

        if self._scheduled is not None:
            self.app.push_screen(FindingsScreen(self._scheduled))

    def action_new(self) -> None:
        from pi_installer_tui.widgets.form.choose import ChooseScreen

        state = self._scheduled.state if self._scheduled is not None else None
        line, timer, template = _("a line in a crontab"), _("a timer of systemd"), _("one from a template")

        def chosen(answer: tuple[bool, Any] | None) -> None:
            if answer is None:
                return
            if answer[1] == line:
                self._open("editor", "EditorScreen", None, state)
            elif answer[1] == timer:
                self._open("timer", "TimerScreen", None, state)
            else:
                self._open("templates", "TemplatesScreen", state)

        self.app.push_screen(ChooseScreen(_("New"), (line, timer, template), None, line, leave=False), chosen)

"""Logs: the journal and the files under /var/log, a window at a time, filtered, searched, followed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.monitoring import logs_choices, logs_filters
from pi_installer_tui.screens.monitoring.logs_view import LogView, filters
from pi_installer_tui.screens.monitoring.logs_window import MOST, Window
from pi_installer_tui.system.entries import Entry, Log, LogError, Wanted, pattern, uncoloured
from pi_installer_tui.system.explained import explain
from pi_installer_tui.system.journal import Journal
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.search import SearchField
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from textual.widgets import Input

#: seconds between drawings of a followed log, at most and at least
_QUICKEST, _SLOWEST = 0.25, 1.0


class Logs(ShellScreen):
    """A log. unit: a service to begin with. since: seconds since 1970, where to begin. path: a file instead of the
    journal. grep: only entries that have this text, or fit /regex/."""

    place = "logs"
    where = N_("Logs")
    PARTS = ("filters", "entries", "said")
    about = N_(
        "The journal, or a file under /var/log with its older parts. The newest entries are at the end; the list reads "
        "on by itself as you go up, and only a few hundred entries are kept.\n"
        "x marks errors and worse, ! warnings. Enter shows all fields of an entry. What is known of the message under "
        "the cursor stands below the list.\n"
        "The line above filters: its letters are keys. A search marks what it finds and looks through the whole log, "
        "upwards; n goes on, N back. A text is found whatever its letters' case; /between slashes/ it is a regular "
        "expression."
    )
    CSS = """
    Logs #said { height: 1; }
    """
    AUTO_FOCUS = "#entries"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("logs")]

    def __init__(self, unit: str = "", since: float | None = None, path: str = "", grep: str = "") -> None:
        super().__init__()
        self._path = path
        self._wanted = Wanted(unit=unit, since=since, text=grep)
        self._from_start = since is not None
        self._log: Log | None = None
        self._window: Window | None = None
        self._sought = ""
        self._typing: Callable[[str], None] | None = None
        self._reader: Worker[None] | None = None
        #: counts what was asked to be read; which of it is being read, 0: nothing
        self._turn = self._reading = 0
        self._following: Worker[None] | None = None
        self._arrived: deque[Entry] = deque(maxlen=MOST)
        self._missed = False
        self._timer: Timer | None = None

    def body(self) -> Iterable[Widget]:
        yield Panel([self._filters()], id="filters")
        yield LogView(id="entries")
        yield Panel([[Cell(_("Reading ..."), "quiet")]], id="said")

    def on_mount(self) -> None:
        self.shell.opened.subscribe(self, lambda _none: self._open(self._path))
        if self.shell.is_open:
            self._open(self._path)

    @property
    def _view(self) -> LogView:
        return self.query_one(LogView)

    # reading ------------------------------------------------------------------------------------------------------

    def _open(self, path: str) -> None:
        from pi_installer_tui.system.logfiles import LogFile

        self._path = path
        self._log = LogFile(self.shell.host, path) if path else Journal(self.shell.host)
        self.say_where(_("Logs: {log}").format(log=printable(self._log.title)))
        self._again(to_start=self._from_start)
        self._from_start = False

    def _again(self, *, to_start: bool = False, beside: Entry | None = None) -> None:
        """Reads the log anew, with the present filters: at its end, at its start, or around an entry."""
        if self._log is None:
            return
        self._unfollow()
        window = Window(self._log, self._wanted)
        self._window = window

        async def read() -> None:
            if beside is not None:
                await window.around(beside)
            else:
                await (window.to_start() if to_start else window.to_end())
            self._mark()
            at = 0 if to_start else len(window.entries) - 1
            self._view.set_entries(window.entries, at if beside is None else window.entries.index(beside))

        self._draw_filters()
        self._work(read)

    def _work(self, what: Callable[[], Awaitable[None]], doing: str = "") -> None:
        """Reads or searches in the background; one thing at a time, the last one that was asked for."""
        self._turn += 1
        self._reading = self._turn
        self.say_doing(doing or _("reading ..."))
        # from Python 3.12 on it may be done before run_worker returns (asyncio's eager tasks)
        work = partial(self._do, what, self._turn)
        self._reader = self.run_worker(work, exclusive=True, group="read", exit_on_error=False)

    async def _do(self, what: Callable[[], Awaitable[None]], turn: int) -> None:
        try:
            await what()
            if not self.closing:
                self._explain()
        except LogError as error:
            if not self.closing:
                self._view.settle()
                self._say(str(error), "warn")
        except Exception as error:
            # what can't be read is a LogError; this is a fault, and must not take the screens with it
            if not self.closing:
                self._say(_("This can't be read: {error}").format(error=error), "bad")
        finally:
            if turn == self._turn:
                self._read_all()

    def _read_all(self) -> None:
        self._reading = 0
        if not self.closing:
            self._draw_doing()

    def _draw_doing(self) -> None:
        self.say_doing(_("following: f stops") if self._following is not None else "")

    def on_log_view_wanted(self, message: LogView.Wanted) -> None:
        window, view = self._window, self._view
        if window is None or (self._reading and message.where in ("before", "after")):
            return

        async def before() -> None:
            view.shifted(window.entries, await window.before())

        async def after() -> None:
            view.shifted(window.entries, -await window.after())

        async def first() -> None:
            await window.to_start()
            view.set_entries(window.entries, 0)

        async def last() -> None:
            await window.to_end()
            view.set_entries(window.entries, len(window.entries) - 1)

        match message.where:
            case "before" if not window.at_start:
                self._unfollow()
                self._work(before)
            case "after" if self._following is None and not window.at_end:
                self._work(after)
            case "first":
                self._unfollow()
                self._work(first)
            case "last" if self._following is None:
                self._work(last)
            case "last":
                view.go(len(window.entries) - 1)
            case _:
                view.settle()

    # what is said -------------------------------------------------------------------------------------------------

    def _say(self, text: str, tone: Tone = "plain") -> None:
        self.query_one("#said", Panel).set_lines([[Cell(printable(text), tone)]])

    def _explain(self) -> None:
        """What is known of the entry under the cursor; else what the log said."""
        entry, window = self._view.entry, self._window
        known = explain(uncoloured(entry.message), entry.who) if entry is not None else None
        if known is not None:
            self._say(_(known.means), "key")
        elif window is not None and not window.entries:
            self._say(window.said or _("There is no such entry."), "warn")
        else:
            self._say(window.said if window is not None else "", "warn")

    def on_log_view_moved(self) -> None:
        if self._following is not None and not self._view.is_last:
            self._unfollow()
        self._explain()

    def on_log_view_opened(self, message: LogView.Opened) -> None:
        from pi_installer_tui.screens.monitoring.entry import EntryScreen

        if self._log is not None:
            self.app.push_screen(EntryScreen(self._log, message.entry))

    # filters ------------------------------------------------------------------------------------------------------

    def _filters(self) -> list[Cell]:
        wanted = self._wanted
        numbers = self._log.numbers if isinstance(self._log, Journal) else {}
        parts = [
            ("u", _("unit"), wanted.unit.removesuffix(".service")),
            ("p", _("priority"), logs_choices.priority_name(wanted.priority)),
            ("o", _("boot"), str(numbers.get(wanted.boot, wanted.boot[:8]))),
            ("t", _("time"), logs_choices.range_name(wanted.since, wanted.until)),
            ("m", _("match"), wanted.text),
        ]
        if self._path:
            parts = parts[3:]
        return filters(parts, 14, glyphs(self).more)

    def _draw_filters(self) -> None:
        self.query_one("#filters", Panel).set_lines([self._filters()])

    def _set(self, wanted: Wanted) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._again()

    def _has_not(self, what: str) -> bool:
        """Says what a file hasn't; False where the log has it."""
        if not self._path:
            return False
        self._say(_("A file has no {what}: they are the journal's (l).").format(what=what), "warn")
        return True

    @work(exclusive=True, group="choose")
    async def _ask(self, ask: Callable[[ShellScreen, Journal, Wanted], Awaitable[Wanted | None]]) -> None:
        """Asks for a filter, and reads the log with it."""
        if isinstance(self._log, Journal) and (wanted := await self._answer(ask(self, self._log, self._wanted))):
            self._set(wanted)

    async def _answer(self, asking: Awaitable[Wanted | None]) -> Wanted | None:
        try:
            return await asking
        except (LogError, logs_choices.NoRange) as error:
            self._say(str(error), "warn")
            return None

    def action_unit(self) -> None:
        if not self._has_not(_("units")):
            self._ask(logs_filters.unit)

    def action_priority(self) -> None:
        if not self._has_not(_("priorities")):
            self._ask(logs_filters.priority)

    def action_boot(self) -> None:
        if not self._has_not(_("boots")):
            self._ask(logs_filters.boot)

    @work(exclusive=True, group="choose")
    async def action_time(self) -> None:
        if wanted := await self._answer(logs_filters.time(self, self._wanted)):
            self._set(wanted)

    @work(exclusive=True, group="choose")
    async def action_log(self) -> None:
        if not self.shell.is_open:
            return
        path = await logs_filters.log(self, self.shell.host, self._path)
        if path is not None and path != self._path:
            self._wanted = Wanted(since=self._wanted.since, until=self._wanted.until, text=self._wanted.text)
            self._open(path)

    def action_clear(self) -> None:
        """All filters off; the entry under the cursor stays, now with what is next to it."""
        if self._wanted != Wanted():
            self._wanted = Wanted()
            self._again(beside=self._view.entry)

    def action_export(self) -> None:
        from pi_installer_tui.screens.monitoring.logs_export import LogExport

        if self._log is not None:
            self.app.push_screen(LogExport(self._log, self._wanted))

    # typing -------------------------------------------------------------------------------------------------------

    async def _type(self, placeholder: str, value: str, done: Callable[[str], None]) -> None:
        if self.query(SearchField):
            return
        self._typing = done
        field = SearchField(placeholder)
        field.value = value
        await self.mount(field, before="#said")
        field.focus()

    async def action_search(self) -> None:
        await self._type(_("search upwards for a text, or /regex/"), "", self._search)

    async def action_text(self) -> None:
        await self._type(
            _("only entries that have a text, or fit /regex/; nothing: all"), self._wanted.text, self._match
        )

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()

    async def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        done = self._typing
        await self.on_search_field_left()
        if done is not None:
            done(message.value)

    async def on_search_field_left(self) -> None:
        self._typing = None
        self._view.focus()
        await self.query(SearchField).remove()

    def _match(self, text: str) -> None:
        try:
            pattern(text)
        except LogError as error:
            self._say(str(error), "warn")
            return
        self._set(self._wanted.having(text))

    def _search(self, text: str) -> None:
        if not text:
            self._sought = ""
            self._mark()
            return
        try:
            pattern(text)
        except LogError as error:
            self._say(str(error), "warn")
            return
        self._sought = text
        self._mark()
        self.action_find(-1)

    def _mark(self) -> None:
        found = pattern(self._sought or self._wanted.text)
        self._view.highlight(found.compiled if found is not None else None)

    def action_find(self, by: int) -> None:
        window, text = self._window, self._sought
        if window is None or not text:
            return
        self._unfollow()

        async def find() -> None:
            entry = await window.find(text, self._view.cursor, by)
            if entry is None:
                side = _("above") if by < 0 else _("below")
                raise LogError(_("{text}: not found {side}").format(text=text, side=side))
            if entry not in window.entries:
                await window.around(entry)
                self._view.set_entries(window.entries, window.entries.index(entry))
            else:
                self._view.go(window.entries.index(entry))

        self._work(find, _("searching ...  Esc stops"))

    # following ----------------------------------------------------------------------------------------------------

    def action_follow(self) -> None:
        if self._following is not None:
            self._unfollow()
        elif self._wanted.until is not None:
            self._say(_("What has an end can't be followed: choose another time (t)."), "warn")
        elif self._window is not None:
            window = self._window

            async def begin() -> None:
                if not window.at_end or window.entries:
                    await window.to_end()
                self._view.set_entries(window.entries, len(window.entries) - 1)
                self._following = self.run_worker(partial(self._follow, window), group="follow", exit_on_error=False)
                every = max(_QUICKEST, min(_SLOWEST, self.shell.profile.tick))
                self._timer = self.set_interval(every, self._take)

            self._work(begin)

    async def _follow(self, window: Window) -> None:
        log, cursor = window.log, window.entries[-1].cursor if window.entries else ""
        await asyncio.sleep(0)  # what started it has to know of it before it ends (asyncio's eager tasks)
        try:
            async for entries in log.follow(cursor, window.wanted):
                self._missed = self._missed or len(self._arrived) + len(entries) > MOST
                self._arrived.extend(entries)
            said = _("Following has ended.")
        except LogError as error:
            said = str(error)
        if not self.closing:
            self._unfollow()
            self._say(said, "warn")

    def _take(self) -> None:
        """Shows what has arrived. What came while another screen was on top is taken when that is gone."""
        window = self._window
        if window is None or not self._arrived or self.app.screen is not self:
            return
        arrived = list(self._arrived)
        self._arrived.clear()
        if self._missed:  # so many that what is shown would have a gap: only the new ones
            window.entries.clear()
            self._missed = False
            window.at_start = False
        window.arrived(arrived)
        self._view.set_entries(window.entries, len(window.entries) - 1)
        self._explain()

    def _unfollow(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._following is not None:
            self._following.cancel()
            self._following = None
            self._arrived.clear()
            self._missed = False
            if self._window is not None:
                self._window.at_end = False  # what was logged meanwhile
            if not self.closing:
                self._draw_doing()

    async def action_back(self) -> None:
        if self._reading and self._reader is not None:
            self._reader.cancel()
            self._view.settle()
            self._read_all()
        else:
            await self.app.pop_screen()

"""The next 24 hours as strips, a job each: when what runs, and what meets what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _, ngettext
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.cron import seen, words
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.listing import Drawn, Listing
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, remark
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.screens.cron.day import Meeting, Track
    from pi_installer_tui.screens.cron.seen import Scheduled

#: cells of the name, and of the strip: half hours, where there is room thirds of an hour
_NAME, _HALVES, _THIRDS = 22, 48, 72
_ROOMY = 116  # cells
_DAY = 86_400
#: starts of a job that are listed
_LISTED = 6


class DayScreen(ShellScreen):
    """What runs from now on, for a day."""

    place = "cron_day"
    where = N_("The next 24 hours")
    stays = True
    PARTS = ("head", "day", "detail")
    about = N_(
        "When what runs within 24 hours from now. Each row is a job; a filled cell is half an hour in which it runs, "
        "`!` one in which it meets another job: they start in the same minute, or one starts while the other is likely "
        "still at work; `?` one of many in which it may run, with a random delay of more than an hour. How long a job "
        "takes is known of those that are recorded, and of timers that have run.\n"
        "What starts more often than every hour meets everything and isn't counted. The line above the rows says how "
        "many jobs begin in each half hour. Below: the runs of the job under the cursor, and whom it meets.\n"
        "`show` leaves out what meets nothing. Enter shows the job, where its time can be changed."
    )
    CSS = """
    DayScreen #detail { height: 7; }
    """
    AUTO_FOCUS = "#day"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("cron_day")]

    def __init__(self, scheduled: Scheduled) -> None:
        super().__init__()
        self._scheduled = scheduled
        self._now = seen.now()
        self._tracks: Sequence[Track] = ()
        self._met: dict[str, list[Meeting]] = {}
        self._shown: list[Track] = []
        self._all = True
        self._ready = False

    def body(self) -> Iterable[Widget]:
        yield Panel([[Cell(_("Reading the machine ..."), "quiet")], [], []], id="head")
        yield Listing((_NAME, 0), id="day")
        detail = TextPane(id="detail")
        detail.text.can_focus = False
        yield detail

    def on_mount(self) -> None:
        self._look()

    def on_resize(self) -> None:
        if self._ready:
            self._draw()

    @work(exclusive=True, group="look", exit_on_error=False)
    async def _look(self) -> None:
        from pi_installer_tui.screens.cron import day

        timers = await day.of_timers(self.shell.host, self._scheduled, self._now)
        self._tracks = day.tracks(self._scheduled, self._now, timers)
        self._met = day.meetings(self._tracks)
        self._ready = True
        if not self.closing:
            self._draw()
            self.refresh_bindings()

    # drawing ------------------------------------------------------------------------------------------------------

    @property
    def _count(self) -> int:
        return _THIRDS if self.size.width >= _ROOMY else _HALVES

    @property
    def _slot(self) -> float:
        """Seconds of a cell."""
        return _DAY / self._count

    @property
    def _begin(self) -> float:
        """When the first cell begins: by the clock on the wall."""
        offset = datetime.fromtimestamp(self._now, self._scheduled.zone).utcoffset()
        local = self._now + (offset.total_seconds() if offset is not None else 0.0)
        return self._now - local % self._slot

    def _draw(self) -> None:
        listed = self.query_one(Listing)
        self._shown = [track for track in self._tracks if self._all or track.row.key in self._met]
        if self._shown:
            listed.set_source(Drawn(self._shown, self._row), listed.cursor)
        else:
            none = _("Nothing meets anything.") if self._tracks else _("Nothing runs within 24 hours.")
            listed.set_source([remark(Cell(none, "quiet"))])
        gap = " " * (3 + _NAME + 2 - 1)
        self.query_one("#head", Panel).set_lines(
            [
                self._said(),
                [Cell(gap), Cell(self._hours(), "quiet")],
                [Cell(_("begin").rjust(len(gap) - 2)), Cell("  "), Cell(self._begins(), "strong")],
            ]
        )
        self._tell()

    def _said(self) -> list[Cell]:
        count, meet = len(self._tracks), len(self._met)
        said = ngettext("{n} job runs within 24 hours", "{n} jobs run within 24 hours", count).format(n=count)
        cells = [Cell(said)]
        if meet:
            met = ngettext("{n} meets another", "{n} meet others", meet).format(n=meet)
            cells.append(Cell(f", {glyphs(self).warning} {met}", "warn"))
        if often := sum(track.often for track in self._tracks):
            left = ngettext("{n} runs often, not counted", "{n} run often, not counted", often).format(n=often)
            cells.append(Cell(f"  {left}", "quiet"))
        return cells

    def _hours(self) -> str:
        """The hours of the clock above the cells at which they begin."""
        text = [" "] * self._count
        every = 2 if self._count == _HALVES else 3
        for slot in range(self._count - 1):
            at = datetime.fromtimestamp(self._begin + slot * self._slot, self._scheduled.zone)
            if at.minute == 0 and at.hour % every == 0:
                text[slot : slot + 2] = f"{at:%H}"
        return "".join(text)

    def _begins(self) -> str:
        """How many jobs begin in each cell."""
        counts = [0] * self._count
        for track in self._tracks:
            if not track.often:
                for slot in {int((start.at - self._begin) // self._slot) for start in track.starts}:
                    if 0 <= slot < self._count:
                        counts[slot] += 1
        return "".join(glyphs(self).todo if not count else str(count) if count < 10 else "+" for count in counts)

    def _row(self, track: Track) -> Row:
        from pi_installer_tui.screens.cron.day import slots

        signs = glyphs(self)
        busy = slots(track, self._begin, self._slot, self._count)
        maybe = slots(track, self._begin, self._slot, self._count, vague=True)
        drawn = [
            signs.full if runs else signs.unknown if may else signs.todo for runs, may in zip(busy, maybe, strict=True)
        ]
        meets = self._met.get(track.row.key, ())
        for meeting in meets:
            slot = int((max(meeting.start.at, meeting.others.at) - self._begin) // self._slot)
            if 0 <= slot < self._count:
                drawn[slot] = signs.warning
        tone: Tone = "warn" if meets else "quiet" if track.often else "plain"
        return Row(track.row.key, (Cell(words.name(track.row)), Cell("".join(drawn), tone)))

    @property
    def _track(self) -> Track | None:
        at = self.query_one(Listing).cursor if not self.closing else -1
        return self._shown[at] if 0 <= at < len(self._shown) else None

    def _tell(self) -> None:
        track, pane = self._track, self.query_one("#detail", TextPane)
        if track is None:
            pane.set("", [])
            return
        zone = self._scheduled.zone

        def clock(at: float) -> str:
            return words.when(at, self._now, zone)

        times = ", ".join(clock(start.at) for start in track.starts[:_LISTED] if not start.vague)
        for start in track.starts[:_LISTED]:
            if start.vague:
                said = _("some time from {first} to {last}").format(first=clock(start.at), last=clock(start.until))
                times = f"{times}, {said}" if times else said
        if len(track.starts) > _LISTED:
            times = _("{times} and {n} more").format(times=times, n=len(track.starts) - _LISTED)
        lines: list[Cell] = [Prose(f"{printable(track.row.owner)}: {times}")]
        if track.often:
            lines.append(
                Prose(_("It starts more often than every hour: it meets everything, and isn't counted."), "quiet")
            )
        for meeting in self._met.get(track.row.key, ()):
            lines.append(Prose(f"{glyphs(self).warning} {self._meets(meeting)}", "warn"))
        if len(lines) == 1:
            lines.append(Cell(_("It meets nothing."), "good"))
        pane.set(words.name(track.row), lines)

    def _meets(self, meeting: Meeting) -> str:
        zone = self._scheduled.zone
        at, other = words.when(meeting.start.at, self._now, zone), words.when(meeting.others.at, self._now, zone)
        named = words.name(meeting.other)
        if int(meeting.start.at // 60) == int(meeting.others.at // 60):
            return _("{at}: {other} starts in the same minute").format(at=at, other=named)
        if meeting.others.at < meeting.start.at:
            until = words.when(meeting.others.until, self._now, zone)
            said = _("{at}: {other} has run since {other_at}, likely until {until}")
            return said.format(at=at, other=named, other_at=other, until=until)
        return _("{at}: {other} starts at {other_at}, while it likely still runs").format(
            at=at, other=named, other_at=other
        )

    # keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "view" or self._ready

    def on_rows_moved(self) -> None:
        self._tell()

    def on_rows_opened(self) -> None:
        from pi_installer_tui.screens.cron.item import JobScreen

        if (track := self._track) is not None:
            self.app.push_screen(JobScreen(track.row, self._scheduled))

    def action_view(self) -> None:
        self._all = not self._all
        self._draw()

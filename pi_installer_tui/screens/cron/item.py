"""All that is known of one scheduled job: when it runs and how it ran, where it stands, what is wrong with it, and what
its shell is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui import modules
from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.cron import seen, words
from pi_installer_tui.screens.cron.doing import JobKeys
from pi_installer_tui.screens.facts import value
from pi_installer_tui.system.reading import Known, Unknown, known
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Row
    from pi_installer_tui.screens.cron.seen import Scheduled
    from pi_installer_tui.system.cron.runs import Note

#: next runs that are shown
_RUNS = 10


class JobScreen(JobKeys):
    """One row of the list."""

    place = "cron_job"
    where = N_("A scheduled job")
    stays = True
    PARTS = ("job",)
    about = N_(
        "All of a job: its schedule in words, the next ten runs by the machine's clock, with what a change of the "
        "clock does to them, how it ran last, where it stands, what is wrong with its line, and the environment that "
        "cron gives it.\n"
        "Whatever is changed is planned and shown first, and can be undone."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("cron_job")]

    def __init__(self, row: Row, scheduled: Scheduled) -> None:
        super().__init__()
        self._row = row
        self._scheduled = scheduled
        self._runs: Sequence[Cell] | None = None
        self._was_left = False

    @property
    def one(self) -> Row:
        return self._row

    @property
    def scheduled(self) -> Scheduled:
        return self._scheduled

    def on_screen_suspend(self) -> None:
        self._was_left = True

    def on_screen_resume(self) -> None:
        if self._was_left:
            self._read()

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _read(self) -> None:
        """What a job that began here has changed. A row that isn't there any more stays as it was read."""
        host = self.shell.host
        scheduled = await seen.everything(host, await modules.load(seen.MODULE).read(host))
        row = scheduled.row(self._row.key)
        if row is not None and not self.closing:
            self._row, self._scheduled = row, scheduled
            self._begin()
            self.refresh_bindings()

    def body(self) -> Iterable[Widget]:
        yield TextPane(id="job")

    def on_mount(self) -> None:
        self.say_where(_("Scheduled: {name}").format(name=words.name(self._row)))
        self._begin()
        self.query_one(TextPane).text.focus()

    def _begin(self) -> None:
        if self._row.timer is None:
            self._runs = self._of_line()
        else:
            self._ask()
        self._draw()

    def _draw(self) -> None:
        if not self.closing:
            self.query_one(TextPane).set(_("What is known"), self._lines())

    # lines --------------------------------------------------------------------------------------------------------

    def _lines(self) -> list[Cell]:
        row, scheduled, signs = self._row, self._scheduled, glyphs(self)
        found: list[Cell] = [words.standing(scheduled.standing(row), signs)]
        if row.refused:
            found.append(Prose(f"  {printable(row.refused)}", "bad"))
        for each in scheduled.found(row):
            sign, word, tone = words.severity(each, signs)
            found.append(Prose(f"  {sign} {word}: {printable(each.text)}", tone))
            if each.advice:
                found.append(Prose(f"    {printable(each.advice)}"))
        for title, text in self._facts():
            found.append(Prose(f"{title.ljust(12)} {text}"))
        found += [Cell(""), Cell(_("Next runs"), "strong"), *(self._runs or [Cell("  " + _("asking ..."), "quiet")])]
        return [*found, *self._environment()]

    def _facts(self) -> list[tuple[str, str]]:
        row, scheduled = self._row, self._scheduled
        facts = [
            (_("What it is"), words.kind(row)),
            (_("When"), self._in_words()),
            (_("Written"), printable(row.schedule) or "-"),
            (_("Runs"), printable(row.command) or "-"),
            (_("As"), printable(row.owner)),
            (_("Stands in"), words.where(row)),
        ]
        if row.name and row.timer is None:
            facts.insert(0, (_("Name"), printable(row.name)))
        last = scheduled.last(row)
        if isinstance(last, Known):
            run = last.value
            at = words.moment(run.at, scheduled.zone) if run.at is not None else ""
            facts.append((_("Last run"), f"{at}  {words.ended(run)}".strip()))
        else:
            facts.append((_("Last run"), value(last) if isinstance(last, Unknown) else _("none that is known")))
        if row.entry is not None:
            mail = row.entry.mailto
            sent = _("nobody") if mail == "" else printable(mail or row.owner)
            facts.append((_("Output to"), sent))
            if row.entry.stdin is not None:
                facts.append((_("Input"), printable(row.entry.stdin.rstrip("\n"))))
        if row.wrapped is not None:
            facts.append((_("Recorded"), self._recording()))
        if row.timer is not None:
            facts += self._of_timer()
        return facts

    def _in_words(self) -> str:
        if self._row.entry is not None:
            from pi_installer_tui.system.cron.words import long

            return long(self._row.entry.schedule)
        if self._row.at is not None:
            return words.moment(self._row.at.at, self._scheduled.zone)
        return self._row.words

    def _recording(self) -> str:
        of = self._row.wrapped
        assert of is not None
        parts = [_("as {name}").format(name=of.name)]
        parts += [_("one at a time")] if of.lock else []
        parts += [_("ended after {span}").format(span=words.lasting(of.timeout))] if of.timeout else []
        parts += [_("tried again {n} times").format(n=of.retries)] if of.retries else []
        parts += [_("pings")] if of.ping else []
        return ", ".join(parts)

    def _of_timer(self) -> list[tuple[str, str]]:
        timer = self._row.timer
        assert timer is not None
        late = words.lasting(timer.timing.random_delay) if timer.timing.random_delay else _("none")
        facts = [
            (_("About"), printable(timer.description) or "-"),
            (_("Starts"), printable(timer.starts) or "-"),
            (_("At boot"), timer.enabled or "-"),
            (_("Missed runs"), _("are made up for") if timer.timing.persistent else _("are left out")),
            (_("Random delay"), late),
        ]
        if timer.stale:
            facts.append((_("Changed"), _("its file has changed since systemd read it")))
        return facts

    def _environment(self) -> list[Cell]:
        row = self._row
        if row.entry is None:
            return []
        from pi_installer_tui.modules.cron.environments import shown

        account = self._scheduled.state.cron.users.get(row.owner)
        environment = row.entry.environment(row.owner, account.home if account is not None else "/")
        lines = [Cell(""), Cell(_("What its shell is given"), "strong")]
        lines += [Cell(f"  {printable(name)}={printable(shown(name, text))}") for name, text in environment.items()]
        return lines

    # next runs ----------------------------------------------------------------------------------------------------

    def _of_line(self) -> Sequence[Cell]:
        """Of a line of a crontab, with what changes of the clock do."""
        from pi_installer_tui.system.cron import runs
        from pi_installer_tui.system.cron.words import change

        row, scheduled, now = self._row, self._scheduled, seen.now()
        line = scheduled.runner(row)
        if line is None or line.entry is None or not row.enabled:
            found = scheduled.next(row, now)
            return [
                Cell("  " + (words.moment(found.value, scheduled.zone) if isinstance(found, Known) else value(found)))
            ]
        schedule = line.entry.schedule
        if schedule.reboot:
            return [Cell("  " + _("when the machine has started"))]
        told: list[Cell] = []
        for run in runs.upcoming(schedule, scheduled.zone, int(now), _RUNS):
            said = note(run.note)
            told.append(Cell(f"  {words.moment(run.at, scheduled.zone)}" + (f"  {said}" if said else "")))
        told = told or [Cell("  " + _("never"), "bad")]
        for each in runs.changes(schedule, scheduled.zone, int(now)):
            told.append(Prose(f"  {glyphs(self).warning} {change(each)}", "warn"))
        return told

    @work(exclusive=True, group="ask", exit_on_error=False)
    async def _ask(self) -> None:
        """Of a timer, by systemd itself."""
        from pi_installer_tui.system.timers import calendar

        timer = self._row.timer
        assert timer is not None
        following = self._scheduled.next(self._row, seen.now())
        if not timer.active or not timer.timing.calendars:
            text = (
                words.moment(following.value, self._scheduled.zone)
                if isinstance(following, Known)
                else value(following)
            )
            self._runs = [Cell(f"  {text}")]
            self._draw()
            return
        asked = timer.timing.calendars
        zone = known(self._scheduled.state.zone) or ""
        answer = await calendar.ask(self.shell.host, asked, iterations=_RUNS, base=seen.now(), zone=zone)
        if isinstance(answer, Known):
            times = sorted({at for each in answer.value for at in each.runs})[:_RUNS]
            self._runs = [Cell(f"  {words.moment(at, self._scheduled.zone)}") for at in times]
            self._runs = self._runs or [Cell("  " + _("never"), "bad")]
            if timer.timing.random_delay and isinstance(following, Known):
                said = _("With its random delay the next one comes {when}.")
                said = said.format(when=words.moment(following.value, self._scheduled.zone))
                self._runs = [*self._runs, Prose(f"  {said}", "quiet")]
        else:
            self._runs = [Cell(f"  {value(answer)}", "warn")]
        self._draw()


def note(what: Note) -> str:
    """What a change of the clock does to a run, in words."""
    return {
        "": "",
        "moved": _("the clock jumps over its time: it runs when that is done"),
        "once": _("this time comes twice: it runs the first time only"),
        "again": _("this time comes twice: it runs again"),
    }[what]

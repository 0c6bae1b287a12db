"""A timer of systemd in /etc/systemd/system, new or changed: its times asked of systemd-analyze, and what it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.cron import explained
from pi_installer_tui.screens.cron.explained import SHOWN, in_columns, when, zone_of
from pi_installer_tui.screens.cron.making import MakingScreen, Said, borrowed, known_state, model, values, wide
from pi_installer_tui.system.host import HostError
from pi_installer_tui.system.reading import Unknown
from pi_installer_tui.system.timers import calendar, expression, unit
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import Heading, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Row
    from pi_installer_tui.modules.cron.state import State
    from pi_installer_tui.system.timers.calendar import Answer
    from pi_installer_tui.widgets.form.form import Form

_ROWS = 4
_SHELL = ("/bin/sh", "-c")
_FIELDS = (
    *("name", "calendars", "command", "words", "user", "persistent", "random_delay", "on_boot", "description"),
    *("environment", "enabled"),
)


class TimerScreen(MakingScreen):
    """A timer, or a new one (row None)."""

    where = N_("Scheduled jobs: a timer")
    about = N_(
        "A timer of systemd, and the service that it starts: two files in /etc/systemd/system.\n"
        "Times are calendar expressions, each of which counts: `Mon..Fri 08:00`, `*-*-01 04:00`, `*:0/15`. systemd "
        "itself says what it makes of them; where it refuses one, the place of the mistake is looked for.\n"
        "`Make up for it`: a run that was missed while the machine was off comes when it is on again. `Random "
        "delay`: so that not all machines come at once. What it runs is a line for /bin/sh, or a program and its "
        "arguments, one a line, without a shell.\n"
        "A timer whose files say more than fits into this form isn't changed here."
    )
    LINES: ClassVar[int] = 4

    def __init__(self, row: Row | None, state: State | None) -> None:
        self._row = row
        self._state = known_state(state)
        self._zone = zone_of(self._state)
        self._called = row.key.removesuffix(".timer") if row is not None else ""
        self._job = _whole(self._state.units.get(self._called)) if row is not None else None
        self._before = _before(self._job)
        if row is not None and self._job is None and row.timer is not None:
            self._before |= {"calendars": row.timer.timing.calendars, "description": row.timer.description or None}
        self._runs: list[str] = []
        super().__init__()

    def form(self) -> Form[Any]:
        from pi_installer_tui.modules.cron.actions import OfTimer

        names = [name for name in _FIELDS if name != "name" or self._row is None]
        made = model("ATimer", borrowed(OfTimer, *names, begin=self._before))
        before = {**self._before, "enabled": self._row.enabled} if self._row is not None else self._before
        return wide(made, made.model_construct(None, **before), self._choices, new=self._row is None)

    def _choices(self, name: str) -> Sequence[str]:
        from pi_installer_tui.modules.cron.present import choices

        return choices(self._state, name)

    def below(self) -> Iterable[Widget]:
        heading = Heading()
        heading.title = _("Next runs")
        yield heading
        yield Panel([[] for _n in range(_ROWS)], id="runs")

    def begin(self) -> None:
        self.say_where(
            _("A new timer") if self._row is None else _("Timer {name}").format(name=printable(self._called))
        )

    @property
    def _foreign(self) -> str:
        """Why it can't be changed here, "" where it can."""
        if self._row is None or self._job is not None:
            return ""
        folder = unit.FOLDER
        if self._row.path.startswith(f"{folder}/") and "/" not in self._row.key:
            return _("its files say more than this form has; edit them by hand.")
        return _("it isn't one of {folder}: a package or a user brought it.").format(folder=folder)

    # what comes of it ---------------------------------------------------------------------------------------------

    async def look(self) -> Sequence[Said]:
        told: list[Said] = []
        if why := self._foreign:
            told.append((_("It can't be changed here: {why}").format(why=why), "warn"))
        said = values(self._form)
        wanted = [str(each) for each in said.get("calendars", ())]
        runs: list[float] = []
        if wanted:
            try:
                answers = await calendar.ask(self.shell.host, wanted, iterations=SHOWN, base=explained.now())
            except HostError as error:
                answers = Unknown(str(error))
            if isinstance(answers, Unknown):
                told.append((answers.reason, "warn"))
            else:
                for answer in getattr(answers, "value", ()):
                    told += _answered(answer)
                    runs += answer.runs
        if isinstance(boot := said.get("on_boot"), int):
            told.append((_("{seconds} s after the machine has started").format(seconds=boot), "strong"))
        elif not wanted:
            told.append((_("No time yet: add one to `Times`, or a delay after the start."), "warn"))
        if self.closing:
            return ()
        self._runs = [when(at, self._zone) for at in sorted(set(runs))[:SHOWN]]
        self.query_one("#runs", Panel).set_lines(in_columns(self._runs, _ROWS, max(20, self.size.width - 2)))
        return sorted(told, key=lambda line: line[1] != "bad")

    def explained(self) -> Sequence[Said]:
        runs: list[Said] = [("", "plain"), (_("Next runs"), "strong")] if self._runs else []
        return [*self._told, *runs, *((f"  {text}", "plain") for text in self._runs)]

    # keys ---------------------------------------------------------------------------------------------------------

    def act(self) -> str:
        if why := self._foreign:
            return why
        said = values(self._form)
        if not said.get("calendars") and said.get("on_boot") is None:
            return _("it needs a time, or a delay after the start.")
        if bool(said.get("command")) == bool(said.get("words")):
            return _("it needs a command, or a program and its arguments, and not both.")
        if self._row is not None and not self._form.changed:
            return _("nothing was changed here.")
        self.shell.act("cron", "timer", {"name": self._called, **said})
        return ""


def _whole(job: unit.Job | None) -> unit.Job | None:
    """A job that the form can say, whose spans are whole seconds."""
    if job is None or job.timing.random_delay % 1 or (job.timing.on_boot or 0) % 1:
        return None
    return job


def _before(job: unit.Job | None) -> dict[str, Any]:
    """What the form begins with."""
    if job is None:
        return {name: None for name in _FIELDS if name not in ("persistent", "random_delay", "enabled")}
    line = job.command[2] if job.command[:2] == _SHELL and len(job.command) == 3 else None
    return {
        "calendars": job.timing.calendars,
        "command": line,
        "words": None if line is not None else job.command,
        "user": job.user or None,
        "persistent": job.timing.persistent,
        "random_delay": int(job.timing.random_delay),
        "on_boot": None if job.timing.on_boot is None else int(job.timing.on_boot),
        "description": job.description or None,
        "environment": tuple(f"{name}={value}" for name, value in job.environment.items()) or None,
    }


def _answered(answer: Answer) -> list[Said]:
    """What systemd says of an expression; of one that it refuses the place below it."""
    text = printable(answer.expression)
    if answer.mistake is not None:
        at = answer.mistake.at
        mark = "" if at is None else f"{' ' * at}^ "
        return [(text, "bad"), (mark + answer.mistake.text, "bad")]
    if answer.never:
        return [(_("{expression}: it never comes again").format(expression=text), "bad")]
    found: list[Said] = [(f"{text}: {expression.words(answer.normalised)}  ({answer.normalised})", "strong")]
    try:
        uneven = expression.uneven(expression.parse(answer.normalised))
    except ValueError:
        return found
    if uneven:
        said = _("systemd leaves out the first run after some changes of day, month or year: give the step an end.")
        found.append((said, "warn"))
    return found

"""A schedule chosen in words: every day, on some days of the week, each month or year, every so many minutes or hours,
at the start; and at what time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.cron import explained
from pi_installer_tui.screens.cron.explained import coming, explain, in_columns
from pi_installer_tui.screens.cron.making import MakingScreen, Said, values, wide
from pi_installer_tui.screens.cron.picking import WEEK, CannotPick, How, Pick, pick_of, text_of
from pi_installer_tui.system.cron import fields
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import Heading

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pi_installer_tui.widgets.form.form import Form

_ROWS = 4
#: the days of the week as a form has them, from Monday
_DAYS = {name: number for number in WEEK for name in (fields.DAYS[number],)}


class PickerScreen(MakingScreen, inherit_bindings=False):
    """Starts with what a schedule says, where words can say that. take: called with the schedule that was chosen."""

    place = "cron_pick"
    more = ()
    where = N_("Scheduled jobs: a schedule in words")
    about = N_(
        "When the job runs, as a choice. Above it stands the schedule that comes of it. What can't be said here (a "
        "day of the month or of the week, say, whichever comes) is typed into the five fields.\n"
        "Several times of a day go into one line only where they have the same minutes."
    )
    LINES = 3
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("cron_pick")]

    def __init__(self, schedule: str, zone: tzinfo, take: Callable[[str], None]) -> None:
        self._schedule = schedule
        self._zone = zone
        self._take = take
        self._pick = _picked(schedule)
        super().__init__()

    def form(self) -> Form[Any]:
        made, initial = _model(self._pick or Pick("day", ("03:30",)))
        return wide(made, initial, lambda name: tuple(_DAYS) if name == "weekdays" else (), new=True)

    def below(self) -> Iterable[Widget]:
        heading = Heading()
        heading.title = _("Next runs")
        yield heading
        yield Panel([[] for _n in range(_ROWS)], id="runs")

    async def look(self) -> Sequence[Said]:
        try:
            text = text_of(read(values(self._form)))
        except CannotPick as wrong:
            self.query_one("#runs", Panel).set_lines([[] for _n in range(_ROWS)])
            return [(str(wrong), "warn")]
        found = explain(text, self._zone, explained.now())
        lines = in_columns(coming(found.runs, self._zone), _ROWS, max(20, self.size.width - 2))
        self.query_one("#runs", Panel).set_lines(lines)
        told: list[Said] = [(f"{text}   {found.words}", "strong")]
        if self._schedule and self._pick is None:
            told.append((_("{schedule} can't be said in these words, and would be replaced.").format(
                schedule=self._schedule
            ), "warn"))  # fmt: skip
        return [*told, *((text, "warn") for text in found.clock), *((text, "plain") for text in found.remarks)]

    def action_take(self) -> None:
        try:
            text = text_of(read(values(self._form)))
        except CannotPick as wrong:
            self._form.reject({f"when.{wrong.part}": str(wrong)})
            return
        self._take(text)
        self.app.pop_screen()

    async def action_back(self) -> None:
        await self.app.pop_screen()


def read(said: dict[str, Any]) -> Pick:
    """What a form says, as a choice. Raises CannotPick."""
    how: How = said["how"]

    def number(name: str, usual: int) -> int:
        value = said.get(name, usual)
        if not isinstance(value, int):
            raise CannotPick(name, _("is no whole number"))
        return value

    days = [day for day in said.get("days", ()) if isinstance(day, int)]
    if len(days) != len(said.get("days", ())):
        raise CannotPick("days", _("a day is a number"))
    unknown = [day for day in said.get("weekdays", ()) if day not in _DAYS]
    if unknown:
        raise CannotPick("weekdays", _("days of the week are {days}").format(days=", ".join(_DAYS)))
    return Pick(
        how,
        times=tuple(map(str, said.get("times", ()))),
        weekdays=tuple(_DAYS[day] for day in said.get("weekdays", ())),
        days=tuple(days),
        month=number("month", 1),
        every=number("every", 1),
        minute=number("minute", 0),
        hours=(number("first", 0), number("last", 23)),
    )


def _picked(schedule: str) -> Pick | None:
    try:
        return pick_of(fields.parse(schedule))
    except fields.Mistake:
        return None


def _model(pick: Pick) -> tuple[Any, Any]:
    """The form's model, and what it begins with."""
    from pydantic import Field, create_model

    from pi_installer_tui.tasks.frozen import Frozen

    how = N_("day, weekdays, month, year: at times. minutes, hours: again and again. start: when the machine starts.")
    parts: dict[str, tuple[Any, Any]] = {
        "times": (
            tuple[str, ...],
            Field(default=(), title=N_("At"), description=N_("Times of the day: 03:30, or several: 06:00, 18:00.")),
        ),
        "weekdays": (
            tuple[str, ...],
            Field(
                default=(),
                title=N_("Days of the week"),
                description=N_("None: on all of them."),
                json_schema_extra={"widget": "several", "choices": "weekdays"},
            ),
        ),
        "days": (
            tuple[Annotated[int, Field(ge=1, le=31)], ...],
            Field(default=(), title=N_("Days of the month"), description=N_("Numbers: 1, 15.")),
        ),
        "month": (
            Annotated[int, Field(ge=1, le=12)],
            Field(default=1, title=N_("Month"), description=N_("1 January to 12 December.")),
        ),
        "every": (
            Annotated[int, Field(ge=1, le=59)],
            Field(default=1, title=N_("Every"), description=N_("So many minutes, or hours.")),
        ),
        "minute": (
            Annotated[int, Field(ge=0, le=59)],
            Field(default=0, title=N_("At minute"), description=N_("Of the hour.")),
        ),
        "first": (
            Annotated[int, Field(ge=0, le=23)],
            Field(default=0, title=N_("From hour"), description=N_("Before that hour it doesn't run.")),
        ),
        "last": (
            Annotated[int, Field(ge=0, le=23)],
            Field(default=23, title=N_("To hour"), description=N_("In that hour it runs for the last time.")),
        ),
    }
    kinds: dict[How, tuple[str, ...]] = {
        "day": ("times",),
        "weekdays": ("weekdays", "times"),
        "month": ("days", "times"),
        "year": ("days", "month", "times"),
        "minutes": ("every", "first", "last", "weekdays"),
        "hours": ("every", "minute", "weekdays"),
        "start": (),
    }
    made: dict[How, type[BaseModel]] = {}
    for kind, names in kinds.items():
        tag: Any = (Literal[kind], Field(title=N_("Runs"), description=how))
        chosen: dict[str, Any] = {"how": tag, **{name: parts[name] for name in names}}
        made[kind] = create_model(f"Pick{kind.title()}", __base__=Frozen, **chosen)
    union: Any = made["day"]
    for each in list(made.values())[1:]:
        union = union | each
    when: Any = Annotated[union, Field(discriminator="how")] | None
    parts_of_it: dict[str, Any] = {"when": (when, Field(default=None, title=N_("When"), description=""))}
    whole: Any = create_model("Picked", __base__=Frozen, **parts_of_it)
    shown: dict[str, Any] = {
        "times": pick.times,
        "weekdays": tuple(fields.DAYS[day] for day in pick.weekdays),
        "days": pick.days,
        "month": pick.month,
        "every": pick.every,
        "minute": pick.minute,
        "first": pick.hours[0],
        "last": pick.hours[1],
    }
    chosen = {"how": pick.how, **{name: shown[name] for name in kinds[pick.how]}}
    begin = made[pick.how].model_construct(None, **chosen)
    return whole, whole.model_validate({"when": begin})

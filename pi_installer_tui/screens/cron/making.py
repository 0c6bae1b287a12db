"""A job in the making: a form, what comes of it, the way to the plan. What was typed stays until the person agrees that
it goes; nothing is changed from here."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.containers import Container
from textual.timer import Timer
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pi_installer_tui.modules.cron.state import State
    from pi_installer_tui.widgets.form.form import Form

#: seconds without a key after which it is looked at what was typed: a serial line gets it once
REST = 0.3
#: what a line says, and how
Said = tuple[str, Tone]
#: the choices that a field names
Choices = Callable[[str], Sequence[str]]


class MakingScreen(ShellScreen):
    """A form below what is said of it."""

    place = "cron_make"
    PARTS = ("said", "form")
    AUTO_FOCUS = ""
    CSS = """
    MakingScreen #made { height: 1fr; }
    """
    SCOPED_CSS = False  # it holds for those made from it too
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("cron_make")]
    #: lines in which it is said what comes of it
    LINES: ClassVar[int] = 5

    def __init__(self) -> None:
        super().__init__()
        self._waits: Timer | None = None
        self._told: tuple[Said, ...] = ()
        #: why it wasn't planned, until something else is typed
        self._refused = ""
        self._form: Form[Any] = self.form()

    def form(self) -> Form[Any]:
        """The form, made once."""
        raise NotImplementedError

    def above(self) -> Iterable[Widget]:
        """What stands above what is said."""
        return ()

    def below(self) -> Iterable[Widget]:
        """What stands below the form."""
        return ()

    async def look(self) -> Sequence[Said]:
        """What comes of what was typed, the most important first. Runs in a worker; a later one stops it."""
        raise NotImplementedError

    def act(self) -> str:
        """Asks for the plan; why that can't be, in words, "" where it could."""
        raise NotImplementedError

    @property
    def changed(self) -> bool:
        """Something was typed that would get lost."""
        return self._form.changed

    # drawing ------------------------------------------------------------------------------------------------------

    def body(self) -> Iterable[Widget]:
        yield from self.above()
        yield Panel([[] for _n in range(self.LINES)], id="said")
        with Container(id="made"):
            yield self._form
        yield from self.below()

    def on_mount(self) -> None:
        self._form.focus_first()
        self.begin()
        self.touched()

    def begin(self) -> None:
        """All is there: titles, another focus."""

    def touched(self) -> None:
        """Something was typed: looks at it when no more keys come."""
        self._refused = ""
        if self._waits is not None:
            self._waits.stop()
        self._waits = self.set_timer(REST, self._look_soon)

    def _look_soon(self) -> None:
        self.run_worker(self._look(), group="look", exclusive=True, exit_on_error=False)

    async def _look(self) -> None:
        told = await self.look()
        if not self.closing:
            self.tell(told)

    def tell(self, told: Sequence[Said]) -> None:
        """Says this; what there is no room for is behind `explain`."""
        self._told = tuple(told)
        width = max(20, self.size.width - 4)
        lines: list[Cell] = []
        refused: list[Said] = [(_("Not planned: {why}").format(why=self._refused), "bad")] if self._refused else []
        for text, tone in (*refused, *told):
            pieces = textwrap.wrap(printable(text), width, subsequent_indent="  ", break_on_hyphens=False) or [""]
            lines += [Cell(piece, tone) for piece in pieces]
        if len(lines) > self.LINES:
            more = _("{more} `v` shows all of it").format(more=glyphs(self).more)
            lines = [*lines[: self.LINES - 1], Cell(more, "quiet")]
        padded = [*lines, *[Cell("")] * (self.LINES - len(lines))]
        self.query_one("#said", Panel).set_lines([[Cell(" "), line] for line in padded])

    def on_resize(self) -> None:
        if self._told:
            self.touched()

    def on_fields_changed(self) -> None:
        self.touched()

    # keys ---------------------------------------------------------------------------------------------------------

    def action_plan(self) -> None:
        if self._form.mistakes:
            self._form.reject({})
            self.refuse(_("mend what is marked with ! first."))
        elif why := self.act():
            self.refuse(why)

    def refuse(self, why: str) -> None:
        """Says why it isn't planned, in words, until something else is typed."""
        self._refused = why
        self.tell(self._told)

    def action_explain(self) -> None:
        self.run_worker(self._explain(), group="look", exclusive=True, exit_on_error=False)

    async def _explain(self) -> None:
        await self._look()
        if not self.closing:
            lines = [Prose(text, tone) for text, tone in self.explained()]
            self.app.push_screen(ExplainedScreen(_("Explained"), lines))

    def explained(self) -> Sequence[Said]:
        """All that there is to say."""
        return self._told

    async def action_back(self) -> None:
        if not self.changed:
            await self.app.pop_screen()
            return

        from pi_installer_tui.screens.ask import ask_to_leave

        ask_to_leave(self.app)


class ExplainedScreen(ShellScreen):
    """A text to be read."""

    place = "cron_explained"
    about = N_("All that there is to say of what stands in the form now.")
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, title: str, lines: Sequence[Cell]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def body(self) -> Iterable[Widget]:
        yield TextPane(id="explained")

    def on_mount(self) -> None:
        self.say_where(self._title)
        pane = self.query_one(TextPane)
        pane.set("", list(self._lines))
        pane.text.focus()


def known_state(state: State | None) -> State:
    """What is scheduled, nothing while it isn't read."""
    if state is not None:
        return state
    from pi_installer_tui.modules.cron.state import State as Empty

    return Empty()


def wide(made: type[BaseModel], initial: BaseModel, choices: Choices, *, new: bool) -> Form[Any]:
    """A form with more room for values than for what is said beside them: commands are long."""
    from pi_installer_tui.widgets.form.form import Form
    from pi_installer_tui.widgets.form.rows import Columns

    class Wide(Form[Any]):
        def _arrange(self, width: int) -> None:
            titles = [2 * row.line.depth + len(row.line.title) + 2 for row in self.rows]
            title = min(max([16, *titles]), max(16, width // 3))
            columns = Columns(title, max(12, (width - title - 6) * 3 // 4))
            for row in self.rows:
                row.set_columns(columns)

    return Wide(made, initial, choices, new=new, id="form")


def values(form: Form[Any]) -> dict[str, Any]:
    """What a form shows, by its fields' names: what was touched, else what it began with."""
    from pi_installer_tui.widgets.form.draft import ABSENT

    found: dict[str, Any] = {}
    for line in form.draft.lines():
        if line.kind not in ("heading", "add", "item") and (value := form.draft.value(line.path)) is not ABSENT:
            found[str(line.path[-1])] = value
    return found


def model(name: str, fields: Mapping[str, tuple[Any, Any]]) -> type[BaseModel]:
    """A model for a form, of fields that others have declared."""
    from pydantic import create_model

    from pi_installer_tui.tasks.frozen import Frozen

    made: dict[str, Any] = dict(fields)
    return create_model(name, __base__=Frozen, **made)


def borrowed(source: type[BaseModel], *names: str, begin: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Fields of a model, to make another one of them. begin: what the form begins with: what is there needn't be typed
    again."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in names:
        field = copy(source.model_fields[name])
        if field.is_required() and begin.get(name):
            field.default = begin[name]
        found[name] = (field.annotation, field)
    return found

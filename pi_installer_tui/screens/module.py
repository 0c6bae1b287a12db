"""A module: what is, a form made from its settings, and the way to the plan. Reading and planning never hold the keys
up; nothing is changed from here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.worker import Worker

from pi_installer_tui import modules
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens import facts as show
from pi_installer_tui.screens.ask import Ask
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.item import ItemScreen
from pi_installer_tui.screens.planning import Planning
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import TextPane

if TYPE_CHECKING:
    from pi_installer_tui.modules.base import Fact, Module, Settings
    from pi_installer_tui.planning import Planned
    from pi_installer_tui.widgets.form.form import Form
    from pi_installer_tui.widgets.form.rows import Note


@dataclass(frozen=True, slots=True)
class Start:
    """What a form begins with, where another screen opens it. wanted: what is wanted already, as a setup file has it.
    path: the entry of a table that is opened, or the table to which one is added; field: the field in it that gets the
    focus."""

    wanted: Mapping[str, Any] = dataclass_field(default_factory=dict)
    path: tuple[str, ...] = ()
    field: str = ""


class ModuleScreen(ShellScreen):
    """The module called `module`."""

    place = "module"
    about = N_(
        "What this module finds on the machine, and what you want instead.\n"
        "Each line is a setting: its value, and beside it the file or program that it comes from. What you don't touch "
        "is left as it is; a star marks what you changed, and `take back` undoes that. Mistakes are said "
        "beside the field while you type.\n"
        "Plan shows exactly what would be done, step by step. Nothing is changed before you have seen that and agreed."
    )
    CSS = """
    ModuleScreen #parts { height: 1fr; layout: horizontal; }
    ModuleScreen #left { width: 1fr; height: 1fr; layout: vertical; }
    ModuleScreen #facts { display: none; width: 46; margin-left: 2; }
    ModuleScreen.-wide #facts { display: block; }
    ModuleScreen.-tall #said { margin-bottom: 1; }
    """
    SCOPED_CSS = False  # it holds for those made from it too
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (118, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("module")]

    def __init__(self, module: str, start: Start | None = None) -> None:
        super().__init__()
        self._module = module
        self._start = start or Start()
        self._said = Panel([[Cell(_("Reading the machine ..."), "quiet")]], id="said")
        self._left = Container(id="left")
        self._beside = TextPane(id="facts")
        self._beside.text.can_focus = False
        self._facts: Sequence[Fact] = ()
        self._form: Form[Any] | None = None
        self._secrets: Mapping[str, str] = {}
        self._reading: Worker[None] | None = None
        self._planning = Planning(
            self,
            say=self._say,
            over=self._planned,
            refuse=self._refuse,
            stays=_("What you typed is still here; try again when the cause is gone."),
        )

    def body(self) -> Iterable[Widget]:
        yield self._said
        with Container(id="parts"):
            yield self._left
            yield self._beside

    def on_mount(self) -> None:
        self.say_where(_(modules.listed(self._module).title))
        self.shell.opened.subscribe(self, lambda _none: self._read_again())
        if self.shell.is_open:
            self._read_again()

    # reading ------------------------------------------------------------------------------------------------------

    def _read_again(self) -> None:
        self._reading = self.run_worker(self._read, group="read", exclusive=True)

    async def _read(self) -> None:
        try:
            module: Module[Any, Any] = await asyncio.to_thread(modules.load, self._module)
            state = await module.read(self.shell.host)
            present, self._facts = module.present(state), module.facts(state)
        except Exception as error:
            # what a module can't read is in its state; this is a fault, and must not take the screens with it
            self._say(Cell(_("This can't be read: {error}").format(error=error), "bad"))
            return
        notes = show.notes(self._facts)
        self._say(*show.unset(self._facts))
        self._beside.set(_("What is"), show.lines(self._facts))
        await self._show_form(module, state, present, notes)

    async def _show_form(
        self, module: Module[Any, Any], state: Any, present: Settings, notes: Mapping[str, Note]
    ) -> None:
        from pi_installer_tui.widgets.form import Form

        def choices(name: str) -> Sequence[str]:
            return module.choices(state, name)

        if self._form is not None:
            self._form.choices = choices
            if self._form.changed:
                self._form.annotate(notes)
            else:
                self._form.restart(present, notes)
            return
        self._form = Form(
            module.settings, present, choices, self._module, notes=notes, wanted=self._start.wanted, id="form"
        )
        await self._left.mount(self._form)
        if not self._form.open_at(self._start.path, self._start.field):
            self._form.focus_first()
        self.refresh_bindings()

    def _say(self, *cells: Cell) -> None:
        self._said.set_lines([cells] if cells else [])

    # planning -----------------------------------------------------------------------------------------------------

    def action_plan(self) -> None:
        form = self._form
        if form is None or self._planning.running:
            return
        if why := self._nothing_to_plan(form):
            self._say(Cell(why, "warn"))
            return
        if form.mistakes:
            form.reject({})
            self._say(Cell(_("Not planned: mend what is marked with ! first."), "bad"))
            return
        self._planning.start(self._plan, lambda: self._secrets)

    def _nothing_to_plan(self, form: Form[Any]) -> str:
        """Why there is nothing to plan, "" where there is."""
        return "" if form.changed else _("Nothing was changed here, so there is nothing to plan.")

    async def _made(self, settings: Any) -> Planned:
        """The plan to what the form says."""
        from pi_installer_tui import planning

        assert self._form is not None
        setup = planning.of({self._module: settings})
        return await planning.plan(self.shell.host, setup, secrets=self._secrets)

    async def _given(self, settings: Any) -> Mapping[str, str]:
        """The secrets that the plan is run with, by name. Raises SetupError."""
        assert self._form is not None
        return self._form.secrets

    async def _plan(self) -> Planned:
        from pi_installer_tui.widgets.form import Invalid

        assert self._form is not None
        settings = self._form.settings()
        assert not isinstance(settings, Invalid)
        self._secrets = await self._given(settings)
        return await self._made(settings)

    def _planned(self) -> None:
        """Planning is over, whatever came of it."""
        self._say(*show.unset(self._facts))

    def _refuse(self, mistakes: Iterable[Any]) -> None:
        assert self._form is not None
        wrong = {mistake.place: mistake.message for mistake in mistakes}
        self._form.reject(wrong)
        self._say(Cell(_("Not planned: see what is marked with !."), "bad"))

    # keys ---------------------------------------------------------------------------------------------------------

    def on_fields_changed(self) -> None:
        self._planning.stop()

    def on_fields_item_opened(self, event: Any) -> None:
        self.app.push_screen(ItemScreen(event))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "actions":
            return bool(modules.listed(self._module).actions)
        return action != "plan" or self._form is not None

    def action_actions(self) -> None:
        from pi_installer_tui.screens.act import ActionsScreen

        self.app.push_screen(ActionsScreen(self._module))

    def action_refresh(self) -> None:
        if self.shell.is_open:
            self._read_again()

    def action_facts(self) -> None:
        from pi_installer_tui.screens.facts import FactsScreen

        title = _(modules.listed(self._module).title)
        self.app.push_screen(FactsScreen(title, self._facts))

    async def action_back(self) -> None:
        if self._planning.stop():
            return
        if self._form is not None and self._form.changed:
            self.app.push_screen(
                Ask(_("Leave, and forget what you changed here?"), [_("Nothing was changed on the machine.")]),
                self._leave,
            )
        else:
            await self.app.pop_screen()

    async def _leave(self, sure: bool | None) -> None:
        if sure:
            await self.app.pop_screen()

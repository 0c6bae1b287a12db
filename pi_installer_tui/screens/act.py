"""What a module does beside settings: the list of its actions, and the form of one, which leads to its plan."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui import modules
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.module import ModuleScreen
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.rows import Row, Rows

if TYPE_CHECKING:
    from pi_installer_tui.planning import Planned
    from pi_installer_tui.widgets.form.form import Form


class ActionsScreen(ShellScreen):
    """The actions of a module."""

    place = "actions"
    where = N_("Actions")
    about = N_(
        "What can be done here that isn't a setting. Each is planned and shown before anything is done, proven "
        "afterwards, and kept in the history."
    )
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, module: str) -> None:
        super().__init__()
        self._module = module

    def body(self) -> Iterable[Widget]:
        yield Rows((24, 0), id="actions")

    def on_mount(self) -> None:
        listed = modules.listed(self._module)
        self.say_where(_("{module}: actions").format(module=_(listed.title)))
        rows = self.query_one(Rows)
        rows.set_rows([Row(a.name, (Cell(_(a.title), "strong"), Cell(_(a.help), "quiet"))) for a in listed.actions])
        rows.focus()

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if message.row is not None:
            self.shell.open_action(self._module, message.row.id)


class ActScreen(ModuleScreen, inherit_bindings=False):
    """The form of an action."""

    place = "act"
    about = N_(
        "What the action is told. Plan shows exactly what would be done, step by step; nothing is done before you have "
        "seen that and agreed."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("act")]

    def __init__(self, module: str, action: str) -> None:
        super().__init__(module)
        self._action = modules.action(module, action)

    def on_mount(self) -> None:
        super().on_mount()
        title = _(modules.listed(self._module).title)
        self.say_where(_("{module}: {action}").format(module=title, action=_(self._action.title)))

    async def _read(self) -> None:
        from pi_installer_tui.widgets.form import Form

        if self._form is not None:
            return
        try:
            module = await asyncio.to_thread(modules.load, self._module)
            state = await module.read_for(self.shell.host, self._action.name)
            model = module.arguments(self._action.name)
        except Exception as error:
            # what a module can't read is in its state; this is a fault, and must not take the screens with it
            self._say(Cell(_("This can't be read: {error}").format(error=error), "bad"))
            return

        def choices(name: str) -> Sequence[str]:
            return module.choices(state, name)

        self._say(Cell(_(self._action.help)))
        self._form = Form(model, model.model_construct(), choices, id="form")
        await self._left.mount(self._form)
        self._form.focus_first()
        self.refresh_bindings()

    def _nothing_to_plan(self, form: Form[Any]) -> str:
        return ""

    async def _made(self, settings: Any) -> Planned:
        from pi_installer_tui import planning

        return await planning.plan_action(self.shell.host, self._module, self._action.name, settings)

    async def action_back(self) -> None:
        if not self._planning.stop():
            await self.app.pop_screen()

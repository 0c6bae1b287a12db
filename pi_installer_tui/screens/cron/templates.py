"""Jobs from templates: the list, the form of one with what comes of it, and the way to the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.screens.cron import explained
from pi_installer_tui.screens.cron.explained import coming, explain, in_columns, zone_of
from pi_installer_tui.screens.cron.making import (
    ExplainedScreen,
    MakingScreen,
    Said,
    borrowed,
    known_state,
    model,
    values,
    wide,
)
from pi_installer_tui.widgets.lines import Cell, Prose
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.rows import Row, Rows, heading
from pi_installer_tui.widgets.text import Heading, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.state import State
    from pi_installer_tui.modules.cron.templates import Filled, Template
    from pi_installer_tui.modules.cron.templates_own import Own
    from pi_installer_tui.modules.cron.templates_parameters import Parameter
    from pi_installer_tui.widgets.form.form import Form

_ROWS = 2
#: what stands beside a template's own parameters in its form
_BESIDE = ("name", "where", "as_user", "record")


class TemplatesScreen(ShellScreen):
    """All templates: the program's, and own ones."""

    place = "cron_templates"
    where = N_("Scheduled jobs: templates")
    PARTS = ("templates",)
    about = N_(
        "Jobs that many machines have. A template asks for what it needs, and shows the line of the crontab that "
        "comes of it; nothing is done before that was reviewed.\n"
        "Own templates are files in /etc/pi-installer-tui/cron-templates. One that is wrong stands here with what is "
        "wrong. docs/cron-templates.md says how to write one."
    )
    AUTO_FOCUS = "#templates"
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, state: State | None) -> None:
        super().__init__()
        self._state = known_state(state)
        self._own: dict[str, Own] = {}

    def body(self) -> Iterable[Widget]:
        yield Rows((30, 0), id="templates")

    def on_mount(self) -> None:
        self._draw(())
        self._read()

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _read(self) -> None:
        from pi_installer_tui.modules.cron import templates_own

        found = await templates_own.read(self.shell.host)
        if not self.closing:
            self._own = {each.name: each for each in found}
            self._draw(found)

    def _draw(self, own: Sequence[Own]) -> None:
        from pi_installer_tui.modules.cron.templates_own import FOLDER
        from pi_installer_tui.modules.cron.templates_usual import USUAL

        rows = [
            Row(f"usual:{name}", (Cell(_(each.title)), Cell(_first(_(each.summary)), "quiet")))
            for name, each in USUAL.items()
        ]
        rows.append(heading(_("Own"), FOLDER))
        signs = glyphs(self)
        for each in own:
            if each.template is not None:
                cells = (Cell(printable(each.template.title)), Cell(_first(printable(each.template.summary)), "quiet"))
            else:
                cells = (Cell(f"{signs.failed} {printable(each.name)}", "bad"), Cell("; ".join(each.mistakes), "bad"))
            rows.append(Row(f"own:{each.name}", cells))
        rows.append(Row("example", (Cell(_("How one is written")), Cell(_("a file to begin with"), "quiet"))))
        self.query_one(Rows).set_rows(rows)

    def on_rows_opened(self, message: Rows.Opened) -> None:
        from pi_installer_tui.modules.cron.templates_usual import USUAL

        if message.row is None:
            return
        if message.row.id == "example":
            self._show_example()
            return
        kind, _colon, name = message.row.id.partition(":")
        own = self._own.get(name) if kind == "own" else None
        template = USUAL.get(name) if own is None else own.template
        if template is not None:
            self.app.push_screen(TemplateScreen(name, template, self._state))
        elif own is not None:
            title = _("What is wrong with {path}").format(path=own.path)
            self.app.push_screen(ExplainedScreen(title, [Prose(text, "bad") for text in own.mistakes]))

    def _show_example(self) -> None:
        from pi_installer_tui.modules.cron.templates_own import EXAMPLE

        said = _("A file in that folder, named NAME.yaml, root's. docs/cron-templates.md says what each line may be.")
        lines: list[Cell] = [Prose(said), Cell(""), *(Cell(line) for line in EXAMPLE.splitlines())]
        self.app.push_screen(ExplainedScreen(_("How a template is written"), lines))


class TemplateScreen(MakingScreen):
    """The form of a template."""

    where = N_("Scheduled jobs: from a template")
    about = N_(
        "What the template asks for. Above stands the line that comes of it, in words and as it is written, and what "
        "is missing on this machine.\n"
        "A value never becomes a second word or command, whatever is in it. A secret isn't typed here: it lies in a "
        "file, whose path the command has.\n"
        "Recorded: result, duration and output of each run are kept, and runs that fail or don't come are alerts."
    )
    LINES: ClassVar[int] = 7

    def __init__(self, name: str, template: Template, state: State) -> None:
        self._called = name
        self._template = template
        self._state = state
        self._zone = zone_of(state)
        super().__init__()

    def form(self) -> Form[Any]:
        from pydantic import Field

        from pi_installer_tui.modules.cron.actions import Create
        from pi_installer_tui.screens.cron.editor import where

        record = Field(
            default=False,
            title=N_("Recorded"),
            description=N_("Result, duration and output of each run are kept, as the template advises."),
        )
        # a parameter may have any name, one of these too, or one that a model can't have
        fields = {f"in_{name}": _field(each) for name, each in self._template.parameters.items()}
        beside = {**borrowed(Create, "name", "as_user", begin={}), "where": where(), "record": (bool, record)}
        made = model("Filled", {**fields, **{f"of_{name}": beside[name] for name in _BESIDE}})
        begin: dict[str, Any] = {f"in_{name}": _initial(each) for name, each in self._template.parameters.items()}
        begin |= {
            "of_name": self._called,
            "of_record": self._template.record is not None,
            "of_as_user": None,
        }
        begin["of_where"] = self._template.user
        return wide(made, made.model_construct(None, **begin), self._choices, new=True)

    def _choices(self, name: str) -> Sequence[str]:
        from pi_installer_tui.screens.cron.editor import places

        return places(self._state, name)

    def below(self) -> Iterable[Widget]:
        line = Heading()
        line.title = _("Next runs")
        yield line
        yield Panel([[] for _n in range(_ROWS)], id="runs")

    def begin(self) -> None:
        self.say_where(printable(_(self._template.title)))

    # what comes of it ---------------------------------------------------------------------------------------------

    @property
    def _values(self) -> Mapping[str, str]:
        """The parameters' values as texts."""
        found = values(self._form)
        return {name: str(found[f"in_{name}"]) for name in self._template.parameters if f"in_{name}" in found}

    def _filled(self) -> tuple[Filled | None, dict[str, str]]:
        from pi_installer_tui.modules.cron.templates import fill, mistakes

        wrong = mistakes(self._template, self._values)
        return (None, wrong) if wrong else (fill(self._template, self._values), {})

    async def look(self) -> Sequence[Said]:
        filled, wrong = self._filled()
        panel = self.query_one("#runs", Panel)
        if filled is None:
            panel.set_lines([[] for _n in range(_ROWS)])
            told: list[Said] = []
            for name, why in wrong.items():
                title = _(self._template.parameters[name].title) if name else ""
                if why != _("is needed"):
                    told.append((f"{title} {why}".strip(), "bad"))
            if self._template.before:
                told.append((_(self._template.before), "plain"))
            return [*told, (_(self._template.summary), "plain")]
        found = explain(filled.schedule, self._zone, explained.now(), 6)
        missing = await self._missing()
        if self.closing:
            return ()
        panel.set_lines(in_columns(coming(found.runs, self._zone), _ROWS, max(20, self.size.width - 2)))
        return [
            *((text, "bad") for text in missing),
            (f"{filled.schedule}   {found.words}", "strong"),
            (printable(filled.command), "plain"),
            *((text, "warn") for text in found.clock),
            *((text, "plain") for text in (_(self._template.before),) if text),
        ]

    async def _missing(self) -> list[str]:
        """What this machine lacks, or has otherwise than its paths look."""
        from pi_installer_tui.modules.cron.templates_checking import missing

        said = values(self._form)
        user = str(said.get("of_where") or "")
        users = self._state.cron.users
        runs_as = user if not user.startswith("/") else str(said.get("of_as_user") or self._template.user)
        told = await missing(self.shell.host, self._template, self._values, user=runs_as)
        if users and not user.startswith("/") and user not in users:
            told.insert(0, _("There is no user {user}.").format(user=printable(user)))
        return told

    def explained(self) -> Sequence[Said]:
        parts: list[Said] = [(_(self._template.summary), "plain"), (_(self._template.before), "plain")]
        said = {text for text, _tone in self._told}
        return [*self._told, *((text, "plain") for text, _tone in parts if text and text not in said)]

    def act(self) -> str:
        filled, wrong = self._filled()
        if filled is None:
            self._form.reject({f"in_{name}": why for name, why in wrong.items() if name})
            return wrong.get("") or _("mend what is marked with ! first.")
        said = values(self._form)
        place = str(said.get("of_where") or "root")
        told: dict[str, object] = {"schedule": filled.schedule, "command": filled.command}
        if place.startswith("/"):
            told |= {"file": place, "as_user": str(said.get("of_as_user") or self._template.user)}
        else:
            told["user"] = place
        if name := str(said.get("of_name") or ""):
            told["name"] = name
        if said.get("of_record"):
            if not name:
                return _("a recorded job needs a name.")
            told["record"] = True
            if self._template.record is not None:
                told |= self._template.record.model_dump()
        self._check_again(told)
        return ""

    @work(exclusive=True, group="check", exit_on_error=False)
    async def _check_again(self, told: Mapping[str, object]) -> None:
        """Asks for the plan unless a path leads into the system: that is looked at anew, right before."""
        from pi_installer_tui.modules.cron.templates_checking import led_astray

        if found := await led_astray(self.shell.host, self._template, self._values):
            self._form.reject({f"in_{name}": why for name, why in found.items()})
            self.refuse("; ".join(found.values()))
        else:
            self.shell.act("cron", "create", told)


def _first(text: str) -> str:
    """The first sentence."""
    return text.partition(". ")[0].rstrip(".") if text else ""


def _initial(parameter: Parameter) -> Any:
    if not parameter.default:
        return None
    return int(parameter.default) if parameter.kind == "number" else parameter.default


def _field(parameter: Parameter) -> tuple[Any, Any]:
    """The form's field of a parameter."""
    from typing import Literal

    from pydantic import AfterValidator, Field

    from pi_installer_tui.modules.cron.templates_parameters import KINDS, mistake

    def check(value: str) -> str:
        if why := mistake(parameter, value):
            raise ValueError(why)
        return value

    described = _(parameter.help) or f"{_(KINDS[parameter.kind])}."
    said: dict[str, Any] = {"title": parameter.title, "description": described[:1].upper() + described[1:]}
    if parameter.unit:
        said["json_schema_extra"] = {"unit": parameter.unit}
    if not parameter.default:
        said["default"] = ...
    else:
        said["default"] = _initial(parameter)
    if parameter.kind == "number":
        return Annotated[int, Field(ge=parameter.least, le=parameter.most)], Field(**said)
    if parameter.kind == "choice":
        return Literal[parameter.choices], Field(**said)
    return Annotated[str, AfterValidator(check)], Field(**said)

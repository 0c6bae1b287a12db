"""The editor of a crontab's line: its schedule in five fields, an @ form or words, its command, whose it is. What comes
of it is said while it is typed: in words, with the place of a mistake, the findings, the next ten runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.cron import explained
from pi_installer_tui.screens.cron.explained import Explained, coming, explain, in_columns, zone_of
from pi_installer_tui.screens.cron.making import MakingScreen, Said, borrowed, known_state, model, values, wide
from pi_installer_tui.screens.cron.schedule_input import ScheduleInput
from pi_installer_tui.system.cron.lines import escaped
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import Heading

if TYPE_CHECKING:
    from pi_installer_tui.modules.cron.listing import Row
    from pi_installer_tui.modules.cron.state import State
    from pi_installer_tui.widgets.form.form import Form
    from pi_installer_tui.widgets.lines import Tone

#: lines of the next runs
_ROWS = 4
#: what a finding's weight looks like
_TONES: dict[str, Tone] = {"error": "bad", "warning": "warn", "note": "plain"}


class EditorScreen(MakingScreen):
    """A line of a crontab, or a new one (row None). user: whose crontab a new one is proposed for."""

    where = N_("Scheduled jobs: a job")
    about = N_(
        "A line of a crontab. Its schedule is five fields, or one line (`t`) for a form such as @daily, or chosen in "
        "words (`w`). A blank goes to the next field; a whole schedule can be pasted.\n"
        "While you type it is said what it means, what is wrong and where, when it runs next, what changes of the "
        "clock do to it, and what in the command won't work as it looks.\n"
        "The command is written as for a shell: % is nothing special, the program writes what cron needs. With `as "
        "in a crontab` it stands in the line exactly as you type it.\n"
        "Plan shows the difference in the file. Of that file only this line changes."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("cron_editor")]
    place = "cron_editor"
    more = ("cron_make",)

    def __init__(self, row: Row | None, state: State | None, *, user: str = "root") -> None:
        self._row = row
        self._state = known_state(state)
        self._zone = zone_of(self._state)
        self._before = _before(row, user)
        self._schedule = " ".join(row.schedule.split()) if row is not None else ""
        self._explained: Explained | None = None
        super().__init__()

    def form(self) -> Form[Any]:
        from pi_installer_tui.modules.cron.actions import Change, Create

        if self._row is None:
            made = model(
                "NewLine",
                {
                    **borrowed(Create, "command", begin={}),
                    "where": where(),
                    **borrowed(Create, "as_user", "name", "enabled", "raw", begin={}),
                },
            )
            return wide(made, made.model_construct(None, **self._before), self._choices, new=True)
        names = ["command", "name", *(["as_user"] if self._row.kind == "system" else []), "raw"]
        made = model("Line", borrowed(Change, *names, begin=self._before))
        return wide(made, made.model_construct(None, **self._before), self._choices, new=False)

    def _choices(self, name: str) -> Sequence[str]:
        return places(self._state, name)

    def above(self) -> Iterable[Widget]:
        yield ScheduleInput(self._schedule, id="schedule")

    def below(self) -> Iterable[Widget]:
        heading = Heading()
        heading.title = _("Next runs")
        yield heading
        yield Panel([[] for _n in range(_ROWS)], id="runs")

    def begin(self) -> None:
        row = self._row
        self.say_where(_("A new job") if row is None else _("Job {key}").format(key=row.key))
        if row is None:
            self.query_one(ScheduleInput).focus_first()

    # what comes of it ---------------------------------------------------------------------------------------------

    @property
    def schedule(self) -> str:
        """As it stands there now."""
        return self.query_one(ScheduleInput).text

    @property
    def changed(self) -> bool:
        return self._form.changed or self.schedule != self._schedule

    async def look(self) -> Sequence[Said]:
        typed = self.query_one(ScheduleInput)
        text, gap = typed.text, typed.gap
        if not text:
            typed.mark(None)
            self._show_runs(Explained(""))
            hint = _("Type the five fields. After Esc: `w` chooses them in words, `t` is for @daily and its like.")
            return [(hint, "plain")]
        if gap is not None:
            found = Explained(text, mistake=gap)
        else:
            found = await asyncio.to_thread(explain, text, self._zone, explained.now())
        findings = [] if found.mistake is not None else await self._findings(text)
        if self.closing:
            return ()
        self._explained = found
        typed.mark(found.mistake)
        self._show_runs(found)
        if found.mistake is not None:
            return [(found.mistake.what, "bad"), *findings]
        told: list[Said] = [(found.words, "strong")]
        if found.never:
            told.append((_("It never runs: {why}.").format(why=found.never), "bad"))
        told += sorted(findings, key=lambda said: said[1] != "bad")
        told += [(text, "warn") for text in found.clock]
        return [*told, *((text, "plain") for text in found.remarks)]

    def _show_runs(self, found: Explained) -> None:
        width = max(20, self.size.width - 2)
        lines = in_columns(coming(found.runs, self._zone), _ROWS, width)
        if not found.runs:
            none = _("none") if found.mistake is None and found.text else ""
            lines = [[Cell(none, "quiet")], *[[] for _n in range(_ROWS - 1)]]
        self.query_one("#runs", Panel).set_lines(lines)

    async def _findings(self, schedule: str) -> list[Said]:
        from pi_installer_tui.screens.cron.checking import findings

        said = values(self._form)
        command = str(said.get("command") or "")
        if not command:
            return []
        try:
            command = command if said.get("raw") else escaped(command)
            user, path = self._place(said)
            found = await findings(
                self.shell.host,
                self._state,
                path=path,
                user=user,
                as_user=str(said.get("as_user") or "root"),
                schedule=schedule,
                command=command,
                line=self._row.line if self._row is not None else 0,
            )
        except ValueError as error:
            return [(str(error), "bad")]
        return [(f"{each.text}. {each.advice}".replace("..", ".").strip(), _TONES[each.severity]) for each in found]

    def _place(self, said: dict[str, Any]) -> tuple[str, str]:
        """Whose crontab, "" where it is a file with a column for the user; and its path, "" of one's own."""
        if self._row is not None:
            return (self._row.owner if self._row.kind == "crontab" else ""), self._row.path
        where = str(said.get("where") or "")
        return ("", where) if where.startswith("/") else (where, "")

    def explained(self) -> Sequence[Said]:
        found = self._explained
        if found is None or not found.runs:
            return self._told
        runs: list[Said] = [("", "plain"), (_("Next runs"), "strong")]
        return [*self._told, *runs, *((f"  {text}", "plain") for text in coming(found.runs, self._zone))]

    # keys ---------------------------------------------------------------------------------------------------------

    def on_schedule_input_changed(self) -> None:
        self.touched()

    def on_schedule_input_left(self) -> None:
        self._form.focus_first()

    def action_turn(self) -> None:
        self.query_one(ScheduleInput).turn()

    def action_fields(self) -> None:
        self.query_one(ScheduleInput).focus_first()

    def action_pick(self) -> None:
        from pi_installer_tui.screens.cron.picker import PickerScreen

        self.app.push_screen(PickerScreen(self.schedule, self._zone, self._picked))

    def _picked(self, text: str) -> None:
        self.query_one(ScheduleInput).put(text)

    def act(self) -> str:
        typed = self.query_one(ScheduleInput)
        found = explain(typed.text, self._zone, explained.now(), 1)
        if (wrong := typed.gap or found.mistake) is not None:
            typed.mark(wrong)
            typed.focus_mistake(wrong)
            return wrong.what
        said = values(self._form)
        if self._row is None:
            user, path = self._place(said)
            told = {"schedule": typed.text, **{k: v for k, v in said.items() if k != "where"}}
            if user:
                told.pop("as_user", None)
            self.shell.act("cron", "create", {**told, **({"user": user} if user else {"file": path})})
            return ""
        if not said.get("command"):
            return _("it needs a command.")
        if self._before.get("name") and not said.get("name"):
            return _("a name isn't taken away; give it another one.")
        told = {name: value for name, value in said.items() if value != self._before.get(name)}
        if "command" in told or "raw" in told:
            told |= {"command": said["command"], "raw": bool(said.get("raw"))}
        if typed.text != self._schedule:
            told["schedule"] = typed.text
        if not told:
            return _("nothing was changed here.")
        self.shell.act("cron", "change", {"job": self._row.key, "text": self._row.text, **told})
        return ""


def _before(row: Row | None, user: str) -> dict[str, Any]:
    """What the form begins with. A command that isn't what the shell gets (it has standard input) stands as it is in
    the line."""
    if row is None or row.entry is None:
        return {"where": user, "enabled": True, "name": None, "as_user": None}
    entry = row.entry
    found: dict[str, Any] = {"name": row.name or None, "as_user": entry.user}
    if row.wrapped is not None:
        return {**found, "command": row.wrapped.command, "raw": False}
    try:
        plain = entry.stdin is None and escaped(entry.shell) == entry.command
    except ValueError:
        plain = False
    command = entry.shell if plain else row.command
    return {**found, "command": command, "raw": not plain}


def places(state: State, name: str) -> Sequence[str]:
    """The choices of a form's fields; `crontabs`: whose, and which files."""
    from pi_installer_tui.modules.cron.present import choices

    if name == "crontabs":
        return (*choices(state, "users"), *choices(state, "files"))
    return choices(state, name)


def where() -> tuple[Any, Any]:
    """The field that says where a line stands: a user's name, or a file's path."""
    from pydantic import Field

    from pi_installer_tui.modules.cron.values import File, User

    return (
        User | File,
        Field(
            default="root",
            title=N_("Whose"),
            description=N_("A user's crontab, or a file of /etc/cron.d with any new name: /etc/cron.d/NAME."),
            json_schema_extra={"choices": "crontabs"},
        ),
    )

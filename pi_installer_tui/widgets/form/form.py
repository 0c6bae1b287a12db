"""A form made from a settings model: one row for each field, its help on a fixed line, what is wrong beside it while it
is typed. It changes nothing; `settings` is what was touched."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message

from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.form.draft import ABSENT, Draft, Line, Path
from pi_installer_tui.widgets.form.rows import NOTHING, Columns, Content, ItemRow, Note, Row, SecretRow, row_for
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel
from pi_installer_tui.widgets.text import printable

M = TypeVar("M", bound=BaseModel)

#: Rows that are mounted at once; the others follow when these were painted.
FIRST = 24


@dataclass(frozen=True, slots=True)
class Invalid:
    """What keeps a form from giving settings: words by place."""

    mistakes: Mapping[str, str]


#: In a form of so few lines help is one line, until its field is opened or changed.
LOW = 22


class Body(VerticalScroll, can_focus=False, inherit_bindings=False):
    """What scrolls; the keys that would scroll it go from field to field."""


class Fields(Vertical):
    """The rows of a draft, and the help of the one with the focus."""

    DEFAULT_CSS = """
    Fields { height: 1fr; }
    Fields #rows { height: 1fr; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("form")]

    class Changed(Message):
        """Something was touched, or is left alone again."""

        def __init__(self, form: Fields) -> None:
            super().__init__()
            self.form = form

        @property
        def control(self) -> Fields:
            return self.form

    class ItemOpened(Message):
        """The item `name` of the table `title` is to be edited on a screen of its own: show `note` and `fields` there,
        and call `done` when it is left."""

        def __init__(
            self,
            title: str,
            name: str,
            note: Note,
            fields: Fields,
            done: Callable[[], None],
            field: str = "",
            then: Path = (),
        ) -> None:
            """field: the one that gets the focus; "" the first. then: what is to be opened in it (`Fields.open_at`)."""
            super().__init__()
            self.then = then
            self.field = field
            self.title = title
            self.name = name
            self.note = note
            self.fields = fields
            self.done = done

    def __init__(
        self,
        draft: Draft,
        choices: Callable[[str], Sequence[str]],
        place: str = "",
        *,
        notes: Mapping[str, Note] | None = None,
        mistakes: Mapping[str, str] | None = None,
        asked: Sequence[str] = (),
        id: str | None = None,  # noqa: A002  (Textual's own word)
    ) -> None:
        super().__init__(id=id)
        self.draft = draft
        self.choices = choices
        self.place = place
        self._notes = dict(notes or {})
        self._outside = dict(mistakes or {})
        self._asked = tuple(tuple(path.split(".")) for path in asked)
        self._short = bool(asked)
        self.rows: list[Row] = []
        self._general = ""

    # what it gives ------------------------------------------------------------------------------------------------

    @property
    def changed(self) -> bool:
        """Something is wanted that wasn't there at the start."""
        return self.draft.changed

    @property
    def mistakes(self) -> Mapping[str, str]:
        """What is wrong, in words, by place (`system.network.eth0.gateway`)."""
        return {place_of(self.place, path): words for path, words in self.draft.errors.items()} | self._outside

    @property
    def secrets(self) -> Mapping[str, str]:
        """The secrets that were typed, by the names that the settings hold."""
        return {place_of(self.place, path): secret for path, secret in self.draft.secrets.items()}

    # what it is told ----------------------------------------------------------------------------------------------

    def annotate(self, notes: Mapping[str, Note]) -> None:
        """Says something beside fields, by their place: where a value comes from, who owns it."""
        self._notes = dict(notes)
        self._show()

    def reject(self, mistakes: Mapping[str, str]) -> None:
        """Shows mistakes that somebody else found, by place, until their field is changed. The first one gets the
        focus."""
        self._outside = dict(mistakes)
        self._show()
        for row in self.rows:
            if row.can_focus and row.content.error:
                row.focus()
                return

    def renew(self, draft: Draft) -> None:
        """Starts over with another draft."""
        self.draft = draft
        self._outside = {}
        self._sync()
        self._changed()

    # rows ---------------------------------------------------------------------------------------------------------

    @property
    def short(self) -> bool:
        """Only what is asked for is shown, and what was touched or is wrong."""
        return self._short

    @short.setter
    def short(self, short: bool) -> None:
        self._short = short and bool(self._asked)
        self._sync()

    @property
    def hidden(self) -> int:
        """How many fields stand behind `more`."""
        return sum(line.kind != "heading" for line in self.draft.lines()) - sum(
            line.kind != "heading" for line in self._lines()
        )

    def _lines(self) -> list[Line]:
        lines = self.draft.lines()
        return [line for line in lines if self._stands(line)] if self._short else lines

    def _stands(self, line: Line) -> bool:
        """Whether the short form has a line: what is asked for, what is above and below it."""
        path = line.path
        if any(path[: len(asked)] == asked or asked[: len(path)] == path for asked in self._asked):
            return True
        return self.draft.touched(path) or any(at[: len(path)] == path for at in self.draft.errors)

    def compose(self) -> ComposeResult:
        lines = self._lines()
        self.rows = [row_for(line, self.choices) for line in lines[:FIRST]]
        with Body(id="rows"):
            yield from self.rows
        yield Panel([[], [], []], id="help")
        if len(lines) > FIRST:
            self.call_after_refresh(self._sync)

    def on_mount(self) -> None:
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange(event.size.width)
        self._help()

    def _arrange(self, width: int) -> None:
        titles = [2 * row.line.depth + len(row.line.title) + 2 for row in self.rows]
        title = min(max([16, *titles]), max(16, width // 3))
        columns = Columns(title, max(12, (width - title - 6) * 11 // 20))
        for row in self.rows:
            row.set_columns(columns)

    def _sync(self) -> None:
        """Mounts and removes rows until they are the draft's lines."""
        lines = self._lines()
        present = {(row.line.kind, row.line.path): row for row in self.rows}
        rows: list[Row] = []
        body = self.query_one("#rows", Body)
        for line in lines:
            row = present.pop((line.kind, line.path), None)
            if row is None:
                row = row_for(line, self.choices)
                body.mount(row, after=rows[-1]) if rows else body.mount(row, before=0 if self.rows else None)
            row.line = line
            rows.append(row)
        for gone in present.values():
            gone.remove()
        self.rows = rows
        self._arrange(self.size.width)
        self._show()

    def _show(self) -> None:
        """Tells each row what it shows."""
        shown: set[str] = set()
        errors = self.mistakes
        for row in reversed(self.rows):  # the deepest place takes a mistake, its section what is left
            path, kind = row.line.path, row.line.kind
            if kind == "add":
                continue
            mine = [at for at in errors if at not in shown and within(at, place_of(self.place, path))]
            shown.update(mine)
            if isinstance(row, ItemRow):
                row.removable = self.draft.removable(row.line) or self.draft.was(path) is ABSENT
                row.misnamed = self.draft.was(path) is ABSENT and place_of(self.place, path) in mine[:1]
            place = place_of("", path)
            row.show(
                Content(
                    value=ABSENT if kind == "heading" else self.draft.value(path),
                    was=self.draft.was(path),
                    touched=kind != "heading" and self.draft.touched(path),
                    error=_below(mine[0], place_of(self.place, path), errors[mine[0]]) if mine else "",
                    note=self._notes.get(place, NOTHING),
                    new=self.draft.new,
                )
            )
        rest = [words for at, words in errors.items() if at not in shown]
        self._general = rest[0] if rest else ""
        self._help()

    def _help(self) -> None:
        """The help of the field with the focus, below it what doesn't fit beside the field."""
        row, width = self.current, max(20, self.size.width - 4)
        helped: list[str] = []
        said = Cell(f"! {self._general}" if self._general else "", "bad")
        if row is not None:
            whole = row.opened or row.content.touched or self.size.height > LOW
            if row.cut and (whole or row.warns) and not self._general:
                said = Cell(row.cut, "bad" if row.content.error else "plain")
            helped = help_lines(row.line.field.help, width, whole)
        below = textwrap.wrap(printable(said.text), width)[:2] if said.text else [""]
        above = [*helped, "", ""][: 3 - len(below)]
        lines = [*(Cell(line) for line in above), *(Cell(line, said.tone) for line in below)]
        self.query_one("#help", Panel).set_lines([[Cell("  "), line] for line in lines])

    @property
    def current(self) -> Row | None:
        """The row with the focus."""
        focused = self.screen.focused
        return next((r for r in self.rows if r is focused or (focused is not None and r in focused.ancestors)), None)

    def focus_first(self) -> None:
        """Puts the focus on the first field."""
        for row in self.rows:
            if row.can_focus:
                row.focus()
                return

    def focus_field(self, name: str) -> None:
        """Puts the focus on a field, or on the first where there is none of that name."""
        for row in self.rows:
            if row.can_focus and row.line.path[-1:] == (name,):
                row.focus()
                return
        self.focus_first()

    def open_at(self, path: Path, field: str = "") -> bool:
        """Opens the entry of a table, at one of its fields, or adds one to the table; False where there is no such. An
        entry that holds the table is opened first."""
        if path and len(self._lines()) != len(self.rows):
            self._sync()
        for row in self.rows:
            here = row.line.path
            if here == path and row.line.kind in ("item", "add"):
                row.focus()
                self._edit(row.line, field) if row.line.kind == "item" else row.action_open()
                return True
            if row.line.kind == "item" and path[: len(here)] == here:
                row.focus()
                self._edit(row.line, field, path[len(here) :])
                return True
        return False

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._help()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        if self.is_mounted:
            self._help()

    def action_move(self, by: int) -> None:
        rows = [row for row in self.rows if row.can_focus]
        current = self.current
        if rows and current in rows:
            rows[max(0, min(len(rows) - 1, rows.index(current) + by))].focus()
        elif rows:
            rows[0].focus()

    # what happens in them -----------------------------------------------------------------------------------------

    def on_row_set(self, event: Row.Set) -> None:
        event.stop()
        self.draft.set(event.row.line.path, event.value)
        self._touched(event.row)

    def on_row_left(self, event: Row.Left) -> None:
        event.stop()
        self.draft.leave(event.row.line.path)
        self._touched(event.row)

    def on_secret_row_typed(self, event: SecretRow.Typed) -> None:
        event.stop()
        path = event.row.line.path
        self.draft.secrets[path] = event.secret
        self.draft.set(path, place_of(self.place, path))
        self._touched(event.row)

    def on_item_row_removed(self, event: ItemRow.Removed) -> None:
        event.stop()
        line = event.row.line
        if self.draft.was(line.path) is ABSENT:
            self.draft.leave(line.path)
        else:
            self.draft.set(line.path, {"state": "absent"})
        self._touched(event.row)

    def on_row_opened(self, event: Row.Opened) -> None:
        event.stop()
        line = event.row.line
        if line.kind == "add":
            line = Line((*line.path, event.key), line.field, "item", event.key, line.depth)
            if self.draft.value(line.path) is ABSENT:
                self.draft.set(line.path, {})
                self._touched(event.row)
        self._edit(line)

    def _edit(self, line: Line, field: str = "", then: Path = ()) -> None:
        below = self.draft.item(line)
        place = place_of(self.place, line.path)
        inside = place_of("", line.path) + "."
        notes = {at.removeprefix(inside): note for at, note in self._notes.items() if at.startswith(inside)}
        outside = {at: words for at, words in self._outside.items() if within(at, place)}
        fields = Fields(below, self.choices, place, notes=notes, mistakes=outside)

        def done() -> None:
            if below.changed:
                self.draft.set(line.path, below.document())
            elif self.draft.was(line.path) is ABSENT:
                self.draft.set(line.path, {})
            else:
                self.draft.leave(line.path)
            self.draft.secrets.update({(*line.path, *path): secret for path, secret in below.secrets.items()})
            self._outside = {at: w for at, w in self._outside.items() if not within(at, place) or at in fields.mistakes}
            self._sync()
            self._changed()
            for row in self.rows:
                if row.line.path == line.path and row.line.kind == "item":
                    row.focus()

        note = self._notes.get(place_of("", line.path), NOTHING)
        self.post_message(self.ItemOpened(line.field.title, line.title, note, fields, done, field, then))

    def _touched(self, row: Row) -> None:
        place = place_of(self.place, row.line.path)
        self._outside = {at: words for at, words in self._outside.items() if not within(at, place)}
        self._sync() if self._structural(row) else self._show()
        self._changed()

    def _structural(self, row: Row) -> bool:
        lines: Iterable[tuple[str, Path]] = [(line.kind, line.path) for line in self._lines()]
        return list(lines) != [(r.line.kind, r.line.path) for r in self.rows]

    def _changed(self) -> None:
        self.post_message(self.Changed(self))


class Form(Fields, Generic[M]):
    """The form of a settings model.

    initial: what the machine has; what isn't touched is left alone and isn't in `settings`.
    wanted:  what is wanted already, as a setup file has it. asked: the paths of a short form (`short`); none: all.
    choices: the choices that fields name (`timezones`).
    place:   where the settings are in a setup file: the module's name.
    new:     they are of something that isn't there yet.
    """

    def __init__(
        self,
        model: type[M],
        initial: M,
        choices: Callable[[str], Sequence[str]] = lambda name: (),
        place: str = "",
        *,
        notes: Mapping[str, Note] | None = None,
        wanted: Mapping[str, Any] | None = None,
        asked: Sequence[str] = (),
        new: bool = False,
        id: str | None = None,  # noqa: A002  (Textual's own word)
    ) -> None:
        draft = Draft.of(model, initial, wanted, new=new)
        super().__init__(draft, choices, place, notes=notes, asked=asked, id=id)
        self.model = model

    def settings(self) -> M | Invalid:
        """What was touched, as settings; or what is wrong with it."""
        if self.draft.errors:
            return Invalid(self.mistakes)
        return self.model.model_validate(self.draft.document())

    def restart(self, initial: M, notes: Mapping[str, Note]) -> None:
        """Starts over with what the machine has now."""
        self._notes = dict(notes)
        self.renew(Draft.of(self.model, initial))


def help_lines(text: str, width: int, whole: bool) -> list[str]:
    """A field's help; where not all of it is wanted, the sentences that fit on one line, or the first one whole."""
    lines = textwrap.wrap(text, width)
    if whole or len(lines) < 2:
        return lines
    if sentences := lines[0].rfind(". ") + 1:
        return [lines[0][:sentences]]
    first, _stop, rest = text.partition(". ")
    return textwrap.wrap(f"{first}." if rest else first, width)


def place_of(prefix: str, path: Path) -> str:
    """A place in a setup file: `system.network.eth0.dns[1]`."""
    text = prefix
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def within(place: str, outer: str) -> bool:
    """Whether a place is `outer` or inside it."""
    return place == outer or place.startswith((f"{outer}.", f"{outer}["))


def _below(place: str, outer: str, words: str) -> str:
    """A mistake's words at an outer place: `gateway: ...`, `2nd: ...`."""
    rest = place.removeprefix(outer)
    if not rest:
        return words
    if rest.startswith("[") and rest.endswith("]"):
        return _("number {count}: {words}").format(count=int(rest[1:-1]) + 1, words=words)
    return f"{rest.lstrip('.')}: {words}"

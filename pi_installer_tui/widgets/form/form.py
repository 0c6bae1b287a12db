"""A form made from a settings model: one row for each field, its help on a fixed line, what is wrong beside it while it
is typed. It changes nothing; `settings` is what was touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.form.draft import ABSENT, Draft, Line, Path
from pi_installer_tui.widgets.form.rows import Columns, Content, ItemRow, Row, SecretRow, row_for

M = TypeVar("M", bound=BaseModel)

#: Rows that are mounted at once; the others follow when these were painted.
FIRST = 24


@dataclass(frozen=True, slots=True)
class Invalid:
    """What keeps a form from giving settings: words by place."""

    mistakes: Mapping[str, str]


class Fields(Vertical):
    """The rows of a draft, and the help of the one with the focus."""

    DEFAULT_CSS = """
    Fields {
        height: 1fr;
        #rows { height: 1fr; scrollbar-size-vertical: 1; }
        #help { height: 2; color: $text-muted; padding: 0 2; }
        #mistake { height: 1; color: $text-error; text-style: bold; padding: 0 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "up", id="form.up", show=False),
        Binding("down", "move(1)", "down", id="form.down", show=False),
        Binding("pageup", "move(-10)", "page up", id="form.page-up", show=False),
        Binding("pagedown", "move(10)", "page down", id="form.page-down", show=False),
        Binding("home", "move(-10000)", "first", id="form.first", show=False),
        Binding("end", "move(10000)", "last", id="form.last", show=False),
    ]

    class Changed(Message):
        """Something was touched, or is left alone again."""

        def __init__(self, form: Fields) -> None:
            super().__init__()
            self.form = form

        @property
        def control(self) -> Fields:
            return self.form

    def __init__(
        self,
        draft: Draft,
        choices: Callable[[str], Sequence[str]],
        place: str = "",
        *,
        notes: Mapping[str, str] | None = None,
        id: str | None = None,  # noqa: A002  (Textual's own word)
    ) -> None:
        super().__init__(id=id)
        self.draft = draft
        self.choices = choices
        self.place = place
        self._notes = dict(notes or {})
        self._outside: dict[str, str] = {}
        self._rows: list[Row] = []
        self._said = ("", "")

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

    def annotate(self, notes: Mapping[str, str]) -> None:
        """Says something beside fields, by their place: where a value comes from, who owns it."""
        self._notes = dict(notes)
        self._show()

    def reject(self, mistakes: Mapping[str, str]) -> None:
        """Shows mistakes that somebody else found, by place, until their field is changed. The first one gets the
        focus."""
        self._outside = dict(mistakes)
        self._show()
        for row in self._rows:
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

    def compose(self) -> ComposeResult:
        lines = self.draft.lines()
        self._rows = [row_for(line, self.choices) for line in lines[:FIRST]]
        with VerticalScroll(id="rows", can_focus=False):
            yield from self._rows
        yield Static(id="help", markup=False)
        yield Static(id="mistake", markup=False)
        if len(lines) > FIRST:
            self.call_after_refresh(self._sync)

    def on_mount(self) -> None:
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange(event.size.width)

    def _arrange(self, width: int) -> None:
        titles = [2 * row.line.depth + len(row.line.title) + 2 for row in self._rows]
        title = min(max([16, *titles]), max(16, width // 3))
        columns = Columns(title, max(12, (width - title - 5) * 11 // 20))
        for row in self._rows:
            row.set_columns(columns)

    def _sync(self) -> None:
        """Mounts and removes rows until they are the draft's lines."""
        lines = self.draft.lines()
        present = {(row.line.kind, row.line.path): row for row in self._rows}
        rows: list[Row] = []
        body = self.query_one("#rows", VerticalScroll)
        for line in lines:
            row = present.pop((line.kind, line.path), None)
            if row is None:
                row = row_for(line, self.choices)
                body.mount(row, after=rows[-1]) if rows else body.mount(row, before=0 if self._rows else None)
            row.line = line
            rows.append(row)
        for gone in present.values():
            gone.remove()
        self._rows = rows
        self._arrange(self.size.width)
        self._show()

    def _show(self) -> None:
        """Tells each row what it shows."""
        shown: set[str] = set()
        errors = self.mistakes
        for row in reversed(self._rows):  # the deepest place takes a mistake, its section what is left
            path, kind = row.line.path, row.line.kind
            if kind == "add":
                continue
            mine = [at for at in errors if at not in shown and within(at, place_of(self.place, path))]
            shown.update(mine)
            if isinstance(row, ItemRow):
                row.removable = self.draft.removable(row.line) or self.draft.was(path) is ABSENT
            place = place_of("", path)
            row.show(
                Content(
                    value=ABSENT if kind == "heading" else self.draft.value(path),
                    was=ABSENT if kind == "heading" else self.draft.was(path),
                    touched=kind != "heading" and self.draft.touched(path),
                    error=_below(mine[0], place_of(self.place, path), errors[mine[0]]) if mine else "",
                    note=self._notes.get(place, ""),
                )
            )
        rest = [words for at, words in errors.items() if at not in shown]
        self._help(rest[0] if rest else "")

    def _help(self, general: str = "") -> None:
        row = self.current
        error = (row.content.error if row is not None else "") or general
        said = (row.line.field.help if row is not None else "", f"! {error}" if error else "")
        for selector, text, before in zip(("#help", "#mistake"), said, self._said, strict=True):
            if text != before:
                self.query_one(selector, Static).update(text)
        self._said = said

    @property
    def current(self) -> Row | None:
        """The row with the focus."""
        focused = self.screen.focused
        return next((r for r in self._rows if r is focused or (focused is not None and r in focused.ancestors)), None)

    def focus_first(self) -> None:
        """Puts the focus on the first field."""
        for row in self._rows:
            if row.can_focus:
                row.focus()
                return

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._help()

    def action_move(self, by: int) -> None:
        rows = [row for row in self._rows if row.can_focus]
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

    def _edit(self, line: Line) -> None:
        from pi_installer_tui.widgets.form.item import ItemScreen  # a screen is made of a form, too

        below = self.draft.item(line)
        place = place_of(self.place, line.path)
        inside = place_of("", line.path) + "."
        notes = {at.removeprefix(inside): note for at, note in self._notes.items() if at.startswith(inside)}
        fields = Fields(below, self.choices, place, notes=notes)
        fields.reject_quietly({at: words for at, words in self._outside.items() if within(at, place)})

        def left(_result: None) -> None:
            if below.changed:
                self.draft.set(line.path, below.document())
            elif self.draft.was(line.path) is ABSENT:
                self.draft.set(line.path, {})
            else:
                self.draft.leave(line.path)
            self.draft.secrets.update({(*line.path, *path): secret for path, secret in below.secrets.items()})
            row = next((row for row in self._rows if row.line.path == line.path and row.line.kind == "item"), None)
            self._outside = {at: w for at, w in self._outside.items() if not within(at, place) or at in fields.mistakes}
            self._sync()
            if row is not None:
                row.focus()
            self._changed()

        self.app.push_screen(ItemScreen(line.field.title, line.title, fields), left)

    def reject_quietly(self, mistakes: Mapping[str, str]) -> None:
        """Mistakes that somebody else found, for a form that isn't shown yet."""
        self._outside = dict(mistakes)

    def _touched(self, row: Row) -> None:
        place = place_of(self.place, row.line.path)
        self._outside = {at: words for at, words in self._outside.items() if not within(at, place)}
        self._sync() if self._structural(row) else self._show()
        self._changed()

    def _structural(self, row: Row) -> bool:
        lines: Iterable[tuple[str, Path]] = [(line.kind, line.path) for line in self.draft.lines()]
        return list(lines) != [(r.line.kind, r.line.path) for r in self._rows]

    def _changed(self) -> None:
        self.post_message(self.Changed(self))


class Form(Fields, Generic[M]):
    """The form of a settings model.

    initial: what the machine has; what isn't touched is left alone and isn't in `settings`.
    choices: the choices that fields name (`timezones`).
    place:   where the settings are in a setup file: the module's name.
    """

    class Changed(Fields.Changed):
        """Something was touched, or is left alone again."""

    def __init__(
        self,
        model: type[M],
        initial: M,
        choices: Callable[[str], Sequence[str]] = lambda name: (),
        place: str = "",
        *,
        notes: Mapping[str, str] | None = None,
        id: str | None = None,  # noqa: A002  (Textual's own word)
    ) -> None:
        super().__init__(Draft.of(model, initial), choices, place, notes=notes, id=id)
        self.model = model

    def settings(self) -> M | Invalid:
        """What was touched, as settings; or what is wrong with it."""
        if self.draft.errors:
            return Invalid(self.mistakes)
        return self.model.model_validate(self.draft.document())

    def restart(self, initial: M) -> None:
        """Starts over with what the machine has now."""
        self.renew(Draft.of(self.model, initial))


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

"""The lines of a form. Each field is one line: a mark where the focus is, its title, its value and a note (where the
value comes from, what it was, what is wrong with it). What a row shows is told to it; what happens in it it tells.

`ROWS` is the table from a field's kind to its widget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.app import RenderResult
from textual.binding import BindingType
from textual.content import Content as Markup
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from pi_installer_tui.console import glyphs
from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.form.choose import ChooseScreen
from pi_installer_tui.widgets.form.draft import ABSENT, Line, parse, shown, summary
from pi_installer_tui.widgets.form.fields import Plain as Value
from pi_installer_tui.widgets.lines import REVERSE, STYLES, Tone, crop
from pi_installer_tui.widgets.text import printable

Choices = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a field beside its value: where it comes from, what is different in effect. value: what to show
    for one that the form doesn't start with."""

    text: str = ""
    tone: Tone = "quiet"
    value: str = ""


NOTHING = Note()


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a form's columns are, in cells: the title's width, the value's width; the note has what is left."""

    title: int = 20
    value: int = 28


@dataclass(frozen=True, slots=True)
class Content:
    """What a row shows. was: what the machine has (ABSENT: nothing). note: said as long as nothing else has to be. new:
    its entry isn't there yet, and can't be left as it is."""

    value: Any = ABSENT
    was: Any = ABSENT
    touched: bool = False
    error: str = ""
    note: Note = NOTHING
    new: bool = False


class Row(Widget, can_focus=True):
    """One line of a form."""

    #: its title's
    tone: ClassVar[Tone] = "plain"

    DEFAULT_CSS = """
    Row { height: 1; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("row", "field")]

    class Set(Message):
        """A value is wanted."""

        def __init__(self, row: Row, value: Value) -> None:
            super().__init__()
            self.row = row
            self.value = value

    class Left(Message):
        """The present value is to be left alone."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class Opened(Message):
        """The row's own screen is wanted (a table's item), or a new item called `key`."""

        def __init__(self, row: Row, key: str = "") -> None:
            super().__init__()
            self.row = row
            self.key = key

    def __init__(self, line: Line, choices: Choices) -> None:
        super().__init__()
        self.line = line
        self.choices = choices
        self.content = Content()
        self.columns = Columns()

    # what it shows ------------------------------------------------------------------------------------------------

    def show(self, content: Content) -> None:
        """Shows this from now on."""
        if content != self.content:
            self.content = content
            self.refresh()

    def set_columns(self, columns: Columns) -> None:
        """Puts the columns there."""
        if columns != self.columns:
            self.columns = columns
            self.refresh()

    def text(self, value: Any) -> str:
        """A value in words (not ABSENT)."""
        unit = f" {self.line.field.unit}" if self.line.field.unit else ""
        words = shown(self.line.field, value)
        return f"{words}{unit}" if words else _("(empty)")

    def value_text(self) -> str:
        """The value's column."""
        if self.content.value is not ABSENT:
            return self.text(self.content.value)
        if self.content.note.value:
            return f"({self.content.note.value})"
        if self.line.field.required and self.content.error:
            return _("(needed)")
        return f"({self.left_out})" if self.content.new else _("(leave as is)")

    @property
    def left_out(self) -> str:
        """What a new entry has where nothing is wanted, in words."""
        field = self.line.field
        if field.usual or not (field.choices or field.choices_from):
            return field.usual or _("not set")
        return _("choose")

    def note_text(self) -> str:
        """The last column: what is wrong, what it was, or the note."""
        content = self.content
        if content.error:
            return f"! {content.error}"
        if not content.touched:
            return content.note.text
        if content.was is ABSENT:
            return _("new")
        if content.was == content.value:
            return _("as it is now")
        return _("was {value}").format(value=self.text(content.was))

    def render_line(self, y: int) -> Strip:
        content, columns, width, signs = self.content, self.columns, self.size.width, glyphs(self)
        inside = self.has_focus or self.has_focus_within
        indent = " " * (2 * self.line.depth)
        title = printable(self.line.title)
        if cell_len(title) > columns.title - len(indent) - 1:
            title = crop(title, columns.title - len(indent) - 1, signs.more)
        value: Tone = "quiet" if content.value is ABSENT else "plain"
        tone: Tone = "bad" if content.error else "quiet" if content.touched else content.note.tone
        # mark and title are one run: little to send when the focus moves
        mark = f"{signs.cursor} {title}" if inside else f"  {title}"
        return Strip(
            [
                Segment(f" {indent}"),
                Segment(mark, REVERSE if self.has_focus else STYLES["strong" if inside else self.tone]),
                Segment(" " * (columns.title - len(indent) - cell_len(title))),
                Segment("* " if content.touched else "  ", STYLES["warn"]),
                Segment(_fill(self.value_text(), columns.value, signs.more), STYLES[value]),
                Segment(" "),
                Segment(_fill(self.note_text(), self.room, signs.more), STYLES[tone]),
            ]
        ).adjust_cell_length(width)

    @property
    def room(self) -> int:
        """How many cells the note has."""
        return max(0, self.size.width - self.columns.title - self.columns.value - 6)

    @property
    def opened(self) -> bool:
        """It is being typed in."""
        return False

    @property
    def warns(self) -> bool:
        """Something is wrong or different with it."""
        return bool(self.content.error) or (self.content.note.tone == "warn" and not self.content.touched)

    @property
    def cut(self) -> str:
        """What the row has no room for, in full; "" where all is shown."""
        note, value = self.note_text(), self.value_text()
        if cell_len(note) > self.room:
            return note
        return value if cell_len(value) > self.columns.value else ""

    def render(self) -> RenderResult:
        return Markup("")

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # what happens in it -------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """Opens the field."""

    def action_keep(self) -> None:
        """Leaves what is there alone."""
        self.post_message(self.Left(self))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.content.touched if action == "keep" else action not in ("leave", "next", "remove")


class TextRow(Row):
    """A field that is typed: text, a number, an address, a list of them."""

    def __init__(self, line: Line, choices: Choices) -> None:
        super().__init__(line, choices)
        self._input: Input | None = None
        self._typed = False

    @property
    def opened(self) -> bool:
        return self._input is not None

    def first(self) -> str:
        """The text that the field opens with."""
        return shown(self.line.field, self.content.value)

    def read(self, text: str) -> Value:
        """A typed text as a value."""
        return parse(self.line.field, text)

    def action_open(self) -> None:
        self.edit(self.first())

    def edit(self, text: str, *, password: bool = False) -> None:
        """Opens the line for typing."""
        if self._input is not None:
            return
        self._typed = False
        box = Input(text, compact=True, select_on_focus=False, password=password)
        box.cursor_blink = False
        self._input = box
        self._place(box)
        self.mount(box)
        box.focus()
        box.cursor_position = len(text)

    def _place(self, box: Input) -> None:
        box.styles.margin = (0, 0, 0, self.columns.title + 5)
        box.styles.width = self.columns.value

    def set_columns(self, columns: Columns) -> None:
        super().set_columns(columns)
        if self._input is not None:
            self._place(self._input)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._input is None or (not self._typed and event.value == self.first()):
            return
        self._typed = True
        self.typed(event.value)

    def typed(self, text: str) -> None:
        """The text changed."""
        self.post_message(self.Set(self, self.read(text)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.accept(event.value)
        self.action_leave()

    def accept(self, text: str) -> None:
        """Enter: this is wanted, also where it is what is there."""
        self.typed(text)

    def action_leave(self) -> None:
        box, self._input = self._input, None
        if box is None:
            return
        if box.has_focus:
            self.focus(scroll_visible=False)
        box.remove()
        self.refresh()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self.action_leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "leave" or self.opened:
            return self.opened and action == "leave"
        return super().check_action(action, parameters)


class SecretRow(TextRow):
    """A secret: typed unseen and never shown. The settings hold its name."""

    class Typed(Message):
        """A secret was typed; its value is not in the settings."""

        def __init__(self, row: Row, secret: str) -> None:
            super().__init__()
            self.row = row
            self.secret = secret

    def __init__(self, line: Line, choices: Choices) -> None:
        super().__init__(line, choices)
        self._made = False

    def text(self, value: Any) -> str:
        if self.content.touched:
            return _("(one is made)") if self._made else _("(secret, changed)")
        return _("(secret)")

    def note_text(self) -> str:
        if self.content.touched and not self.content.error:
            return ""
        return super().note_text()

    def first(self) -> str:
        return ""

    def action_open(self) -> None:
        self.edit("", password=True)
        if self._input is not None and self.line.field.made:
            self._input.placeholder = _("empty: one is made")

    def typed(self, text: str) -> None:
        self._made = False
        self.post_message(self.Typed(self, text))

    def accept(self, text: str) -> None:
        if text or self.line.field.made:
            self.typed(text)
            self._made = not text


class SecretFileRow(SecretRow):
    """A secret that is read from a file of the machine by whoever uses the form: its path is typed, and shown."""

    def __init__(self, line: Line, choices: Choices) -> None:
        super().__init__(line, choices)
        self._path = ""

    def text(self, value: Any) -> str:
        if self.content.touched and self._path:
            return _("(the content of {path})").format(path=self._path)
        return super().text(value)

    def action_open(self) -> None:
        self.edit(self._path)
        if self._input is not None:
            self._input.placeholder = _("the path of a file")

    def first(self) -> str:
        return self._path

    def typed(self, text: str) -> None:
        self._path = text.strip()
        self.post_message(self.Typed(self, self._path))

    def accept(self, text: str) -> None:
        if text.strip():
            self.typed(text)

    def give(self, secret: str) -> None:
        """Takes a value that comes from elsewhere."""
        self._path = ""
        self.post_message(self.Typed(self, secret))


class ChoiceRow(TextRow):
    """One of several; a long list is found by typing. Where the machine's choices aren't known it is typed."""

    def options(self) -> tuple[Any, ...]:
        """What can be chosen, as a setup file has it."""
        field = self.line.field
        if field.choices:
            return field.choices
        return tuple(self.choices(field.choices_from or ("interfaces" if field.kind == "interface" else "")))

    def text(self, value: Any) -> str:
        return str(value)

    def action_open(self) -> None:
        options = self.options()
        if not options:
            super().action_open()
            return
        leave = not (self.line.field.required and self.content.was is ABSENT)

        def chosen(choice: tuple[bool, Any] | None) -> None:
            if choice is not None:
                left, value = choice
                self.post_message(self.Left(self) if left else self.Set(self, value))

        self.app.push_screen(
            ChooseScreen(
                self.line.title,
                options,
                self.content.was,
                self.content.value,
                leave=leave,
                none=self.left_out if self.content.new else "",
                free=not self.line.field.choices,
            ),
            chosen,
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "next" and not self.opened:
            return True
        return super().check_action(action, parameters)

    def action_next(self) -> None:
        """Goes through a few choices in place; `leave as is` is one of them."""
        options = self.options()
        if not 0 < len(options) <= 4:
            self.action_open()
            return
        value, was, touched = self.content.value, self.content.was, self.content.touched
        others = [option for option in options if option != was]
        ring = [*others, was] if was is not ABSENT else others
        index = ring.index(value) + 1 if touched and value in ring else 0
        if index < len(ring):
            self.post_message(self.Set(self, ring[index]))
        elif was is ABSENT and self.line.field.required:
            self.post_message(self.Set(self, ring[0]))
        else:
            self.post_message(self.Left(self))


class SeveralRow(TextRow):
    """A list of what the machine has; where that isn't known it is typed."""

    def action_open(self) -> None:
        options = tuple(self.choices(self.line.field.choices_from))
        if not options:
            super().action_open()
            return
        from pi_installer_tui.widgets.form.several import SeveralScreen

        present = self.content.value

        def edited(chosen: list[str] | None) -> None:
            if chosen is not None:
                self.post_message(self.Set(self, chosen))

        screen = SeveralScreen(self.line.title, options, present if isinstance(present, list) else [])
        self.app.push_screen(screen, edited)


class LinesRow(Row):
    """A list of whole lines, which has an editor of its own."""

    def action_open(self) -> None:
        from pi_installer_tui.widgets.form.lines import LinesScreen

        present = self.content.value

        def edited(lines: list[str] | None) -> None:
            if lines is not None:
                self.post_message(self.Set(self, list(lines)))

        self.app.push_screen(LinesScreen(self.line.title, present if isinstance(present, list) else []), edited)


class BoolRow(ChoiceRow):
    """On or off, told by sign and word; Enter and Space change it in place."""

    def options(self) -> tuple[Any, ...]:
        return (True, False)

    def text(self, value: Any) -> str:
        return _("[x] on") if value else _("[ ] off")

    def value_text(self) -> str:
        if self.content.value is not ABSENT:
            return self.text(self.content.value)
        if self.content.new:
            return f"[-] {self.left_out}"
        return f"[-] {self.content.note.value}" if self.content.note.value else _("[-] leave as is")

    def action_open(self) -> None:
        self.action_next()


class HeadingRow(Row, can_focus=False):
    """A section's or a table's title; says what is wrong with it as a whole."""

    tone: ClassVar[Tone] = "strong"

    def value_text(self) -> str:
        """What is, where the form doesn't start with it."""
        return f"({self.content.note.value})" if self.content.was is ABSENT and self.content.note.value else ""

    def note_text(self) -> str:
        return f"! {self.content.error}" if self.content.error else self.content.note.text


class ItemRow(Row):
    """A table's item in a line; Enter opens its editor."""

    class Removed(Message):
        """The item is to go away."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    def __init__(self, line: Line, choices: Choices) -> None:
        super().__init__(line, choices)
        self.removable = False
        self.misnamed = False  # it is new, and what is wrong is the entry itself: its name can't be changed any more

    def note_text(self) -> str:
        if self.misnamed and self.content.error:
            return _("! d removes it: {why}").format(why=self.content.error)
        return super().note_text()

    def text(self, value: Any) -> str:
        shape = self.line.field.shape
        return summary(shape, value) if shape is not None else ""

    def action_open(self) -> None:
        self.post_message(self.Opened(self))

    def action_remove(self) -> None:
        self.post_message(self.Removed(self))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "remove":
            return self.removable
        return super().check_action(action, parameters)


class AddRow(TextRow):
    """Adds an item to a table: its name is chosen among the machine's, or typed."""

    def value_text(self) -> str:
        return ""

    def note_text(self) -> str:
        return ""

    def first(self) -> str:
        return ""

    def action_open(self) -> None:
        names = tuple(self.choices(self.line.field.choices_from)) if self.line.field.choices_from else ()
        if not names:
            self.edit("")
            return

        def chosen(choice: tuple[bool, Any] | None) -> None:
            if choice is not None:
                self.post_message(self.Opened(self, str(choice[1])))

        self.app.push_screen(ChooseScreen(self.line.field.title, names, ABSENT, ABSENT, leave=False, free=True), chosen)

    def typed(self, text: str) -> None:
        """A name counts when Enter was pressed."""

    def accept(self, text: str) -> None:
        if text.strip():
            self.post_message(self.Opened(self, text.strip()))


ROWS: Mapping[str, type[Row]] = {
    "bool": BoolRow,
    "choice": ChoiceRow,
    "text": TextRow,
    "number": TextRow,
    "address": TextRow,
    "interface": ChoiceRow,
    "secret": SecretRow,
    "list": TextRow,
    "lines": LinesRow,
    "heading": HeadingRow,
    "item": ItemRow,
    "add": AddRow,
}


def row_for(line: Line, choices: Choices) -> Row:
    """The widget of a line."""
    kind = line.kind
    if kind == "secret" and line.field.file:
        return SecretFileRow(line, choices)
    if kind == "list" and line.field.several:
        return SeveralRow(line, choices)
    if kind == "text" and (line.field.choices or line.field.choices_from):
        kind = "choice"
    return ROWS[kind](line, choices)


def _fill(text: str, width: int, more: str) -> str:
    """A text in exactly `width` cells, on one line."""
    return crop(printable(" ".join(text.split())), width, more)

"""A list to choose from, on top of the form. A long one is narrowed by typing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from pi_installer_tui.i18n import _

#: More choices than this are found by typing.
FEW = 9


class ChooseScreen(ModalScreen["tuple[bool, Any] | None"]):
    """Gives (False, the choice), (True, None) for `leave as is`, or None when it was left by Esc."""

    DEFAULT_CSS = """
    ChooseScreen {
        align: center middle;
        background: $background 0%;
        Vertical {
            width: 60;
            max-width: 95%;
            height: auto;
            max-height: 90%;
            border: solid $primary;
            padding: 0 1;
            background: $surface;
        }
        #title { text-style: bold; height: 1; }
        #keys { color: $text-muted; height: 1; }
        Input, Input:focus { background: $panel; background-tint: $foreground 0%; text-style: underline; }
        OptionList, OptionList:focus {
            border: none;
            height: 12;
            padding: 0;
            scrollbar-size-vertical: 1;
            background: $surface;
            background-tint: $foreground 0%;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "back", id="choose.back"),
        Binding("up", "list('cursor_up')", show=False, priority=True),
        Binding("down", "list('cursor_down')", show=False, priority=True),
        Binding("pageup", "list('page_up')", show=False, priority=True),
        Binding("pagedown", "list('page_down')", show=False, priority=True),
        Binding("tab,shift+tab", "list('')", show=False, priority=True),
    ]

    def __init__(
        self, title: str, options: Sequence[Any], now: Any, wanted: Any, *, leave: bool, free: bool = False
    ) -> None:
        """now: what the machine has. wanted: where the list starts. leave: `leave as is` can be chosen. free: what is
        typed can be chosen too."""
        super().__init__()
        self._title = title
        self._options = tuple(options)
        self._now = now
        self._wanted = wanted
        self._leave = leave
        self._free = free
        self._matches: list[tuple[bool, Any]] = []

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._title, id="title", markup=False)
            if len(self._options) > FEW:
                box = Input(compact=True, placeholder=_("type to find"))
                box.cursor_blink = False
                yield box
            yield OptionList(markup=False, compact=True)
            yield Static(id="keys", markup=False)

    def on_mount(self) -> None:
        self._fill("")
        if len(self._options) <= FEW:
            options = self.query_one(OptionList)
            options.styles.height = "auto"
            options.focus()

    def _fill(self, typed: str) -> None:
        found = find(self._options, typed)
        self._matches = [(False, option) for option in found]
        if self._leave and not typed.strip():
            self._matches.insert(0, (True, None))
        as_typed = typed.strip()
        if self._free and as_typed and as_typed not in found:
            self._matches.append((False, as_typed))
        options = self.query_one(OptionList)
        options.set_options([Option(self._label(left, value)) for left, value in self._matches])
        wanted = [i for i, (left, value) in enumerate(self._matches) if not left and value == self._wanted]
        options.highlighted = (wanted[0] if wanted and not typed else 0) if self._matches else None
        keys = _("Enter choose  Esc back") if self._matches else _("Nothing matches. Esc back")
        if len(self._options) > FEW and self._matches:
            keys = _("{count} of {all}").format(count=len(found), all=len(self._options)) + "  " + keys
        self.query_one("#keys", Static).update(keys)

    def _label(self, left: bool, value: Any) -> str:
        if left:
            return _("(leave as is)")
        if value == self._now:
            return f"{value}  ({_('now')})"
        return str(value) if value in self._options else f"{value}  ({_('as typed')})"

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def on_input_submitted(self) -> None:
        highlighted = self.query_one(OptionList).highlighted
        if highlighted is not None:
            self.dismiss(self._matches[highlighted])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._matches[event.option_index])

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)

    def action_list(self, action: str) -> None:
        """Moves in the list while the text is typed."""
        options = self.query_one(OptionList)
        if action:
            getattr(options, f"action_{action}")()


def find(options: Sequence[Any], typed: str) -> list[Any]:
    """The options that have every typed word, those first where a part begins with the first one."""
    words = typed.casefold().replace("_", " ").split()
    if not words:
        return list(options)
    first: list[Any] = []
    rest: list[Any] = []
    for option in options:
        text = str(option).casefold().replace("_", " ")
        if all(word in text for word in words):
            parts = text.replace("/", " ").replace("-", " ").replace(".", " ").split()
            (first if any(part.startswith(words[0]) for part in parts) else rest).append(option)
    return first + rest

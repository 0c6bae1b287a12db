"""A schedule that is typed: five fields side by side, or one line for an @ form or the whole. A blank goes to the next
field, and a schedule that is pasted fills them all."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.system.cron import fields
from pi_installer_tui.system.cron.fields import Mistake
from pi_installer_tui.widgets.actions import bindings
from pi_installer_tui.widgets.lines import Cell
from pi_installer_tui.widgets.panel import Panel

#: of a field with the blank behind it, in cells
_WIDTH = 14
_LEFT = 3
_LABELS = (N_("minute"), N_("hour"), N_("day"), N_("month"), N_("weekday"))
_HELP = (
    N_("0-59. * each, */15 every 15, 0,30 both, 10-20 from to"),
    N_("0-23. * each, */2 every second, 8-17 from to"),
    N_("1-31 of the month. * each. With a weekday too, either is enough"),
    N_("1-12 or jan-dec. * each"),
    N_("0-7 or sun-sat, 0 and 7 are Sunday. * each, 1-5 Monday to Friday"),
)
_FORMS = N_("@reboot, @hourly, @daily, @weekly, @monthly, @yearly; or five fields with blanks between them")


class ScheduleField(Input):
    """One of the fields. number: which, from 0; 5: the whole."""

    DEFAULT_CSS = "ScheduleField { width: 13; height: 1; border: none; padding: 0; margin-right: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("cron_field")]

    class Left(Message):
        """Esc."""

    class Full(Message):
        """A blank was typed behind what stands in the field."""

    class Pasted(Message):
        """A whole schedule was pasted."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, number: int, value: str) -> None:
        super().__init__(value, compact=True, select_on_focus=False, max_length=200, id=f"field{number}")
        self.number = number
        self.cursor_blink = False

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def on_key(self, event: events.Key) -> None:
        if event.key == "space" and self.number < len(_LABELS):
            event.prevent_default()
            event.stop()
            if self.value:
                self.post_message(self.Full())

    def on_paste(self, event: events.Paste) -> None:
        words = event.text.split()
        if len(words) == len(_LABELS) or event.text.strip() in fields.FORMS:
            event.prevent_default()
            event.stop()
            self.post_message(self.Pasted(" ".join(words)))


class ScheduleInput(Vertical):
    """The fields, their names above them, below them what is wrong where, or what the field takes."""

    DEFAULT_CSS = """
    ScheduleInput { height: 3; }
    ScheduleInput Horizontal { height: 1; padding-left: 3; }
    ScheduleInput #field5 { display: none; width: 70; }
    ScheduleInput.-whole ScheduleField { display: none; }
    ScheduleInput.-whole #field5 { display: block; }
    """

    class Changed(Message):
        """Something was typed."""

    class Left(Message):
        """Esc: letters are keys again."""

    def __init__(self, text: str, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own word)
        super().__init__(id=id)
        self._begin = text
        self._mistake: Mistake | None = None

    def compose(self) -> ComposeResult:
        yield Panel([[]], id="labels")
        with Horizontal():
            for number in range(len(_LABELS) + 1):
                yield ScheduleField(number, "")
        yield Panel([[]], id="place")

    def on_mount(self) -> None:
        self.put(self._begin)

    # what stands there --------------------------------------------------------------------------------------------

    @property
    def whole(self) -> bool:
        """It is one line, not five fields."""
        return self.has_class("-whole")

    @property
    def text(self) -> str:
        """The schedule, as far as it goes: fields that have nothing in them are left out behind the last one, and are a
        mistake of cron's elsewhere."""
        if not self.is_mounted:
            return self._begin
        if self.whole:
            return self._field(5).value.strip()
        return " ".join(self._field(n).value for n in range(len(_LABELS))).rstrip()

    @property
    def gap(self) -> Mistake | None:
        """A field that has nothing in it: for cron those behind it would take its place."""
        if self.whole or not self.is_mounted:
            return None
        words = [self._field(n).value for n in range(len(_LABELS))]
        if all(words):
            return None
        empty = words.index("")
        name = fields.NAMES[empty]
        what = _("the {field} is missing: a schedule has five fields").format(field=fields.title(name))
        return Mistake(name, sum(len(word) + 1 for word in words[:empty]) + 1, what, "")

    def put(self, text: str) -> None:
        """Another schedule, as fields where it can be."""
        words = text.split()
        five = len(words) == len(_LABELS) and not text.startswith("@")
        self._show(whole=not five and bool(words))
        with self.prevent(Input.Changed):
            for number in range(len(_LABELS)):
                self._field(number).value = words[number] if five else ""
            self._field(5).value = text if not five else ""
        self.post_message(self.Changed())

    def turn(self) -> None:
        """From fields to one line and back; a form becomes the fields that mean the same, except @reboot."""
        text = self.text
        inside = self.has_focus_within
        if not self.whole:
            with self.prevent(Input.Changed):
                self._field(5).value = text
            self._show(whole=True)
        elif (words := _as_fields(text)) is not None:
            with self.prevent(Input.Changed):
                for number, word in enumerate(words):
                    self._field(number).value = word
            self._show(whole=False)
        if inside:
            self.focus_first()
        self.post_message(self.Changed())

    def _show(self, *, whole: bool) -> None:
        self.set_class(whole, "-whole")
        if whole:
            labels = [Cell("  " + _("schedule"), "strong")]
        else:
            labels = [Cell("  ")] + [Cell(_(label).ljust(_WIDTH), "strong") for label in _LABELS]
        self.query_one("#labels", Panel).set_lines([labels])

    def _field(self, number: int) -> ScheduleField:
        return self.query_one(f"#field{number}", ScheduleField)

    def focus_first(self) -> None:
        """The focus on the first field."""
        self._field(5 if self.whole else 0).focus()

    def focus_mistake(self, mistake: Mistake) -> None:
        """The focus on the field that a mistake is in."""
        numbers: dict[str, int] = {name: number for number, name in enumerate(fields.NAMES)}
        self._field(5 if self.whole else numbers.get(mistake.field, 0)).focus()

    # what is said below -------------------------------------------------------------------------------------------

    def mark(self, mistake: Mistake | None) -> None:
        """Shows where a mistake is, until the next call."""
        self._mistake = mistake
        self._tell()

    def column(self, mistake: Mistake) -> int:
        """Where a column of the text is on the screen, from 0."""
        at = mistake.column - 1
        if self.whole:
            return _LEFT + at
        for number in range(len(_LABELS)):
            length = len(self._field(number).value)
            if at <= length or number == len(_LABELS) - 1:
                return _LEFT + number * _WIDTH + min(at, _WIDTH - 2)
            at -= length + 1
        return _LEFT

    def _tell(self) -> None:
        place = self.query_one("#place", Panel)
        if self._mistake is not None:
            place.set_lines([[Cell(" " * (self.column(self._mistake) - 1) + "^", "bad")]])
            return
        focused = self.screen.focused
        number = focused.number if isinstance(focused, ScheduleField) and self in focused.ancestors else None
        said = "" if number is None else _(_FORMS) if number >= len(_HELP) else _(_HELP[number])
        place.set_lines([[Cell("  "), Cell(said, "quiet")]])

    def on_descendant_focus(self) -> None:
        self._tell()

    def on_descendant_blur(self) -> None:
        if self.is_mounted:
            self._tell()

    # keys ---------------------------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if not self.whole and event.value.startswith("@"):
            with self.prevent(Input.Changed):
                event.input.value = ""
                self._field(5).value = event.value
            self._show(whole=True)
            whole = self._field(5)
            whole.focus()
            whole.cursor_position = len(event.value)
        self.post_message(self.Changed())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left())

    def on_schedule_field_left(self, message: ScheduleField.Left) -> None:
        message.stop()
        self.post_message(self.Left())

    def on_schedule_field_full(self, message: ScheduleField.Full) -> None:
        message.stop()
        focused = self.screen.focused
        if isinstance(focused, ScheduleField) and focused.number < len(_LABELS) - 1:
            following = self._field(focused.number + 1)
            following.focus()
            following.cursor_position = len(following.value)

    def on_schedule_field_pasted(self, message: ScheduleField.Pasted) -> None:
        message.stop()
        self.put(message.text)
        self.focus_first()


def _as_fields(text: str) -> list[str] | None:
    """The five fields of a text, those of a form by crontab(5); None where there are none."""
    forms = {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
    words = forms.get(text, text).split()
    if not words:
        return [""] * len(_LABELS)
    return words if len(words) == len(_LABELS) and not text.startswith("@reboot") else None

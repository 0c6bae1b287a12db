"""What a module found, as lines: configured, in effect and after a reboot where these differ, from where, and who owns
it; what is unknown with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.base import ShellScreen
from pi_installer_tui.system.reading import Known, Missing, Reading, Unknown
from pi_installer_tui.widgets.form.rows import Note
from pi_installer_tui.widgets.lines import Cell, Prose, Tone
from pi_installer_tui.widgets.text import TextPane, printable

if TYPE_CHECKING:
    from pi_installer_tui.modules.base import Fact


def value(reading: Reading[Any]) -> str:
    """A reading in words."""
    if isinstance(reading, Unknown):
        return _("unknown: {reason}").format(reason=printable(reading.reason))
    if isinstance(reading, Missing):
        return _("not set")
    return plain(reading.value)


def plain(known: Any) -> str:
    """A value that was read, on one line."""
    if isinstance(known, bool):
        return _("on") if known else _("off")
    if isinstance(known, (tuple, list, set, frozenset)):
        return ", ".join(plain(part) for part in known) or _("none")
    return printable(str(known)) or _("(empty)")


def source(reading: Reading[Any]) -> str:
    """Where a reading comes from: `/etc/hostname:1`."""
    return "" if isinstance(reading, Unknown) or reading.source is None else str(reading.source)


def differs(fact: Fact) -> bool:
    """What is in effect isn't what is configured, or a reboot will change it. An effect that only says more of the
    same (`DHCP`, and the address that came of it) doesn't differ."""
    configured, effective, pending = fact.value.configured, fact.value.effective, fact.value.pending
    known = [plain(r.value) for r in (configured, effective, pending) if isinstance(r, Known)]
    return any(one != known[0] and not one.startswith(f"{known[0]} ") for one in known)


def note(fact: Fact) -> Note:
    """What stands beside a field: why it is unknown, what is different in effect or after a reboot, else what else is
    said of it in effect, or its owner and source."""
    configured, effective, pending = fact.value.configured, fact.value.effective, fact.value.pending
    best = fact.value.best
    if isinstance(best, Unknown):
        return Note(f"? {value(best)}", "warn")
    shown = value(best) if isinstance(best, Known) else ""
    if differs(fact):
        if isinstance(pending, Known) and value(pending) != value(effective):
            return Note(_("! after a reboot: {value}").format(value=value(pending)), "warn", shown)
        return Note(_("! in effect: {value}").format(value=value(effective)), "warn", shown)
    if isinstance(configured, Known) and isinstance(effective, Known) and configured.value != effective.value:
        return Note(value(effective), "quiet", shown)
    said = [part for part in (fact.value.owner, source(configured) or source(effective)) if part]
    return Note(": ".join(said), "quiet", shown)


def notes(facts: Iterable[Fact]) -> dict[str, Note]:
    """What stands beside each field, by its place inside the module."""
    return {fact.setting: note(fact) for fact in facts if fact.setting}


def unset(facts: Iterable[Fact]) -> list[Cell]:
    """The facts that no field shows, on one line."""
    cells: list[Cell] = []
    for fact in facts:
        if not fact.setting:
            reading = fact.value.effective if isinstance(fact.value.effective, Known) else fact.value.best
            cells += [Cell("  " if cells else ""), Cell(f"{fact.title} ", "quiet"), Cell(value(reading))]
    return cells


def lines(facts: Iterable[Fact]) -> list[Cell]:
    """All facts, one below the other."""
    found: list[Cell] = []
    for fact in facts:
        found += [*([Cell("")] if found else []), Cell(fact.title, "strong"), *_forms(fact)]
    return found


def _forms(fact: Fact) -> list[Cell]:
    known = fact.value
    tone: Tone = "warn" if isinstance(known.configured, Unknown) else "plain"
    found: list[Cell] = [Prose(f"  {_line(known.configured)}", tone)]
    if value(known.configured) != value(known.effective):
        tone = "warn" if differs(fact) or isinstance(known.effective, Unknown) else "plain"
        found = [
            Prose(_("  configured: {value}").format(value=_line(known.configured))),
            Prose(_("  in effect: {value}").format(value=_line(known.effective)), tone),
        ]
    if known.pending is not None:
        found += [Prose(_("  after a reboot: {value}").format(value=_line(known.pending)), "warn")]
    if known.owner:
        found += [Prose(_("  kept by {owner}").format(owner=known.owner), "quiet")]
    return found


def _line(reading: Reading[Any]) -> str:
    where = source(reading)
    return f"{value(reading)}  ({where})" if where else value(reading)


class FactsScreen(ShellScreen):
    """All that a module found."""

    place = "facts"
    where = N_("What is")
    about = N_(
        "All that was read from the machine. Where what is configured isn't what is in effect, or a reboot will change "
        "it, each is shown. What couldn't be read is unknown, with the reason; nothing is guessed."
    )
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, title: str, facts: Sequence[Fact]) -> None:
        super().__init__()
        self._title = title
        self._facts = facts

    def body(self) -> Iterable[Widget]:
        yield TextPane(id="facts")

    def on_mount(self) -> None:
        self.say_where(_("{module}: what is").format(module=self._title))
        pane = self.query_one(TextPane)
        pane.set("", lines(self._facts))
        pane.text.focus()

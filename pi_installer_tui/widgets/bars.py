"""The first and the last line of every screen: where we are, and which keys work here."""

from __future__ import annotations

from rich.cells import cell_len
from textual.app import RenderResult
from textual.binding import ActiveBinding
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from pi_installer_tui.console import glyphs
from pi_installer_tui.widgets.lines import Cell, rule, strip


class TitleBar(Widget):
    """The program, the screen, the machine, and the modes that are on (`DEMO`, `READ-ONLY`), over a line."""

    DEFAULT_CSS = "TitleBar { height: 2; width: 1fr; }"

    where: reactive[str] = reactive("")
    doing: reactive[str] = reactive("")
    machine: reactive[str] = reactive("")
    modes: reactive[tuple[str, ...]] = reactive(())

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        signs = glyphs(self)
        if y:
            return strip(rule("", width, signs), width, signs)
        right = [Cell(self.machine, "strong"), Cell(" ")] if self.machine else []
        for mode in self.modes:
            right += [Cell(f"[{mode}]", "warn"), Cell(" ")]
        room = width - sum(cell_len(c.text) for c in right)
        left = [Cell(" pi-installer-tui", "key"), Cell("  "), Cell(self.where, "strong")]
        if self.doing:
            left += [Cell("  "), Cell(self.doing, "quiet")]
        return Strip([*strip(left, room, signs), *strip(right, width - room, signs)], width)

    def render(self) -> RenderResult:
        return Content("")


class KeyBar(Widget):
    """The keys that work here, from the bindings that are active: what belongs to this place on the left, what works
    everywhere on the right."""

    DEFAULT_CSS = "KeyBar { height: 1; width: 1fr; dock: bottom; }"

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())

    def _shown(self) -> tuple[list[ActiveBinding], list[ActiveBinding]]:
        here: list[ActiveBinding] = []
        everywhere: list[ActiveBinding] = []
        seen: set[str] = set()
        focused = self.screen.focused
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if not binding.show or not active.enabled or (binding.id or binding.action) in seen:
                continue
            character = binding.key_display if binding.key_display and len(binding.key_display) == 1 else None
            if focused is not None and focused.check_consume_key(binding.key, character):
                continue
            seen.add(binding.id or binding.action)
            (everywhere if (binding.id or "").startswith("app.") else here).append(active)
        return here, everywhere

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        here, everywhere = self._shown()
        right: list[Cell] = []
        for active in everywhere:
            right += [Cell(active.binding.key_display or active.binding.key, "key")]
            right += [Cell(f" {active.binding.description}  ")]
        room = max(0, width - sum(cell_len(c.text) for c in right) - 1)
        left: list[Cell] = []
        for active in here:
            key = active.binding.key_display or active.binding.key
            piece = [Cell(key, "key"), Cell(f" {active.binding.description}  ")]
            if sum(cell_len(c.text) for c in (*left, *piece)) > room:
                break
            left += piece
        return strip(
            [Cell(" "), *left, Cell(" " * max(0, room - sum(cell_len(c.text) for c in left))), *right],
            width,
            glyphs(self),
        )

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 1

    def render(self) -> RenderResult:
        return Content("")

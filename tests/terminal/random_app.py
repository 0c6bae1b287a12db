"""Random screens, one after another: any widgets in any nesting, text of every width and style. Keys drive it: `n`
another screen, `m` one that covers a part, `b` back, `s` scroll, `c` other texts, `d` hide or show, `r` redraw.
RANDOM_SEED says which screens. SIGUSR1 makes it write what Textual has on its screen to the file SAMPLE_DUMP names."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pi_installer_tui.console.probe import look, prepare

PROFILE = look(os.environ)
prepare(PROFILE, os.environ)

import rich.color  # noqa: E402
import rich.style  # noqa: E402
import rich.text  # noqa: E402
from textual.app import App  # noqa: E402
from textual.binding import Binding  # noqa: E402
from textual.color import Color  # noqa: E402
from textual.containers import Horizontal, HorizontalScroll, Vertical, VerticalScroll  # noqa: E402
from textual.css.types import EdgeType  # noqa: E402
from textual.screen import ModalScreen, Screen  # noqa: E402
from textual.widget import Widget  # noqa: E402
from textual.widgets import (  # noqa: E402
    Button,
    Checkbox,
    DataTable,
    Digits,
    Input,
    Label,
    ListItem,
    ListView,
    Log,
    ProgressBar,
    RadioButton,
    Rule,
    Sparkline,
    Static,
    Switch,
)

from pi_installer_tui.console import cells  # noqa: E402
from pi_installer_tui.console.cells import agreed, clusters  # noqa: E402
from pi_installer_tui.console.colours import mapper  # noqa: E402
from pi_installer_tui.console.driver import CellDriver  # noqa: E402
from pi_installer_tui.console.glyphs import translator  # noqa: E402
from pi_installer_tui.widgets.lines import STYLES, Cell  # noqa: E402
from pi_installer_tui.widgets.panel import Panel  # noqa: E402
from pi_installer_tui.widgets.qr import QrCode  # noqa: E402
from pi_installer_tui.widgets.rows import Row, Rows, heading  # noqa: E402
from pi_installer_tui.widgets.text import TextPane  # noqa: E402

PIECES = [
    *("a", "of", "library", "1.2.3-4+deb13u1", "-" * 30, "=" * 9, "#####", " ", " " * 12, "{}[]()<>|\\~"),
    *("Küche", "ñandú", "°C", "½", "─" * 20, "│", "┌┬┐╔╦╗╭╮", "█▓▒░▀▄▌▐", "▁▂▃▅▇", "⠋⠙", "…→√●✓", "€š"),
    *("漢字", "日本語テキスト", "한국어", "ａｂｃ", "🍓", "🙂🙃", "e\u0301a\u0308o\u0302"),
]
EDGES: list[EdgeType] = ["ascii", "round", "solid", "double", "dashed", "heavy", "inner", "outer", "thick", "tall"]
EDGES += ["wide", "panel", "hkey", "vkey", "blank", "none"]
TEXT_STYLES = ["none", "bold", "dim", "italic", "underline", "strike", "reverse", "bold reverse", "bold underline"]
SIZES = ["auto", "1fr", "2fr", "1", "3", "7", "50%"]


class Maker:
    """Makes widgets by a seed."""

    def __init__(self, seed: str) -> None:
        self.noise = random.Random(seed)

    def text(self, most: int = 6) -> str:
        return " ".join(self.noise.choices(PIECES, k=self.noise.randint(1, most)))

    def colour(self) -> Color:
        if self.noise.random() < 0.4:
            return Color.parse("ansi_" + self.noise.choice(["default", "red", "blue", "bright_white", "black", "cyan"]))
        red, green, blue = self.noise.choices([0, 8, 90, 128, 200, 255], k=3)
        return Color(red, green, blue)

    def styled(self) -> rich.text.Text:
        text = rich.text.Text()
        for _ in range(self.noise.randint(1, 9)):
            style = self.noise.choice(
                ["", "bold", "red on blue", "#ffcc00", "reverse", "underline green", "italic", "dim"]
            )
            text.append(self.text(2), style)
        return text

    def cell(self) -> Cell:
        return Cell(self.text(4), self.noise.choice([*STYLES]))

    def leaf(self) -> Widget:
        noise, text = self.noise, self.text
        kind = noise.randrange(18)
        match kind:
            case 0:
                return Log(max_lines=50)
            case 1:
                return ListView(*[ListItem(Label(text(), markup=False)) for _ in range(noise.randint(1, 20))])
            case 2:
                return Input(text(), compact=noise.random() < 0.5)
            case 3:
                return Sparkline([noise.random() for _ in range(30)])
            case 4:
                bar = ProgressBar(total=100, show_eta=False)
                bar.update(progress=noise.randint(0, 100))
                return bar
            case 5:
                return Rule(line_style=noise.choice(["ascii", "heavy", "dashed", "double", "solid", "thick"]))
            case 6:
                return Digits(str(noise.randint(0, 99999)))
            case 7:
                return Button(noise.choice(PIECES), compact=noise.random() < 0.5)
            case 8:
                return noise.choice([Checkbox, RadioButton])(noise.choice(PIECES), noise.random() < 0.5)
            case 9:
                return Switch(noise.random() < 0.5)
            case 10:
                table: DataTable[str] = DataTable(zebra_stripes=True)
                table.add_columns(*(text(1) for _ in range(4)))
                for _ in range(noise.randint(0, 30)):
                    table.add_row(*(text(2) for _ in range(4)))
                return table
            case 11:
                return Panel([[self.cell(), self.cell()] for _ in range(noise.randint(1, 5))])
            case 12:
                rows = Rows((14, 0))
                rows.set_rows([Row(str(n), (self.cell(), self.cell())) for n in range(30)] + [heading(text(2))])
                return rows
            case 13:
                pane = TextPane(text(1))
                pane.text._source = [self.cell() for _ in range(40)]
                pane.text._lines = [*pane.text._source]
                return pane
            case 14:
                return QrCode(text(3))
            case _:
                return Static(self.styled())

    def tree(self, depth: int = 0) -> Widget:
        noise = self.noise
        if depth >= 3 or (depth and noise.random() < 0.45):
            made = self.leaf()
        else:
            kind = noise.choice([Horizontal, Vertical, VerticalScroll, HorizontalScroll])
            made = kind(*[self.tree(depth + 1) for _ in range(noise.randint(1, 4))])
            # else Textual shows and hides a scrollbar for ever where there is room for that or the text
            made.styles.scrollbar_gutter = "stable"
        made.can_focus = False
        self.dress(made, depth)
        return made

    def dress(self, made: Widget, depth: int) -> None:
        noise, styles = self.noise, made.styles
        if depth:
            styles.width, styles.height = noise.choice(SIZES), noise.choice(SIZES)
        if noise.random() < 0.4:
            styles.border = (noise.choice(EDGES), self.colour())
            made.border_title = noise.choice(["", noise.choice(PIECES)]).replace("[", "").replace("]", "")
        if noise.random() < 0.5:
            styles.background = self.colour()
        if noise.random() < 0.4:
            styles.color = self.colour()
        if noise.random() < 0.3:
            styles.text_style = noise.choice(TEXT_STYLES)
        if noise.random() < 0.2:
            styles.padding = noise.randint(0, 2)
        if noise.random() < 0.15:
            styles.offset = (noise.randint(-9, 30), noise.randint(-3, 9))
        if noise.random() < 0.1:
            styles.dock = noise.choice(["top", "bottom", "left", "right"])


class Found(Screen[None]):
    """A random screen."""

    def __init__(self, maker: Maker) -> None:
        super().__init__()
        self.maker = maker

    def compose(self) -> Iterator[Widget]:
        yield self.maker.tree()


class Covering(ModalScreen[None]):
    """A random screen over another one."""

    CSS = "Covering { align: center middle; background: #000080 60%; }"

    def __init__(self, maker: Maker) -> None:
        super().__init__()
        self.maker = maker

    def compose(self) -> Iterator[Widget]:
        made = self.maker.tree()
        made.styles.width, made.styles.height = "60%", "60%"
        yield made


class Random(App[None]):
    """See the module."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [Binding(key, f"do('{key}')", priority=True) for key in "nmbscdrq"]

    def __init__(self) -> None:
        self.profile = PROFILE
        super().__init__(driver_class=CellDriver)
        self.animation_level = "none"
        self.seed = os.environ["RANDOM_SEED"]
        self.number = self.done = self.soon = 0

    @property
    def driver(self) -> CellDriver:
        assert isinstance(self._driver, CellDriver)
        return self._driver

    def on_mount(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.dump)
        self.dump()  # from now on it can be asked

    async def action_do(self, what: str) -> None:
        self.number += 1
        await self.do(what)
        self.done = self.number

    async def do(self, what: str) -> None:
        maker = Maker(f"{self.seed} {self.number}")
        widgets = [w for w in self.screen.walk_children(Widget) if w.parent is not self.screen]
        if what == "n":
            if len(self.screen_stack) > 1:
                await self.pop_screen()
            await self.push_screen(Found(maker))
        elif what == "m" and len(self.screen_stack) < 5:
            await self.push_screen(Covering(maker))
        elif what == "b" and len(self.screen_stack) > 1:
            await self.pop_screen()
        elif what == "s":
            for widget in widgets:
                if widget.max_scroll_y or widget.max_scroll_x:
                    x, y = maker.noise.randint(0, 40), maker.noise.randint(0, 40)
                    widget.scroll_to(x, y, animate=False, force=True)
            self.draw_all_soon()
        elif what == "c":
            for widget in widgets:
                if isinstance(widget, Log):
                    widget.write_lines([maker.text() for _ in range(30)])
                elif type(widget) is Static and maker.noise.random() < 0.7:
                    widget.update(maker.styled())
                elif isinstance(widget, Panel):
                    widget.set_lines([[maker.cell()] for _ in widget.lines])
        elif what == "d" and widgets:
            chosen = maker.noise.choice(widgets)
            chosen.visible = not chosen.visible
            self.draw_all_soon()
        elif what == "r":
            self.driver.repaint()
        elif what == "q":
            self.exit()

    def draw_all_soon(self) -> None:
        """Textual leaves cells of what was hidden or scrolled out of sight."""
        self.soon += 1
        self.set_timer(0.05, self.draw_all)

    def draw_all(self) -> None:
        self.soon -= 1
        self.screen.refresh()

    def dump(self) -> None:
        target = Path(os.environ["SAMPLE_DUMP"])
        found = {"number": self.done, "rest": self.at_rest, "rows": self.drawn()}
        target.with_suffix(".new").write_text(json.dumps(found))
        target.with_suffix(".new").rename(target)

    @property
    def at_rest(self) -> bool:
        """No message waits, Textual has drawn all that changed, and the driver has sent it. However long nothing was
        seen to come, on a busy machine that alone says nothing."""
        screen = self.screen
        nodes = [self, *self.screen_stack, *screen.walk_children(Widget)]
        waits = any(node._message_queue.qsize() or node._next_callbacks for node in nodes)
        dirty = screen._dirty_widgets or screen._callbacks or screen._layout_required or screen._repaint_required
        return not (waits or dirty or screen._scroll_required or self.soon) and self.driver.caught_up

    def drawn(self) -> list[list[tuple[str, list[Any]]]]:
        """The cells of Textual's compositor, without its output or ours in between, after the profile's mapping."""
        style, glyphs = mapper(PROFILE.colours), translator(PROFILE.glyph_set, PROFILE.font)
        rows = []
        for strip in self.screen._compositor.render_strips():
            row: list[tuple[str, list[Any]]] = []
            for segment in strip:
                look = list(style(_cell_style(segment.style)))
                for char, size in clusters(glyphs(agreed(segment.text))):
                    if size:
                        row.append((char, look))
                        row += [("", look)] * (size - 1)
                    elif row and row[-1][0]:
                        row[-1] = (unicodedata.normalize("NFC", row[-1][0] + char), row[-1][1])
            if len(row) > self.size.width and row[self.size.width][0] == "":
                row[self.size.width - 1] = (" ", row[self.size.width - 1][1])
            rows.append(row[: self.size.width])  # a row may be too long: nobody sees the rest
        return rows


def _cell_style(style: rich.style.Style | None) -> cells.Style:
    if style is None:
        return cells.PLAIN
    flags = (
        cells.BOLD * bool(style.bold)
        | cells.DIM * bool(style.dim)
        | cells.ITALIC * bool(style.italic)
        | cells.UNDERLINE * bool(style.underline)
        | cells.BLINK * bool(style.blink)
        | cells.REVERSE * bool(style.reverse)
        | cells.STRIKE * bool(style.strike)
    )
    return cells.Style(_colour(style.color), _colour(style.bgcolor), flags)


def _colour(colour: rich.color.Color | None) -> cells.Colour:
    if colour is None or colour.is_default:
        return None
    return colour.number if colour.triplet is None else (*colour.triplet,)


if __name__ == "__main__":
    Random().run()

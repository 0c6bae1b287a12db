"""A small app of the toolkit's widgets on the cell driver, or with `stock` on Textual's own: lists, a form, a log, a
table, live values. SIGUSR1 makes it write what Textual drew to the file named in SAMPLE_DUMP, after the profile's
mapping, for a comparison with what a terminal shows."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path

from pi_installer_tui.console.probe import look, prepare

STOCK = "stock" in sys.argv
PROFILE = look(os.environ)
if not STOCK:
    prepare(PROFILE, os.environ)

from textual.app import App, ComposeResult  # noqa: E402
from textual.containers import Horizontal, VerticalScroll  # noqa: E402
from textual.screen import Screen  # noqa: E402
from textual.widgets import DataTable, Footer, Header, Input, Label, ListItem, ListView, Log, Static  # noqa: E402

from pi_installer_tui.console.cells import Canvas  # noqa: E402
from pi_installer_tui.console.colours import mapper  # noqa: E402
from pi_installer_tui.console.driver import CellDriver  # noqa: E402
from pi_installer_tui.console.glyphs import translator  # noqa: E402

NAMES = [
    "System",
    "Security",
    "Users",
    "Backup",
    "Monitoring",
    "VPN",
    "Cron",
    "Web server",
    "Mail",
    "Küche",
    "漢字",
    "…→█",
]


class Form(Screen[None]):
    """Fields to tab through."""

    BINDINGS = [("escape", "app.pop_screen", "Back")]

    def compose(self) -> ComposeResult:
        yield Static("A form")
        for name in NAMES[:6]:
            yield Label(name)
            field = Input(name, compact=True)
            field.cursor_blink = False
            yield field
        yield Footer()


class Sample(App[None]):
    """See the module."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "ListView { width: 24; } Log, DataTable { width: 1fr; height: 1fr; }"
    BINDINGS = [("f", "form", "Form"), ("l", "burst", "Log"), ("q", "quit", "Quit"), ("r", "redraw", "Redraw")]

    def __init__(self) -> None:
        self.profile = PROFILE
        super().__init__(driver_class=None if STOCK else CellDriver, ansi_color=PROFILE.colours != "true")
        self.theme = "ansi-dark" if PROFILE.colours != "true" else "textual-dark"
        self.noise = random.Random(int(os.environ.get("SAMPLE_SEED", "1")))

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal():
            yield ListView(*[ListItem(Label(name)) for name in NAMES])
            with VerticalScroll():
                yield DataTable()
                yield Log(max_lines=1000)
        yield Static("0", id="live")
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("name", "value", "unit")
        for n in range(30):
            table.add_row(f"row {n}", str(n * n), "°C")
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.dump)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, self.calm)
        self.set_interval(0.05, self.flow)
        self.flowing = False

    def action_form(self) -> None:
        self.push_screen(Form())

    def action_burst(self) -> None:
        self.flowing = not self.flowing

    def calm(self) -> None:
        self.flowing = False

    def flow(self) -> None:
        if self.flowing:
            log = self.screen_stack[0].query_one(Log)
            log.write_lines([f"{self.noise.random():.9f} Unpacking package {n} ..." for n in range(40)])

    def action_redraw(self) -> None:
        if isinstance(self._driver, CellDriver):
            self._driver.repaint(measure=True)

    def dump(self) -> None:
        """What Textual's compositor has, drawn anew on an empty canvas."""
        width, height = self.size
        canvas = Canvas(width, height, style=mapper(PROFILE.colours), text=translator(PROFILE.glyph_set, PROFILE.font))
        update = self.screen._compositor.render_full_update()
        canvas.feed(update.render_segments(self.console))
        rows = [[[c, list(s)] for c, s in zip(r.chars, r.styles, strict=True)] for r in canvas.rows]
        target = Path(os.environ["SAMPLE_DUMP"])
        target.with_suffix(".new").write_text(json.dumps(rows))
        target.with_suffix(".new").rename(target)


if __name__ == "__main__":
    app = Sample()
    app.run()
    sys.exit(app.return_code)

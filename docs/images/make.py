"""Draws the pictures of the documentation from the demo machine: `python docs/images/make.py` in a checkout."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.text import Text

from pi_installer_tui import planning
from pi_installer_tui.app import Opened, PiInstallerApp
from pi_installer_tui.screens.backup.overview import BackupScreen
from pi_installer_tui.screens.cron.module import CronScreen
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.screens.wizard import WizardScreen
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.tasks.store import Store
from tests.terminal.line import Line

HERE = Path(__file__).parent
SIZE = (100, 26)
#: seconds that the dashboard is left alone, so that its lines have something to show
LIVE = 20

#: what was applied when Home is drawn, and what is reviewed
DONE = "version: 1\nsystem: {timezone: Europe/Berlin}\n"
WANTED = "version: 1\nsystem: {hostname: attic}\n"


#: the three consoles, as a terminal emulator shows what the program sends to each
CONSOLES = {
    "ssh": {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    "hdmi": {"TERM": "linux"},
    "serial": {"TERM": "vt220"},
}


def keep(picture: str, name: str) -> None:
    """Writes a picture, with the reader's own monospaced font instead of one from the net."""
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    picture = re.sub(r"terminal-[0-9]+", f"terminal-{name}", picture)
    picture = picture.replace("font-family: Fira Code", "font-family: ui-monospace")
    lines = (line.rstrip() for line in picture.splitlines())
    (HERE / f"{name}.svg").write_text("\n".join(lines) + "\n", encoding="utf-8")


def apply(folder: str) -> None:
    """Changes the demo machine as anybody would."""
    argv = [sys.executable, "-m", "pi_installer_tui", "--demo-root", folder, "apply", "--yes", "-"]
    environ = os.environ | {"SUDO_USER": "pi"}
    subprocess.run(argv, input=DONE, text=True, check=True, stdout=subprocess.DEVNULL, env=environ)


async def main() -> None:
    """Home when everything on it has been read, the dashboard, the backups, the wizard, and a review."""
    with tempfile.TemporaryDirectory() as folder:
        apply(folder)
        host = DemoHost(folder)

        async def opening() -> Opened:
            return Opened(host, Store(host.state))

        app = PiInstallerApp(opening, demo=True)
        async with app.run_test(size=SIZE) as pilot:
            await app.until_idle()
            await asyncio.sleep(2)
            await pilot.pause()
            keep(app.export_screenshot(title="pi-installer-tui"), "home")
            await pilot.press("m")
            await asyncio.sleep(LIVE)
            await pilot.pause()
            keep(app.export_screenshot(title="pi-installer-tui"), "dashboard")
            await pilot.press("q")
            await app.push_screen(BackupScreen())
            await asyncio.sleep(4)
            await pilot.pause()
            keep(app.export_screenshot(title="pi-installer-tui"), "backup")
            await app.pop_screen()
            await app.push_screen(CronScreen())
            await asyncio.sleep(3)
            await pilot.press("v")
            await asyncio.sleep(2)
            await pilot.pause()
            keep(app.export_screenshot(title="pi-installer-tui"), "scheduled")
            await app.pop_screen()
            await app.pop_screen()
            await app.push_screen(WizardScreen())
            await asyncio.sleep(3)
            for key in ("n", "space"):
                await pilot.press(key)
                await asyncio.sleep(1)
            await pilot.pause()
            keep(app.export_screenshot(title="pi-installer-tui"), "wizard")
            await app.pop_screen()
            planned = await planning.plan(host, planning.parse(WANTED))
            assert planned.reviewed is not None
            await app.push_screen(ReviewScreen(planned.reviewed))
            await asyncio.sleep(1)
            await pilot.pause()
            keep(app.export_screenshot(title="pi-installer-tui"), "review")


def console(name: str, folder: str) -> str:
    """The module System on a console, as a picture of what the terminal shows."""
    environ = {key: os.environ[key] for key in ("PATH", "HOME", "PYTHONPATH") if key in os.environ}
    argv = [sys.executable, "-m", "pi_installer_tui", "--demo-root", folder]
    with Line(argv, environ | CONSOLES[name] | {"LANG": "C.UTF-8"}) as line:
        line.until("throttled")
        line.settle(1.0)
        line.send("\r")
        line.until("such as")
        line.settle(1.0)
        text = Text("\n").join(_line(line, y) for y in range(line.screen.lines))
    paper = Console(width=line.columns, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    paper.print(text)
    return paper.export_svg(title=f"{name}: TERM={CONSOLES[name]['TERM']}")


def _line(line: Line, y: int) -> Text:
    text = Text()
    cells = [line.screen.buffer[y][x] for x in range(line.screen.columns)]
    for (fg, bg, bold, reverse, underline), run in itertools.groupby(
        cells, key=lambda c: (c.fg, c.bg, c.bold, c.reverse, c.underscore)
    ):
        style = Style(color=_colour(fg), bgcolor=_colour(bg), bold=bold, reverse=reverse, underline=underline)
        text.append("".join(cell.data for cell in run), style)
    return text


def _colour(name: str) -> str | None:
    """pyte's name of a colour as Rich takes it."""
    if name == "default":
        return None
    name = name.replace("brown", "yellow")
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    return name.replace("bright", "bright_")


if __name__ == "__main__":
    asyncio.run(main())
    with tempfile.TemporaryDirectory() as demo:
        apply(demo)
        for each in CONSOLES:
            keep(console(each, demo), each)

"""Draws the pictures of the documentation from the demo machine: `python docs/images/make.py` in a checkout."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from pi_installer_tui import planning
from pi_installer_tui.app import Opened, PiInstallerApp
from pi_installer_tui.screens.review import ReviewScreen
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.tasks.store import Store

HERE = Path(__file__).parent
SIZE = (100, 26)

#: what was applied when Home is drawn, and what is reviewed
DONE = "version: 1\nsystem: {timezone: Europe/Berlin}\n"
WANTED = "version: 1\nsystem: {hostname: attic}\n"


def keep(pilot: Pilot[None], name: str) -> None:
    """The screen as it is, with the reader's own monospaced font instead of one from the net."""
    picture = pilot.app.export_screenshot(title="pi-installer-tui")
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
    """Home when everything on it has been read, and a review."""
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
            keep(pilot, "home")
            planned = await planning.plan(host, planning.parse(WANTED))
            assert planned.reviewed is not None
            await app.push_screen(ReviewScreen(planned.reviewed))
            await asyncio.sleep(1)
            await pilot.pause()
            keep(pilot, "review")


if __name__ == "__main__":
    asyncio.run(main())

"""Draws the pictures of the documentation from the demo machine: `python docs/images/make.py` in a checkout."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from pi_installer_tui.app import Opened, PiInstallerApp
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.tasks.store import Store

HERE = Path(__file__).parent


def keep(pilot: Pilot[None], name: str) -> None:
    """The screen as it is, with the reader's own monospaced font instead of one from the net."""
    picture = pilot.app.export_screenshot(title="pi-installer-tui")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    picture = picture.replace("font-family: Fira Code", "font-family: ui-monospace")
    lines = (line.rstrip() for line in picture.splitlines())
    (HERE / f"{name}.svg").write_text("\n".join(lines) + "\n", encoding="utf-8")


async def main() -> None:
    """Home, when everything on it has been read."""
    with tempfile.TemporaryDirectory() as folder:
        host = DemoHost.create(folder)

        async def opening() -> Opened:
            return Opened(host, Store(host.state))

        app = PiInstallerApp(opening, demo=True)
        async with app.run_test(size=(100, 30)) as pilot:
            await app.until_idle()
            await asyncio.sleep(2)
            await pilot.pause()
            keep(pilot, "home")


if __name__ == "__main__":
    asyncio.run(main())

"""Pictures of screens as text, kept in tests/screens/golden. `GOLDEN=write pytest tests/screens` makes them anew; read
what changed in the diff."""

from __future__ import annotations

import os
from pathlib import Path

from textual.app import App

FOLDER = Path(__file__).with_name("golden")


def picture(app: App[None]) -> str:
    """What is on the screen, a line a row."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"


def check(app: App[None], name: str) -> None:
    """The screen is as its picture, which has the size in its name."""
    path = FOLDER / f"{name}-{app.size.width}x{app.size.height}.txt"
    if os.environ.get("GOLDEN") == "write":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(picture(app), encoding="utf-8")
    assert picture(app) == path.read_text(encoding="utf-8")

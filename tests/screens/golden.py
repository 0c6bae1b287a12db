"""Pictures of screens as text, kept in tests/screens/golden. `pytest tests/screens --update` makes them anew; read what
changed in the diff."""

from __future__ import annotations

import asyncio
import difflib
import re
from pathlib import Path

from textual.app import App

FOLDER = Path(__file__).with_name("golden")

#: set by --update (conftest.py)
update = False

#: what differs from run to run, and what stands in for it
_CHANGING = (
    (r"\d{8}-\d{6}-[a-z0-9]{4}", "YYYYMMDD-hhmmss-xxxx"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "YYYY-MM-DD hh:mm"),
    (r"\d\d:\d\d:\d\d", "hh:mm:ss"),
    (r"\d\d-\d\d hh:mm:ss", "MM-DD hh:mm:ss"),
    (r"\d{4}-\d\d-\d\dThh:mm:ss[+-]\d{4}", "YYYY-MM-DDThh:mm:ss+zzzz"),
    (r"\b\d+ s\b", "N s"),
    (r"\bin \d+ (?:min|h|d)  +", "in N h  "),
    (r"(done \d+ h +)now  +", r"\1in N h  "),  # the next run of a backup
    (r"load \d\.\d", "load N.N"),
    (r"\d\d °C", "NN °C"),
    (r"up \d+ h \d+ min", "up N h N min"),
)


def picture(app: App[None]) -> str:
    """What is on the screen, a line a row."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"


def steady(text: str) -> str:
    """A picture without what differs from run to run."""
    for pattern, stand_in in _CHANGING:
        text = re.sub(pattern, stand_in, text)
    return text


async def check(app: App[None], name: str, seconds: float = 10.0) -> None:
    """The screen is as its picture, which has the size in its name, or comes to be: what it waits for may be drawn a
    moment after what else is on it."""
    path = FOLDER / f"{name}-{app.size.width}x{app.size.height}.txt"
    loop = asyncio.get_running_loop()
    if update:
        await asyncio.sleep(0.5)
        FOLDER.mkdir(exist_ok=True)
        path.write_text(steady(picture(app)), encoding="utf-8")
    wanted, end = path.read_text(encoding="utf-8"), loop.time() + seconds
    while (now := steady(picture(app))) != wanted and loop.time() < end:  # noqa: ASYNC110  (a screen comes to be so)
        await asyncio.sleep(0.05)
    differing = "\n".join(difflib.unified_diff(wanted.splitlines(), now.splitlines(), lineterm="", n=0))
    assert not differing, f"{path.name} differs; if that is right, run pytest with --update\n{differing}"

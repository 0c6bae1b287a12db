"""From starting the program to its first paint, against a bare Textual application with one Label; what was imported
until then; and the memory of both."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.terminal import Timed, environment, python

RUNS = 10
#: how long a start is watched; the emulator looks at what came afterwards
SECONDS = 3.0

BARE = """
from textual.app import App, ComposeResult
from textual.widgets import Label

class Bare(App[None]):
    def compose(self) -> ComposeResult:
        yield Label("all is painted")

Bare().run()
"""
BARE_SHOWS = "all is painted"

#: on Home when it was painted: the module's title, before anything was read
HOME_SHOWS = "System"

#: opens the program, notes what is imported when Textual says that the first frame is drawn, and ends
RECORD = """
import sys

file = sys.argv.pop(1)

from pi_installer_tui.app import PiInstallerApp
from pi_installer_tui.cli import main

def ready(app):
    with open(file, "w") as out:
        out.writelines(f"{name}\\n" for name in sys.modules)
    app.exit()

PiInstallerApp.on_ready = ready
sys.exit(main())
"""

#: nothing of these may be imported before the first paint
FORBIDDEN = ("boto3", "botocore", "sh", "qrcode", "pydantic", "pydantic_core", "yaml", "markdown_it", "psutil")
#: what Home is made of; any other file of screens/ is imported when it is needed
SHOWN = {f"pi_installer_tui.screens{name}" for name in ("", ".base", ".home", ".glance", ".signs")}


@dataclass(frozen=True, slots=True)
class Opening:
    """seconds: median from exec to the first paint; memory: proportional set size in bytes, when it is quiet."""

    seconds: float
    fastest: float
    slowest: float
    memory: int


def ours(*more: str) -> list[str]:
    """The program on its demo."""
    return python("-m", "pi_installer_tui", "--demo", *more)


def once(argv: Sequence[str], shows: str) -> tuple[float, int]:
    """One start: seconds to the first paint, and the memory at the end."""
    with Timed(argv, environment()) as terminal:
        terminal.watch(SECONDS)
        memory = terminal.memory()
        return terminal.shown_at(lambda text: shows in text) - terminal.started, memory


def measure(runs: int = RUNS) -> tuple[Opening, Opening]:
    """The bare application and our Home on the demo, in turns, so that both meet the same machine; one start of each
    that isn't counted, then `runs`."""
    cases = ((python("-c", BARE), BARE_SHOWS), (ours(), HOME_SHOWS))
    found: tuple[list[tuple[float, int]], list[tuple[float, int]]] = ([], [])
    for number in range(runs + 1):
        for (argv, shows), into in zip(cases, found, strict=True):
            start = once(argv, shows)
            if number:
                into.append(start)
    bare, program = (_opening(starts) for starts in found)
    return bare, program


def _opening(starts: Sequence[tuple[float, int]]) -> Opening:
    times = [seconds for seconds, _ in starts]
    return Opening(median(times), min(times), max(times), int(median(memory for _, memory in starts)))


def imported_before_first_paint() -> set[str]:
    """The modules that a fresh process of ours has imported when Home is drawn."""
    with tempfile.NamedTemporaryFile("r", suffix=".imports") as notes:
        with Timed(python("-c", RECORD, notes.name, "--demo"), environment()) as terminal:
            while terminal.ended(0.01) is None:
                terminal.read(0.1)
        names = set(Path(notes.name).read_text(encoding="utf-8").splitlines())
    if "pi_installer_tui.screens.home" not in names:
        raise RuntimeError(f"Home was not drawn:\n{terminal.text}")
    return names


def unwanted(imported: set[str]) -> list[str]:
    """Of what was imported, what must not have been."""
    screens = {name for name in imported if name.startswith("pi_installer_tui.screens")}
    return sorted({name for name in imported if name in FORBIDDEN} | (screens - SHOWN))


if __name__ == "__main__":
    names = imported_before_first_paint()
    print(len(names), "modules before the first paint;", "unwanted:", unwanted(names) or "none", file=sys.stderr)

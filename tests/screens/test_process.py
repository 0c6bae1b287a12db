"""How the program begins and ends as a process: what is imported before the first paint, what a fault prints, what a
signal leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.screens.terminal import ROOT, Terminal

#: an app whose machine never opens: all that is seen is the first paint
WAITING = """
import asyncio
from pi_installer_tui.app import PiInstallerApp

async def never():
    await asyncio.Event().wait()

class Probe(PiInstallerApp):
    {extra}

app = Probe(never)
app.run()
if app._exception is not None:
    raise SystemExit(f"fault: {{type(app._exception).__name__}}")
raise SystemExit(app.return_code or 0)
"""


@pytest.fixture
def start() -> Iterator[Any]:
    started: list[Terminal] = []

    def begin(extra: str = "pass") -> Terminal:
        started.append(Terminal(WAITING.format(extra=extra)))
        return started[-1]

    yield begin
    for terminal in started:
        terminal.close()


def test_first_paint_needs_nothing_that_is_big() -> None:
    code = """
import asyncio, json, sys
from pi_installer_tui.app import PiInstallerApp

class Probe(PiInstallerApp):
    def on_ready(self):
        screen = self.screen.query("Rows").first()
        assert screen.size.height > 5
        print(json.dumps(sorted(sys.modules)), file=sys.__stdout__)
        self.exit()

async def never():
    await asyncio.Event().wait()

Probe(never).run(headless=True, size=(80, 24))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[0]))
    assert "pi_installer_tui.screens.home" in loaded
    for big in ("pydantic", "pydantic_core", "boto3", "botocore", "sh", "qrcode", "yaml", "markdown_it", "psutil"):
        assert big not in loaded, big
    screens = {name for name in loaded if name.startswith("pi_installer_tui.screens.")}
    assert not screens & {f"pi_installer_tui.screens.{name}" for name in ("job", "review", "module", "palette", "help")}
    assert not {name for name in loaded if name.startswith("pi_installer_tui.modules.")}
    assert "textual.widgets._markdown" not in loaded


def test_a_fault_prints_nothing_of_what_the_program_knew(start: Any) -> None:
    terminal = start("""
    def key_x(self):
        password = "correct horse battery staple"
        raise ValueError(f"bad {len(password)}")
""")
    terminal.wait_for("Modules")
    terminal.press("x")
    assert terminal.end() == 1
    assert b"correct horse" not in terminal.raw
    assert b"Traceback" not in terminal.raw
    assert b"fault: ValueError" in terminal.raw.splitlines()[-1], terminal.raw[-200:]
    assert terminal.cooked()


def test_a_broken_style_sheet_prints_nothing_either(start: Any) -> None:
    terminal = start('CSS = "Screen { color: no-such-colour-at-all; }"')
    assert terminal.end() == 1
    assert b"no-such-colour-at-all" not in terminal.raw
    assert b"fault: " in terminal.raw.splitlines()[-1]
    assert terminal.cooked()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_the_terminal_as_it_was(start: Any, number: signal.Signals) -> None:
    terminal = start()
    terminal.wait_for("Modules")
    assert not terminal.cooked()
    terminal.process.send_signal(number)
    assert terminal.end() == 128 + number
    assert terminal.cooked()
    if number != signal.SIGHUP:  # then nobody reads any more
        assert b"\x1b[?25h" in terminal.raw  # the cursor is seen again
    assert b"Traceback" not in terminal.raw


def test_a_broken_line_ends_it_at_once(start: Any) -> None:
    terminal = start()
    terminal.wait_for("Modules")
    terminal.hang_up()
    terminal.process.wait(timeout=5)


def test_q_ends_it_with_0(start: Any) -> None:
    terminal = start()
    terminal.wait_for("Modules")
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.cooked()


def test_a_shell_has_the_terminal_for_itself_and_gives_it_back(start: Any) -> None:
    def until_cooked(cooked: bool) -> None:
        end = time.monotonic() + 10
        while terminal.cooked() is not cooked:
            assert time.monotonic() < end, terminal.text
            terminal.read(0.1)

    terminal = start(
        "import os; os.environ['SHELL'] = '/bin/sh'; action_help = PiInstallerApp.open_shell"
    )  # no line editor
    terminal.wait_for("Home")
    for number in (6, 7):
        terminal.press("?")
        until_cooked(True)
        terminal.press(f"echo answer is $(({number}*7))\n")
        terminal.wait_for(f"answer is {number * 7}")
        terminal.press("exit\n")
        until_cooked(False)
        terminal.wait_for("? help")
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.cooked()

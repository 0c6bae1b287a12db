"""The command line itself: what it takes, how it refuses, and what it costs to import."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pi_installer_tui import __version__
from pi_installer_tui.cli import arguments

JOB = "20250131-174502-x7k2"


def program(*argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pi_installer_tui", *argv],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=dict(os.environ) | environ,
    )


@pytest.mark.parametrize(
    "argv",
    [
        ["frobnicate"],
        ["plan"],
        ["apply"],
        ["status", "nothing-like-it"],
        ["export", "../system"],
        ["--console", "smoke-signals"],
        ["attach"],
        ["attach", "../../etc/passwd"],
        ["undo", "20250131-174502-x7k2/.."],
        ["cancel", "1"],
        ["jobs", "frobnicate"],
        ["jobs", "show"],
        ["setups", "show"],
        ["setups", "show", "../x"],
        ["--stat"],
        ["plan", "--js", "a.yaml"],
        ["--read-only", "apply", "a.yaml"],
        ["--read-only", "undo", JOB],
        ["--read-only", "alerts", "ack", "3"],
    ],
)
def test_a_mistake_in_the_command_line_ends_with_3_and_says_so(argv: list[str]) -> None:
    done = program(*argv)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "usage: pi-installer-tui" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("argv", "verb"),
    [
        ([], None),
        (["--demo", "--read-only"], None),
        (["status"], "status"),
        (["status", "system", "--json"], "status"),
        (["plan", "a.yaml", "b.yaml", "-"], "plan"),
        (["apply", "a.yaml", "--yes", "--json", "--detach"], "apply"),
        (["export", "system"], "export"),
        (["schema"], "schema"),
        (["jobs"], "jobs"),
        (["jobs", "--json"], "jobs"),
        (["jobs", "show", JOB, "--json"], "jobs"),
        (["attach", JOB], "attach"),
        (["cancel", JOB], "cancel"),
        (["continue", JOB], "continue"),
        (["undo", JOB, "--yes"], "undo"),
        (["--read-only", "plan", "a.yaml"], "plan"),
        (["--read-only", "alerts", "history"], "alerts"),
    ],
)
def test_every_verb_is_taken(argv: list[str], verb: str | None) -> None:
    assert arguments.parse(argv).verb == verb


def test_json_of_jobs_holds_before_and_after_show() -> None:
    assert arguments.parse(["jobs", "--json"]).json
    assert arguments.parse(["jobs", "show", JOB, "--json"]).json
    assert not arguments.parse(["jobs", "show", JOB]).json


def test_version_and_help_end_with_0() -> None:
    assert program("--version").stdout == f"pi-installer-tui {__version__}\n"
    shown = program("--help", COLUMNS="80")
    assert shown.returncode == 0
    assert "exit status" in shown.stdout
    assert "--handed" not in shown.stdout and "--demo-root" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["attach", "wrong"]])
def test_no_pydantic_and_no_textual_are_imported_for_the_command_line_alone(argv: list[str]) -> None:
    script = (
        "import sys\n"
        "from pi_installer_tui.cli import main\n"
        f"try: main({argv!r})\n"
        "except SystemExit: pass\n"
        "big = {'pydantic', 'textual', 'rich', 'yaml', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(f'imported: {big}' if big else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_of_another_encoding_gets_escapes_and_no_traceback(encoding: str) -> None:
    done = program("status", "h\N{GREEK SMALL LETTER ALPHA}", PYTHONIOENCODING=encoding)
    assert done.returncode == 3
    assert "\\u03b1" in done.stderr


def test_without_a_terminal_the_screens_say_so() -> None:
    done = program("--demo")
    assert done.returncode == 3
    assert "need a terminal" in done.stderr

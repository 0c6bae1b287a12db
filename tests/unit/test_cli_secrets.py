"""Secrets on the command line: given by a file or standard input, made and shown once, and never repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_cli_verbs import Demo

SETUP = "version: 1\nusers: {accounts: {ada: {password: users.ada}, bob: {password: users.bob}}}\n"
SECRET = "hunter2 hunter2: 'x'"


@pytest.fixture(name="demo")
def a_demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


@pytest.fixture
def setup(tmp_path: Path) -> str:
    path = tmp_path / "setup.yaml"
    path.write_text(SETUP)
    return str(path)


def everything(demo: Demo) -> bytes:
    """All files of the machine and its state."""
    return b"".join(path.read_bytes() for path in demo.folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_a_given_secret_is_used_up_and_a_made_one_is_shown_once(demo: Demo, setup: str) -> None:
    given = f'users.ada: "{SECRET}"\n'
    done = demo.run("apply", setup, "--secrets", "-", "--yes", given=given)
    assert done.returncode == 0
    assert "hunter2" not in done.stdout + done.stderr
    assert b"hunter2" not in everything(demo)
    (line,) = [line for line in done.stdout.splitlines() if "shown this once" in line]
    assert line.startswith("users.bob")
    made = line.split()[-1]
    assert len(made) == 23
    assert made.encode() not in everything(demo)
    assert demo.run("secret", "users.bob").returncode == 3
    # nothing is set again, unless it is given again
    assert demo.run("plan", setup).returncode == 0
    assert demo.run("plan", setup, "--secrets", "-", given=given).returncode == 2


def test_json_shows_no_secret_and_the_verb_shows_it_once(demo: Demo, setup: str) -> None:
    told = demo.json("apply", setup, "--yes")
    assert told["changed"]
    made = demo.run("secret", "users.ada").stdout.strip()
    assert len(made) == 23 and made not in str(told)
    assert demo.run("secret", "users.ada").returncode == 3


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("users.ada: 12345678\n", "users.ada"),
        ('users.ada: "hunter2\\nroot:hunter2"\n', "users.ada"),
        ("users.ada: [hunter2]\n", "users.ada"),
        ('"../x": hunter2\n', "../x"),
        ("users.ada: &a !hunter2 hunter2\n", ""),
        ("hunter2\n", ""),
        (f"users.ada: {'hunter2' * 100}\n", "users.ada"),
    ],
)
def test_a_secret_that_cant_be_one_is_refused_and_not_repeated(demo: Demo, setup: str, text: str, place: str) -> None:
    done = demo.run("apply", setup, "--secrets", "-", "--yes", given=text)
    assert done.returncode == 3
    assert place in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert demo.jobs() == []


def test_standard_input_is_read_once(demo: Demo) -> None:
    done = demo.run("apply", "-", "--secrets", "-", "--yes", given=SETUP)
    assert done.returncode == 3 and "once" in done.stderr

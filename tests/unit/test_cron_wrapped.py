"""A crontab's command put under the recorder and taken out again."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.system.cron import recorder, wrapped
from pi_installer_tui.system.cron.lines import escaped, split
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.cron.wrapped import PROGRAM, Wrapped, unwrap, wrap

commands = st.text(st.characters(exclude_characters="\n\0", exclude_categories=())) | st.text("a '\"\\%$`!-;&|~#\t")
numbers = st.integers(0, 999_999_999)
anything = st.builds(
    Wrapped,
    name=st.from_regex(wrapped.NAME, fullmatch=True),
    command=commands,
    lock=st.booleans(),
    timeout=numbers,
    retries=numbers,
    wait=numbers,
    ping=st.booleans(),
    keep=st.integers(wrapped.LEAST_KEEP, 999_999_999),
)


@given(anything)
def test_what_is_wrapped_comes_out_as_it_was(given: Wrapped) -> None:
    assert unwrap(wrap(given)) == given
    assert unwrap(split(escaped(wrap(given)))[0]) == given, "through a line of a crontab"


@given(anything)
def test_the_recorder_understands_what_is_written(given: Wrapped) -> None:
    words = shlex.split(wrap(given))
    options = recorder.Options(words[1:])
    names = ("name", "command", "lock", "timeout", "retries", "wait", "ping", "keep")
    assert {name: getattr(options, name) for name in names} == {name: getattr(given, name) for name in names}


@given(commands)
def test_the_shell_gets_the_same_words(command: str) -> None:
    assert shlex.split(wrap(Wrapped("x", command)))[-1] == command


def test_a_shell_takes_the_quotes_off() -> None:
    command = r"""printf '%s|' "it's" \\ '$x' `echo` ~ "a b" # end"""
    line = wrap(Wrapped("x", command)).removeprefix(PROGRAM)
    said = subprocess.run(["/bin/sh", "-c", f'set -- {line}; printf %s "$4"'], stdout=-1)
    assert said.stdout.decode() == command


@pytest.mark.parametrize(
    "command",
    [
        "echo hi",
        f"{PROGRAM}s -n x -- 'a'",
        f"{PROGRAM} -n x -- 'a'; b",
        f"{PROGRAM} -n x -- 'a' | b",
        f"{PROGRAM} -n x -- 'a' >/dev/null",
        f"{PROGRAM} -n x -- a b",
        f"{PROGRAM} -n x -- $a",
        f'{PROGRAM} -n x -- "$a"',
        f"{PROGRAM} -n x -- a*",
        f"{PROGRAM} -n x -- 'a",
        f"{PROGRAM} -n x a",
        f"{PROGRAM} -n x -z -- a",
        f"{PROGRAM} -n x -t -- a",
        f"{PROGRAM} -n x -t 1h -- a",
        f"{PROGRAM} -n ../x -- a",
        f"{PROGRAM} -- a",
        f"nice {PROGRAM} -n x -- a",
        PROGRAM,
        "",
    ],
)
def test_other_commands_are_not_taken_for_recorded_ones(command: str) -> None:
    assert unwrap(command) is None


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (f'{PROGRAM} -l -n x -- "a b"', Wrapped("x", "a b", lock=True)),
        (f"  {PROGRAM}\t-t 5 -n 'x'  -- a\\ b", Wrapped("x", "a b", timeout=5)),
        (f"{PROGRAM} -p -n x -- a'b 'c", Wrapped("x", "ab c", ping=True)),
        (f"{PROGRAM} -n x -- ''", Wrapped("x", "")),
    ],
)
def test_what_a_hand_wrote_is_understood(command: str, found: Wrapped) -> None:
    assert unwrap(command) == found


@pytest.mark.parametrize(
    "wrong",
    [
        Wrapped("", "a"),
        Wrapped("../x", "a"),
        Wrapped("-x", "a"),
        Wrapped("ö", "a"),
        Wrapped("x" * 65, "a"),
        Wrapped("x", "a\nb"),
        Wrapped("x", "a\0b"),
        Wrapped("x", "a", timeout=-1),
        Wrapped("x", "a", keep=10),
    ],
)
def test_what_cannot_be_written_is_refused(wrong: Wrapped) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        wrap(wrong)


def test_what_is_behind_the_percent_sign_stays_there() -> None:
    table = Table(b"@daily cat >/x%one%two\n")
    entry = table.entry(1)
    text = table.text(1)
    made = Table((text.replace("cat >/x", escaped(wrap(Wrapped("x", entry.shell)))) + "\n").encode()).entry(1)
    assert made.stdin == entry.stdin == "one\ntwo\n"
    assert unwrap(made.shell) == Wrapped("x", "cat >/x")


def test_the_script_is_the_recorder_and_runs_by_itself() -> None:
    text = wrapped.script()
    assert text.startswith("#!/usr/bin/python3 -IS\n")
    assert text == Path(recorder.__file__).read_text()
    assert "pi_installer_tui" not in text
    same = ("WAIT", "KEEP", "LEAST_KEEP")
    assert [getattr(recorder, name) for name in same] == [getattr(wrapped, name) for name in same]

"""Becoming root: what is handed over through sudo, and that nothing else is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui.cli import elevation
from pi_installer_tui.system.caller import caller

GOOD = {
    "TERM": "vt220",
    "COLORTERM": "truecolor",
    "LANG": "de_DE.UTF-8",
    "LC_ALL": "C.UTF-8",
    "SSH_CONNECTION": "fe80::1%eth0 51234 192.168.1.10 22",
    "SSH_TTY": "/dev/pts/3",
    "PI_INSTALLER_TUI_CONSOLE": "serial,colours=8,glyphs=dec,baud=9600,size=80x24",
}


def test_what_the_screens_need_arrives_unchanged() -> None:
    arrived: dict[str, str] = {}
    elevation.take([option.removeprefix("--handed=") for option in elevation.handed(GOOD)], arrived)
    assert arrived == GOOD


def test_no_color_arrives_whatever_its_value() -> None:
    assert elevation.handed({"NO_COLOR": "yes, please!"}) == ["--handed=NO_COLOR=1"]
    assert elevation.handed({"NO_COLOR": ""}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TERM", "xterm; reboot"),
        ("TERM", "../../evil"),
        ("TERM", "x" * 65),
        ("TERM", "xterm\n"),
        ("LANG", "de_DE/../../x"),
        ("SSH_TTY", "/dev/pts/../sda"),
        ("SSH_TTY", "/etc/shadow"),
        ("SSH_CONNECTION", "1.2.3.4 22"),
        ("SSH_CONNECTION", "$(id) 1 2.2.2.2 22"),
        ("LINES", "1e9"),
    ],
)
def test_a_value_that_looks_wrong_stays_behind_and_is_refused(name: str, value: str) -> None:
    assert elevation.handed({name: value}) == []
    with pytest.raises(ValueError, match=name):
        elevation.take([f"{name}={value}"], {})


@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "PYTHONPATH", "HOME", "TEXTUAL_DRIVER", "", "X"])
def test_no_other_variable_is_taken(name: str) -> None:
    environ: dict[str, str] = {}
    with pytest.raises(ValueError):
        elevation.take([f"{name}=/tmp"], environ)
    assert environ == {}


@given(st.dictionaries(st.sampled_from([*elevation.HANDED, "PATH", "LD_PRELOAD"]), st.text(max_size=80)))
def test_whatever_the_environment_what_is_handed_is_taken(environ: dict[str, str]) -> None:
    options = elevation.handed(environ)
    arrived: dict[str, str] = {}
    elevation.take([option.removeprefix("--handed=") for option in options], arrived)
    assert set(arrived) <= set(elevation.HANDED)
    assert all("\n" not in o and "\x00" not in o and o.startswith("--handed=") for o in options)


def test_root_imports_nothing_from_the_callers_folders() -> None:
    argv = elevation.sudo_argv("/usr/bin/sudo", ["--read-only"], {"TERM": "vt220"})
    assert argv[:2] == ["/usr/bin/sudo", "--"]
    assert Path(argv[2]).is_absolute() and Path(argv[2]).samefile(sys.executable)
    assert argv[3:6] == ["-I", "-m", "pi_installer_tui"]
    assert argv[6:] == ["--handed=TERM=vt220", "--read-only"]


def test_without_sudo_nobody_becomes_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pi_installer_tui.system.host.PATH", "/nonexistent")
    assert elevation.as_root([], {}) is None


@pytest.mark.parametrize(("script", "status"), [("exit 1", None), ("exit 0", 0), ("exit 70", 1), ("exit 130", 130)])
def test_a_refusal_by_sudo_is_told_from_the_programs_own_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, status: int | None
) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(f"#!/bin/sh\n{script}\n")
    sudo.chmod(0o755)
    monkeypatch.setattr("pi_installer_tui.system.host.PATH", str(tmp_path))
    assert elevation.as_root([], {}) == status


def test_the_history_names_the_person_and_not_root() -> None:
    if os.geteuid() == 0:
        assert caller({"SUDO_USER": "anna"}) == "anna"
        assert caller({"SUDO_USER": "anna\nroot"}) == "root"
    assert caller({})

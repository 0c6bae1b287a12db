"""Setups that are kept under a name: listed, read, saved, removed, and found by `plan` and `apply`."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_installer_tui import planning, setups

from .test_cli_verbs import Demo

TEXT = "version: 1\ngoals: [home-server]\nsystem: {hostname: attic}\nusers: {accounts: {ada: {password: users.ada}}}\n"


@pytest.fixture(name="demo")
def a_demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


def test_a_setup_is_kept_privately_and_comes_back_as_it_was(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert setups.saved(state) == ()
    assert setups.read(state, "home") is None
    setup = planning.parse(TEXT)
    setups.save(state, "home", setup)
    setups.save(state, "attic-2", planning.parse("version: 1\n"))
    assert planning.parse(setups.read(state, "home") or "") == setup
    modes = {path.relative_to(state).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in state.rglob("*")}
    assert modes == {"setups": 0o700, "setups/home.yaml": 0o600, "setups/attic-2.yaml": 0o600}
    assert [each.name for each in setups.saved(state)] == ["attic-2", "home"]

    setups.save(state, "home", planning.parse("version: 1\nsystem: {hostname: other}\n"))
    assert "other" in (setups.read(state, "home") or "")
    assert setups.remove(state, "home")
    assert not setups.remove(state, "home")
    assert [each.name for each in setups.saved(state)] == ["attic-2"]


def test_a_failed_save_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setups.save(tmp_path, "home", planning.parse(TEXT))
    before = setups.read(tmp_path, "home")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        setups.save(tmp_path, "home", planning.parse("version: 1\n"))
    assert setups.read(tmp_path, "home") == before
    assert [path.name for path in (tmp_path / "setups").iterdir()] == ["home.yaml"]


@given(name=st.text(max_size=50) | st.sampled_from(["..", "a/b", "../x", "", "a.yaml", "-x", "A", "a\n", "a" * 41]))
def test_a_name_never_leads_out_of_the_folder(name: str) -> None:
    state = Path("/state")
    try:
        path = setups.path(state, name)
    except KeyError:
        return
    assert path.parent == state / "setups"
    assert path.name == f"{name}.yaml" and name.isascii()


def keep(demo: Demo, text: str = TEXT) -> Path:
    """Saves `home` on the demo machine; its file."""
    demo.run("jobs")  # makes the machine
    state = demo.folder / "state"
    setups.save(state, "home", planning.parse(text))
    return setups.path(state, "home")


def test_a_saved_setup_is_listed_shown_planned_and_applied_by_its_name(demo: Demo) -> None:
    assert demo.run("setups").stdout == "No setup is saved.\n"
    kept = keep(demo)
    assert demo.run("setups").stdout.rstrip().endswith("  home")
    (listed,) = demo.json("setups")["setups"]
    assert listed["name"] == "home" and listed["changed"] == kept.stat().st_mtime
    assert demo.run("setups", "show", "home").stdout == kept.read_text()
    assert demo.run("setups", "show", "other").returncode == 3

    planned = demo.run("plan", "home")
    assert planned.returncode == 2 and "+attic" in planned.stdout
    assert "saved under this name" in " ".join(planned.stderr.split())
    applied = demo.json("apply", "home", "-", "--yes", given="version: 1\nsystem: {hostname: loft}\n")
    assert applied["outcome"] == "done"
    assert (demo.root / "etc/hostname").read_text() == "loft\n"


def test_a_file_of_the_current_folder_comes_first_and_that_is_said(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(demo)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "home").write_text("version: 1\nsystem: {hostname: mine}\n")
    planned = demo.run("plan", "home")
    assert "+mine" in planned.stdout and "+attic" not in planned.stdout
    assert "of this folder is taken" in " ".join(planned.stderr.split())


def test_a_name_that_is_neither_a_file_nor_saved_is_refused_in_words(demo: Demo) -> None:
    done = demo.run("plan", "nothing")
    assert done.returncode == 3 and "no setup is saved" in done.stderr
    assert demo.json("plan", "nothing", status=3)["mistakes"][0]["place"] == "nothing"

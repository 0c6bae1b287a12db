"""Moving what was restored into its place, stopped after any of its moves: it can be gone on with, and taken back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pi_installer_tui.tasks.steps.backup import into_place
from pi_installer_tui.tasks.steps.backup.moves import Existing, Held, Move, Places
from pi_installer_tui.tasks.steps.backup.taking_back import take_back

from .backups import difference, make_tree, state


class _PowerCut(BaseException):
    pass


def places(folder: Path) -> Places:
    """What was restored, and a tree where it goes that has half of it, in part another one."""
    for name in ("scratch", "live"):
        make_tree(folder / name / "srv", 40)
        for each in ("sparse", "fifo", "socket"):  # one takes its time to compare, of two the times don't matter
            (folder / name / "srv/odd" / each).unlink()
    for number, path in enumerate(sorted(path for path in (folder / "live").rglob("file-*") if path.is_file())):
        if number % 3 == 0:
            path.unlink()
        elif number % 3 == 1:
            path.write_bytes(b"of today")
    scratch, live, replaced, moves = (os.fsencode(folder / name) for name in ("scratch", "live", "replaced", "moves"))
    return Places(scratch, live, replaced, moves)


def found(folder: Path, existing: Existing = "replace") -> dict[bytes, tuple[object, ...]]:
    """What is there. Times of folders come back where what was there is replaced."""
    all_of_it = state(folder / "srv", sockets=True)
    if existing == "replace":
        return all_of_it
    return {name: each for name, each in all_of_it.items() if name[:1] == b"(" or each[0] >> 12 != 4}  # type: ignore[operator]


def cut_after(moves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends it after so many moves."""
    left, put = iter(range(moves)), into_place._put

    def counted(held: Held, move: Move) -> None:
        if next(left, None) is None:
            raise _PowerCut
        put(held, move)

    monkeypatch.setattr(into_place, "_put", counted)


@pytest.mark.parametrize("existing", ["replace", "rename", "keep"])
@pytest.mark.parametrize("done", [0, 1, 9])
def test_what_was_moved_before_a_power_cut_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: Existing, done: int
) -> None:
    where = places(tmp_path)
    before = found(tmp_path / "live", existing)
    into_place.plan(where, existing, "word")
    with monkeypatch.context() as patch, pytest.raises(_PowerCut):
        cut_after(done, patch)
        into_place.carry_out(where)
    assert take_back(where).stays == []
    assert difference(found(tmp_path / "live", existing), before) == []


@pytest.mark.parametrize("done", [1, 9])
def test_what_was_left_after_a_power_cut_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    where = places(tmp_path)
    before, wanted = found(tmp_path / "live"), found(tmp_path / "scratch")
    into_place.plan(where, "replace", "word")
    with monkeypatch.context() as patch, pytest.raises(_PowerCut):
        cut_after(done, patch)
        into_place.carry_out(where)
    into_place.carry_out(where)
    now = found(tmp_path / "live")
    links = b"(hard links)"  # those of what was there already are its own
    assert {name: now[name] for name in wanted if name != links} == {n: f for n, f in wanted.items() if n != links}
    assert take_back(where).stays == []
    assert difference(found(tmp_path / "live"), before) == []

"""A fault of the program is told by its place: no value of anybody's gets into the file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from pi_installer_tui.cli import crash


def _fail(password: str) -> None:
    try:
        int(password)
    except ValueError as error:
        raise KeyError(password) from error


def test_a_crash_report_has_places_and_no_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash, "STATE", tmp_path / "none")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    try:
        _fail("".join(("hunt", "er2")))
    except KeyError as error:
        said = crash.report(error)
    (log,) = tmp_path.iterdir()
    text = log.read_text()
    assert "hunter2" not in text + said
    assert str(log) in said
    assert text.index("ValueError") < text.index("KeyError")
    assert "in _fail" in text
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_no_fault_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said = crash.report(OSError(errno.ENOSPC, "No space left on device", "/var/lib/pi-installer-tui"))
    assert "no space is left for /var/lib/pi-installer-tui" in said and "fault" not in said
    assert list(tmp_path.iterdir()) == []

"""Holes for what restic 0.14 restored full."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.tasks.steps.backup import restoring

MIB = 1024 * 1024


def test_what_is_empty_in_large_files_becomes_a_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    content = {
        "full": chance.randbytes(2 * MIB),
        "small": bytes(MIB // 2),
        "empty": bytes(3 * MIB),
        "over the edge": chance.randbytes(MIB - 5000) + bytes(13_000) + chance.randbytes(MIB),
        "at the end": chance.randbytes(MIB + 1) + bytes(20_000),
    }
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
        os.utime(tmp_path / name, ns=(10**18, 10**18 + 7))
    probe = tmp_path / "probe"
    probe.write_bytes(bytes(MIB))
    if subprocess.run(["fallocate", "--dig-holes", str(probe)], check=False, capture_output=True).returncode:
        pytest.skip("this file system has no holes")
    probe.unlink()
    before = {name: (tmp_path / name).stat().st_blocks for name in content}
    asked: list[str] = []
    run = subprocess.run

    def noted(argv: list[bytes], **more: Any) -> Any:
        asked.append(Path(os.fsdecode(argv[-1])).name)
        return run(argv, **more)

    monkeypatch.setattr(subprocess, "run", noted)
    restoring._dig(os.fsencode(tmp_path), lambda: False)
    assert sorted(asked) == ["at the end", "empty", "over the edge"]
    for name, data in content.items():
        found = (tmp_path / name).stat()
        assert (tmp_path / name).read_bytes() == data and found.st_mtime_ns == 10**18 + 7, name
        assert (found.st_blocks < before[name]) == (name in asked), name

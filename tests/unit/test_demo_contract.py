"""The demo machine keeps the contract that tests/machines/test_contract.py holds a real machine to."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_installer_tui.system.demo import DemoHost
from tests.contract.backups import CASES


@pytest.mark.parametrize("name", CASES)
async def test_the_demo_keeps_the_contract(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0" if "ended" not in name else "1")
    await CASES[name](DemoHost.create(str(tmp_path / "demo")))

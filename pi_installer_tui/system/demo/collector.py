"""Plays the collector: once it is started there is a reading, in the databases that the real one keeps."""

from __future__ import annotations

import time

from pi_installer_tui.system.demo.tree import Machine

UNIT = "pi-installer-tui-collector.service"
#: what it holds, as a Pi 4 measured it: bytes
MEMORY = 15_400_000
_VALUES = {
    "cpu.used": 7.5,
    "load.1": 0.2,
    "memory.used": 31.0,
    "swap.used": 0.0,
    "disk./.used": 24.0,
    "temperature.cpu-thermal.now": 48.3,
}


def started(machine: Machine) -> None:
    """The service runs: it has written what it read first."""
    from pathlib import Path

    from pi_installer_tui.metrics.clock import Clock
    from pi_installer_tui.metrics.places import FOLDER, RUNTIME
    from pi_installer_tui.metrics.recorder import Recorder

    folder, runtime = (Path(machine.files.root, path.relative_to("/")) for path in (FOLDER, RUNTIME))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    recorder = Recorder(
        folder, runtime, raw=720, minutes=1440, hours=24, boot="demo", clock=Clock(), say=lambda _text: None
    )
    recorder.sample(time.monotonic(), _VALUES)
    recorder.close()

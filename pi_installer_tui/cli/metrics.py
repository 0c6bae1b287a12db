"""`pi-installer-tui metrics`: what the machine does in numbers, now."""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import Namespace
from pathlib import Path

from pi_installer_tui.cli import documents
from pi_installer_tui.cli.machine import Machine
from pi_installer_tui.cli.printing import print_json
from pi_installer_tui.cli.status import Exit
from pi_installer_tui.metrics import prometheus, rates
from pi_installer_tui.metrics.history import History
from pi_installer_tui.metrics.places import RUNTIME
from pi_installer_tui.metrics.reading import Reader

#: seconds for which the collector's last values are as good as new ones
FRESH = 30.0


async def metrics(args: Namespace, machine: Machine) -> int:
    """Prints them as Prometheus reads them, or with --json."""
    collected = _collected(machine)
    at, values = collected or await _looked(machine)
    if args.json:
        source = "collector" if collected else "look"
        print_json(documents.document(at=at, source=source, values=dict(sorted(values.items()))))
    else:
        sys.stdout.write(prometheus.text(values))
    return Exit.DONE


def _collected(machine: Machine) -> tuple[float, rates.Values] | None:
    """The collector's last values, where it runs and who asks may read them."""
    if machine.host.kind == "demo":
        return None
    try:
        with History.open(machine.store.root / "metrics", RUNTIME) as history:
            last = history.last()
    except OSError:
        return None
    return last if last is not None and 0 <= time.time() - last[0] <= FRESH else None


async def _looked(machine: Machine) -> tuple[float, rates.Values]:
    """Two looks, one second apart."""
    root = Path(machine.host.address, "root") if machine.host.kind == "demo" else Path("/")
    reader = Reader(root)
    before = reader.read()
    await asyncio.sleep(1)
    return time.time(), rates.values(before, reader.read())

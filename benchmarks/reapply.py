"""Applying a full System file to a machine that is already so: how long it takes to find out that nothing is to do."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.terminal import environment, python
from pi_installer_tui import setup_file

RUNS = 10

#: every setting of System; the demo machine's own interface and addresses
FULL = """\
version: 1
system:
  hostname: attic
  timezone: Europe/Berlin
  ntp: true
  locale: de_DE.UTF-8
  keyboard: {layout: de, variant: nodeadkeys, model: pc105}
  network:
    eth0:
      method: static
      address: 192.168.1.10/24
      gateway: 192.168.1.1
      dns: [192.168.1.1, 9.9.9.9]
      search: [home.arpa]
      ipv6: auto
"""


def run(argv: Sequence[str], text: str) -> str:
    """Runs our program with a setup file on its standard input; its output. Raises CalledProcessError."""
    done = subprocess.run(
        [*argv, "apply", "--yes", "-"], input=text, capture_output=True, text=True, check=True, env=environment()
    )
    return done.stdout


def demo(runs: int = RUNS) -> float:
    """Seconds of an empty apply on the demo machine, the program's start included."""
    with tempfile.TemporaryDirectory() as folder:
        argv = python("-m", "pi_installer_tui", "--demo-root", str(Path(folder)))
        run(argv, FULL)
        return _median(lambda: run(argv, FULL), runs)


def on_machine(argv: Sequence[str], runs: int = RUNS) -> float:
    """The same through a command line that reaches our program, as root, on another machine. That is changed: it gets
    FULL's names, zone, locale and keyboard, and keeps its own network and clock. The way there is in the figure."""
    exported = subprocess.run([*argv, "export"], capture_output=True, text=True, check=True).stdout
    own = setup_file.read(exported)["system"]
    wanted = setup_file.read(FULL)
    wanted["system"] |= {name: own.get(name) for name in ("network", "ntp")}
    text = setup_file.write(wanted)
    run(argv, text)
    return _median(lambda: run(argv, text), runs)


def _median(once: Callable[[], str], runs: int) -> float:
    times = []
    for _ in range(runs + 1):
        started = time.monotonic()
        output = once()
        times.append(time.monotonic() - started)
        if "Nothing to do" not in output:
            raise RuntimeError(f"something was done:\n{output}")
    return median(times[1:])

"""Which machine this is, as the figures need it."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe() -> str:
    """`Intel Xeon ..., 2 cores, 3.8 GB, Linux 6.1, Python 3.11.7`."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith(("model name", "Model"))
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.1f} GB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )

"""Where the history lies."""

from __future__ import annotations

from pathlib import Path

#: minutes and hours: root's, 0700
FOLDER = Path("/var/lib/pi-installer-tui/metrics")
#: single samples, which needn't survive a power cut: in memory
RUNTIME = Path("/run/pi-installer-tui")
KEPT, RAW = "history.db", "raw.db"

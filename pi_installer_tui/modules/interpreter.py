"""With which interpreter a unit of ours is started, as the modules that have units write it into them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

#: what install.sh makes; it stays when a version is replaced by the next
_INSTALLED = "/opt/pi-installer-tui/current/bin/python"
_VERSION = re.compile(r"^(.*)/versions/[^/]+/bin/")


def python(kind: str) -> str:
    """The interpreter that a service is started with: this program's own, by a path that an upgrade leaves valid.
    kind: of the host; on one that is only played it is the installed program's."""
    if kind != "local":
        return _INSTALLED
    lasting = _VERSION.sub(r"\1/current/bin/", sys.executable)
    try:
        return lasting if Path(lasting).samefile(sys.executable) else sys.executable
    except OSError:
        return sys.executable


def quoted(path: str) -> str:
    """A path in a command line of systemd (systemd.service(5), COMMAND LINES)."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$").replace("%", "%%")
    return f'"{escaped}"' if re.search(r"[\s\"'\\;]", path) else escaped

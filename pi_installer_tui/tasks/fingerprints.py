"""Fingerprints of paths: one line of text that is equal where kind, mode, owner and content (or a link's target) are.
Times don't count; of a folder its content doesn't."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pi_installer_tui.system.host import Host

MISSING = "missing"


async def fingerprint(host: Host, path: str) -> str:
    """The fingerprint of a path on a machine; a link isn't followed. Raises PermissionError."""
    found = await host.stat(path)
    if found is None:
        return MISSING
    content = await host.read(path, follow=False) if found.kind == "file" else b""
    return compose(found.kind, found.mode, found.uid, found.gid, hashlib.sha256(content).hexdigest(), found.target)


def compose(kind: str, mode: int, uid: int, gid: int, sha256: str, target: str | None) -> str:
    """The fingerprint of a path of which all of that is known. kind "": nothing is there."""
    if not kind:
        return MISSING
    if kind == "link":
        return f"link:{target}"
    if kind == "file":
        return f"file:{mode:o}:{uid}:{gid}:{sha256}"
    return f"{kind}:{mode:o}:{uid}:{gid}"

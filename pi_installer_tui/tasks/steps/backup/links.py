# ruff: noqa: PTH114, PTH116, PTH118
# (pathlib takes no bytes)
"""Links on the way to what is restored: root must not be led somewhere else by a link that a user has put where a
folder was."""

from __future__ import annotations

import os
import stat


def leads_astray(root: bytes, path: bytes) -> bytes | None:
    """The first link on a path below `root` (its last part too) that isn't followed: one that neither root made in a
    folder of root's, nor leads to a folder of the link's own owner, who could write there anyway. None: all is well."""
    parts, so_far = [part for part in path.split(b"/") if part], root
    for part in parts:
        above, so_far = so_far, os.path.join(so_far, part)
        try:
            found = os.lstat(so_far)
            if not stat.S_ISLNK(found.st_mode):
                continue
            if found.st_uid == 0 and os.stat(above).st_uid == 0:
                continue
            if found.st_uid == 0 or os.stat(so_far).st_uid != found.st_uid:
                return so_far
        except (FileNotFoundError, NotADirectoryError):
            return so_far if os.path.islink(so_far) else None
    return None

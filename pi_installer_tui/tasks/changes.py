"""What a step of a job changed in files, as unified diffs, from what the job kept (before/ and after/)."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pi_installer_tui.i18n import _

if TYPE_CHECKING:
    from pi_installer_tui.tasks.before import Before, Kept
    from pi_installer_tui.tasks.store import Store


def diff(store: Store, job: str, step: str, *, sensitive: bool = False) -> str:
    """A unified diff of every path that the step changed; "" where it changed none. Of a sensitive step only the paths
    are named. Reads files: not for the event loop."""
    before, after = store.before(job, step), store.after(job, step)
    parts: list[str] = []
    for path in before.paths():
        if sensitive:
            parts.append(f"{path}: {_('(secret, changed)')}")
        elif path in after.paths():
            parts += _path(path, before, after)
        elif before.kept(path).kind != "directory":
            parts.append(_("{path}: kept as it was before; what it became was not kept").format(path=path))
    return "\n".join(parts)


def _path(path: str, before: Before, after: Before) -> list[str]:
    old, new = before.kept(path), after.kept(path)
    lines = list(
        difflib.unified_diff(
            _lines(before.content(path)),
            _lines(after.content(path)),
            path if old.kind else "/dev/null",
            path if new.kind else "/dev/null",
            lineterm="",
        )
    )
    if (old.kind, old.mode, old.uid, old.gid) != (new.kind, new.mode, new.uid, new.gid) and old.kind and new.kind:
        lines.append(_("{path}: {before}, now {after}").format(path=path, before=_about(old), after=_about(new)))
    return lines


def _lines(content: bytes | None) -> list[str]:
    if content is None:
        return []
    if b"\0" in content:
        return [_("(binary, {size} bytes)").format(size=len(content))]
    return content.decode("utf-8", "replace").splitlines()


def _about(kept: Kept) -> str:
    return f"{kept.kind} {kept.mode:04o} {kept.uid}:{kept.gid}"

"""What a step of a job changed in files, as unified diffs, from what the job kept (before/ and after/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pi_installer_tui.i18n import _

if TYPE_CHECKING:
    from pi_installer_tui.system.host import FileKind
    from pi_installer_tui.tasks.before import Before
    from pi_installer_tui.tasks.steps import Step
    from pi_installer_tui.tasks.steps.base import Seen
    from pi_installer_tui.tasks.store import Store


def diff(store: Store, job: str, step: Step) -> str:
    """A unified diff of every path that the step changed; "" where it changed none. Of a sensitive step only the paths
    are named. Reads files: not for the event loop."""
    from pi_installer_tui.tasks.steps import Restore
    from pi_installer_tui.tasks.steps.diff import printable, unified

    before, after = store.before(job, step.id), store.after(job, step.id)
    if isinstance(step, Restore):
        after = store.before(step.job, step.step)
    parts: list[str] = []
    for path in before.paths():
        if step.sensitive:
            parts.append(f"{printable(path)}: {_('(secret, changed)')}")
        elif path in after.paths():
            parts.append(unified(path, _seen(before, path), _seen(after, path)))
        elif before.kept(path).kind in {"file", "link"}:
            parts.append(_("{path}: what it became was not kept").format(path=printable(path)))
    return "\n".join(part for part in parts if part)


def _seen(kept: Before, path: str) -> Seen:
    from pi_installer_tui.tasks.steps.base import Seen

    found = kept.kept(path)
    content = kept.content(path) if found.kind == "file" else None
    kind = cast("FileKind", found.kind)
    return Seen(kind, content or b"", found.mode, found.uid, found.gid, found.target)

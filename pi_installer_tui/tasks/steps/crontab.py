"""Crontab: lines of a crontab are added, replaced and removed; every other byte stays. Before it is put in place the
machine's cron is asked whether it takes it, afterwards it is read back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pi_installer_tui.i18n import _
from pi_installer_tui.system.accounts import PASSWD, accounts
from pi_installer_tui.system.cron import installing
from pi_installer_tui.system.cron.lines import NEWEST
from pi_installer_tui.system.cron.read import SPOOL
from pi_installer_tui.system.cron.table import Table
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.steps.base import AbsolutePath, Overlay, Preview, Seen, StepContext, StepError
from pi_installer_tui.tasks.steps.diff import clipped, unified
from pi_installer_tui.tasks.steps.files import Named, destination, look

#: a line's bytes, each as the character of its number: JSON has no bytes, and not every line is UTF-8
Bytes = Annotated[str, Field(pattern=r"^[\x01-\x09\x0b-\xff]*$", max_length=100_000)]


class LineEdit(Frozen):
    """One line. what: add: behind `line` (0: in front of all, None: at the end); replace, remove: that one. line: its
    number in the file as it is before all edits. old: what the line says, which is compared; of `add` nothing. new:
    what it will say. All without their newline."""

    what: Literal["add", "replace", "remove"]
    line: Annotated[int, Field(ge=0)] | None = None
    old: Bytes = ""
    new: Bytes = ""

    @model_validator(mode="after")
    def _whole(self) -> LineEdit:
        if self.what != "add" and not self.line:
            raise ValueError("which line?")
        return self


def coded(text: str) -> str:
    """A line of `Table.text` for a LineEdit."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _decoded(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


class Crontab(Named):
    """A crontab's lines: of a user's own in the spool (`user`: whose), or of /etc/crontab and /etc/cron.d (user ""). A
    line that says something else than `old` is left alone, and all others with it: StepError `line-changed`. What cron
    wouldn't take any more is refused: `not-valid`; a file that it doesn't take as it is may be changed all the same.

    becomes: the SHA-256 of the file afterwards, where that is known; so the step knows that it is done."""

    kind: Literal["crontab"] = "crontab"
    path: Annotated[
        AbsolutePath,
        Field(pattern=rf"^({SPOOL}/[A-Za-z_][A-Za-z0-9_.-]*\$?|/etc/crontab|/etc/cron\.d/[^/]+)$"),
    ]
    user: str = ""
    edits: Annotated[tuple[LineEdit, ...], Field(min_length=1)]
    becomes: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | Literal[""] = ""

    @model_validator(mode="after")
    def _one_owner(self) -> Crontab:
        if (f"{SPOOL}/{self.user}" == self.path) != bool(self.user):
            raise ValueError("a crontab of the spool is its user's")
        return self

    def describe(self) -> str:
        if self.user:
            return clipped(_("change the crontab of {path}"), self.user)
        return clipped(_("change {path}"), self.path)

    def table(self, data: bytes) -> Table:
        """The crontab after the edits. Raises StepError."""
        table = Table(data, system=not self.user)
        for edit in self._backwards():
            try:
                if edit.what != "add" and edit.line and coded(table.text(edit.line)) != edit.old:
                    raise StepError("line-changed", path=self.path, line=str(edit.line))
                match edit.what:
                    case "add":
                        table = table.added(_decoded(edit.new), edit.line)
                    case "replace":
                        table = table.replaced(edit.line or 0, _decoded(edit.new))
                    case "remove":
                        table = table.removed(edit.line or 0)
            except KeyError:
                raise StepError("line-changed", path=self.path, line=str(edit.line or 0)) from None
        return table

    def _backwards(self) -> Iterable[LineEdit]:
        """The edits in an order in which none moves the line of one that follows."""

        def place(numbered: tuple[int, LineEdit]) -> tuple[float, bool, int]:
            number, edit = numbered
            return (float("inf") if edit.line is None else edit.line, edit.what == "add", number)

        return [edit for _number, edit in sorted(enumerate(self.edits), key=place, reverse=True)]

    async def _really(self, host: Host) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.path, await self._place(host, None))))

    async def _place(self, host: Host, overlay: Overlay | None) -> str:
        """Where the file is that is to be replaced: a link in the spool isn't followed (cron doesn't either)."""
        return self.path if self.user else await destination(host, overlay, self.path)

    async def _states(self, host: Host, overlay: Overlay | None = None) -> tuple[str, Seen, Seen]:
        path = await self._place(host, overlay)
        old = await look(host, overlay, path)
        if old.kind not in ("file", ""):
            raise StepError("not-a-file", path=path)
        if self._is(old.content):
            return path, old, old
        content = bytes(self.table(old.content))
        if old.kind == "file":
            return path, old, Seen("file", content, old.mode, old.uid, old.gid)
        if not self.user:
            return path, old, Seen("file", content, installing.SYSTEM_MODE, 0, 0)
        group = await installing.spool_group(host)
        return path, old, Seen("file", content, installing.USER_MODE, await self._uid(host), group or 0)

    def _is(self, content: bytes) -> bool:
        return bool(self.becomes) and hashlib.sha256(content).hexdigest() == self.becomes

    async def _uid(self, host: Host) -> int:
        found = accounts({PASSWD: await host.text(PASSWD) or ""}).get(self.user)
        if found is None:
            raise StepError("unknown-user", name=self.user)
        return found.uid

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        path, old, new = await self._states(host, overlay)
        overlay.files[path] = new
        if old == new:
            return Preview("note", _("nothing changes"), path)
        if why := next(self._worse(old.content, new.content), ""):
            raise StepError("not-valid", path=path, error=why)
        return Preview("diff", unified(path, old, new), path)

    async def done(self, host: Host) -> bool:
        _path, old, new = await self._states(host)
        return old == new and bool(old.kind)

    async def apply(self, context: StepContext) -> None:
        host = context.host
        path = await self._place(host, None)
        old = await look(host, None, path)
        if old.kind not in ("file", ""):
            raise StepError("not-a-file", path=path)
        kept = context.before.content(path) if path in context.before.paths() else None
        wanted = bytes(self.table(kept or b""))
        if old.kind == "file" and old.content == wanted:
            return
        if (old.content if old.kind else None) != kept:
            raise StepError("file-changed", path=path)
        _path, old, new = await self._states(host)
        await self._taken(host, path, old.content, new.content)
        if self.user and await installing.spool_group(host) is None:
            raise StepError("not-installed", program="cron")
        await self._make_parents(context, path)
        if await look(host, None, path) != old:  # somebody's editor, while cron was asked
            raise StepError("file-changed", path=path)
        context.reached("file:replacing")
        # its rename changes the folder's time, by which cron sees that it has to read anew (load_database())
        await host.replace(path, new.content, mode=new.mode, uid=new.uid, gid=new.gid)
        context.reached("file:replaced")
        if await look(host, None, path) != new:
            if old.kind:
                await host.replace(path, old.content, mode=old.mode, uid=old.uid, gid=old.gid)
            else:
                await host.remove(path)
            raise StepError("not-as-written", path=path)

    async def _taken(self, host: Host, path: str, old: bytes, new: bytes) -> None:
        """Raises StepError `not-valid` for what cron takes less of than before."""
        revision = await installing.revision(host)
        worse = next(self._worse(old, new, revision), "")
        if not worse and self.user and next(Table(old).refused(revision=revision), None) is None:
            worse = await installing.refused(host, self.user, Table(new).body)
        if worse:
            raise StepError("not-valid", path=path, error=worse)

    def _worse(self, old: bytes, new: bytes, revision: int = NEWEST) -> Iterator[str]:
        """What is wrong with the new bytes that wasn't with the old ones."""
        before = [each.mistake.what for each in Table(old, system=not self.user).refused(revision=revision)]
        for broken in Table(new, system=not self.user).refused(revision=revision):
            if broken.mistake.what in before:
                before.remove(broken.mistake.what)
            else:
                yield _("line {line}: {why}").format(line=broken.line, why=broken.mistake.what)

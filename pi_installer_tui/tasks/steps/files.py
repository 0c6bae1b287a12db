"""Steps that change files: WriteFile, EditFile, RemoveFile, Link, Directory.

Of links only an administrator's own is followed: one inside /etc that leads to a file inside /etc. /etc/localtime and
/etc/resolv.conf are replaced, every other link is refused by the steps that write through a path.
"""

from __future__ import annotations

import contextlib
import errno
import posixpath
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pi_installer_tui.i18n import _
from pi_installer_tui.system.formats import FormatError, FormatName
from pi_installer_tui.system.formats import edit as edit_text
from pi_installer_tui.system.host import Completed, Host
from pi_installer_tui.tasks.fingerprints import fingerprint
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.journal import write_file
from pi_installer_tui.tasks.secrets import SecretName
from pi_installer_tui.tasks.steps.base import (
    AbsolutePath,
    Before,
    Overlay,
    Preview,
    Seen,
    StepBase,
    StepContext,
    StepError,
)
from pi_installer_tui.tasks.steps.diff import clipped, unified

__all__ = [
    "Directory",
    "Edit",
    "EditFile",
    "Link",
    "RemoveFile",
    "SudoersFile",
    "WriteFile",
    "destination",
    "fingerprint",
    "look",
    "number",
]

Mode = Annotated[int, Field(ge=0, le=0o7777)]

#: links that say where something generated lies: what replaces them must not be written through them
_REPLACED = ("/etc/localtime", "/etc/resolv.conf")

#: folders that Debian itself makes links (merged /usr, /run)
_MERGED = ("/bin", "/lib", "/sbin", "/var/lock", "/var/run")


async def look(host: Host, overlay: Overlay | None, path: str) -> Seen:
    """A path as it is or, where the overlay has it, will be. A link isn't followed. Raises PermissionError."""
    if overlay is not None and path in overlay.files:
        return overlay.files[path]
    found = await host.stat(path)
    if found is None:
        return Seen()
    content = await host.read(path, follow=False) if found.kind == "file" else b""
    return Seen(found.kind, content, found.mode, found.uid, found.gid, found.target)


async def destination(host: Host, overlay: Overlay | None, path: str) -> str:
    """The path at which a file has to be replaced so that it changes what `path` shows. Raises StepError
    `link-refused` for a link that must not be followed."""
    await _real_folder(host, path)
    seen = await look(host, overlay, path)
    if seen.kind != "link" or path in _REPLACED:
        return path
    planned = overlay is not None and path in overlay.files
    target = (
        posixpath.normpath(posixpath.join(posixpath.dirname(path), seen.target or ""))
        if planned
        else await host.realpath(path)
    )
    if not _inside(path, target) or target in _REPLACED or (await look(host, overlay, target)).kind not in ("file", ""):
        raise StepError("link-refused", path=path, target=seen.target or "")
    return target


def _inside(path: str, target: str) -> bool:
    return f"{path}/".startswith("/etc/") and f"{target}/".startswith("/etc/")


class Named(StepBase):
    """A step on one path, which makes its missing parent folders."""

    path: AbsolutePath

    def paths(self) -> tuple[str, ...]:
        return (self.path,)

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        return {path: await fingerprint(host, path) for path in await self._really(host)}

    async def capture(self, context: StepContext) -> None:
        for path in await self._really(context.host):
            await context.before.save_path(path)
        context.before.put("parents", await _missing_parents(context.host, self.path))

    async def undo(self, context: StepContext, before: Before) -> None:
        await super().undo(context, before)
        for folder in reversed(before.get("parents") or []):
            try:
                await context.host.remove(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                break

    async def _really(self, host: Host) -> tuple[str, ...]:
        """The path, and where it leads to if it is a link that is followed."""
        return (self.path,)

    async def _make_parents(self, context: StepContext, path: str) -> None:
        for folder in await _missing_parents(context.host, path):
            context.reached("file:parent")
            with contextlib.suppress(FileExistsError):
                await context.host.mkdir(folder, mode=0o755, uid=0, gid=0)


async def _missing_parents(host: Host, path: str) -> list[str]:
    """The folders above a path that don't exist, the uppermost first."""
    missing: list[str] = []
    folder = posixpath.dirname(path)
    while folder != "/" and await host.stat(folder) is None:
        missing.insert(0, folder)
        folder = posixpath.dirname(folder)
    return missing


class _Content(Named):
    """A step that gives a file a content: WriteFile and EditFile."""

    mode: Mode | None = None

    @abstractmethod
    def _content(self, old: bytes | None) -> bytes | None:
        """The new content; None: nothing is there, and nothing has to be. Raises StepError."""

    async def _owner(self, host: Host, old: Seen) -> tuple[int, int]:
        return (old.uid, old.gid) if old.kind == "file" else (0, 0)

    async def _states(self, host: Host, overlay: Overlay | None = None) -> tuple[str, Seen, Seen]:
        """The path to replace, as it is and as it will be."""
        path = await destination(host, overlay, self.path)
        old = await look(host, overlay, path)
        if old.kind not in ("file", "") and path not in _REPLACED:
            raise StepError("not-a-file", path=path)
        content = self._content(old.content if old.kind == "file" else None)
        if content is None:
            return path, old, old
        uid, gid = await self._owner(host, old)
        mode = self.mode if self.mode is not None else old.mode if old.kind == "file" else 0o644
        return path, old, Seen("file", content, mode, uid, gid)

    async def _really(self, host: Host) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.path, await destination(host, None, self.path))))

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        path, old, new = await self._states(host, overlay)
        overlay.files[path] = new
        if old == new:
            return Preview("note", _("nothing changes"), path)
        return Preview("diff", _("(secret, changed)") if self.sensitive else unified(path, old, new), path)

    async def done(self, host: Host) -> bool:
        _path, old, new = await self._states(host)
        return old == new

    async def apply(self, context: StepContext) -> None:
        path, old, new = await self._states(context.host)
        if old == new:
            return
        await self._make_parents(context, path)
        context.reached("file:replacing")
        if old.kind == "file" and old.content == new.content:
            await context.host.chmod(path, mode=new.mode, uid=new.uid, gid=new.gid)
        else:
            await context.host.replace(path, new.content, mode=new.mode, uid=new.uid, gid=new.gid)
        context.reached("file:replaced")


class WriteFile(_Content):
    """A whole file. `mode`, `owner`, `group` None: as the file has them, root's and 0644 for a new one. Missing parent
    folders are made (root, 0755) and go away with the undo."""

    kind: Literal["write-file"] = "write-file"
    content: str = Field(repr=False)
    owner: str | None = None
    group: str | None = None

    def describe(self) -> str:
        return clipped(_("write {path}"), self.path)

    def _content(self, old: bytes | None) -> bytes:
        return self.content.encode("utf-8", "surrogateescape")

    async def _owner(self, host: Host, old: Seen) -> tuple[int, int]:
        uid, gid = await super()._owner(host, old)
        return (
            uid if self.owner is None else await number(host, "/etc/passwd", self.owner),
            gid if self.group is None else await number(host, "/etc/group", self.group),
        )


class SudoersFile(WriteFile):
    """A drop-in of sudoers(5), root's and 0440. It is only put there when visudo(8) has found nothing wrong with it, by
    itself and among all others; else everything stays as it was, and StepError `not-valid` says why."""

    kind: Literal["sudoers-file"] = "sudoers-file"  # type: ignore[assignment]
    path: Annotated[AbsolutePath, Field(pattern=r"^/etc/sudoers\.d/[A-Za-z0-9_-]+$")]
    mode: Literal[0o440] = 0o440

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        await self._sound(host)
        return await super().preview(host, overlay)

    async def apply(self, context: StepContext) -> None:
        await self._sound(context.host)
        old = await look(context.host, None, self.path)
        await super().apply(context)
        done = await context.host.run(["visudo", "--check"])
        if not done.ok:
            if old.kind == "file":
                await context.host.replace(self.path, old.content, mode=old.mode, uid=old.uid, gid=old.gid)
            else:
                await context.host.remove(self.path)
            raise StepError("not-valid", path=self.path, error=_last(done))

    async def _sound(self, host: Host) -> None:
        done = await host.run(["visudo", "--check", "--file=-"], input=self.content.encode())
        if not done.ok:
            raise StepError("not-valid", path=self.path, error=_last(done))


def _last(done: Completed) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[0] if lines else str(done.status)


class Edit(Frozen):
    """One key of a file and its new value; None takes the key away. Key and value as in system/formats."""

    key: tuple[str, ...]
    value: str | int | bool | tuple[object, ...] | dict[str, object] | None


class EditFile(_Content):
    """Keys of a file of a known format; every other byte stays. A file that doesn't parse is refused. A missing file
    starts empty."""

    kind: Literal["edit-file"] = "edit-file"
    format: FormatName
    edits: tuple[Edit, ...]

    def describe(self) -> str:
        names = ", ".join(dict.fromkeys(edit.key[-1] for edit in self.edits if edit.key))
        return clipped(_("change {name} in {path}"), self.path, name=names)

    def _content(self, old: bytes | None) -> bytes | None:
        text = (old or b"").decode("utf-8", "surrogateescape")
        for edit in self.edits:
            try:
                text = edit_text(self.format, text, edit.key, edit.value)
            except FormatError as error:
                why = "" if self.sensitive else str(error)
                raise StepError("not-editable", path=self.path, error=why) from None
        return None if old is None and not text else text.encode("utf-8", "surrogateescape")


class RemoveFile(Named):
    """A file or a link goes away. waits: secrets that were made for it and that nobody has seen; they go with it."""

    kind: Literal["remove-file"] = "remove-file"
    waits: tuple[SecretName, ...] = ()

    def describe(self) -> str:
        return clipped(_("remove {path}"), self.path)

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        old = await self._old(host, overlay)
        overlay.files[self.path] = Seen()
        if not old.kind:
            return Preview("note", _("nothing changes"), self.path)
        return Preview("diff", _("(secret, changed)") if self.sensitive else unified(self.path, old, Seen()), self.path)

    async def done(self, host: Host) -> bool:
        return await host.stat(self.path) is None

    async def apply(self, context: StepContext) -> None:
        if context.secrets is not None:
            for name in self.waits:
                if (value := context.secrets.made(name)) is not None:
                    write_file(_waited(context.before, name), value.encode())
                    context.secrets.show(name)
        if (await self._old(context.host, None)).kind:
            context.reached("file:removing")
            with contextlib.suppress(FileNotFoundError):
                await context.host.remove(self.path)
            context.reached("file:removed")

    async def undo(self, context: StepContext, before: Before) -> None:
        await super().undo(context, before)
        if context.secrets is not None:
            for name in self.waits:
                with contextlib.suppress(FileNotFoundError):
                    context.secrets.keep(name, _waited(before, name).read_text())

    async def _old(self, host: Host, overlay: Overlay | None) -> Seen:
        await _real_folder(host, self.path)
        old = await look(host, overlay, self.path)
        if old.kind not in ("file", "link", ""):
            raise StepError("not-a-file", path=self.path)
        return old


def _waited(before: Before, name: str) -> Path:
    """Where a secret lies that went with a file; not in the index, which holds no secrets."""
    return before.beside(f"waited-{name}")


class Link(Named):
    """A symbolic link, replacing a file or a link of that name."""

    kind: Literal["link"] = "link"
    target: Annotated[str, Field(pattern=r"^[^\x00\n]+$", max_length=4096)]

    def describe(self) -> str:
        return clipped(_("link {path} to {name}"), self.path, name=self.target)

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        old = await self._old(host, overlay)
        new = Seen("link", target=self.target)
        overlay.files[self.path] = new
        if old.target == self.target:
            return Preview("note", _("nothing changes"), self.path)
        return Preview("diff", unified(self.path, old, new), self.path)

    async def done(self, host: Host) -> bool:
        found = await host.stat(self.path)
        return found is not None and found.target == self.target

    async def apply(self, context: StepContext) -> None:
        if (await self._old(context.host, None)).target == self.target:
            return
        await self._make_parents(context, self.path)
        context.reached("file:replacing")
        await context.host.symlink(self.path, self.target)
        context.reached("file:replaced")

    async def _old(self, host: Host, overlay: Overlay | None) -> Seen:
        await _real_folder(host, self.path)
        old = await look(host, overlay, self.path)
        if old.kind not in ("file", "link", ""):
            raise StepError("not-a-file", path=self.path)
        return old


class Directory(Named):
    """A folder with its mode and owner (names); missing parents are made."""

    kind: Literal["directory"] = "directory"
    mode: Mode = 0o755
    owner: str = "root"
    group: str = "root"

    def describe(self) -> str:
        return clipped(_("make the folder {path}"), self.path)

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        old, new = await self._states(host, overlay)
        overlay.files[self.path] = new
        if old == new:
            return Preview("note", _("nothing changes"), self.path)
        return Preview("diff", unified(self.path, old, new), self.path)

    async def done(self, host: Host) -> bool:
        old, new = await self._states(host, None)
        return old == new

    async def apply(self, context: StepContext) -> None:
        old, new = await self._states(context.host, None)
        if old == new:
            return
        if not old.kind:
            await self._make_parents(context, self.path)
            context.reached("file:replacing")
            with contextlib.suppress(FileExistsError):
                await context.host.mkdir(self.path, mode=new.mode, uid=new.uid, gid=new.gid)
        await context.host.chmod(self.path, mode=new.mode, uid=new.uid, gid=new.gid)
        context.reached("file:replaced")

    async def _states(self, host: Host, overlay: Overlay | None) -> tuple[Seen, Seen]:
        await _real_folder(host, self.path)
        old = await look(host, overlay, self.path)
        if old.kind not in ("directory", ""):
            raise StepError("not-a-directory", path=self.path)
        uid = await number(host, "/etc/passwd", self.owner)
        gid = await number(host, "/etc/group", self.group)
        return old, Seen("directory", b"", self.mode, uid, gid)


async def _real_folder(host: Host, path: str) -> None:
    """Refuses a path below a link that leads elsewhere: StepError `link-refused`."""
    folder = posixpath.dirname(path)
    real = await host.realpath(folder)
    merged = folder in _MERGED or folder.startswith(tuple(f"{top}/" for top in _MERGED))
    if real != folder and not merged and not _inside(folder, real):
        raise StepError("link-refused", path=folder, target=real)


async def number(host: Host, database: str, name: str) -> int:
    """A user's or group's number from passwd(5) or group(5); a number stands for itself. Raises StepError."""
    if name.isdecimal():
        return int(name)
    for line in (await host.text(database) or "").splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) > 2 and fields[2].isdecimal():
            return int(fields[2])
    raise StepError("unknown-user" if database.endswith("passwd") else "unknown-group", name=name)

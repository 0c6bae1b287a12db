"""before/<step id>/ of a job: what a step replaced. `index.json` says what was kept, `blobs/` holds the content of
files. All of it is durable when `finish` returns, and only then the step may change its first byte; what is kept later
is durable at once."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pi_installer_tui.tasks.fingerprints import compose
from pi_installer_tui.tasks.journal import sync_folder, write_file

if TYPE_CHECKING:
    from pi_installer_tui.system.host import FileKind, Host
    from pi_installer_tui.tasks.steps.base import Seen

VERSION = 1


class Unreadable(ValueError):
    """A file of a job that is damaged, or that a newer version of this program wrote (`newer`)."""

    def __init__(self, path: Path, *, newer: bool = False) -> None:
        super().__init__(str(path))
        self.path = path
        self.newer = newer


@dataclass(frozen=True, slots=True)
class Kept:
    """A path as it was. kind: file, directory, link, other, or "" where nothing was there. xattrs: a file's extended
    attributes (`Host.xattrs`), in base64."""

    path: str
    kind: FileKind | Literal[""]
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    target: str | None = None
    sha256: str = ""
    xattrs: Mapping[str, str] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        """As it stands in the index; attributes only where there are some, so that earlier versions read it too."""
        return {key: value for key, value in asdict(self).items() if key != "xattrs" or value}


class Before:
    """What a step replaced. Reading needs no host; keeping and giving back does.

    only:    the paths that `restore_path` may touch; others are left as they are. None: all.
    durable: False: what is kept only serves to be looked at, and may be lost with the power.

    Raises Unreadable where a durable index is damaged.
    """

    def __init__(
        self,
        folder: Path,
        host: Host | None = None,
        *,
        only: Collection[str] | None = None,
        durable: bool = True,
        reached: Callable[[str], None] = lambda point: None,
    ) -> None:
        self._folder = folder
        self._host = host
        self._only = only
        self._durable = durable
        self._reached = reached
        self._kept: dict[str, Kept] = {}
        self._values: dict[str, Any] = {}
        self.complete = False
        with contextlib.suppress(FileNotFoundError, *(() if durable else (Unreadable,))):
            self._read_index(folder / "index.json")

    def _read_index(self, path: Path) -> None:
        try:
            index = json.loads(path.read_bytes())
            version = int(index["version"])
            kept = {entry["path"]: Kept(**entry) for entry in index["paths"]} if version <= VERSION else {}
            values, complete = dict(index["values"]), bool(index["complete"])
        except (ValueError, TypeError, KeyError):
            raise Unreadable(path) from None
        if version > VERSION:
            raise Unreadable(path, newer=True)
        self._kept, self._values, self.complete = kept, values, complete

    # keeping

    async def save_path(self, path: str) -> None:
        """Keeps a path as it is, unless it is kept already: a step that runs again after a crash finds what it left
        half way, and that must not take the place of what was there before. Raises OSError."""
        if path in self._kept:
            return
        kept, content = await _look(self._machine, path)
        if content is not None:
            self._reached("before:blob")
            self._make_folder()
            write_file(self._blob(kept), content, durable=self._durable, folder_too=self.complete)
        self._keep({**self._kept, path: kept}, self._values)

    def put(self, name: str, value: Any) -> None:
        """Keeps a JSON value; the first one of a name stays. Raises OSError."""
        if name not in self._values:
            self._keep(self._kept, {**self._values, name: value})

    def finish(self) -> None:
        """All is kept: from now on the step may change things."""
        self._reached("before:finishing")
        self._make_folder()
        if self._durable:
            sync_folder(self._folder / "blobs")
        self._write_index(self._kept, self._values)
        self.complete = True

    def restart(self) -> None:
        """Forgets what an unfinished capture kept. Nothing was changed after it, so it can be taken anew."""
        assert not self.complete
        self._kept, self._values = {}, {}

    # giving back

    async def restore_path(self, path: str) -> None:
        """Puts a kept path back exactly; what was missing is removed. Raises StepError, OSError, KeyError."""
        kept = self._kept[path]
        if self._only is not None and path not in self._only:
            return
        host = self._machine
        now = await host.stat(path)
        if not kept.kind:
            if now is not None:
                await _remove(host, path)
        elif kept.kind == "link":
            if now is None or now.target != kept.target:
                await _clear(host, path, kept.kind)
                await host.symlink(path, kept.target or "")
        elif kept.kind == "file":
            await _clear(host, path, kept.kind)
            content = self.content(path)
            assert content is not None
            xattrs = {name: base64.b64decode(value) for name, value in kept.xattrs.items()}
            await host.replace(path, content, mode=kept.mode, uid=kept.uid, gid=kept.gid, xattrs=xattrs)
        elif kept.kind == "directory":
            if now is not None and now.kind != "directory":
                await _remove(host, path)
                now = None
            if now is None:
                await host.mkdir(path, mode=kept.mode, uid=kept.uid, gid=kept.gid)
            await host.chmod(path, mode=kept.mode, uid=kept.uid, gid=kept.gid)

    # reading

    def paths(self) -> tuple[str, ...]:
        """The kept paths, in the order they were kept."""
        return tuple(self._kept)

    def kept(self, path: str) -> Kept:
        """What was kept of a path. Raises KeyError."""
        return self._kept[path]

    def content(self, path: str) -> bytes | None:
        """The kept content of a file (a link's target as bytes); None where there was none. Raises Unreadable for one
        that isn't what was kept: nothing else is ever given back."""
        kept = self._kept[path]
        if kept.kind == "link":
            return os.fsencode(kept.target or "")
        if kept.kind != "file":
            return None
        blob = self._blob(kept)
        try:
            content = blob.read_bytes()
        except FileNotFoundError:
            raise Unreadable(blob) from None
        if hashlib.sha256(content).hexdigest() != kept.sha256:
            raise Unreadable(blob)
        return content

    def seen(self, path: str) -> Seen:
        """The kept path as steps see one."""
        from pi_installer_tui.tasks.steps.base import Seen

        kept = self._kept[path]
        content = self.content(path) if kept.kind == "file" else None
        return Seen(kept.kind, content or b"", kept.mode, kept.uid, kept.gid, kept.target)

    def fingerprint(self, path: str) -> str:
        """The kept path's fingerprint, as `fingerprints.fingerprint` gives for one on the machine."""
        kept = self._kept[path]
        return compose(kept.kind, kept.mode, kept.uid, kept.gid, kept.sha256, kept.target)

    def get(self, name: str) -> Any:
        """A kept value, None where there is none."""
        return self._values.get(name)

    def beside(self, name: str) -> Path:
        """Where a step may keep a file of its own, beside the index; it goes with the job."""
        return (self._folder / name).absolute()

    @property
    def values(self) -> tuple[str, ...]:
        """The names of the kept values."""
        return tuple(self._values)

    @property
    def _machine(self) -> Host:
        if self._host is None:
            raise ValueError("opened for reading only")
        return self._host

    def blob(self, path: str) -> Path:
        """Where the content of a kept file lies. Raises KeyError."""
        return self._blob(self._kept[path]).absolute()

    def _blob(self, kept: Kept) -> Path:
        return self._folder / "blobs" / hashlib.sha256(os.fsencode(kept.path)).hexdigest()[:32]

    def _make_folder(self) -> None:
        for folder in (self._folder, self._folder / "blobs"):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                if self._durable:
                    sync_folder(folder.parent)

    def _keep(self, kept: dict[str, Kept], values: dict[str, Any]) -> None:
        if self.complete:
            self._write_index(kept, values)
        self._kept, self._values = kept, values

    def _write_index(self, kept: dict[str, Kept], values: dict[str, Any]) -> None:
        self._reached("before:index")
        index = {
            "version": VERSION,
            "complete": True,
            "paths": [each.entry() for each in kept.values()],
            "values": values,
        }
        data = json.dumps(index, ensure_ascii=True).encode("ascii")
        write_file(self._folder / "index.json", data, durable=self._durable)


async def _look(host: Host, path: str) -> tuple[Kept, bytes | None]:
    """A path as it is, with a file's content."""
    found = await host.stat(path)
    if found is None:
        return Kept(path, ""), None
    content = await host.read(path, follow=False) if found.kind == "file" else None
    xattrs = await host.xattrs(path) if found.kind == "file" else {}
    kept = Kept(
        path=path,
        kind=found.kind,
        mode=found.mode,
        uid=found.uid,
        gid=found.gid,
        size=found.size if content is None else len(content),
        mtime_ns=found.mtime_ns,
        target=found.target,
        sha256="" if content is None else hashlib.sha256(content).hexdigest(),
        xattrs={name: base64.b64encode(value).decode("ascii") for name, value in xattrs.items()},
    )
    return kept, content


async def _clear(host: Host, path: str, kind: str) -> None:
    """Takes a folder out of the way of a file or link."""
    now = await host.stat(path)
    if now is not None and now.kind == "directory":
        await _remove(host, path)


async def _remove(host: Host, path: str) -> None:
    from pi_installer_tui.tasks.steps.base import StepError

    try:
        await host.remove(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise StepError("directory-not-empty", path=path) from None
        raise

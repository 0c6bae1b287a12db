"""Files of a machine below a root folder: reading them, and replacing them so that a crash at any moment leaves the old
file or the new one, whole. `Files` serves LocalHost (root "/") and DemoHost (a tree that no path and no link leaves).

These calls block for as long as the disk does and run where they are called, without a thread: reading a small file
from the page cache is quicker than handing it to one, and only a job's own process changes files, where nothing else
waits and a cancellation must not fall between a temporary file and its rename.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import io
import os
import posixpath
import re
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

from pi_installer_tui.system.host import AccountsLocked, FilePart, FileStat, Host, file_kind

#: What a crash may leave beside a file: `.NAME.pi-installer-tui-1a2b3c4d`, made 0600, never complete or in use.
LEFTOVER = re.compile(r"\..+\.pi-installer-tui-[0-9a-f]{8}", re.DOTALL)

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
#: open(2): enough to look for something in it, also where its names can't be read
_WAY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_NAME_MAX = 255  # bytes, limits.h
_LINKS_MAX = 40  # path_resolution(7)
#: lckpwdf(3); shadow's own *.lock files are only made under it (commonio.c), so it is enough
_ACCOUNTS_LOCK = "/etc/.pwd.lock"
_LOCK_WAIT = 15.0  # seconds
_LOCK_LOOK = 0.05  # seconds


def _nothing(point: str) -> None:
    return None


class Files:
    """The files below `root`. Paths are the machine's own absolute ones.

    between: called with `temporary-written` and `renamed` while a file or a link is put in place; a crash test ends
             the process there.
    """

    def __init__(self, root: str = "/", between: Callable[[str], None] | None = None) -> None:
        self.root = root.rstrip("/")
        self._between = between or _nothing

    # where a path really is ---------------------------------------------------------------------------------------

    def resolve(self, path: str, *, follow: bool) -> str:
        """The machine's path with its links and `..` resolved inside the root, as a process confined to it sees them;
        the last part only with `follow`. Parts that don't exist are kept. Raises ValueError for a relative path or one
        with a NUL, OSError ELOOP."""
        if not path.startswith("/") or "\0" in path:
            raise ValueError(f"not an absolute path: {path!r}")
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        done: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                del done[-1:]
                continue
            done.append(part)
            if todo or follow:
                try:
                    target = os.readlink(f"{self.root}/{'/'.join(done)}")  # noqa: PTH115  (a Path costs ten times that)
                except OSError:
                    continue  # no link, or nothing there
                links += 1
                if links > _LINKS_MAX:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                done = [] if target.startswith("/") else done[:-1]
                todo.extend(part for part in reversed(target.split("/")) if part not in ("", "."))
        return "/" + "/".join(done)

    def at(self, path: str, *, follow: bool = False) -> str:
        """Where the path lies on the disk. With the root "/" the kernel resolves it."""
        if not self.root:
            if not path.startswith("/") or "\0" in path:
                raise ValueError(f"not an absolute path: {path!r}")
            return path
        if path.endswith("/"):
            follow = True
        return self.root + self.resolve(path, follow=follow)

    # reading ------------------------------------------------------------------------------------------------------

    def read(self, path: str, *, follow: bool = True) -> bytes:
        """A regular file's content, links followed. A device or a pipe, which could block or never end, is refused
        with OSError EINVAL. Without `follow` a link in its place is refused with OSError ELOOP, and on the way to it
        one that isn't root's, so that nobody gets another file read by swapping theirs for a link."""
        with _named(path), self._opened(path, follow=follow) as file:
            return file.readall()

    def read_part(self, path: str, start: int, length: int) -> FilePart:
        """A piece of a regular file; links as in `read` without `follow`."""
        with _named(path), self._opened(path, follow=False) as file:
            found = os.fstat(file.fileno())
            data = os.pread(file.fileno(), max(0, length), max(0, start))
            return FilePart(data, found.st_size, (found.st_dev, found.st_ino))

    @contextlib.contextmanager
    def _opened(self, path: str, *, follow: bool) -> Iterator[io.FileIO]:
        """A regular file, to be read."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        with contextlib.ExitStack() as opened:
            if follow:
                descriptor = os.open(self.at(path, follow=True), flags)
            else:
                folder, name = opened.enter_context(self._folder(path))
                descriptor = os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
            file = opened.enter_context(os.fdopen(descriptor, "rb", buffering=0))
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            if not stat.S_ISREG(mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            yield file

    def stat(self, path: str) -> FileStat | None:
        """lstat; None where nothing is there."""
        at = self.at(path)
        try:
            with _named(path):
                found = os.lstat(at)
                target = str(Path(at).readlink()) if stat.S_ISLNK(found.st_mode) else None
        except (FileNotFoundError, NotADirectoryError):
            return None
        mode = found.st_mode
        return FileStat(
            kind=file_kind(mode),
            mode=stat.S_IMODE(mode),
            uid=found.st_uid,
            gid=found.st_gid,
            size=found.st_size,
            mtime_ns=found.st_mtime_ns,
            target=target,
        )

    def listdir(self, path: str) -> tuple[str, ...]:
        """Sorted names; empty where the folder doesn't exist."""
        try:
            with _named(path):
                return tuple(sorted(entry.name for entry in Path(self.at(path, follow=True)).iterdir()))
        except FileNotFoundError:
            return ()

    def xattrs(self, path: str) -> dict[str, bytes]:
        """The extended attributes of a regular file that are kept when it is replaced."""
        try:
            with _named(path), self._folder(path) as (folder, name):
                at = f"/proc/self/fd/{folder}/{name}"
                return _xattrs(at) if stat.S_ISREG(os.lstat(at).st_mode) else {}
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def realpath(self, path: str) -> str:
        """Every link resolved, inside the root."""
        if self.root:
            return self.resolve(path, follow=True)
        return os.path.realpath(self.at(path))

    # changing -----------------------------------------------------------------------------------------------------

    def replace(
        self, path: str, data: bytes, *, mode: int, uid: int, gid: int, xattrs: Mapping[str, bytes] | None = None
    ) -> None:
        """Puts a file there, atomically and durably. Raises OSError, and then nothing has changed."""
        if xattrs is None:
            xattrs = self.xattrs(path)
        with _named(path), self._folder(path) as (folder, name):
            temporary = _temporary(name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
            try:
                try:
                    _write_all(descriptor, data)
                    self._own(descriptor, uid, gid)
                    # after the owner: chown takes capabilities and set-user-ID bits away
                    for attribute, value in xattrs.items():
                        _set_xattr(descriptor, attribute, value)
                    os.fchmod(descriptor, mode)  # last: it sets the access list's mask (acl(5))
                    self._sync(descriptor)
                finally:
                    os.close(descriptor)
                self._between("temporary-written")
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            self._between("renamed")
            self._sync_folder(folder)

    def symlink(self, path: str, target: str) -> None:
        """Puts a link there, atomically and durably, replacing a file or a link."""
        with _named(path), self._folder(path) as (folder, name):
            temporary = _temporary(name)
            os.symlink(target, temporary, dir_fd=folder)
            try:
                self._between("temporary-written")
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            self._between("renamed")
            self._sync_folder(folder)

    def mkdir(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        """Makes one folder, durably."""
        with _named(path), self._folder(path.rstrip("/") or "/") as (folder, name):
            os.mkdir(name, 0o700, dir_fd=folder)
            made = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            try:
                self._own(made, uid, gid)
                os.fchmod(made, mode)
                self._sync(made)
            finally:
                os.close(made)
            self._sync_folder(folder)

    def remove(self, path: str) -> None:
        """Removes a file, a link or an empty folder, durably."""
        with _named(path), self._folder(path.rstrip("/") or "/") as (folder, name):
            found = os.lstat(name, dir_fd=folder)
            if stat.S_ISDIR(found.st_mode):
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)
            self._sync_folder(folder)

    def chmod(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        """Sets owner and permission bits of a file or folder; a link is refused with OSError ELOOP."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with _named(path), self._folder(path.rstrip("/") or "/") as (folder, name):
            kind = stat.S_IFMT(os.lstat(name, dir_fd=folder).st_mode)
            if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                raise OSError(errno.EINVAL, "not a regular file or a folder", path)
            descriptor = os.open(name, flags, dir_fd=folder)
            try:
                self._own(descriptor, uid, gid)
                os.fchmod(descriptor, mode)
                self._sync(descriptor)
            finally:
                os.close(descriptor)

    def try_lock(self, path: str) -> int | None:
        """Takes a file's lock (fcntl(2), F_SETLK) for writing, and makes the file where it isn't there; None: somebody
        else has it. The lock lasts until the descriptor is closed. Raises OSError."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with _named(path), self._folder(path) as (folder, name):
            descriptor = os.open(name, flags, 0o600, dir_fd=folder)
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            except BaseException:
                os.close(descriptor)
                raise
            return descriptor

    @contextlib.contextmanager
    def _folder(self, path: str) -> Iterator[tuple[int, str]]:
        """The folder of a path, opened, and the last part: nobody can put another folder in its place meanwhile.

        It is opened part by part, and a link is followed only where nobody but root (or who this process runs as) can
        have put it there: in somebody's home a folder could be swapped for a link between a look and a change. Raises
        OSError ELOOP. Source: path_resolution(7), openat(2)."""
        at = self.at(path)[len(self.root) :]
        above, name = posixpath.split(at)
        if name in ("", ".", ".."):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        with contextlib.ExitStack() as opened:
            yield _walk(opened, self.root or "/", above), name

    def _sync_folder(self, folder: int) -> None:
        descriptor = os.open(".", _FOLDER, dir_fd=folder)
        try:
            self._sync(descriptor)
        finally:
            os.close(descriptor)

    def _sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def _own(self, descriptor: int, uid: int, gid: int) -> None:
        found = os.fstat(descriptor)
        if (found.st_uid, found.st_gid) != (uid, gid):
            os.fchown(descriptor, uid, gid)


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Errors name the machine's path, not where it lies on the disk or the temporary file."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is not None:
            error.filename, error.filename2 = path, None
        raise


def _walk(opened: contextlib.ExitStack, root: str, path: str) -> int:
    """Opens a folder below `root` part by part; `opened` closes what it opened."""
    first = os.open(root, _WAY)
    opened.callback(os.close, first)
    way, links = [first], 0
    todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    while todo:
        part = todo.pop()
        if part == "..":
            del way[max(1, len(way) - 1) :]
            continue
        folder = way[-1]
        try:
            below = os.open(part, _WAY | os.O_NOFOLLOW, dir_fd=folder)
        except OSError as error:
            # open(2): a link is ELOOP, and with O_DIRECTORY ENOTDIR
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            target = _followed(part, folder)
            links += 1
            if links > _LINKS_MAX:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None
            if target.startswith("/"):
                del way[1:]
            todo.extend(each for each in reversed(target.split("/")) if each not in ("", "."))
            continue
        opened.callback(os.close, below)
        way.append(below)
    return way[-1]


def _followed(part: str, folder: int) -> str:
    """Where a link leads that may be followed."""
    ours = {0, os.geteuid()}
    found, above = os.lstat(part, dir_fd=folder), os.fstat(folder)
    if not stat.S_ISLNK(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), part)
    others_write = above.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not above.st_mode & stat.S_ISVTX
    if found.st_uid not in ours or above.st_uid not in ours or others_write:
        raise OSError(errno.ELOOP, "a link that somebody else could have made", part)
    return os.readlink(part, dir_fd=folder)


def _xattrs(at: str) -> dict[str, bytes]:
    try:
        return {
            name: os.getxattr(at, name, follow_symlinks=False)
            for name in os.listxattr(at, follow_symlinks=False)
            if name.startswith("user.") or name in ("security.capability", "system.posix_acl_access")
        }
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return {}


def _set_xattr(descriptor: int, name: str, value: bytes) -> None:
    try:
        os.setxattr(descriptor, name, value)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise


def _temporary(name: str) -> str:
    ending = f".pi-installer-tui-{os.urandom(4).hex()}"
    return os.fsdecode(b"." + os.fsencode(name)[: _NAME_MAX - 1 - len(ending)]) + ending


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


class HostWithFiles(Host):
    """A host whose files are `Files`."""

    _files: Files

    @contextlib.asynccontextmanager
    async def lock_accounts(self) -> AsyncIterator[None]:
        end = time.monotonic() + _LOCK_WAIT
        while (descriptor := self._files.try_lock(_ACCOUNTS_LOCK)) is None:
            if time.monotonic() > end:
                raise AccountsLocked
            await asyncio.sleep(_LOCK_LOOK)
        try:
            yield
        finally:
            os.close(descriptor)

    async def read(self, path: str, *, follow: bool = True) -> bytes:
        return self._files.read(path, follow=follow)

    async def read_part(self, path: str, start: int, length: int) -> FilePart:
        return self._files.read_part(path, start, length)

    async def stat(self, path: str) -> FileStat | None:
        return self._files.stat(path)

    async def listdir(self, path: str) -> tuple[str, ...]:
        return self._files.listdir(path)

    async def xattrs(self, path: str) -> Mapping[str, bytes]:
        return self._files.xattrs(path)

    async def realpath(self, path: str) -> str:
        return self._files.realpath(path)

    async def replace(
        self, path: str, data: bytes, *, mode: int, uid: int, gid: int, xattrs: Mapping[str, bytes] | None = None
    ) -> None:
        self._files.replace(path, data, mode=mode, uid=uid, gid=gid, xattrs=xattrs)

    async def symlink(self, path: str, target: str) -> None:
        self._files.symlink(path, target)

    async def mkdir(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        self._files.mkdir(path, mode=mode, uid=uid, gid=gid)

    async def remove(self, path: str) -> None:
        self._files.remove(path)

    async def chmod(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        self._files.chmod(path, mode=mode, uid=uid, gid=gid)

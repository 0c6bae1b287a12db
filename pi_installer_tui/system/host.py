"""`Host`: the one door to a machine. `LocalHost` (local.py) is the real one, `DemoHost` (demo/) plays one.

Everything is asynchronous, so that a screen never waits. Paths are the machine's own absolute paths (a DemoHost maps
them into its tree). Commands are argument lists and never a shell line.
"""

from __future__ import annotations

import stat as _stat
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal

FileKind = Literal["file", "directory", "link", "other"]

#: Programs are looked for here and nowhere else, whoever's environment we were started with.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class HostError(Exception):
    """Something the machine refused; the message is one sentence in words and holds no secret."""


class CommandNotFound(HostError):
    """The program isn't installed."""

    def __init__(self, program: str) -> None:
        super().__init__(f"{program} is not installed")
        self.program = program


class AccountsLocked(HostError):
    """Another program is changing the account files."""

    def __init__(self) -> None:
        super().__init__("the account files are locked by another program")


class CommandFailed(HostError):
    """A command ended with a status that wasn't expected."""

    def __init__(self, done: Completed) -> None:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [""]
        super().__init__(f"{done.argv[0]} ended with status {done.status}: {last[0]}".removesuffix(": "))
        self.done = done


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended. `status` is the exit status, negative: ended by that signal."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        return self.status == 0


@dataclass(frozen=True, slots=True)
class FileStat:
    """A path as lstat sees it (never followed). mode: permission bits (0o7777). mtime_ns: nanoseconds."""

    kind: FileKind
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    target: str | None = None  # of a link: what it says, unresolved


@dataclass(frozen=True, slots=True)
class FilePart:
    """A piece of a file. size: of the whole file, in bytes. identity: its device and inode, which a rename keeps."""

    data: bytes
    size: int
    identity: tuple[int, int]


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """A file system's size, in bytes. free: what may still be written by others than root."""

    total: int
    used: int
    free: int


@dataclass(frozen=True, slots=True)
class Datagram:
    """A datagram that came, and where from."""

    data: bytes
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a web server answered."""

    status: int
    body: bytes


class Process(ABC):
    """A command that runs in a process group of its own."""

    argv: tuple[str, ...]
    pid: int

    @abstractmethod
    def chunks(self) -> AsyncIterator[bytes]:
        """Standard output and error, as they come (64 KiB at most each), until both are closed."""

    @abstractmethod
    async def wait(self) -> int:
        """The exit status; negative: ended by that signal."""

    @abstractmethod
    async def end(self, grace: float = 5.0) -> None:
        """Ends the whole process group: SIGTERM, after `grace` seconds SIGKILL. Returns when it is gone."""


class Host(ABC):
    """A machine that can be read and changed."""

    #: "local" or "demo": together with `address` all that a job's process needs to open the same host again.
    kind: str
    #: a demo's root folder; "/" for the real machine
    address: str
    #: whether this process may change the machine (root, or a demo)
    privileged: bool

    # commands -----------------------------------------------------------------------------------------------------

    @abstractmethod
    async def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002  (subprocess's own word)
        env: Mapping[str, str] | None = None,
        check: bool = False,
    ) -> Completed:
        """Runs a command to its end and returns its output, decoded as UTF-8 with replacement.

        It runs under LC_ALL=C.UTF-8, PATH as above and DEBIAN_FRONTEND=noninteractive, `env` on top, its standard
        input empty unless given, in / and in a process group of its own that ends when this call is cancelled.
        Raises CommandNotFound, and CommandFailed with `check` where the status isn't 0.
        """

    @abstractmethod
    def start(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        grace: float = 5.0,
    ) -> AbstractAsyncContextManager[Process]:
        """The same, its output read as it comes (standard error joined to it). Leaving the context early, by an
        error or a cancellation, ends the process group as `Process.end(grace)` does. What a command that ended by
        itself left running (a daemon) is left alone."""

    @abstractmethod
    async def which(self, program: str) -> str | None:
        """The absolute path of a program, None where it isn't installed."""

    # the network --------------------------------------------------------------------------------------------------

    async def datagram(
        self,
        address: str,
        port: int,
        data: bytes,
        *,
        waits: Sequence[float],
        wanted: Callable[[Datagram], bool],
        source: str = "",
    ) -> Datagram | None:
        """Asks by UDP: sends `data`, again after each of the seconds in `waits`, and returns the first answer that is
        `wanted`; None where none came. address: one machine's (of the link's own with %INTERFACE), whose answers alone
        are taken, or a group's (multicast), which anyone may answer. source: an address of ours to ask from, "" for
        the kernel's choice. Raises OSError: ConnectionRefusedError where nobody listens, or that it can't be
        reached."""
        raise HostError("this machine can't be asked for its network")

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        seconds: float = 5.0,
        most: int = 256 * 1024,
        version: int = 0,
        source: str = "",
    ) -> Fetched:
        """Asks by HTTP or HTTPS, and follows no redirection. seconds: for all of it; most: bytes of the answer;
        version: of IP, 0 for either; source: an address of ours to ask from, "" for the kernel's choice. Raises
        HostError."""
        raise HostError("this machine can't be asked for its network")

    # reading files ------------------------------------------------------------------------------------------------

    @abstractmethod
    async def read(self, path: str, *, follow: bool = True) -> bytes:
        """A file's content (links followed; without `follow` a link in its place, or on the way to it one that isn't
        root's, is refused with OSError ELOOP). Raises FileNotFoundError, PermissionError, IsADirectoryError."""

    @abstractmethod
    async def read_part(self, path: str, start: int, length: int) -> FilePart:
        """`length` bytes of a file from `start` on (less where it ends before), as `read` without `follow` reads."""

    @abstractmethod
    async def stat(self, path: str) -> FileStat | None:
        """lstat, None where nothing is there. Raises PermissionError."""

    @abstractmethod
    async def listdir(self, path: str) -> tuple[str, ...]:
        """Sorted names in a folder; empty where it doesn't exist. Raises PermissionError, NotADirectoryError."""

    @abstractmethod
    async def xattrs(self, path: str) -> Mapping[str, bytes]:
        """The extended attributes of a file that are kept when it is replaced: user.*, capabilities, the access list
        (acl(5)). Empty for anything else, and where the file system has none. Raises PermissionError."""

    @abstractmethod
    async def realpath(self, path: str) -> str:
        """The path with every link in it resolved, as the machine sees it; parts that don't exist are kept."""

    # changing files (tasks/steps only) ----------------------------------------------------------------------------

    @abstractmethod
    async def replace(
        self, path: str, data: bytes, *, mode: int, uid: int, gid: int, xattrs: Mapping[str, bytes] | None = None
    ) -> None:
        """Puts a file there, atomically and durably: a temporary file in the same folder, fsync, rename, fsync of
        the folder. What was there, a link too, is replaced, never written through.

        xattrs: the extended attributes that it gets; None: those of the file that it replaces."""

    @abstractmethod
    async def symlink(self, path: str, target: str) -> None:
        """Puts a link there, atomically, replacing a file or a link."""

    @abstractmethod
    async def mkdir(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        """Makes one folder. Raises FileExistsError, FileNotFoundError (no parent)."""

    @abstractmethod
    async def remove(self, path: str) -> None:
        """Removes a file, a link or an empty folder, durably. Raises FileNotFoundError, OSError (not empty)."""

    @abstractmethod
    async def chmod(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        """Sets permission bits and owner of a file or folder (not of a link)."""

    @abstractmethod
    def lock_accounts(self) -> AbstractAsyncContextManager[None]:
        """Holds the lock that useradd(8), passwd(1), vipw(8), systemd-sysusers(8) and the like take before they change
        the account files, so that nothing of theirs is lost. No such program may be run meanwhile: it would wait.
        Raises AccountsLocked where somebody else has it for 15 seconds. Source: lckpwdf(3)."""

    # facts --------------------------------------------------------------------------------------------------------

    @abstractmethod
    async def systemd(self) -> bool:
        """Whether systemd is PID 1 (/run/systemd/system exists)."""

    @abstractmethod
    async def disk(self, path: str) -> DiskUsage:
        """The file system that holds a path. Raises OSError. Don't ask it of one that may hang (NFS)."""

    @abstractmethod
    async def announce(self, text: str) -> None:
        """Tells everyone who is logged in on a terminal, but for those on which this program runs."""

    async def text(self, path: str) -> str | None:
        """A small text file, None where it doesn't exist."""
        try:
            return (await self.read(path)).decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return None


def file_kind(mode: int) -> FileKind:
    """The kind of a file from its st_mode."""
    if _stat.S_ISREG(mode):
        return "file"
    if _stat.S_ISDIR(mode):
        return "directory"
    return "link" if _stat.S_ISLNK(mode) else "other"

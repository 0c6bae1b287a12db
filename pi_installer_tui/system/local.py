"""The machine that this program runs on. Commands are started by asyncio's subprocess, in a session of their own and
with an environment made here; files are changed as system/files.py says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from pi_installer_tui.system import terminals
from pi_installer_tui.system.files import Files, HostWithFiles
from pi_installer_tui.system.host import (
    PATH,
    CommandFailed,
    CommandNotFound,
    Completed,
    Datagram,
    DiskUsage,
    Fetched,
    HostError,
    Process,
)

CHUNK = 64 * 1024  # bytes
#: bytes of output that wait for their reader before the command is made to wait
_WAITING_MAX = 1024 * 1024
#: seconds that output is still awaited after a command ended, when something it started holds its end open
_LINGER = 1.0
#: seconds between looks at a group that is ending
_LOOK = 0.02
#: seconds that the kernel may need to end a group after SIGKILL (a process in a disk's or NFS's hands)
_KILL = 2.0


class LocalHost(HostWithFiles):
    """The real machine. With another root than "/" only the files below it; commands are refused, they would run
    outside of it.

    between: see `Files`.
    """

    kind = "local"

    def __init__(self, root: str = "/", *, between: Callable[[str], None] | None = None) -> None:
        self.address = root
        self.privileged = os.geteuid() == 0
        self._files = Files(root, between)

    # commands -----------------------------------------------------------------------------------------------------

    async def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str] | None = None,
        check: bool = False,
    ) -> Completed:
        process = await self._spawn(argv, input, env, (), joined=False)
        try:
            status = await process.wait()
            await process.drained()
        except BaseException:
            await process.end()
            raise
        finally:
            process.close()
        stdout, stderr = (b"".join(process.waiting[fd]).decode("utf-8", "replace") for fd in (1, 2))
        done = Completed(tuple(argv), status, stdout, stderr)
        if check and not done.ok:
            raise CommandFailed(done)
        return done

    @contextlib.asynccontextmanager
    async def start(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        grace: float = 5.0,
    ) -> AsyncIterator[Process]:
        process = await self._spawn(argv, input, env, pass_fds, joined=True)
        try:
            yield process
        except BaseException:
            await process.end(grace)
            raise
        else:
            if not process.exited.is_set():
                await process.end(grace)
        finally:
            process.close()

    async def which(self, program: str) -> str | None:
        return find_program(program)

    async def _spawn(
        self,
        argv: Sequence[str],
        input: bytes | None,  # noqa: A002
        env: Mapping[str, str] | None,
        pass_fds: Sequence[int],
        *,
        joined: bool,
    ) -> _LocalProcess:
        check_command(argv, env)
        if self.address != "/":
            raise HostError(f"commands can't be run in {self.address}")
        executable = find_program(argv[0])
        if executable is None:
            raise CommandNotFound(argv[0])
        spawning = asyncio.ensure_future(
            asyncio.get_running_loop().subprocess_exec(
                lambda: _LocalProcess(argv, joined=joined),
                *argv,
                executable=executable,
                stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if joined else subprocess.PIPE,
                cwd="/",
                env={**environment(), **(env or {})},
                pass_fds=tuple(pass_fds),
                start_new_session=True,
                umask=0o022,
            )
        )
        try:
            _, process = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):
                _, process = await spawning
                await process.end()
                process.close()
            raise
        except FileNotFoundError:
            raise CommandNotFound(argv[0]) from None
        except OSError as error:
            raise HostError(f"{argv[0]} could not be started: {error.strerror}") from None
        if input is not None:
            process.feed(input)
        return process

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
        from pi_installer_tui.system import exchange

        return await exchange.datagram(address, port, data, waits=waits, wanted=wanted, source=source)

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
        from pi_installer_tui.system import exchange  # http.client brings ssl

        return await exchange.fetch(
            url, method=method, headers=headers, body=body, seconds=seconds, most=most, version=version, source=source
        )

    # facts --------------------------------------------------------------------------------------------------------

    async def systemd(self) -> bool:
        found = await self.stat("/run/systemd/system")  # sd_booted(3)
        return found is not None and found.kind == "directory"

    async def announce(self, text: str) -> None:
        if self.address == "/":
            terminals.tell(text)

    async def disk(self, path: str) -> DiskUsage:
        found = os.statvfs(self._files.at(path, follow=True))
        size = found.f_frsize
        return DiskUsage(found.f_blocks * size, (found.f_blocks - found.f_bfree) * size, found.f_bavail * size)


class _LocalProcess(Process, asyncio.SubprocessProtocol):
    """A running command, told by asyncio what happens to it.

    waiting: output that nobody took yet, by descriptor (1, 2); with `joined` all of it under 1.
    """

    def __init__(self, argv: Sequence[str], *, joined: bool) -> None:
        self.argv = tuple(argv)
        self.pid = 0
        self.waiting: dict[int, deque[bytes]] = {1: deque(), 2: deque()}
        self.exited = asyncio.Event()
        self._open = {1} if joined else {1, 2}
        self._bounded = joined
        self._size = 0
        self._paused = False
        self._changed = asyncio.Event()
        self._transport: asyncio.SubprocessTransport
        self._status: int | None = None

    # told by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        self.pid = transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        for at in range(0, len(data), CHUNK):
            self.waiting[fd].append(data[at : at + CHUNK])
        self._size += len(data)
        if self._bounded and self._size > _WAITING_MAX and not self._paused:
            self._reading().pause_reading()
            self._paused = True
        self._changed.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open.discard(fd)
        self._changed.set()

    def process_exited(self) -> None:
        self._status = self._transport.get_returncode()
        self.exited.set()
        self._changed.set()

    # asked by its owner

    def feed(self, data: bytes) -> None:
        """Writes its standard input, as it takes it, and closes it. One that doesn't want all of it may end."""
        stdin = self._transport.get_pipe_transport(0)
        assert isinstance(stdin, asyncio.WriteTransport)
        stdin.write(data)
        stdin.close()

    async def chunks(self) -> AsyncIterator[bytes]:
        waiting = self.waiting[1]
        while True:
            while waiting:
                chunk = waiting.popleft()
                self._size -= len(chunk)
                if self._paused and self._size < _WAITING_MAX // 2:
                    self._paused = False
                    self._reading().resume_reading()
                yield chunk
            if not await self._more():
                return

    async def drained(self) -> None:
        """Waits for the end of the output."""
        while await self._more():
            pass

    async def _more(self) -> bool:
        """Waits until something happened; False: there is no more output to come."""
        if not self._open:
            return False
        self._changed.clear()
        if not self.exited.is_set():
            await self._changed.wait()
            return True
        try:
            async with asyncio.timeout(_LINGER):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def wait(self) -> int:
        await self.exited.wait()
        assert self._status is not None
        return self._status

    async def end(self, grace: float = 5.0) -> None:
        """As `Process.end`. A process that left the group (by a session of its own) is not ours to end."""
        try:
            if self._signal(signal.SIGTERM):
                await self._gone(grace)
        finally:  # cancelled while it waits: without grace
            if self._signal(signal.SIGKILL):
                await self._gone(_KILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILL):
                await self.exited.wait()

    def close(self) -> None:
        """Lets go of the pipes."""
        self._transport.close()

    def _signal(self, number: int) -> bool:
        """Signals the group; False: nobody is in it."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:  # all that is left runs as somebody else (a set-user-ID program)
            return False
        return True

    async def _gone(self, seconds: float) -> None:
        """Waits until the group is empty, `seconds` at most. Nothing tells of processes that aren't our children, so
        it has to look; one that is dead and only waits for an init that is slow to notice counts as gone."""
        for look in range(round(seconds / _LOOK)):
            if not self._signal(0) or (look % 5 == 4 and self.exited.is_set() and not group_lives(self.pid)):
                return
            await asyncio.sleep(_LOOK)

    def _reading(self) -> asyncio.ReadTransport:
        transport = self._transport.get_pipe_transport(1)
        assert isinstance(transport, asyncio.ReadTransport)
        return transport


def group_lives(group: int) -> bool:
    """Whether a process group has a process that isn't a zombie. Source: proc_pid_stat(5)."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                said = Path(entry.path, "stat").read_text("utf-8", "replace")
                state, _parent, its_group = said.rpartition(")")[2].split()[:3]
                if int(its_group) == group and state not in ("Z", "X"):
                    return True
    return False


def environment() -> dict[str, str]:
    """The whole environment of a command: nothing of ours reaches it, so its output is the same for everyone."""
    user = pwd.getpwuid(os.geteuid())
    return {
        "PATH": PATH,
        "LC_ALL": "C.UTF-8",
        "LANG": "C.UTF-8",
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "SHELL": "/bin/sh",
        "TERM": "dumb",
        "DEBIAN_FRONTEND": "noninteractive",
    }


def find_program(program: str) -> str | None:
    """The absolute path of a program on `PATH` (or of an absolute path itself), None where it can't be run."""
    paths = [program] if program.startswith("/") else [f"{folder}/{program}" for folder in PATH.split(":")]
    if not program or ("/" in program and not program.startswith("/")):
        return None
    for path in paths:
        if Path(path).is_file() and os.access(path, os.X_OK):
            return path
    return None


def check_command(argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Refuses with ValueError or TypeError what can't be a command: a string instead of a list, no program, a NUL."""
    if isinstance(argv, str) or not argv:
        raise TypeError("a command is a list of arguments")
    for argument in (*argv, *(env or {}).keys(), *(env or {}).values()):
        if not isinstance(argument, str):
            raise TypeError(f"an argument is text, not {type(argument).__name__}")
        if "\0" in argument:
            raise ValueError("an argument has a NUL in it")
    if not argv[0]:
        raise ValueError("a command has a program")
    if any("=" in name or not name for name in env or {}):
        raise ValueError("the name of a variable has a = in it or is empty")

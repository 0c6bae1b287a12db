"""`DemoHost`: a machine that is only played. Its files are a tree of its own, its programs the players."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from pi_installer_tui.system.demo import (  # they register the players
    accounts,  # noqa: F401
    basics,  # noqa: F401
    journal,  # noqa: F401
    listening,  # noqa: F401
    network,  # noqa: F401
    nftables,  # noqa: F401
    packages,
    security,  # noqa: F401
    ufw,  # noqa: F401
    units,  # noqa: F401
    wireguard,  # noqa: F401
)
from pi_installer_tui.system.demo.players import PLAYERS, Call, Player, Refused, played_in
from pi_installer_tui.system.demo.tree import Machine, create
from pi_installer_tui.system.files import HostWithFiles
from pi_installer_tui.system.host import (
    CommandFailed,
    CommandNotFound,
    Completed,
    Datagram,
    DiskUsage,
    Fetched,
    Process,
)
from pi_installer_tui.system.local import CHUNK, check_command, environment

played_in("disks", "lsblk", "findmnt")
played_in("disks", "blkid", folder="/usr/sbin")
played_in("mounting", "mount", "umount")
played_in("gpg", "gpg", package="gpg")
played_in("servers", "ssh-keyscan", "ssh", "sftp")
played_in("ourselves", "python", folder="/opt/pi-installer-tui/current/bin")
played_in("restic", "restic", package="restic")
played_in("calendars", "systemd-analyze")
played_in("crontabs", "crontab", package="cron")
played_in("crontabs", "at", "atq", "atrm", package="at")
played_in("running", "setpriv", "chmod", "test")
played_in("databases", "pg_dump", package="postgresql-client-17")

#: above the kernel's highest pid (PID_MAX_LIMIT, proc(5)): nothing real can be signalled by a played one
_pids = itertools.count(2**22 + 1)
_WAITING_MAX = 4096  # chunks that wait for their reader


class DemoHost(HostWithFiles):
    """A demo machine in its folder. `DemoHost.create()` makes a fresh one, `DemoHost(address)` opens it, from any
    process. It can always be changed; nothing of the real machine is read or touched.

    between: see `Files`.
    """

    kind = "demo"

    def __init__(self, address: str, *, between: Callable[[str], None] | None = None) -> None:
        if not Path(address, "root").is_dir():
            raise FileNotFoundError(f"no demo machine in {address}")
        self.address = address
        self.privileged = True
        self.machine = Machine(address)
        self._files = self.machine.files
        if between is not None:
            self._files = type(self._files)(address, between)

    @classmethod
    def create(cls, folder: str | None = None) -> DemoHost:
        """A fresh Raspberry Pi 4 in a new folder."""
        return cls(create(folder))

    @classmethod
    def furnished(cls, folder: str | None = None) -> DemoHost:
        """A Raspberry Pi 4 that serves already: with a VPN and its peers, a database server, and scheduled jobs."""
        from pi_installer_tui.system.demo import databases, scheduled, tunnel

        host = cls.create(folder)
        scheduled.make(host.machine)
        tunnel.make(host.machine)
        databases.make(host.machine)
        return host

    @property
    def state(self) -> Path:
        """The state directory for the jobs on this machine."""
        return Path(self.address, "state")

    # commands -----------------------------------------------------------------------------------------------------

    async def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str] | None = None,
        check: bool = False,
    ) -> Completed:
        process = self._spawn(argv, input, env, (), joined=False)
        output: dict[int, list[bytes]] = {1: [], 2: []}
        try:
            async for fd, chunk in process.output():
                output[fd].append(chunk)
            status = await process.wait()
        finally:
            await process.end()
        stdout, stderr = (b"".join(output[fd]).decode("utf-8", "replace") for fd in (1, 2))
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
        process = self._spawn(argv, input, env, pass_fds, joined=True)
        try:
            yield process
        finally:
            await process.end(grace)

    async def which(self, program: str) -> str | None:
        found = self._player(program)
        return found.path if found else None

    def _player(self, program: str) -> Player | None:
        if program == sys.executable:
            return PLAYERS["python3"]
        folder, slash, name = program.rpartition("/")
        found = PLAYERS.get(name)
        if found is None or (slash and not folder.startswith("/")):
            return None
        if slash and self._files.realpath(program) != found.path:
            return None
        if found.package and not packages.installed(self.machine, found.package):
            return None
        return found

    def _spawn(
        self,
        argv: Sequence[str],
        input: bytes | None,  # noqa: A002
        env: Mapping[str, str] | None,
        pass_fds: Sequence[int],
        *,
        joined: bool,
    ) -> _DemoProcess:
        check_command(argv, env)
        found = self._player(argv[0])
        if found is None:
            raise CommandNotFound(argv[0])
        return _DemoProcess(self.machine, found, argv, input or b"", {**environment(), **(env or {})}, pass_fds, joined)

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
        from pi_installer_tui.system.demo import router

        return await router.datagram(self.machine, address, port, data, waits, wanted)

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
        from pi_installer_tui.system.demo import router

        return await router.fetch(self.machine, url, method, headers or {}, body, version)

    # files --------------------------------------------------------------------------------------------------------

    async def read(self, path: str, *, follow: bool = True) -> bytes:
        live = LIVE.get(path)
        return await super().read(path, follow=follow) if live is None else live(self).encode()

    @contextlib.asynccontextmanager
    async def lock_accounts(self) -> AsyncIterator[None]:
        """The players' own lock. Nothing in it waits: the demo's files are changed where that is asked for."""
        with self.machine.locked():
            yield

    # facts --------------------------------------------------------------------------------------------------------

    async def systemd(self) -> bool:
        return self.machine.exists("/run/systemd/system")

    async def announce(self, text: str) -> None:
        """A demo's owner is in front of the screen; nobody else is logged in."""

    async def disk(self, path: str) -> DiskUsage:
        real = self._files.realpath(path)
        best: tuple[int, DiskUsage] | None = None
        for line in (self.machine.text("/run/demo/disks") or "").splitlines():
            mount, total, used, free = line.split()
            if (real == mount or real.startswith(mount.rstrip("/") + "/")) and (best is None or len(mount) > best[0]):
                best = len(mount), DiskUsage(int(total), int(used), int(free))
        if best is None:
            raise FileNotFoundError(path)
        return best[1]

    @property
    def uptime(self) -> float:
        """Seconds since the demo machine was made, and the four hours that it ran before."""
        return time.time() - Path(self.address, "state").stat().st_ctime + 4 * 3600


def _temperature(host: DemoHost) -> str:
    return f"{int(48_700 + 2_900 * math.sin(host.uptime / 23))}\n"


#: what a kernel makes up when it is read
LIVE: dict[str, Callable[[DemoHost], str]] = {
    "/proc/uptime": lambda host: f"{host.uptime:.2f} {host.uptime * 3.82:.2f}\n",
    "/proc/loadavg": lambda host: f"{0.21 + 0.17 * math.sin(host.uptime / 31):.2f} 0.18 0.12 1/187 {os.getpid()}\n",
    "/sys/class/thermal/thermal_zone0/temp": _temperature,
    "/sys/class/hwmon/hwmon0/temp1_input": _temperature,
}


class _DemoProcess(Process):
    """A player at work, in a task of its own."""

    def __init__(
        self,
        machine: Machine,
        player: Player,
        argv: Sequence[str],
        input: bytes,  # noqa: A002
        env: Mapping[str, str],
        pass_fds: Sequence[int],
        joined: bool,
    ) -> None:
        self.argv = tuple(argv)
        self.pid = next(_pids)
        self._joined = joined
        self._queue: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue(_WAITING_MAX if joined else 0)
        self._status: int | None = None
        fds = {fd: os.dup(fd) for fd in pass_fds}  # as a child process has descriptors of its own
        call = Call(machine, self.argv, input, env, fds, self._emit)
        self._task = asyncio.ensure_future(self._play(player, call))

    async def _play(self, player: Player, call: Call) -> int:
        try:
            return await player.play(call)
        except Refused as refused:
            if refused.message:
                await call.err(refused.message)
            return refused.status
        finally:
            for fd in call.fds.values():
                os.close(fd)

    async def _emit(self, fd: int, data: bytes) -> None:
        for at in range(0, len(data), CHUNK):
            await self._queue.put((1 if self._joined else fd, data[at : at + CHUNK]))

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Chunks, each with its descriptor."""
        while True:
            while not self._queue.empty():
                yield self._queue.get_nowait()
            if self._task.done():
                return
            getting = asyncio.ensure_future(self._queue.get())
            try:
                await asyncio.wait({getting, self._task}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not getting.done():
                    getting.cancel()
            if getting.done() and not getting.cancelled():
                yield getting.result()

    async def chunks(self) -> AsyncIterator[bytes]:
        async for _, chunk in self.output():
            yield chunk

    async def wait(self) -> int:
        while not self._task.done():
            await asyncio.wait({self._task})
        if self._task.cancelled():
            return -signal.SIGTERM
        return self._task.result()

    async def end(self, grace: float = 5.0) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

"""A throw-away database: a dump is loaded into it, what is in it is counted, and it is dropped whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator

from pi_installer_tui.databases import ACCOUNTS, CHECK, Counts, Dump, load_argv
from pi_installer_tui.system.host import Completed, Host, HostError

#: where those of SQLite are
FOLDER = "/var/lib/pi-installer-tui/scratch"
_OURS = re.compile(r"pi_installer_tui_scratch_(\d+)_[0-9a-f]{8}\.db(?:-wal|-shm|-journal)?")


class Scratch:
    """argv: the command that reads the dump from its standard input, with load_argv's status and standard error. Of
    ACCOUNTS, which would change the whole server, it only tells whether the dump is whole, and nothing is counted."""

    def __init__(self, host: Host, dump: Dump, name: str) -> None:
        self._host = host
        self._dump = dump
        self._name = name
        self.argv = load_argv(dump, name)

    async def count(self) -> Counts:
        """What is in it. Raises HostError."""
        return await _count(self._host, self._dump, self._name)

    async def live(self) -> Counts:
        """What is in the database that the dump was made of. Raises HostError, also where that isn't there any more."""
        return await _count(self._host, self._dump, self._dump.of)


@contextlib.asynccontextmanager
async def scratch(host: Host, dump: Dump) -> AsyncIterator[Scratch]:
    """Makes one and drops it at the end; what earlier ones left that were killed is dropped first. Raises HostError."""
    if dump.of == ACCOUNTS:
        yield Scratch(host, dump, CHECK)
        return
    await sweep(host, dump)
    name = f"pi_installer_tui_scratch_{os.getpid()}_{secrets.token_hex(4)}"
    if dump.engine == "sqlite":
        await _folder(host)
        name = f"{FOLDER}/{name}.db"
    try:
        yield Scratch(host, dump, name)
    finally:
        if dump.engine == "sqlite":
            for suffix in ("", "-wal", "-shm", "-journal"):
                with contextlib.suppress(FileNotFoundError):
                    await host.remove(name + suffix)
        else:
            await ask(host, "drop", dump.engine, name, dump.container)


async def sweep(host: Host, dump: Dump) -> None:
    """Drops what earlier ones left on the same server. Raises HostError."""
    if dump.engine != "sqlite":
        await ask(host, "sweep", dump.engine, "", dump.container)
        return
    for name in await host.listdir(FOLDER):
        found = _OURS.fullmatch(name)
        if found and await host.stat(f"/proc/{found[1]}") is None:
            await host.remove(f"{FOLDER}/{name}")


async def ask(host: Host, verb: str, engine: str, database: str, container: str) -> Completed:
    """A verb of answering.py. Raises HostError with what the server said."""
    module = "pi_installer_tui.databases.answering"
    done = await host.run([sys.executable, "-I", "-m", module, verb, engine, database, container])
    if not done.ok:
        raise HostError((done.stderr.strip().splitlines() or [f"{engine}: exit status {done.status}"])[-1])
    return done


async def _count(host: Host, dump: Dump, name: str) -> Counts:
    if dump.of == ACCOUNTS:
        return Counts({})
    done = await ask(host, "count", dump.engine, name, dump.container)
    return Counts({str(table): int(rows) for table, rows in json.loads(done.stdout).items()})


async def _folder(host: Host) -> None:
    for path in (os.path.dirname(FOLDER), FOLDER):  # noqa: PTH120  (a path of the machine, not of this process)
        with contextlib.suppress(FileExistsError):
            await host.mkdir(path, mode=0o700, uid=0, gid=0)

"""Databases as streams: how one is dumped consistently, loaded again, and proven by loading it into one that is thrown
away afterwards.

commands.py   the engines' own programs, on this machine or in a container; postgresql.py, mariadb.py: by them a server
sqlite.py     SQLite's files, by the library
dumping.py, loading.py   the processes that a stream comes from and goes to; streams.py what they share
answering.py  the process that asks; finding.py which databases are here; scratch.py the one that is thrown away
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Engine = Literal["postgresql", "mariadb", "sqlite"]

#: stands for a server's roles or users (`Dump.of`), which belong to none of its databases
ACCOUNTS = "(accounts)"
#: in place of a name that is loaded into: the dump is only read to its end
CHECK = "(check)"


@dataclass(frozen=True, slots=True)
class Dump:
    """A database that is dumped. of: its name, or ACCOUNTS; of sqlite its file's path. container: where it runs, by
    name (`podman:NAME` for Podman's); "": on the machine itself."""

    engine: Engine
    of: str
    container: str = ""

    @property
    def file(self) -> str:
        """Its name in a snapshot, which holds nothing else: `/databases-postgresql-app.sql`. (restic 0.18.0 can't save
        what comes from standard input below a folder: `open /databases: no such file or directory`.)"""
        where = f"{self.container}-" if self.container else ""
        return f"/databases-{self.engine}-{where}{self.of.strip('/').replace('/', '%')}.sql"

    @property
    def tag(self) -> str:
        """What its snapshots are tagged with: `database=postgresql:app`. restic's tags have no commas in them."""
        where = f"{self.container}/" if self.container else ""
        return f"database={self.engine}:{where}{self.of}".replace(",", "%2C")

    @property
    def what(self) -> str:
        """The word for it in settings: `postgresql:app`, `postgresql:wiki-db/app`, `sqlite:/srv/app.db`."""
        where = f"{self.container}/" if self.container else ""
        return f"{self.engine}:{where}{self.of}"


@dataclass(frozen=True, slots=True)
class Found:
    """A database that is here; with `why` a server that can't be asked for its databases (the dump's `of` is "").

    size:  bytes on the disk, None where nobody said
    files: its live files or their folder as the machine sees them: of no use in a backup beside a dump
    """

    dump: Dump
    size: int | None = None
    files: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """What is in a database: rows by table (`public.orders`), views left out."""

    tables: Mapping[str, int]

    @property
    def rows(self) -> int:
        return sum(self.tables.values())

    def lacks(self, live: Counts) -> tuple[str, ...]:
        """Tables of the live one that aren't here, sorted."""
        return tuple(sorted(live.tables.keys() - self.tables.keys()))


def dump_argv(dump: Dump) -> list[str]:
    """A command that writes the dump to its standard output. It ends with another status than 0 where the dump failed
    or is cut off, and says why on standard error in one line; what it wrote before is of no use then."""
    return [sys.executable, "-I", "-m", "pi_installer_tui.databases.dumping", dump.engine, dump.of, dump.container]


def load_argv(dump: Dump, into: str = "") -> list[str]:
    """A command that reads a dump from its standard input and puts it in place of the database, or into one of another
    name (of sqlite a file's path), which is made. What is there stays as it was unless the whole dump could be loaded;
    then it is replaced, and its connections are ended. Status and standard error as of dump_argv."""
    module = "pi_installer_tui.databases.loading"
    return [sys.executable, "-I", "-m", module, dump.engine, into or dump.of, dump.container]

"""Databases as streams: how one is dumped consistently, loaded again, and proven by loading it into one that is thrown
away afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Engine = Literal["postgresql", "mariadb", "sqlite"]


@dataclass(frozen=True, slots=True)
class Dump:
    """A database that is dumped. of: its name; of sqlite its file's path. container: where it runs, by name; "": on the
    machine itself."""

    engine: Engine
    of: str
    container: str = ""

    @property
    def file(self) -> str:
        """Its name in a snapshot, which holds nothing else: `/databases/postgresql/app.sql`."""
        where = f"{self.container}/" if self.container else ""
        return f"/databases/{self.engine}/{where}{self.of.strip('/').replace('/', '%')}.sql"

    @property
    def tag(self) -> str:
        """What its snapshots are tagged with: `database=postgresql:app`. restic's tags have no commas in them."""
        where = f"{self.container}/" if self.container else ""
        return f"database={self.engine}:{where}{self.of}".replace(",", "%2C")

"""The engines behind one face, and the names of databases that are ours and only there for a while."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from pi_installer_tui.databases import Engine
from pi_installer_tui.databases.commands import DatabaseError
from pi_installer_tui.databases.mariadb import MariaDB
from pi_installer_tui.databases.postgresql import PostgreSQL

Server = PostgreSQL | MariaDB

#: of a database that is loaded, one that has been replaced, one that a dump is proven in; by the process with that id
_OURS = re.compile(r"pi_installer_tui_(?:new|old|scratch)_(\d+)_[0-9a-f]{8}")


def server(engine: Engine | str, container: str = "") -> Server:
    """Raises DatabaseError for SQLite, which has none."""
    if engine == "postgresql":
        return PostgreSQL(container)
    if engine == "mariadb":
        return MariaDB(container)
    raise DatabaseError(f"{engine} has no server")


def passing(kind: str) -> str:
    """A name for one that doesn't stay. kind: new, old, scratch."""
    return f"pi_installer_tui_{kind}_{os.getpid()}_{secrets.token_hex(4)}"


def ours(database: str) -> bool:
    return _OURS.fullmatch(database) is not None


def sweep(of: Server) -> None:
    """Drops those whose process is gone: it was killed. Raises DatabaseError."""
    for database in of.everything():
        found = _OURS.fullmatch(database)
        if found and not Path(f"/proc/{found[1]}").exists():
            of.drop(database)

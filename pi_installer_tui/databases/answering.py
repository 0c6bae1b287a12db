"""python -m pi_installer_tui.databases.answering VERB ENGINE DATABASE CONTAINER: asks a server and prints JSON.

list: names and bytes of its databases, and its folder; count: rows by table; drop: one of ours; sweep: what killed
processes left.
"""

from __future__ import annotations

import json

from pi_installer_tui.databases import sqlite
from pi_installer_tui.databases.commands import DatabaseError
from pi_installer_tui.databases.servers import ours, server, sweep
from pi_installer_tui.databases.streams import main


def answer(verb: str, engine: str, database: str, container: str) -> None:
    """Raises DatabaseError."""
    if engine == "sqlite":
        print(json.dumps(dict(sqlite.counts(database).tables)))
        return
    asked = server(engine, container)
    match verb:
        case "list":
            found = {each: size for each, size in asked.databases().items() if not ours(each)}
            print(json.dumps({"databases": found, "folder": asked.folder()}))
        case "count":
            print(json.dumps(dict(asked.counts(database).tables)))
        case "drop" if ours(database):
            asked.drop(database)
        case "sweep":
            sweep(asked)
        case _:
            raise DatabaseError(f"{verb} {database}: not known")


if __name__ == "__main__":
    main(answer)

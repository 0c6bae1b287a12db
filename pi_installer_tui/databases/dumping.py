"""python -m pi_installer_tui.databases.dumping ENGINE DATABASE CONTAINER: writes a dump to standard output, as
`dump_argv` says."""

from __future__ import annotations

import subprocess
import sys
import tempfile

from pi_installer_tui.databases import ACCOUNTS, sqlite
from pi_installer_tui.databases.commands import DatabaseError, reason, said_by
from pi_installer_tui.databases.servers import server
from pi_installer_tui.databases.streams import Tail, copy, header, main


def dump(engine: str, of: str, container: str) -> None:
    """Raises DatabaseError, also where the program ended well and its last words are missing."""
    out = sys.stdout.buffer
    if engine == "sqlite":
        sqlite.dump(of, out)
        return
    source = server(engine, container)
    if of != ACCOUNTS:
        out.write(header(source.about(of)))
        out.flush()
    tail = Tail()
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                source.dumping(of), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
            )
        except OSError as error:
            raise DatabaseError(f"{error.filename}: {error.strerror}") from None
        assert process.stdout is not None
        try:
            copy(process.stdout, out.write, tail)
            out.flush()
        except BaseException:
            process.terminate()
            raise
        finally:
            process.stdout.close()
            status = process.wait()
        if status:
            raise DatabaseError(reason(said_by(said), status))
    if not tail.has(source.complete):
        raise DatabaseError(f"the dump of {of} is cut off")


if __name__ == "__main__":
    main(dump)

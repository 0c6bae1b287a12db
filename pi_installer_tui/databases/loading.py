"""python -m pi_installer_tui.databases.loading ENGINE DATABASE CONTAINER: reads a dump from standard input and puts it
in place of the database, as `load_argv` says."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile

from pi_installer_tui.databases import ACCOUNTS, CHECK, sqlite
from pi_installer_tui.databases.commands import DatabaseError, reason, said_by
from pi_installer_tui.databases.servers import Server, passing, server, sweep
from pi_installer_tui.databases.streams import Tail, copy, first_line, main, read_header


def load(engine: str, into: str, container: str) -> None:
    """Raises DatabaseError; what was there is as it was then, but for what the message says."""
    if engine == "sqlite":
        sqlite.load(into, sys.stdin.buffer)
        return
    target = server(engine, container)
    if into == CHECK:
        tail = Tail()
        copy(sys.stdin.buffer, len, tail)
        if not tail.has(target.complete):
            raise DatabaseError("the dump is cut off")
        return
    if into == ACCOUNTS:
        _feed(target, into, b"")
        return
    sweep(target)
    first = first_line(sys.stdin.buffer)
    about = read_header(first)
    new = passing("new")
    try:
        target.create(new, about or {})
        _feed(target, new, b"" if about is not None else first)
        target.swap(new, into, passing("old"))
    except BaseException:
        target.drop(new)
        raise


def _feed(target: Server, database: str, first: bytes) -> None:
    """Gives the dump to the engine's program."""
    tail = Tail()
    target.prepare()
    try:
        with tempfile.TemporaryFile() as said:
            argv = target.loading(database)
            process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
            assert process.stdin is not None
            try:
                process.stdin.write(tail.passed(first))
                copy(sys.stdin.buffer, process.stdin.write, tail)
                process.stdin.close()
            except BrokenPipeError:  # it says why
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
            except BaseException:
                process.kill()  # before it sees an end that isn't the dump's
                raise
            finally:
                status = process.wait()
            errors = said_by(said)
    finally:
        target.finish()
    wrong = [
        line
        for line in errors.splitlines()
        if b"ERROR" in line and not target.forgives(line.decode("utf-8", "replace"))
    ]
    if status or (database == ACCOUNTS and wrong):
        raise DatabaseError(reason(b"\n".join(wrong) or errors, status))
    if not tail.has(target.complete):
        raise DatabaseError("the dump is cut off")


if __name__ == "__main__":
    main(load)

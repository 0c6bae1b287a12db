"""SQLite: a file's database as SQL, read in one read transaction and so as of one moment, in the write-ahead log's mode
beside its writers; loaded into a new file that is then copied over the old one's content as one transaction of SQLite.

What the program sqlite3 (.dump) leaves out is in it: rowids, which full-text indexes refer to, user_version,
application_id, the encoding and the journal's mode. Sources: sqlite.org, `Pragma`, `File Format`, `Backup API`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import sqlite3
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from pi_installer_tui.databases import Counts
from pi_installer_tui.databases.commands import DatabaseError

MAGIC = b"SQLite format 3\0"
COMPLETE = b"-- SQLite database dump complete"
#: seconds to wait for a writer that has locked the file
_PATIENCE = 60.0
#: bytes of a dump, compressed, that are kept in memory so that writers needn't wait for who reads the dump
_HELD = 64 * 1024 * 1024
_ROWIDS = ("rowid", "_rowid_", "oid")


class _Raw(bytes):
    """Text as it lies in the file, which needn't be UTF-8; what is bytes and not this is a blob."""


def name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@contextlib.contextmanager
def _opened(path: str, mode: str, **more: bool) -> Iterator[sqlite3.Connection]:
    options = "".join(f"&{key}=1" for key, value in more.items() if value)
    try:
        uri = f"file:{quote(os.fsencode(path))}?mode={mode}{options}"
        connection = sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)
    except sqlite3.Error as error:
        raise DatabaseError(f"{path}: {error}") from None
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        yield connection
    except sqlite3.Error as error:
        raise DatabaseError(f"{path}: {error}") from None
    finally:
        connection.close()


@contextlib.contextmanager
def _reading(path: str) -> Iterator[sqlite3.Connection]:
    """A database in a read transaction."""
    try:
        found = os.lstat(path)
    except OSError as error:
        raise DatabaseError(f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise DatabaseError(f"{path} isn't a file")
    with _opened(path, "ro") as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield connection


def counts(path: str) -> Counts:
    """Rows by table. Raises DatabaseError."""
    with _reading(path) as connection:
        tables = [row[0] for row in connection.execute(_TABLES)]
        return Counts({t: connection.execute(f"SELECT count(*) FROM {name(t)}").fetchone()[0] for t in tables})


#: tables but for virtual ones, whose own tables are among them
_TABLES = """SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0
    AND (name NOT LIKE 'sqlite\\_%' ESCAPE '\\' OR name = 'sqlite_sequence') ORDER BY rowid"""


# dumping --------------------------------------------------------------------------------------------------------------


def dump(path: str, out: BinaryIO) -> None:
    """Writes the dump. Raises DatabaseError."""
    with _reading(path) as connection:
        wal = _pragma(connection, "journal_mode") == "wal"
        write = out.write if wal else _held(out.write)
        for line in _lines(connection, wal):
            write(line)
        connection.execute("COMMIT")  # the writers may go on
        write(b"")
    out.flush()


def _held(write: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Keeps what it is given, compressed, until b"" comes or it is too much. Without a write-ahead log no writer gets
    on while somebody reads, and a dump is read as slowly as the network is."""
    parts: list[bytes] = []
    packer = zlib.compressobj(1)
    size, passing = 0, False

    def take(data: bytes) -> object:
        nonlocal size, passing
        if passing:
            return write(data)
        if data:
            parts.append(packer.compress(data))
            size += len(parts[-1])
        if not data or size > _HELD:
            passing = True
            parts.append(packer.flush())
            unpacker = zlib.decompressobj()
            for part in parts:
                write(unpacker.decompress(part))
            write(unpacker.flush())
            parts.clear()
        return None

    return take


def _pragma(connection: sqlite3.Connection, word: str) -> object:
    return connection.execute(f"PRAGMA {word}").fetchone()[0]


def _lines(connection: sqlite3.Connection, wal: bool) -> Iterator[bytes]:
    encoding = str(_pragma(connection, "encoding"))
    yield b"PRAGMA foreign_keys=OFF;\n"
    yield f"PRAGMA encoding='{encoding}';\n".encode()
    yield f"PRAGMA page_size={_pragma(connection, 'page_size')};\n".encode()
    yield f"PRAGMA auto_vacuum={_pragma(connection, 'auto_vacuum')};\n".encode()
    yield b"BEGIN TRANSACTION;\n"
    schema = connection.execute(
        "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rowid"
    ).fetchall()
    first: list[bytes] = []
    later: list[bytes] = []
    virtual: list[bytes] = []
    for kind, each, table, root, sql in schema:
        if each == "sqlite_stat1":
            later.append(b"ANALYZE;\n")
        if sql is None or (each.startswith("sqlite_") and each != "sqlite_sequence"):
            continue
        if kind != "table":
            later.append(_statement(sql))
        elif root == 0:
            words = ",".join(_text(word.encode("utf-8", "surrogateescape"), encoding) for word in (each, table, sql))
            head = "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)"
            virtual.append(f"{head} SELECT 'table',column1,column2,0,column3 FROM (VALUES({words}));\n".encode())
        elif each == "sqlite_sequence":
            first = [b"DELETE FROM sqlite_sequence;\n", *_rows(connection, each, encoding)]
        else:
            yield _statement(sql)
            yield from _rows(connection, each, encoding)
    if virtual:
        virtual = [b"PRAGMA writable_schema=ON;\n", *virtual, b"PRAGMA writable_schema=OFF;\n"]
    yield from (*first, *virtual, *later)
    for word in ("user_version", "application_id"):
        yield f"PRAGMA {word}={_pragma(connection, word)};\n".encode()
    yield b"COMMIT;\n"
    if wal:
        yield b"PRAGMA journal_mode=WAL;\n"
    yield COMPLETE + b"\n"


def _statement(sql: str) -> bytes:
    """One of the schema's, which may end with a remark."""
    return sql.encode("utf-8", "surrogateescape") + (b"\n;\n" if "--" in sql else b";\n")


def _rows(connection: sqlite3.Connection, table: str, encoding: str) -> Iterator[bytes]:
    columns = connection.execute(f"PRAGMA table_xinfo({name(table)})").fetchall()
    kept = [str(row[1]) for row in columns if row[6] == 0]  # the others are generated
    (flags,) = connection.execute("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", (table,))
    taken = {column.lower() for column in kept}
    own = [row for row in columns if row[5]]
    alias = len(own) == 1 and str(own[0][2]).upper() == "INTEGER"
    rowid = None if flags[0] or alias else next((word for word in _ROWIDS if word not in taken), None)
    named = ([rowid] if rowid else []) + [name(column) for column in kept]
    head = f"INSERT INTO {name(table)}({','.join(named)}) VALUES(".encode("utf-8", "surrogateescape")
    factory, connection.text_factory = connection.text_factory, _Raw
    try:
        cursor = connection.execute(f"SELECT {','.join(named)} FROM {name(table)}")
    finally:
        connection.text_factory = factory
    # a connection's text_factory counts when a row is fetched
    while True:
        connection.text_factory = _Raw
        rows = cursor.fetchmany(200)
        connection.text_factory = factory
        if not rows:
            return
        yield b"".join(head + ",".join(_value(value, encoding) for value in row).encode() + b");\n" for row in rows)


def _value(value: object, encoding: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, _Raw):
        return _text(value, encoding)
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, float):
        text = repr(value)
        return text if "n" not in text else text.replace("inf", "9e999")
    return str(value)


def _text(raw: bytes, encoding: str) -> str:
    """One line of SQL for a text, whatever is in it."""
    try:
        text = bytes(raw).decode()
    except UnicodeDecodeError:
        return f"CAST(X'{raw.hex()}' AS TEXT)"
    if "\0" in text:
        return f"CAST(X'{text.encode(encoding).hex()}' AS TEXT)"
    literal = "'" + text.replace("'", "''") + "'"
    for character, number in (("\n", 10), ("\r", 13)):
        if character in literal:
            marks = (f"\\{'n' if number == 10 else 'r'}{more or ''}" for more in itertools.count())
            mark = next(mark for mark in marks if mark not in literal)
            literal = f"replace({literal.replace(character, mark)},'{mark}',char({number}))"
    return literal


# loading --------------------------------------------------------------------------------------------------------------


def load(path: str, lines: Iterable[bytes]) -> None:
    """Loads a dump in place of a database, or into a new file. Raises DatabaseError; the file is as it was then."""
    folder = str(Path(path).parent)
    sweep(folder)
    new = f"{folder}/.pi_installer_tui_new_{os.getpid()}_{secrets.token_hex(4)}.db"
    try:
        descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        os.close(descriptor)
        with _opened(new, "rw") as connection:
            _execute(connection, lines)
            broken = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if broken != "ok":
                raise DatabaseError(f"what was loaded isn't sound: {broken}")
        _put(new, path)
    except OSError as error:
        raise DatabaseError(f"{error.filename or path}: {error.strerror}") from None
    finally:
        _remove(new)


def _execute(connection: sqlite3.Connection, lines: Iterable[bytes]) -> None:
    connection.execute("PRAGMA synchronous = OFF")
    statement = b""
    whole = False
    for line in lines:
        if not statement and line.startswith(b"--"):
            whole = line.strip() == COMPLETE
            continue
        statement += line
        if line.endswith(b";\n") and _ended(statement):
            text = statement.decode("utf-8", "surrogateescape")
            if text.startswith("PRAGMA journal_mode"):
                connection.execute("PRAGMA synchronous = FULL")
            connection.execute(text)
            statement = b""
    if not whole or statement.strip():
        raise DatabaseError("the dump is cut off")


def _ended(statement: bytes) -> bool:
    """A row is one line; what makes a table or a trigger may be many."""
    if statement.startswith(b"INSERT INTO ") and statement.count(b"\n") == 1:
        return True
    return sqlite3.complete_statement(statement.decode("utf-8", "replace"))


def _put(new: str, path: str) -> None:
    """The new file's content in place of the old one's, as one transaction, which who has it open sees as any other.
    What isn't a database any more is replaced as a file."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        _rename(new, path)
        return
    if not stat.S_ISREG(found.st_mode):
        raise DatabaseError(f"{path} isn't a file")
    with open(path, "rb") as file:  # noqa: PTH123
        head = file.read(16)
    if head and not is_database(head):
        os.chown(new, found.st_uid, found.st_gid)
        os.chmod(new, stat.S_IMODE(found.st_mode))  # noqa: PTH101
        for suffix in ("-wal", "-shm", "-journal"):
            Path(path + suffix).unlink(missing_ok=True)
        _rename(new, path)
        return
    until = time.monotonic() + _PATIENCE

    def waited(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > until:
            raise DatabaseError(f"{path} is locked by a writer")

    with _opened(new, "ro") as source, _opened(path, "rw") as target:
        source.backup(target, pages=-1, progress=waited, sleep=0.1)


def _rename(new: str, path: str) -> None:
    with open(new, "rb") as file:  # noqa: PTH123
        os.fsync(file.fileno())
    os.rename(new, path)  # noqa: PTH104
    folder = os.open(Path(path).parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(path: str) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        Path(path + suffix).unlink(missing_ok=True)


def sweep(folder: str) -> None:
    """Removes what loads left there that were killed."""
    for found in Path(folder).glob(".pi_installer_tui_*_*.db*"):
        number = found.name.split("_")[4]
        if number.isdigit() and not Path(f"/proc/{number}").exists():
            found.unlink(missing_ok=True)


def is_database(head: bytes) -> bool:
    """By the first 16 bytes of a file. Source: `Database File Format`, 1.3."""
    return head[:16] == MAGIC

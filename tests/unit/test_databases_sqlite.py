"""SQLite: what is dumped comes back as it was, of one moment, also while writers are at work; what is cut off is
refused."""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_installer_tui.databases import Dump, dump_argv, load_argv, sqlite
from pi_installer_tui.databases.commands import DatabaseError

SCHEMA = """
create table a(x);
create table b(id integer primary key autoincrement, t text, f real, bl blob);
create virtual table words using fts5(body);
create virtual table old_words using fts4(body);
create virtual table boxes using rtree(id, low, high);
create table g(a int, twice int generated always as (a * 2) stored, more int generated always as (a + 1));
create table w(k text primary key, v) without rowid;
create table c(rowid text, p int references b(id));
create index bi on b(t) where t is not null;
create view v as select * from a -- all of it
;
create trigger tr after insert on a begin insert into w values(new.x, 1); insert into w values(new.x || ';', 2); end;
create table "odd ""name"" ü" ("a b" text -- remark;
 , c default ';');
"""
VALUES = [1, -1, 2**63 - 1, -(2**63), 0.1, 1e300, -2.5, float("inf"), float("-inf"), None, b"", b"\0\xff'"]
TEXTS = ["", "x\ny\\n'\\r\r\n;\n", "a\0b", "ü😀\u2028", "-- SQLite database dump complete\n", "1", "\\n\n\\n"]


def filled(path: Path, mode: str = "wal", encoding: str = "UTF-8") -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(f"pragma encoding='{encoding}'; pragma journal_mode={mode}; pragma page_size=8192;")
    connection.executescript(SCHEMA + "pragma user_version=42; pragma application_id=-7;")
    connection.execute("insert into a values('k')")
    for value in [*VALUES, *TEXTS]:
        connection.execute("insert into b(t, f, bl) values(?, ?, ?)", [value] * 3)
        connection.execute('insert into "odd ""name"" ü" values(?, ?)', [value] * 2)
    if encoding == "UTF-8":
        connection.execute("insert into b(t) values(cast(x'ff00fe' as text))")
    connection.execute("delete from b where id = 3")
    connection.execute("insert into a(rowid, x) values(1000, 'far')")
    connection.execute("insert into words(rowid, body) values(77, 'hello world')")
    connection.execute("insert into old_words values('hello world')")
    connection.execute("insert into boxes values(1, 2, 3)")
    connection.execute("insert into g(a) values(3)")
    connection.execute("insert into c values('r', 1)")
    connection.execute("analyze")
    return connection


def everything(path: Path | str) -> dict[str, Any]:
    """All that is in one, bytes for bytes; rowids where a table has them."""
    with sqlite3.connect(path) as connection:
        connection.text_factory = lambda raw: ("text", raw)
        schema = sorted(connection.execute("select type, name, tbl_name, sql from sqlite_schema"), key=str)
        found: dict[str, Any] = {"schema": schema}
        for kind, (_, name), _table, sql in schema:
            if kind == ("text", b"table") and b"using" not in sql[1] and not name.startswith(b"sqlite_stat"):
                quoted = '"' + name.decode().replace('"', '""') + '"'
                rowid = "" if name in (b"w",) or b"WITHOUT ROWID" in sql[1] else "_rowid_, "
                rows = connection.execute(f"select {rowid}* from {quoted}").fetchall()
                found[name.decode()] = sorted(rows, key=repr)
        for word in ("encoding", "user_version", "application_id", "journal_mode", "page_size", "integrity_check"):
            found[f"pragma {word}"] = connection.execute(f"pragma {word}").fetchall()
    connection.close()
    return found


def dumped(path: Path | str) -> bytes:
    out = io.BytesIO()
    sqlite.dump(str(path), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("mode", "encoding"), [("wal", "UTF-8"), ("delete", "UTF-8"), ("wal", "UTF-16le"), ("delete", "UTF-16be")]
)
def test_all_that_is_in_one_comes_back(tmp_path: Path, mode: str, encoding: str) -> None:
    filled(tmp_path / "a.db", mode, encoding).close()
    text = dumped(tmp_path / "a.db")
    sqlite.load(str(tmp_path / "b.db"), io.BytesIO(text))
    before, after = everything(tmp_path / "a.db"), everything(tmp_path / "b.db")
    assert before.keys() == after.keys() and len(before["b"]) > 15
    for key in before:
        assert before[key] == after[key], key
    assert dumped(tmp_path / "b.db") == text
    with sqlite3.connect(tmp_path / "b.db") as connection:
        for table in ("words", "old_words"):
            assert connection.execute(f"select rowid from {table} where {table} match 'hello'").fetchone()
        connection.execute("insert into a values('new')")  # the trigger is there and works
        assert connection.execute("select v from w where k = 'new;'").fetchone() == (2,)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@settings(max_examples=40)
@given(
    st.lists(
        st.one_of(st.text(), st.binary(), st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1)), max_size=20
    )
)
def test_any_value_comes_back(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("any")
    connection = sqlite3.connect(folder / "a.db", isolation_level=None)
    connection.execute("create table t(x)")
    connection.executemany("insert into t values(?)", [(value,) for value in values])
    connection.close()
    sqlite.load(str(folder / "b.db"), io.BytesIO(dumped(folder / "a.db")))
    again = sqlite3.connect(folder / "b.db")
    found = [row[0] for row in again.execute("select x from t order by rowid")]
    assert list(map(repr, found)) == [repr(0.0 if v == 0 and isinstance(v, float) else v) for v in values]
    again.close()


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_dump_is_of_one_moment_while_writers_work_and_they_go_on(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "bank.db"
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute(f"pragma journal_mode={mode}")
        connection.execute("create table account(id integer primary key, balance int, note text)")
        connection.execute("begin")
        connection.executemany("insert into account values(?, 100, ?)", ((n, "x" * 500) for n in range(5000)))
        connection.execute("commit")
    connection.close()
    writing = """
import random, sqlite3, sys
c = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
c.execute('pragma synchronous=off')
while True:
    a, b = random.sample(range(5000), 2)
    c.execute('begin immediate')
    c.execute('update account set balance = balance - 1 where id = ?', (a,))
    c.execute('update account set balance = balance + 1 where id = ?', (b,))
    c.execute('commit')
    print(flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", writing, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        try:
            writer.stdout.readline()
            with subprocess.Popen(dump_argv(Dump("sqlite", str(path))), stdout=subprocess.PIPE) as dumping:
                assert dumping.stdout is not None
                first = dumping.stdout.read(100)  # the reader is as slow as a network; the writer doesn't wait for it
                for _ in range(200):
                    assert writer.stdout.readline()
                text = first + dumping.stdout.read()
            assert dumping.returncode == 0
        finally:
            writer.kill()
    copy = tmp_path / "copy.db"
    subprocess.run(load_argv(Dump("sqlite", str(path)), str(copy)), input=text, check=True)
    with sqlite3.connect(copy) as connection:
        assert connection.execute("select count(*), sum(balance) from account").fetchone() == (5000, 500_000)
    connection.close()


def test_a_database_that_is_open_is_replaced_as_by_one_transaction(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = filled(path)
    os.chmod(path, 0o640)  # noqa: PTH101
    text = dumped(path)
    inode = path.stat().st_ino
    connection.execute("delete from a")
    connection.execute("drop table b")
    sqlite.load(str(path), io.BytesIO(text))
    assert connection.execute("select count(*) from a").fetchone() == (2,)
    assert connection.execute("select count(*) from b").fetchone()[0] > 15
    assert (path.stat().st_ino, path.stat().st_mode & 0o777) == (inode, 0o640)
    connection.close()
    assert dumped(path) == text


def test_what_is_cut_off_or_wrong_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    filled(path).close()
    text = dumped(path)
    before = everything(path)
    lines = text.splitlines(keepends=True)
    for broken in (
        text[: len(text) // 2],
        b"".join(lines[:-1]),
        b"",
        text + b"insert into a values(1",
        text.replace(b"INSERT INTO", b"INSERT INTOO", 1),
    ):
        with pytest.raises(DatabaseError):
            sqlite.load(str(path), io.BytesIO(broken))
        with pytest.raises(DatabaseError):
            sqlite.load(str(tmp_path / "new.db"), io.BytesIO(broken))
    assert everything(path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.db"]


def test_what_isnt_a_database_any_more_is_replaced_with_owner_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    filled(path).close()
    text = dumped(path)
    path.write_bytes(os.urandom(5000))
    (tmp_path / "a.db-wal").write_bytes(b"old")
    path.chmod(0o604)
    sqlite.load(str(path), io.BytesIO(text))
    assert dumped(path) == text and path.stat().st_mode & 0o777 == 0o604


def test_a_load_that_is_told_to_end_leaves_nothing(tmp_path: Path) -> None:
    filled(tmp_path / "a.db").close()
    with subprocess.Popen(load_argv(Dump("sqlite", str(tmp_path / "b.db"))), stdin=subprocess.PIPE) as loading:
        assert loading.stdin is not None
        loading.stdin.write(dumped(tmp_path / "a.db")[:-100])
        loading.stdin.flush()
        until = time.monotonic() + 60
        while not list(tmp_path.glob(".pi_installer_tui_new_*")) and time.monotonic() < until:
            time.sleep(0.02)
        loading.terminate()
    assert loading.returncode == 1
    assert [path.name for path in tmp_path.iterdir() if "a.db" not in path.name] == []


def test_a_damaged_database_is_no_dump(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    filled(path, "delete").close()
    data = bytearray(path.read_bytes())
    data[8192 * 2 : 8192 * 6] = os.urandom(8192 * 4)
    path.write_bytes(data)
    done = subprocess.run(dump_argv(Dump("sqlite", str(path))), capture_output=True, check=False)
    assert done.returncode == 1 and b"a.db: " in done.stderr and done.stderr.count(b"\n") == 1
    assert sqlite.COMPLETE not in done.stdout


def test_a_dump_that_is_killed_is_told_by_its_status_and_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.execute("create table t(x)")
        connection.executemany("insert into t values(?)", (("y" * 1000,) for _ in range(3000)))
    connection.close()
    with subprocess.Popen(dump_argv(Dump("sqlite", str(path))), stdout=subprocess.PIPE) as dumping:
        assert dumping.stdout is not None
        part = dumping.stdout.read(1000)
        dumping.send_signal(signal.SIGKILL)
        part += dumping.stdout.read()
    assert dumping.returncode != 0
    with pytest.raises(DatabaseError, match="cut off"):
        sqlite.load(str(tmp_path / "b.db"), io.BytesIO(part))


def test_a_link_or_a_folder_isnt_followed(tmp_path: Path) -> None:
    filled(tmp_path / "a.db").close()
    (tmp_path / "link.db").symlink_to("a.db")
    text = dumped(tmp_path / "a.db")
    before = everything(tmp_path / "a.db")
    for name in ("link.db", ".", "nothing.db"):
        with pytest.raises(DatabaseError):
            dumped(tmp_path / name)
    for name in ("link.db", "."):
        with pytest.raises(DatabaseError):
            sqlite.load(str(tmp_path / name), io.BytesIO(text))
    assert everything(tmp_path / "a.db") == before


def test_what_a_killed_load_left_goes_with_the_next_one(tmp_path: Path) -> None:
    filled(tmp_path / "a.db").close()
    text = dumped(tmp_path / "a.db")
    with subprocess.Popen(load_argv(Dump("sqlite", str(tmp_path / "b.db"))), stdin=subprocess.PIPE) as loading:
        assert loading.stdin is not None
        loading.stdin.write(text[:-100])
        loading.stdin.flush()
        until = time.monotonic() + 60
        while not list(tmp_path.glob(".pi_installer_tui_new_*")) and time.monotonic() < until:
            time.sleep(0.02)
        loading.kill()
    assert list(tmp_path.glob(".pi_installer_tui_new_*"))
    sqlite.load(str(tmp_path / "b.db"), io.BytesIO(text))
    assert not list(tmp_path.glob(".pi_installer_tui_new_*"))
    assert sqlite.counts(str(tmp_path / "b.db")) == sqlite.counts(str(tmp_path / "a.db"))

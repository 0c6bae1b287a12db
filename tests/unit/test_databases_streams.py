"""The ends of dumps, and what is said when a program fails: never a piece of data."""

from __future__ import annotations

import pytest

from pi_installer_tui.databases import ACCOUNTS, Counts, Dump, dump_argv, load_argv
from pi_installer_tui.databases.commands import mariadb, postgresql, reason
from pi_installer_tui.databases.mariadb import MariaDB, fields
from pi_installer_tui.databases.postgresql import PostgreSQL, connection, literal, name
from pi_installer_tui.databases.servers import ours, passing
from pi_installer_tui.databases.streams import Tail, header, read_header


@pytest.mark.parametrize(
    ("end", "whole"),
    [
        (b"--\n-- PostgreSQL database dump complete\n--\n\n", True),
        (
            b"--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict TaQEd8hlynndlN0IzS8f9PCA5NF\n",
            True,
        ),
        (b"-- PostgreSQL database cluster dump complete\n", True),
        (b"insert into t values('-- PostgreSQL database dump complete');\n", False),
        (b"-- PostgreSQL database dump comple", False),
        (b"", False),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_dump_is_whole_by_its_last_words(end: bytes, whole: bool, size: int) -> None:
    text = b"CREATE TABLE x();\n" * 1000 + end
    tail = Tail()
    for at in range(0, len(text), size):
        assert tail.passed(text[at : at + size]) == text[at : at + size]
    assert tail.has(PostgreSQL.complete) is whole
    assert not tail.has(MariaDB.complete)


def test_words_in_the_middle_are_no_end() -> None:
    tail = Tail()
    tail.passed(b"-- Dump completed on 2024-01-01\n" + b"x" * 5000 + b"\n")
    assert not tail.has(MariaDB.complete)
    tail.passed(b"\n-- Dump completed on 2024-01-01 12:00:00\n")
    assert tail.has(MariaDB.complete)


def test_the_first_line_says_what_the_program_leaves_out() -> None:
    about = {"owner": "a\nb", "settings": ['search_path="$user"']}
    line = header(about)
    assert line.count(b"\n") == 1 and line.startswith(b"--")
    assert read_header(line) == about
    assert read_header(b"-- PostgreSQL database dump\n") is None


def test_reasons_are_one_line_without_data() -> None:
    said = b"--------------\nINSERT INTO t VALUES('geheim')\n--------------\n"
    assert reason(said + b"ERROR 1064 at line 3: syntax near 'geheim' at line 1\n", 1) == "ERROR 1064 at line 3: syntax"
    assert reason(b"", -9) == "exit status -9"
    assert len(reason(b"ERROR: " + b"x" * 5000, 1)) == 300


def test_no_name_is_more_than_a_name() -> None:
    assert connection("a' host='evil\\") == "dbname='a\\' host=\\'evil\\\\'"
    assert name('a"; drop') == '"a""; drop"'
    assert literal("a'\\") == "E'a\\'\\\\'"
    assert fields("a\\tb\tc\\\\\\n\t") == ["a\tb", "c\\\n", ""]


def test_a_container_reads_its_own_password() -> None:
    inside = postgresql("box", "pg_dump", "--dbname=x; rm -rf /", stdin=True)
    assert inside[:4] == ["docker", "exec", "--interactive", "box"] and inside[-1] == "--dbname=x; rm -rf /"
    assert mariadb("podman:box", "mariadb")[:3] == ["podman", "exec", "box"]
    assert postgresql("", "psql")[0] == "setpriv"


def test_only_what_is_there_for_a_while_is_ours() -> None:
    assert ours(passing("new")) and ours(passing("scratch"))
    assert not ours("pi_installer_tui") and not ours("pi_installer_tui_new_1_x") and not ours("app")


def test_a_dump_has_a_file_a_tag_and_a_word() -> None:
    dump = Dump("sqlite", "/srv/a,b.db")
    assert (dump.file, dump.tag) == ("/databases-sqlite-srv%a,b.db.sql", "database=sqlite:/srv/a%2Cb.db")
    boxed = Dump("postgresql", "app", "wiki")
    assert (boxed.file, boxed.what) == ("/databases-postgresql-wiki-app.sql", "postgresql:wiki/app")
    assert dump_argv(boxed)[-3:] == ["postgresql", "app", "wiki"]
    assert load_argv(boxed)[-3:] == ["postgresql", "app", "wiki"] and load_argv(boxed, "new")[-2] == "new"
    assert Counts({"a": 1}).lacks(Counts({"b": 1, "a": 5})) == ("b",)
    assert Dump("mariadb", ACCOUNTS).file == "/databases-mariadb-(accounts).sql"

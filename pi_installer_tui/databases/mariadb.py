"""MariaDB, and MySQL in a container: a database as SQL of mariadb-dump in one transaction; loaded into a new one whose
tables take the old ones' place by one RENAME. Sources: the MariaDB documentation, mariadb-dump, RENAME TABLE."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from pi_installer_tui.databases import ACCOUNTS, Counts
from pi_installer_tui.databases.commands import DatabaseError, ask, mariadb, spoken

_OWN = ("information_schema", "performance_schema", "mysql", "sys")
#: engines whose tables --single-transaction dumps as of one moment
_TRANSACTIONAL = ("InnoDB", "ROCKSDB", "TokuDB", "SEQUENCE")
_PACKET = 1024 * 1024 * 1024  # bytes: the most that max_allowed_packet can be
_UNESCAPED = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def name(text: str) -> str:
    return "`" + text.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Right whatever sql_mode says of backslashes. Source: `Hexadecimal Literals`."""
    return f"_utf8mb4 X'{text.encode('utf-8', 'surrogateescape').hex()}'"


def fields(line: str) -> list[str]:
    """A line of --batch: columns between tabs, odd characters escaped. Source: the client's --batch."""
    found = []
    for field in line.split("\t"):
        text, escaped = "", False
        for character in field:
            if escaped:
                text, escaped = text + _UNESCAPED.get(character, character), False
            elif character == "\\":
                escaped = True
            else:
                text += character
        found.append(text)
    return found


class MariaDB:
    """A server. container: "": the machine's own."""

    complete = (b"-- Dump completed",)

    def __init__(self, container: str = "") -> None:
        self.container = container
        self._packet = ""

    def rows(self, statements: str) -> list[list[str]]:
        """What statements answer. Raises DatabaseError."""
        return [fields(line) for line in self._say(statements).splitlines()]

    def _say(self, statements: str, database: str = "") -> str:
        words = ["--batch", "--skip-column-names", "--default-character-set=utf8mb4"]
        words += [f"--max-allowed-packet={_PACKET}", *([f"--database={database}"] if database else [])]
        argv = mariadb(self.container, "mariadb", *words, stdin=True)
        return ask(argv, stdin=statements.encode("utf-8", "surrogateescape"))

    # what is there

    def databases(self) -> dict[str, int]:
        """Names and bytes of those that people made. Raises DatabaseError."""
        found = self.rows(
            "SELECT schema_name, (SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables"
            " WHERE table_schema = schema_name) FROM information_schema.schemata ORDER BY schema_name;"
        )
        return {row[0]: int(row[1]) for row in found if row[0] not in _OWN}

    def everything(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT schema_name FROM information_schema.schemata;")]

    def folder(self) -> str:
        """Where its files are, as the server sees it."""
        return self.rows("SELECT @@datadir;")[0][0].rstrip("/")

    def _tables(self, database: str, *kinds: str) -> list[str]:
        wanted = ", ".join(f"'{kind}'" for kind in kinds)
        query = f"SELECT table_name FROM information_schema.tables WHERE table_schema = {literal(database)}"
        return [row[0] for row in self.rows(f"{query} AND table_type IN ({wanted}) ORDER BY table_name;")]

    def counts(self, database: str) -> Counts:
        if database == ACCOUNTS:
            return Counts({f"{user}@{host}": 1 for user, host in self.rows("SELECT user, host FROM mysql.user;")})
        tables = self._tables(database, "BASE TABLE", "SYSTEM VERSIONED")
        counting = "\n".join(f"SELECT COUNT(*) FROM {name(database)}.{name(table)};" for table in tables)
        return Counts(dict(zip(tables, (int(row[0]) for row in self.rows(counting)), strict=True)))

    # dumping

    def about(self, database: str) -> dict[str, Any]:
        """What a database is beside what is in it, which the dump leaves out. Raises DatabaseError."""
        query = "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata"
        found = self.rows(f"{query} WHERE schema_name = {literal(database)};")
        if not found:
            raise DatabaseError(f"there is no database {database}")
        return {"characters": found[0][0], "collation": found[0][1]}

    def dumping(self, database: str) -> list[str]:
        """The command whose output is the dump. Where a table knows no transactions, all are locked against writing
        meanwhile: nothing else gives one moment."""
        form = ["--quick", "--hex-blob", "--skip-dump-date", "--default-character-set=utf8mb4"]
        form += ["--no-tablespaces", f"--max-allowed-packet={_PACKET}"]
        if database == ACCOUNTS:
            return mariadb(self.container, "mariadb-dump", *form, "--insert-ignore", "--system=users")
        query = f"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = {literal(database)} AND engine"
        others = int(self.rows(f"{query} NOT IN ({', '.join(map(literal, _TRANSACTIONAL))});")[0][0])
        form += ["--lock-tables" if others else "--single-transaction", "--routines", "--triggers", "--events"]
        return mariadb(self.container, "mariadb-dump", *form, "--", database)

    # loading

    def create(self, database: str, about: Mapping[str, Any]) -> None:
        """An empty one."""
        said = f"CREATE DATABASE {name(database)}"
        if about.get("characters"):
            said += f" CHARACTER SET {name(about['characters'])} COLLATE {name(about['collation'])}"
        self._say(f"{said};")

    def loading(self, database: str) -> list[str]:
        """The command that a dump is given to."""
        words = ["--batch", "--default-character-set=utf8mb4", f"--max-allowed-packet={_PACKET}"]
        where = "mysql" if database == ACCOUNTS else database
        return mariadb(self.container, "mariadb", *words, f"--database={where}", stdin=True)

    def forgives(self, line: str) -> bool:
        """Nothing: users that are here are left as they are by the dump itself (IF NOT EXISTS)."""
        return False

    def prepare(self) -> None:
        """A row of the dump may be longer than the server takes: bytes are twice as long in it."""
        with contextlib.suppress(DatabaseError):
            self._packet = self.rows("SELECT @@GLOBAL.max_allowed_packet;")[0][0]
            self._say(f"SET GLOBAL max_allowed_packet = {_PACKET};")

    def finish(self) -> None:
        """Takes back what prepare did."""
        if self._packet:
            self._say(f"SET GLOBAL max_allowed_packet = {self._packet};")

    def swap(self, new: str, database: str, old: str) -> None:
        """The new one's tables take the place of all that are there, in one statement that happens whole or not at all;
        its views, triggers, routines and events follow."""
        about = self.about(new)
        characters = f"CHARACTER SET {name(about['characters'])} COLLATE {name(about['collation'])}"
        theirs = "".join(ask(argv) for argv in self._beside_tables(new))
        self._say(f"CREATE DATABASE IF NOT EXISTS {name(database)} {characters}; CREATE DATABASE {name(old)};")
        # only to give them back; one that refers to what is gone couldn't be made again anyway
        ours = "".join(spoken(argv) for argv in self._beside_tables(database, "--force"))
        tables = {each: self._tables(each, "BASE TABLE", "SYSTEM VERSIONED", "SEQUENCE") for each in (new, database)}
        moves = [f"{name(database)}.{name(table)} TO {name(old)}.{name(table)}" for table in tables[database]]
        moves += [f"{name(new)}.{name(table)} TO {name(database)}.{name(table)}" for table in tables[new]]
        self._say(self._without(new) + self._without(database))
        try:
            if moves:
                self._say(f"SET foreign_key_checks = 0; RENAME TABLE {', '.join(moves)};")
        except DatabaseError:
            self._say(ours, database)
            self.drop(old)
            raise
        try:
            self._say(f"ALTER DATABASE {name(database)} {characters};")
            self._say(theirs.replace(f"ALTER DATABASE {name(new)}", f"ALTER DATABASE {name(database)}"), database)
        except DatabaseError as error:
            raise DatabaseError(f"the tables are restored, but not all views, triggers and routines: {error}") from None
        self.drop(old)
        self.drop(new)

    def _beside_tables(self, database: str, *more: str) -> list[list[str]]:
        """Commands that print SQL of the views, triggers, routines and events of one."""
        form = ["--no-data", "--default-character-set=utf8mb4", "--no-tablespaces", "--skip-lock-tables", *more]
        wanted = ["--no-create-info", "--triggers", "--routines", "--events", "--", database]
        commands = [mariadb(self.container, "mariadb-dump", *form, *wanted)]
        if views := self._tables(database, "VIEW"):
            commands.append(mariadb(self.container, "mariadb-dump", *form, "--skip-triggers", "--", database, *views))
        return commands

    def _without(self, database: str) -> str:
        """SQL that drops those."""
        of = literal(database)
        queries = {
            "TRIGGER": f"SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = {of};",
            "EVENT": f"SELECT event_name FROM information_schema.events WHERE event_schema = {of};",
            "VIEW": f"SELECT table_name FROM information_schema.views WHERE table_schema = {of};",
            "PROCEDURE": "SELECT routine_name FROM information_schema.routines WHERE routine_type = 'PROCEDURE'"
            f" AND routine_schema = {of};",
            "FUNCTION": "SELECT routine_name FROM information_schema.routines WHERE routine_type = 'FUNCTION'"
            f" AND routine_schema = {of};",
        }
        return "".join(
            f"DROP {kind} {name(database)}.{name(row[0])};\n"
            for kind, query in queries.items()
            for row in self.rows(query)
        )

    def drop(self, database: str) -> None:
        self._say(f"DROP DATABASE IF EXISTS {name(database)};")
